//! `tripos compare`: two arms, item by item.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::value::RawValue;
use tripos_dashboards::terminal;

use super::output::{print, print_json, screen};
use super::select::{block_on, load, make_report, open_store, report_document, sources};
use super::{Context, command_line};
use crate::failure::Failure;
use crate::report::{Extent, mismatches};

/// Compare two models on the items that both answered
///
/// Each is a run that holds one model, or RUN/MODEL. A run that holds two is compared with itself:
/// its first model is the baseline.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// What to compare with
    #[arg(value_name = "BASELINE")]
    baseline: String,

    /// What to compare; may be left out where BASELINE holds two models
    #[arg(value_name = "CANDIDATE")]
    candidate: Option<String>,

    /// Compare even where tasks, token limits or sampling differ
    #[arg(long)]
    allow_mismatch: bool,
}

/// Why two things cannot be compared.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error("`{name}` holds {} models: name one", models.len())]
    NotOne { name: String, models: Vec<String> },
    #[error("`{name}`: two models can be compared, and it holds {count}")]
    NotTwo { name: String, count: usize },
    #[error("the two are not comparable: {}", .0.join(" "))]
    Mismatch(Vec<String>),
}

/// The comparison for programs.
#[derive(Serialize)]
struct Document {
    schema: u32,
    result: Box<RawValue>,
}

/// Prints the comparison.
pub(super) fn run(context: &Context, arguments: &CompareArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let store = open_store(context).await?;
        let loaded = match &arguments.candidate {
            None => vec![load(&store, &arguments.baseline).await?],
            Some(candidate) => {
                let sides = (load(&store, &arguments.baseline), load(&store, candidate));
                let (baseline, candidate) = tokio::join!(sides.0, sides.1);
                vec![baseline?, candidate?]
            }
        };
        let names = std::iter::once(&arguments.baseline).chain(&arguments.candidate);
        let all = sources(context, &loaded);
        if arguments.candidate.is_none() && all.len() != 2 {
            let (name, count) = (arguments.baseline.clone(), all.len());
            return Err(Failure::usage(CompareError::NotTwo { name, count })
                .hint("`tripos compare RUN/MODEL RUN/MODEL` names both"));
        }
        if arguments.candidate.is_some()
            && let Some((one, name)) = loaded.iter().zip(names).find(|(one, _)| one.arms.len() != 1)
        {
            let models: Vec<String> = one.run.arms.iter().map(|arm| arm.label.clone()).collect();
            let hint = format!("such as `{name}/{}`", models[0]);
            let name = name.clone();
            return Err(Failure::usage(CompareError::NotOne { name, models }).hint(hint));
        }
        let differences = mismatches(&all[0], &all[1]);
        if !differences.is_empty() && !arguments.allow_mismatch {
            return Err(Failure::invalid(CompareError::Mismatch(differences))
                .hint("`--allow-mismatch` compares them all the same, and says so"));
        }
        let extent = if context.output.is_json() { Extent::Whole } else { Extent::Terminal };
        let path = &context.config.store;
        let report = make_report(&store, (&all, extent), path, command_line()).await?;
        if context.output.is_json() {
            print_json(&Document { schema: 1, result: report_document(&report) })?;
        } else {
            print(&terminal::comparison(&report, screen()))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
