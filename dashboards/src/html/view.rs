//! What the page's templates see: words and finished numbers, so that they hold no logic but loops.

use minijinja::value::Value;
use serde::Serialize;
use tripos_tasks::Sensitivity;

use crate::chart;
use crate::excerpt::{Limits, excerpt, sensitivity};
use crate::number::{self, Shown, Unit, count, show};
use crate::phrase::{self, Pick};
use crate::report::{
    Arm, Cell, Comparison, Difference, Direction, Experts, Fact, Figure, Flip, Report, Transcript,
};

/// What a page shows of each comparison's flips: a file of a few megabytes at most.
const LIMITS: Limits = Limits { flips: 200, characters: 6_000 };

/// The whole page.
#[derive(Serialize)]
pub(super) struct Page {
    policy: Value,
    style: Value,
    title: String,
    created: String,
    confidence: String,
    version: String,
    notices: Vec<String>,
    alone: String,
    arms: Vec<ArmView>,
    comparisons: Vec<ComparisonView>,
    forests: Vec<Picture>,
    tasks: Vec<TaskView>,
    spend: Vec<SpendRow>,
    outcomes: Vec<&'static str>,
    tokens: Option<Value>,
    budgets: Vec<BudgetRow>,
    calibration: Vec<String>,
    confidences: Vec<[String; 5]>,
    items: String,
    odd_items: Vec<OddRow>,
    command: String,
    methods: Vec<Fact>,
    provenance: Vec<Fact>,
    digests: Vec<DigestRow>,
}

#[derive(Clone, Serialize)]
struct Number {
    estimate: String,
    interval: String,
    n: String,
}

#[derive(Serialize)]
struct Way {
    mark: &'static str,
    word: &'static str,
}

#[derive(Serialize)]
struct Picture {
    svg: Value,
    caption: String,
}

/// How an arm is named and coloured wherever it appears.
#[derive(Clone, Serialize)]
struct Tag {
    name: String,
    class: String,
    glyph: &'static str,
}

#[derive(Serialize)]
struct ArmView {
    name: String,
    class: String,
    glyph: &'static str,
    role: &'static str,
    model: String,
    reasoning: String,
    run: String,
    accuracy: Number,
    cost: String,
    planned: String,
    outcomes: Vec<String>,
    experts: ExpertsView,
    settings: Vec<Fact>,
}

#[derive(Serialize)]
struct ExpertsView {
    svg: Option<Value>,
    absent: &'static str,
    heads: Vec<usize>,
    more: bool,
    layers: Vec<LayerView>,
}

#[derive(Serialize)]
struct LayerView {
    layer: u32,
    tokens: String,
    entropy: String,
    loads: Vec<String>,
}

#[derive(Serialize)]
struct ComparisonView {
    baseline: String,
    candidate: String,
    way: Way,
    headline: String,
    tiles: Vec<Tile>,
    details: Vec<String>,
    pairs: String,
    gained: String,
    lost: String,
    left_out: Vec<String>,
    flips: Vec<FlipView>,
}

#[derive(Serialize)]
struct Tile {
    label: String,
    shown: Number,
}

#[derive(Serialize)]
struct TaskView {
    id: String,
    title: String,
    /// The key in the chart; 0 for the row of all tasks.
    number: usize,
    total: bool,
    cells: Vec<CellView>,
    differences: Vec<DifferenceView>,
}

#[derive(Serialize)]
struct CellView {
    arm: Tag,
    accuracy: Number,
    output_tokens: Number,
    reasoning_tokens: Number,
    latency: Number,
    truncated: String,
    unparsed: String,
    failed: String,
}

#[derive(Serialize)]
struct DifferenceView {
    shown: Number,
    way: Way,
    test: String,
}

#[derive(Serialize)]
struct SpendRow {
    label: &'static str,
    note: String,
    cells: Vec<Number>,
}

#[derive(Serialize)]
struct BudgetRow {
    limit: String,
    cells: Vec<Option<Number>>,
}

#[derive(Serialize)]
struct OddRow {
    task: String,
    item: String,
    difficulty: String,
    discrimination: String,
}

#[derive(Serialize)]
struct FlipView {
    way: &'static str,
    mark: &'static str,
    word: &'static str,
    task: String,
    item: String,
    withheld: &'static str,
    prompt: String,
    target: String,
    sides: [SideView; 2],
}

