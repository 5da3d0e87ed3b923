//! The view data of a report: what was run, what came of it, and how the arms compare.
//!
//! Everything here arrives computed: estimates, bounds, directions and counts. Shares and differences
//! of shares are fractions (0.25 is 25 %, a difference of 0.02 is two points); the renderers turn them
//! into percent and points. The first arm is the baseline. Text is kept raw: each renderer makes
//! hostile characters visible and escapes for its own format.

use serde::Serialize;
use tripos_tasks::Sensitivity;

/// One report: one arm alone, or a baseline and those compared with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What the page is called, such as `smoke: tiny, thinking on and off`.
    pub title: String,
    /// When the report was made, as the reader sees it: `2026-03-01 14:05 UTC`.
    pub created: String,
    /// The two-sided confidence of every interval, such as 0.95.
    pub confidence: f64,
    /// What a reader must know first, such as a run that is not finished: whole sentences. How many
    /// trials failed is said by itself.
    pub notices: Vec<String>,
    /// Who answered. The first one is the baseline.
    pub arms: Vec<Arm>,
    /// What was asked, in the order of the suite.
    pub tasks: Vec<TaskRow>,
    /// One for each arm after the first, in the order of `arms`; empty with one arm.
    pub comparisons: Vec<Comparison>,
    /// What the items are worth.
    pub items: Items,
    /// How the numbers came about and how to get them again.
    pub provenance: Provenance,
}

/// An estimate with the interval and the sample size without which it is not shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// The number; `None` where nothing was measured.
    pub estimate: Option<f64>,
    /// The interval's lower bound; `None` where no interval can be had.
    pub lower: Option<f64>,
    /// The interval's upper bound.
    pub upper: Option<f64>,
    /// What it rests on: items for accuracies, pairs for differences, trials for tokens and times.
    pub n: u64,
    /// The method, in a word or two: `Wilson`, `clustered t`, `paired t`.
    pub method: String,
}

/// One model with one way of answering, in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arm {
    /// A short name that no other arm of the report has: `tiny+think`.
    pub name: String,
    /// The model as it was asked for.
    pub model: String,
    /// The run the answers are from.
    pub run: String,
    /// The reasoning level that took effect: `auto`, `off`, `low`, `2,048 tokens`.
    pub reasoning: String,
    /// The digest of what answered.
    pub digest: String,
    /// Everything else that was set, dropped or reported back: sampling, device, fingerprint.
    pub settings: Vec<Fact>,
    /// Over all tasks.
    pub total: Cell,
    /// What a token limit would have bought, the tightest first; empty where tokens were not reported.
    pub budgets: Vec<BudgetPoint>,
    /// Whether the confidence it states means what it says; `None` where no answer states one.
    pub calibration: Option<Calibration>,
    /// What was seen of its routed experts.
    pub experts: Experts,
}

/// Accuracy within a token limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetPoint {
    /// The most tokens that an answer may take, reasoning included.
    pub tokens: u64,
    /// The share of points when every longer answer counts as wrong.
    pub accuracy: Figure,
}

/// How far stated confidence is from what happened, over the tasks in which an answer states one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Graded answers that state a confidence.
    pub stated: u64,
    /// Graded answers of the same tasks that state none: in none of the numbers below.
    pub missing: u64,
    /// The expected calibration error over the bins. It has no interval, and chance alone makes it positive.
    pub ece: Option<f64>,
    /// The largest gap of a bin.
    pub mce: Option<f64>,
    /// The mean negative log-likelihood; `None` where certainty was wrong.
    pub log_loss: Option<f64>,
    /// The mean squared error.
    pub brier: Figure,
    /// The chance that a right answer is stated with more confidence than a wrong one.
    pub auroc: Figure,
    /// The share of answers that can be kept, the most confident first, so that 95 % of them are right.
    pub coverage_at_95: f64,
    /// Equal bins of the confidence, the least confident first.
    pub bins: Vec<ConfidenceBin>,
    /// What is wrong among the answers kept, from the most confident on; at most 101 points.
    pub risk_coverage: Vec<CoveragePoint>,
}

/// The answers whose confidence lies in one bin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfidenceBin {
    /// Where the bin begins, a fraction.
    pub from: f64,
    /// Where it ends; an edge belongs to the upper bin, and the last bin is closed.
    pub to: f64,
    /// Answers.
    pub count: u64,
    /// Their mean confidence.
    pub confidence: Option<f64>,
    /// The share that is right, by item.
    pub accuracy: Figure,
}

