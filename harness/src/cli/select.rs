//! Reads runs and arms of them back out of the store, as `RUN` or `RUN/MODEL` names them.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;

use serde_json::value::RawValue;
use tripos_dashboards::{Format, Report};
use tripos_runners::runner::Telemetry;

use super::Context;
use crate::config::ModelEntry;
use crate::failure::Failure;
use crate::report::{Draft, Extent, Making, Source};
use crate::store::rows::{Run, RunId, Sample};
use crate::store::{Store, read};

/// Threads that wait for the network and the store.
const WORKERS: usize = 2;

/// Waits for `work` on a runtime of its own: asynchronous code starts and ends here.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(Failure::invalid)?
        .block_on(work)
}

/// A run and what the store says of its trials.
pub(super) struct Loaded {
    pub(super) run: Run,
    samples: Vec<Sample>,
    telemetry: Vec<Option<Telemetry>>,
    /// The arms wanted, by place; of others there may be no trial here.
    pub(super) arms: Vec<usize>,
}

/// Opens the store that must be there.
pub(super) async fn open_store(context: &Context) -> Result<Store, Failure> {
    Ok(Store::open_existing(&context.config.store).await?)
}

/// Reads a run by name; without a model, all its arms are wanted.
pub(super) async fn load(store: &Store, name: &str) -> Result<Loaded, Failure> {
    let selected = read::find_run(store, name).await?;
    load_arms(store, selected.run, selected.arm).await
}

/// Reads a run with all its arms.
pub(super) async fn load_id(store: &Store, id: RunId) -> Result<Loaded, Failure> {
    load_arms(store, id, None).await
}

/// Reads a run with the trials of one arm, or of all.
async fn load_arms(store: &Store, id: RunId, arm: Option<usize>) -> Result<Loaded, Failure> {
    let run = read::run(store, id).await?;
    let samples = read::samples(store, id, arm).await?;
    let telemetry = read::telemetry(store, id).await?;
    let arms = arm.map_or_else(|| (0..run.arms.len()).collect(), |arm| vec![arm]);
    Ok(Loaded { run, samples, telemetry, arms })
}

/// Lists the arms of runs as the sources of a report, in order.
pub(super) fn sources<'a>(context: &Context, loaded: &'a [Loaded]) -> Vec<Source<'a>> {
    loaded
        .iter()
        .flat_map(|loaded| loaded.arms.iter().map(move |&arm| (loaded, arm)))
        .map(|(loaded, arm)| Source {
            run: &loaded.run,
            arm,
            samples: &loaded.samples,
            telemetry: loaded.telemetry.get(arm).and_then(Option::as_ref),
            price: context.config.prices.get(&loaded.run.arms[arm].model).copied(),
            remote: matches!(
                context.config.models.get(&loaded.run.arms[arm].model),
                Some(ModelEntry::Chat(..))
            ),
        })
        .collect()
}

/// Makes the report of `sources`, which `command` makes again.
pub(super) async fn make_report(
    store: &Store,
    (sources, extent): (&[Source<'_>], Extent),
    path: &Path,
    command: String,
) -> Result<Report, Failure> {
    let draft = Draft::new(sources, extent);
    let mut transcripts = BTreeMap::new();
    for key in draft.shown_trials() {
        transcripts.insert(key, read::transcript(store, key).await?);
    }
    let created = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let store = path.display().to_string();
    let making = Making { created, command, store, machine: machine() };
    Ok(draft.report(&transcripts, &making))
}

/// A report as a member of a printed document: the file that `tripos report -o FILE.json` writes, a level
/// deeper.
pub(super) fn report_document(report: &Report) -> Box<RawValue> {
    let text = tripos_dashboards::render(report, Format::Json);
    // A line feed inside a text of JSON is escaped: these are those between its lines.
    let deeper = text.trim_end().replace('\n', "\n  ");
    RawValue::from_string(deeper).expect("a rendered report is JSON")
}

/// Says what this machine is, as far as results depend on it.
pub(super) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{}, {}, {cores} cores", std::env::consts::ARCH, std::env::consts::OS)
}

/// Writes a moment as people read it.
pub(super) fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