#[derive(Serialize)]
struct SideView {
    arm: Tag,
    outcome: String,
    right: &'static str,
    extracted: String,
    reason: String,
    reasoning: String,
    note: String,
    before: String,
    marked: String,
    after: String,
    tokens: String,
    trial: String,
}

#[derive(Serialize)]
struct DigestRow {
    id: String,
    version: String,
    digest: String,
}

impl Page {
    /// Returns what the templates see of `report`.
    pub(super) fn of(report: &Report, policy: &str, style: &str) -> Self {
        let provenance = &report.provenance;
        Self {
            policy: Value::from_safe_string(policy.to_owned()),
            style: Value::from_safe_string(style.to_owned()),
            title: report.title.clone(),
            created: report.created.clone(),
            confidence: confidence(report.confidence),
            version: provenance.version.clone(),
            notices: phrase::notices(report),
            alone: report.arms.first().map(phrase::alone).unwrap_or_default(),
            arms: report.arms.iter().enumerate().map(|(index, arm)| arm_view(index, arm)).collect(),
            comparisons: report.comparisons.iter().map(|c| comparison_view(report, c)).collect(),
            forests: forests(report),
            tasks: task_views(report),
            spend: spend_rows(report),
            outcomes: phrase::outcomes(&<_>::default()).map(|(name, _)| name).to_vec(),
            tokens: chart::tokens(report, "tokens").map(Value::from_safe_string),
            budgets: budget_rows(report),
            calibration: report.arms.iter().filter_map(phrase::calibration).collect(),
            confidences: phrase::confidence_rows(report),
            items: phrase::items(&report.items),
            odd_items: phrase::odd_items(report).into_iter().map(odd_row).collect(),
            command: provenance.command.clone(),
            methods: provenance.methods.clone(),
            provenance: provenance.facts.clone(),
            digests: report.tasks.iter().map(digest_row).collect(),
        }
    }
}

fn confidence(level: f64) -> String {
    format!("{} %", (level * 1000.0).round() / 10.0)
}

fn number_view(figure: &Figure, unit: Unit) -> Number {
    let Shown { estimate, interval, n } = show(figure, unit);
    Number { estimate, interval, n }
}

fn tag(report: &Report, index: usize) -> Tag {
    let name = phrase::arm_name(report, index).to_owned();
    Tag { name, class: chart::arm_class(index), glyph: glyph(index) }
}

/// Returns the character that looks like the arm's shape in the charts.
fn glyph(index: usize) -> &'static str {
    ["●", "◆", "■", "▲"][index % 4]
}

fn arm_view(index: usize, arm: &Arm) -> ArmView {
    let mut settings = vec![
        Fact::new("model", &arm.model),
        Fact::new("run", &arm.run),
        Fact::new("reasoning", &arm.reasoning),
        Fact::new("digest", &arm.digest),
    ];
    settings.extend(arm.settings.iter().cloned());
    ArmView {
        name: arm.name.clone(),
        class: chart::arm_class(index),
        glyph: glyph(index),
        role: if index == 0 { "baseline" } else { "candidate" },
        model: arm.model.clone(),
        reasoning: arm.reasoning.clone(),
        run: arm.run.clone(),
        accuracy: number_view(&arm.total.accuracy, Unit::Percent),
        cost: arm.total.spend.cost_usd.map_or_else(|| "no price known".into(), number::dollars),
        planned: count(arm.total.counts.planned),
        outcomes: phrase::outcomes(&arm.total.counts).map(|(_, number)| count(number)).to_vec(),
        experts: experts_view(index, arm),
        settings,
    }
}

fn budget_rows(report: &Report) -> Vec<BudgetRow> {
    let row = |(limit, figures): (u64, Vec<Option<&Figure>>)| BudgetRow {
        limit: count(limit),
        cells: figures.iter().map(|f| f.map(|f| number_view(f, Unit::Percent))).collect(),
    };
    phrase::budgets(report).into_iter().map(row).collect()
}

fn odd_row(odd: phrase::OddItem<'_>) -> OddRow {
    OddRow {
        task: odd.task.to_owned(),
        item: odd.item.to_owned(),
        difficulty: odd.difficulty,
        discrimination: odd.discrimination,
    }
}