/// A point of the risk-coverage curve. Both are fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CoveragePoint {
    /// The share of answers kept.
    pub coverage: f64,
    /// The share of these that is wrong.
    pub risk: f64,
}

/// How hard the items are that every arm answered, and whether they tell arms apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Items {
    /// Of these items, right in every arm.
    pub all_right: u64,
    /// Right in none.
    pub none_right: u64,
    /// Kuder and Richardson's reliability (formula 20); `None` with too few arms to say.
    pub reliability: Option<f64>,
    /// Each item, in the order of the tasks.
    pub rows: Vec<ItemRow>,
}

/// One item over all arms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemRow {
    /// The place of its task in [`Report::tasks`].
    pub task: usize,
    /// Its name.
    pub item: String,
    /// The mean score over the arms, 0 to 1: 1 is an item that all pass.
    pub difficulty: f64,
    /// The correlation with the score on the other items; `None` with too few arms, or where nothing
    /// varies.
    pub discrimination: Option<f64>,
}

/// One task and what each arm made of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskRow {
    /// Its name: `math/arith_chain`.
    pub id: String,
    /// One line on what it asks.
    pub title: String,
    /// The version for people.
    pub version: String,
    /// The digest of everything that decides a result.
    pub digest: String,
    /// What may be shown of its text.
    pub sensitivity: Sensitivity,
    /// One for each arm, in the order of [`Report::arms`]. The default cell is "was not asked".
    pub cells: Vec<Cell>,
}

/// What one arm made of one task, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cell {
    /// The share of points, a fraction. Truncated, unparsed and refused answers count as wrong.
    pub accuracy: Figure,
    /// What became of the trials.
    pub counts: Counts,
    /// What they took.
    pub spend: Spend,
}

/// What became of the trials of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Trials that were to be done.
    pub planned: u64,
    /// Trials with a grade: the sum of the outcomes below.
    pub graded: u64,
    /// Trials without an answer to grade: never counted as wrong.
    pub failed: u64,
    /// Right.
    pub correct: u64,
    /// Wrong.
    pub incorrect: u64,
    /// An honest "I don't know".
    pub abstained: u64,
    /// No final answer could be taken from the text.
    pub unparsed: u64,
    /// The grader could not decide.
    pub undecided: u64,
    /// The limit, the context or the time came first.
    pub truncated: u64,
    /// Nothing came.
    pub empty: u64,
    /// The model declined.
    pub refused: u64,
    /// The provider withheld the answer.
    pub filtered: u64,
}

/// What the trials of a cell took. A figure without an estimate is shown as "not reported".
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spend {
    /// Prompt tokens a trial, mean.
    pub input_tokens: Figure,
    /// Generated tokens a trial, reasoning included, mean.
    pub output_tokens: Figure,
    /// Of these, reasoning; mean. Zero where it is known that there was none.
    pub reasoning_tokens: Figure,
    /// Seconds a trial took, mean.
    pub latency_s: Figure,
    /// The share of answers that were cut off, a fraction.
    pub truncated: Figure,
    /// The share of answers from which no final answer could be taken, a fraction.
    pub unparsed: Figure,
    /// Generated tokens for each point scored: all tokens over all points. No estimate without a point.
    pub tokens_per_correct: Figure,
    /// Dollars for each point scored, at the prices that are known. No estimate without a price.
    pub usd_per_correct: Figure,
    /// Dollars in all; `None` where no price is known. A sum, not an estimate.
    pub cost_usd: Option<f64>,
}

/// What was seen of the routed experts of an arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Experts {
    /// A remote endpoint does not show them.
    NotObservable,
    /// A local model without routed experts.
    Dense,
    /// A local model that was not watched: every answer came from the store.
    NotRecorded,
    /// A local model that was watched while it answered.
    Observed {
        /// Its layers with routed experts, from the first.
        layers: Vec<LayerLoad>,
    },
}

/// How the tokens of one layer spread over its experts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerLoad {
    /// The layer's number, from 0.
    pub layer: u32,
    /// Tokens routed, each counted once for every expert that took it.
    pub tokens: u64,
    /// For each expert its load as ratio to a uniform spread: 1 is its fair share.
    pub ratios: Vec<f64>,
    /// The mean entropy of the router's normalised scores, in bits.
    pub router_entropy_bits: Option<f64>,
}

