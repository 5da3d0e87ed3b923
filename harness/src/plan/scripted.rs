//! A suite of sums and a runner that follows a script, for the tests of this package.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tripos_runners::runner::Telemetry;
use tripos_runners::{
    Billed, BoxFuture, Completion, Effective, ErrorKind, Finish, Raw, Reasoning, ReasoningKind,
    Request, Retry, Runner, RunnerError, Served, Timing, Usage, UsageSource,
};
use tripos_tasks::{
    About, Digest, Domain, Fields, GraderSpec, Item, ItemId, Origin, Protocol, ReasoningLevel,
    Sampling, Sensitivity, Suite, SuiteId, Target, Task, TaskId, Template, Version,
};

use super::{Arm, Selection};

/// What a request ends in.
pub(crate) type Answered = Result<Completion, RunnerError>;
/// Answers the n-th request, counted from 0.
type Script = dyn Fn(usize, Request) -> BoxFuture<'static, Answered> + Send + Sync;

/// A runner that follows a script.
pub(crate) struct Scripted {
    digest: String,
    concurrency: usize,
    script: Box<Script>,
    asked: AtomicUsize,
}

impl Scripted {
    /// A runner that answers `concurrency` requests at once, each as soon as it comes.
    pub(crate) fn new(
        digest: &str,
        concurrency: usize,
        script: impl Fn(usize, &Request) -> Answered + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::waiting(digest, concurrency, move |n, request| {
            let answer = script(n, &request);
            Box::pin(async move { answer })
        })
    }

    /// A runner whose answers may have to be waited for.
    pub(crate) fn waiting(
        digest: &str,
        concurrency: usize,
        script: impl Fn(usize, Request) -> BoxFuture<'static, Answered> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (digest, script) = (digest.to_owned(), Box::new(script));
        Arc::new(Self { digest, concurrency, script, asked: AtomicUsize::new(0) })
    }

    /// A runner that is always right.
    pub(crate) fn right(digest: &str) -> Arc<Self> {
        Self::new(digest, 4, |_, request| Ok(right(request)))
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Runner for Scripted {
    fn complete<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Completion, RunnerError>> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        (self.script)(n, request.clone())
    }

    fn effective(&self, sampling: &Sampling) -> Effective {
        let dropped = vec!["top_p".to_owned()];
        Effective { sampling: sampling.clone(), reasoning: sampling.reasoning, dropped }
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn telemetry(&self) -> Option<Telemetry> {
        let decode_tokens = u64::try_from(self.asked()).expect("few requests");
        Some(Telemetry { decode_tokens, ..Telemetry::default() })
    }
}

/// The right answer to the sum that a request asks for.
pub(crate) fn right(request: &Request) -> Completion {
    let asked = &request.conversation.last().expect("a question").content;
    let sum = asked.trim_start_matches("Compute ").trim_end_matches('.');
    let (one, two) = sum.split_once(" + ").expect("a sum");
    let number = |text: &str| text.parse::<i64>().expect("a number");
    completion(&format!("Answer: {}", number(one) + number(two)))
}

/// A whole completion with this text.
pub(crate) fn completion(text: &str) -> Completion {
    Completion {
        text: text.to_owned(),
        reasoning: Reasoning { kind: ReasoningKind::Full, text: "one and one".repeat(9) },
        finish: Finish::Stop,
        usage: Usage {
            input: Some(7),
            cached_input: None,
            output: Some(5),
            reasoning: Some(3),
            source: UsageSource::Provider,
        },
        timing: Timing { first: Some(Duration::from_millis(3)), total: Duration::from_millis(9) },
        served: Served { model: Some("scripted-1".to_owned()), ..Served::default() },
        raw: Raw { status: Some(200), body: text.as_bytes().to_vec(), redacted: false },
    }
}

/// An error with this advice.
pub(crate) fn error(kind: ErrorKind, billed: Billed, retry: Retry) -> RunnerError {
    let raw = Raw { status: Some(500), body: b"no".to_vec(), redacted: true };
    RunnerError {
        kind,
        billed,
        retry,
        message: "the server said no".to_owned(),
        raw: Box::new(raw),
    }
}

/// A suite of one task with this many sums.
pub(crate) fn suite(items: u64) -> Suite {
    suite_of(vec![task("math/sum", items)])
}

/// A suite of these tasks.
pub(crate) fn suite_of(tasks: Vec<Task>) -> Suite {
    Suite {
        id: SuiteId::new("sums"),
        version: Version::new("1"),
        title: "Sums".to_owned(),
        description: "Sums of small numbers.".to_owned(),
        tags: Vec::new(),
        digest: Digest::of_bytes(b"sums"),
        tasks,
    }
}

/// A task with this many sums: two items of a level before the next level.
pub(crate) fn task(id: &str, items: u64) -> Task {
    Task {
        id: TaskId::new(id),
        version: Version::new("1"),
        title: "Small sums".to_owned(),
        about: About::default(),
        domain: Domain::Math,
        sensitivity: Sensitivity::None,
        system: None,
        prompt: Template::new("Compute {{ item.text }}.").expect("a template"),
        protocol: Protocol::Single,
        grader: GraderSpec::Integer,
        sampling: Sampling {
            max_tokens: 64,
            temperature: 0.0,
            top_p: 1.0,
            stop: Vec::new(),
            reasoning: ReasoningLevel::Auto,
        },
        samples: 1,
        weight: 1,
        items: (0..items).map(item).collect(),
        digest: Digest::of_bytes(id.as_bytes()),
    }
}

fn item(n: u64) -> Item {
    Item {
        id: ItemId::new(format!("sum-{n}")),
        group: None,
        fields: Fields::from([("text".to_owned(), json!(format!("{n} + 1")))]),
        target: Target::Integer((n + 1).into()),
        decoys: BTreeMap::from([("off_by_one".to_owned(), n.to_string())]),
        origin: Some(Origin {
            family: "math.sum".to_owned(),
            version: 1,
            level: u8::try_from(1 + n / 2).expect("few items"),
            seed: 1,
            index: n % 2,
            draw: 0,
            variant: None,
            fingerprint: n.to_string(),
        }),
    }
}

/// An arm with this label.
pub(crate) fn arm(label: &str, runner: &Arc<Scripted>) -> Arm {
    let model = label.split('+').next().unwrap_or(label).to_owned();
    let runner = Arc::<Scripted>::clone(runner);
    Arm { label: label.to_owned(), model, runner, reasoning: None, max_tokens: None }
}

/// A choice of everything there is, with seed 1.
pub(crate) fn selection() -> Selection {
    Selection {
        suites: vec!["sums".to_owned()],
        models: vec!["scripted".to_owned()],
        reasoning: Vec::new(),
        seed: 1,
        repeats: None,
        limit: None,
        max_tokens: None,
        concurrency: None,
        shuffled: false,
    }
}