fn experts_view(index: usize, arm: &Arm) -> ExpertsView {
    let absent = phrase::experts(&arm.experts).unwrap_or("no expert took a token");
    let Experts::Observed { layers } = &arm.experts else {
        return ExpertsView {
            svg: None,
            absent,
            heads: Vec::new(),
            more: false,
            layers: Vec::new(),
        };
    };
    let widest = layers.iter().map(|layer| layer.ratios.len()).max().unwrap_or(0);
    let shown = widest.min(chart::EXPERT_COLUMNS);
    let layer_view = |layer: &crate::report::LayerLoad| LayerView {
        layer: layer.layer,
        tokens: count(layer.tokens),
        entropy: layer.router_entropy_bits.map_or_else(|| "—".into(), |bits| format!("{bits:.2}")),
        loads: (0..shown)
            .map(|expert| layer.ratios.get(expert).map_or_else(String::new, |&r| number::ratio(r)))
            .collect(),
    };
    ExpertsView {
        svg: chart::experts(&arm.name, layers, &format!("experts-{index}"))
            .map(Value::from_safe_string),
        absent,
        heads: (0..shown).collect(),
        more: shown < widest,
        layers: layers.iter().map(layer_view).collect(),
    }
}

fn forests(report: &Report) -> Vec<Picture> {
    if report.comparisons.is_empty() {
        let caption = "Each task’s accuracy with its interval.".to_owned();
        let svg = chart::accuracies(report, "forest").map(Value::from_safe_string);
        return svg.map(|svg| Picture { svg, caption }).into_iter().collect();
    }
    let picture = |(index, comparison)| {
        let svg = chart::differences(report, comparison, &format!("forest-{index}"))?;
        let [baseline, candidate] = phrase::names(report, comparison);
        let caption = format!(
            "Paired difference in accuracy, {candidate} minus {baseline}; a bar that crosses zero \
             does not say which is better. ▲ better, ▼ worse, ◇ unclear."
        );
        Some(Picture { svg: Value::from_safe_string(svg), caption })
    };
    report.comparisons.iter().enumerate().filter_map(picture).collect()
}

fn comparison_view(report: &Report, comparison: &Comparison) -> ComparisonView {
    let verdict = phrase::verdict(report, comparison);
    let [baseline, candidate] = phrase::names(report, comparison);
    let excerpt = excerpt(report, comparison, LIMITS);
    let interval = show(&comparison.overall.figure, Unit::Points).interval;
    ComparisonView {
        baseline: baseline.to_owned(),
        candidate: candidate.to_owned(),
        way: way(verdict.direction),
        headline: verdict.headline.replace(&interval, &interval.replace(' ', "\u{a0}")),
        tiles: tiles(report, comparison),
        details: verdict.details,
        pairs: count(comparison.overall.figure.n),
        gained: count(comparison.pairs.gained),
        lost: count(comparison.pairs.lost),
        left_out: excerpt.left_out,
        flips: excerpt.flips.iter().map(|flip| flip_view(report, comparison, flip)).collect(),
    }
}

fn tiles(report: &Report, comparison: &Comparison) -> Vec<Tile> {
    let score = |index: usize| {
        let accuracy =
            report.arms.get(index).map(|arm| number_view(&arm.total.accuracy, Unit::Percent));
        accuracy.map(|shown| Tile {
            label: format!("{} scores", phrase::arm_name(report, index)),
            shown,
        })
    };
    let mut tiles: Vec<Tile> =
        [score(comparison.baseline), score(comparison.candidate)].into_iter().flatten().collect();
    if comparison.token_ratio.estimate.is_some() {
        let shown = number_view(&comparison.token_ratio, Unit::Ratio);
        tiles.push(Tile { label: "Tokens, candidate to baseline".to_owned(), shown });
    }
    tiles
}

fn way(direction: Direction) -> Way {
    Way { mark: direction.mark(), word: direction.word() }
}

fn task_views(report: &Report) -> Vec<TaskView> {
    if report.tasks.is_empty() {
        return Vec::new();
    }
    let cells = |cells: &mut dyn Iterator<Item = &Cell>| {
        cells.enumerate().map(|(arm, cell)| cell_view(tag(report, arm), cell)).collect()
    };
    let differences = |pick: &dyn Fn(&Comparison) -> Option<&Difference>| {
        report.comparisons.iter().filter_map(|c| pick(c).map(difference_view)).collect()
    };
    let mut views: Vec<TaskView> = (report.tasks.iter().enumerate())
        .map(|(index, task)| TaskView {
            id: task.id.clone(),
            title: task.title.clone(),
            number: index + 1,
            total: false,
            cells: cells(&mut task.cells.iter()),
            differences: differences(&|comparison| comparison.tasks.get(index)),
        })
        .collect();
    views.push(TaskView {
        id: "all tasks".to_owned(),
        title: String::new(),
        number: 0,
        total: true,
        cells: cells(&mut report.arms.iter().map(|arm| &arm.total)),
        differences: differences(&|comparison| Some(&comparison.overall)),
    });
    views
}