/// One arm against the baseline, on the items that both answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The baseline's place in [`Report::arms`].
    pub baseline: usize,
    /// The candidate's place in [`Report::arms`].
    pub candidate: usize,
    /// The difference over all tasks.
    pub overall: Difference,
    /// One for each task, in the order of [`Report::tasks`].
    pub tasks: Vec<Difference>,
    /// The candidate's generated tokens as ratio to the baseline's, on the same pairs.
    pub token_ratio: Figure,
    /// The candidate's dollars as ratio to the baseline's, on the same pairs; no estimate without prices.
    pub cost_ratio: Figure,
    /// Items that both answered, by who was right.
    pub pairs: Pairs,
    /// The candidate's seconds as ratio to the baseline's, on the same pairs.
    pub latency_ratio: Figure,
    /// The probability that the candidate is better, under a prior that favours neither.
    pub probability_better: Option<f64>,
    /// Where the spread comes from; `None` where items were asked once.
    pub spread: Option<Spread>,
    /// How many pairs would settle a difference of the size seen, where the result is open.
    pub pairs_needed: Option<u64>,
    /// Why the difference might not mean what it seems to: whole sentences.
    pub caveats: Vec<String>,
    /// What flipped, worst first: lost before gained. All of them; the renderers cap what they show, and those
    /// beyond the first 2,000 come without texts.
    pub flips: Vec<Flip>,
}

/// Where the spread of a difference comes from, and what would narrow it. All are fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The share of the variance that comes from sampling answers; the rest is the questions.
    pub sampling_share: f64,
    /// By how much twice the repeats would narrow the interval.
    pub twice_repeats: f64,
    /// By how much twice the items would.
    pub twice_items: f64,
}

/// A difference of accuracies, candidate minus baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The difference as a fraction; `n` counts pairs.
    pub figure: Figure,
    /// What it says.
    pub direction: Direction,
    /// The two-sided p-value of the test that `test` names, where there is one.
    pub p_value: Option<f64>,
    /// The same, adjusted over the tasks (Holm); `None` for the difference over all of them.
    pub p_adjusted: Option<f64>,
    /// The test's name: `sign flip, exact`, `McNemar, exact`. Empty without a test.
    pub test: String,
}

/// What a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The candidate is better: the whole interval lies above zero.
    Better,
    /// The candidate is worse: the whole interval lies below zero.
    Worse,
    /// The data do not say.
    Unresolved,
}

/// Items that both arms answered, by who was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pairs {
    /// Both scored the full point.
    pub both_right: u64,
    /// The candidate scored less.
    pub lost: u64,
    /// The candidate scored more.
    pub gained: u64,
    /// Neither did.
    pub both_wrong: u64,
    /// Items that only one of the two answered: in no difference.
    pub unpaired: u64,
}

/// An item on which the two arms differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// The task's place in [`Report::tasks`]; it decides what may be shown.
    pub task: usize,
    /// The item.
    pub item: String,
    /// The candidate's score minus the baseline's: below zero is lost.
    pub change: f64,
    /// The question as it was sent.
    pub prompt: String,
    /// What counts as right.
    pub target: String,
    /// What the baseline made of it.
    pub baseline: Transcript,
    /// What the candidate made of it.
    pub candidate: Transcript,
}

/// One answer and how it came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// The outcome as the store writes it: `correct`, `truncated`.
    pub outcome: String,
    /// Its share of a point.
    pub score: f64,
    /// The reasoning, as far as it was given.
    pub reasoning: String,
    /// How reasoning was given, where that explains what is missing: `hidden`, `summary`.
    pub reasoning_note: Option<String>,
    /// The answer's text.
    pub answer: String,
    /// Where in `answer` the final answer stands, in bytes: it is marked.
    pub span: Option<(usize, usize)>,
    /// The final answer as it was read.
    pub extracted: Option<String>,
    /// Why, where the outcome alone does not say it.
    pub reason: Option<String>,
    /// Tokens generated.
    pub output_tokens: Option<u64>,
    /// The trial's key, for `tripos show`.
    pub trial: String,
}

/// How the numbers came about and how to get them again.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Provenance {
    /// The command that makes this report again.
    pub command: String,
    /// The program's version.
    pub version: String,
    /// Each statistical method in a sentence: its name and what it does.
    pub methods: Vec<Fact>,
    /// Seeds, suites with their digests, store, machine: whatever names what was done.
    pub facts: Vec<Fact>,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is: `seed`, `suite smoke 1.0.0`.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Fact {
    /// Returns the fact that `name` is `value`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