fn cell_view(arm: Tag, cell: &Cell) -> CellView {
    CellView {
        arm,
        accuracy: number_view(&cell.accuracy, Unit::Percent),
        output_tokens: number_view(&cell.spend.output_tokens, Unit::Amount),
        reasoning_tokens: number_view(&cell.spend.reasoning_tokens, Unit::Amount),
        latency: number_view(&cell.spend.latency_s, Unit::Seconds),
        truncated: count(cell.counts.truncated),
        unparsed: count(cell.counts.unparsed),
        failed: count(cell.counts.failed),
    }
}

fn difference_view(difference: &Difference) -> DifferenceView {
    DifferenceView {
        shown: number_view(&difference.figure, Unit::Points),
        way: way(difference.direction),
        test: phrase::test(difference).unwrap_or_default(),
    }
}

/// Picks one figure of what a cell took.
fn spend_rows(report: &Report) -> Vec<SpendRow> {
    let rows: [(&'static str, Pick, Unit); 6] = [
        ("Generated tokens", |spend| &spend.output_tokens, Unit::Amount),
        ("of these, reasoning", |spend| &spend.reasoning_tokens, Unit::Amount),
        ("Prompt tokens", |spend| &spend.input_tokens, Unit::Amount),
        ("Latency", |spend| &spend.latency_s, Unit::Seconds),
        ("Truncated answers", |spend| &spend.truncated, Unit::Percent),
        ("Unparsed answers", |spend| &spend.unparsed, Unit::Percent),
    ];
    let known =
        |pick: Pick| report.arms.iter().any(|arm| pick(&arm.total.spend).estimate.is_some());
    let each = phrase::PER_CORRECT.into_iter().filter(|(_, pick, _)| known(*pick));
    let row = |(label, pick, unit): (&'static str, Pick, Unit)| {
        let figures = || report.arms.iter().map(|arm| pick(&arm.total.spend));
        let cells = figures().map(|figure| number_view(figure, unit)).collect();
        let method =
            figures().map(|figure| figure.method.as_str()).find(|method| !method.is_empty());
        SpendRow { label, note: method.unwrap_or_default().to_owned(), cells }
    };
    rows.into_iter().chain(each).map(row).collect()
}

fn flip_view(report: &Report, comparison: &Comparison, flip: &Flip) -> FlipView {
    let (way, mark, word) =
        if flip.change < 0.0 { ("worse", "▼", "lost") } else { ("better", "▲", "gained") };
    let gated = sensitivity(report, flip) == Sensitivity::Gated;
    FlipView {
        way,
        mark,
        word,
        task: report.tasks.get(flip.task).map_or_else(String::new, |task| task.id.clone()),
        item: flip.item.clone(),
        withheld: if gated {
            "The text of this task is gated: only ids and verdicts are shown."
        } else {
            ""
        },
        prompt: flip.prompt.clone(),
        target: flip.target.clone(),
        sides: [
            side_view(tag(report, comparison.baseline), &flip.baseline),
            side_view(tag(report, comparison.candidate), &flip.candidate),
        ],
    }
}

fn side_view(arm: Tag, side: &Transcript) -> SideView {
    let text = side.answer.as_str();
    let parts = side.span.and_then(|(start, end)| {
        Some((text.get(..start)?, text.get(start..end)?, text.get(end..)?))
    });
    let (before, marked, after) = parts.unwrap_or((text, "", ""));
    SideView {
        arm,
        outcome: side.outcome.clone(),
        right: if side.outcome == "correct" { "right" } else { "wrong" },
        extracted: side.extracted.clone().unwrap_or_default(),
        reason: side.reason.clone().unwrap_or_default(),
        reasoning: side.reasoning.clone(),
        note: side.reasoning_note.clone().unwrap_or_default(),
        before: before.to_owned(),
        marked: marked.to_owned(),
        after: after.to_owned(),
        tokens: side.output_tokens.map(count).unwrap_or_default(),
        trial: side.trial.clone(),
    }
}

fn digest_row(task: &crate::report::TaskRow) -> DigestRow {
    DigestRow { id: task.id.clone(), version: task.version.clone(), digest: task.digest.clone() }
}
