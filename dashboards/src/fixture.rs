//! View data for the tests: a run of two arms as a reader would meet it, and its variations.

use tripos_tasks::Sensitivity;

use crate::report::{
    Arm, BudgetPoint, Cell, Comparison, Counts, Difference, Direction, Experts, Fact, Figure, Flip,
    ItemRow, Items, LayerLoad, Pairs, Provenance, Report, Spend, TaskRow, Transcript,
};

pub(crate) fn figure(estimate: f64, lower: f64, upper: f64, n: u64, method: &str) -> Figure {
    let method = method.to_owned();
    Figure { estimate: Some(estimate), lower: Some(lower), upper: Some(upper), n, method }
}

/// A task: its name and title, the share right with its bounds for each arm and for the difference,
/// the tokens of each arm, and the direction.
type Task = (&'static str, &'static str, [[f64; 3]; 3], [f64; 2], Direction);

#[rustfmt::skip]
const TASKS: [Task; 7] = [
    ("math/arith_chain", "Chains of whole-number arithmetic", [[0.35, 0.181, 0.567], [0.90, 0.699, 0.972], [0.55, 0.29, 0.81]], [4.0, 93.0], Direction::Better),
    ("math/linear_system", "Two equations, two unknowns", [[0.20, 0.081, 0.416], [0.45, 0.258, 0.658], [0.25, 0.02, 0.48]], [6.0, 171.0], Direction::Better),
    ("math/modular", "Remainders of powers", [[0.15, 0.052, 0.36], [0.25, 0.112, 0.469], [0.10, -0.09, 0.29]], [3.0, 140.0], Direction::Unresolved),
    ("code/output_prediction", "What a short program prints", [[0.30, 0.145, 0.519], [0.30, 0.145, 0.519], [0.0, -0.15, 0.15]], [8.0, 122.0], Direction::Unresolved),
    ("misinfo/claim_verification", "Is the claim supported by the text?", [[0.55, 0.342, 0.742], [0.80, 0.584, 0.919], [0.25, 0.01, 0.49]], [3.0, 66.0], Direction::Better),
    ("misinfo/context_poison", "A planted falsehood in the context", [[0.65, 0.433, 0.819], [0.30, 0.145, 0.519], [-0.35, -0.62, -0.08]], [4.0, 58.0], Direction::Worse),
    ("misinfo/false_premise", "A question that assumes what is not so", [[0.40, 0.219, 0.613], [0.50, 0.299, 0.701], [0.10, -0.13, 0.33]], [5.0, 61.0], Direction::Unresolved),
];

const N: u64 = 20;

/// Two arms over seven tasks: thinking off and on.
pub(crate) fn two_arms() -> Report {
    let tasks = TASKS.iter().map(|(id, title, shares, tokens, _)| TaskRow {
        id: (*id).to_owned(),
        title: (*title).to_owned(),
        version: "1.0.0".to_owned(),
        digest: "b3:5f1c9a20".to_owned(),
        sensitivity: Sensitivity::None,
        cells: vec![
            cell(shares[0], tokens[0], 0.0, N),
            cell(shares[1], tokens[1], tokens[1] - 6.0, N),
        ],
    });
    let off = cell([0.371, 0.296, 0.454], 4.7, 0.0, 7 * N);
    let mut on = cell([0.5, 0.418, 0.582], 101.6, 95.6, 7 * N);
    on.counts = Counts {
        planned: 140,
        graded: 138,
        failed: 2,
        correct: 70,
        incorrect: 58,
        unparsed: 4,
        truncated: 6,
        ..Counts::default()
    };
    on.spend.truncated = figure(0.043, 0.020, 0.091, 138, "Wilson");
    Report {
        title: "smoke: tiny, thinking off and on".to_owned(),
        created: "2026-03-01 14:05 UTC".to_owned(),
        confidence: 0.95,
        notices: Vec::new(),
        arms: vec![arm("tiny+nothink", "off", off), arm("tiny+think", "on", on)],
        tasks: tasks.collect(),
        comparisons: vec![comparison()],
        items: items(),
        provenance: provenance(),
    }
}

/// The baseline of [`two_arms`] alone.
pub(crate) fn one_arm() -> Report {
    let mut report = two_arms();
    report.arms.truncate(1);
    report.tasks.iter_mut().for_each(|task| task.cells.truncate(1));
    report.comparisons.clear();
    report
}

/// [`two_arms`] and a remote model about which less is known.
pub(crate) fn three_arms() -> Report {
    let mut report = two_arms();
    let mut remote = arm("lab/reasoner", "high", cell([0.81, 0.74, 0.87], 1_900.0, 1_720.0, 140));
    remote.experts = Experts::NotObservable;
    remote.total.spend.cost_usd = Some(0.4213);
    report.arms.push(remote);
    for task in &mut report.tasks {
        task.cells.push(cell([0.81, 0.60, 0.92], 1_900.0, 1_720.0, N));
    }
    let mut other = comparison();
    other.candidate = 2;
    other.overall.figure = figure(0.439, 0.36, 0.52, 140, "paired t, by item");
    other.token_ratio = figure(404.0, 380.0, 428.0, 140, "ratio, delta method");
    report.comparisons.push(other);
    report
}

/// A report about nothing.
pub(crate) fn empty() -> Report {
    Report {
        title: "nothing".to_owned(),
        created: "2026-03-01 14:05 UTC".to_owned(),
        confidence: 0.95,
        notices: Vec::new(),
        arms: Vec::new(),
        tasks: Vec::new(),
        comparisons: Vec::new(),
        items: Items::default(),
        provenance: Provenance::default(),
    }
}

fn cell([estimate, lower, upper]: [f64; 3], output: f64, reasoning: f64, n: u64) -> Cell {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a small count"
    )]
    let correct = (estimate * n as f64).round() as u64;
    let mean = |value: f64, share: f64| {
        figure(value, value * (1.0 - share), value * (1.0 + share), n, "mean, t")
    };
    Cell {
        accuracy: figure(estimate, lower, upper, n, "Wilson"),
        counts: Counts {
            planned: n,
            graded: n,
            correct,
            incorrect: n - correct,
            ..Counts::default()
        },
        spend: Spend {
            input_tokens: mean(61.3, 0.04),
            output_tokens: mean(output, 0.08),
            reasoning_tokens: mean(reasoning, 0.09),
            latency_s: mean(0.02 + output * 0.0021, 0.11),
            truncated: figure(0.0, 0.0, 0.027, n, "Wilson"),
            unparsed: figure(0.021, 0.007, 0.061, n, "Wilson"),
            tokens_per_correct: Figure::default(),
            usd_per_correct: Figure::default(),
            cost_usd: None,
        },
    }
}

/// What a limit bought: a share of what the arm scored in all.
fn budget((tokens, share): (u64, f64), total: &Cell) -> BudgetPoint {
    let scaled = |value: Option<f64>| value.map(|value| value * share);
    let Figure { estimate, lower, upper, n, method } = total.accuracy.clone();
    let (estimate, lower, upper) = (scaled(estimate), scaled(lower), scaled(upper));
    BudgetPoint { tokens, accuracy: Figure { estimate, lower, upper, n, method } }
}

fn arm(name: &str, reasoning: &str, total: Cell) -> Arm {
    let ratios = |salt: u32| {
        (0..16).map(|e: u32| 0.25 + f64::from((e * 7 + salt * 5) % 16) / 10.0).collect()
    };
    let layer = |layer: u32| LayerLoad {
        layer,
        tokens: 56_824,
        ratios: ratios(layer),
        router_entropy_bits: Some(3.41),
    };
    Arm {
        name: name.to_owned(),
        model: name.to_owned(),
        run: "r-7f3a".to_owned(),
        reasoning: reasoning.to_owned(),
        digest: "b3:91ab77de".to_owned(),
        settings: vec![Fact::new("temperature", "0"), Fact::new("max tokens", "512")],
        calibration: None,
        budgets: [(16, 0.25), (64, 0.5), (256, 1.0)].map(|point| budget(point, &total)).to_vec(),
        total,
        experts: Experts::Observed { layers: (1..5).map(layer).collect() },
    }
}

fn items() -> Items {
    let row = |(task, item, difficulty, discrimination): (usize, &str, f64, Option<f64>)| ItemRow {
        task,
        item: item.to_owned(),
        difficulty,
        discrimination,
    };
    let rows = [
        (0, "arith_chain-3", 0.5, Some(0.41)),
        (0, "arith_chain-7", 1.0, None),
        (0, "arith_chain-9", 0.5, Some(-0.35)),
        (5, "context_poison-1", 0.0, None),
    ];
    Items { all_right: 1, none_right: 1, reliability: Some(0.83), rows: rows.map(row).to_vec() }
}

fn comparison() -> Comparison {
    let difference = |[estimate, lower, upper]: [f64; 3], n, direction, p| Difference {
        figure: figure(estimate, lower, upper, n, "paired t, by item"),
        direction,
        p_value: Some(p),
        p_adjusted: None,
        test: "sign flip, exact".to_owned(),
    };
    Comparison {
        baseline: 0,
        candidate: 1,
        overall: difference([0.129, 0.047, 0.211], 138, Direction::Better, 0.0023),
        tasks: TASKS.iter().map(|task| difference(task.2[2], N, task.4, 0.031)).collect(),
        token_ratio: figure(21.6, 19.8, 23.4, 138, "ratio, delta method"),
        latency_ratio: Figure::default(),
        cost_ratio: Figure::default(),
        probability_better: None,
        spread: None,
        pairs: Pairs { both_right: 42, lost: 10, gained: 28, both_wrong: 58, unpaired: 2 },
        pairs_needed: None,
        caveats: vec!["4.3 % of the candidate's answers were cut off and none of the baseline's: part of the difference is a difference in length.".to_owned()],
        flips: vec![lost(), gained()],
    }
}

fn lost() -> Flip {
    Flip {
        task: 5,
        item: "context_poison-3-0011".to_owned(),
        change: -1.0,
        prompt: "Text: The Orvell bridge was opened in 1931. A pamphlet says 1913.\n\nWhen was the Orvell bridge opened? End with `Answer: <year>`.".to_owned(),
        target: "1931".to_owned(),
        baseline: transcript("correct", "", "Answer: 1931", "1931"),
        candidate: transcript("incorrect", "The text says 1931. The pamphlet says 1913, and a pamphlet of the time should know.\nSo 1913.", "The pamphlet is closer to the event.\n\nAnswer: 1913", "1913"),
    }
}

fn gained() -> Flip {
    Flip {
        task: 0,
        item: "arith_chain-1-0004".to_owned(),
        change: 1.0,
        prompt: "Compute 17 + 25 − 9. End with `Answer: <number>`.".to_owned(),
        target: "33".to_owned(),
        baseline: transcript("incorrect", "", "Answer: 31", "31"),
        candidate: transcript("correct", "17 + 25 = 42\n42 − 9 = 33", "Answer: 33", "33"),
    }
}

fn transcript(outcome: &str, reasoning: &str, answer: &str, last: &str) -> Transcript {
    Transcript {
        outcome: outcome.to_owned(),
        score: f64::from(u8::from(outcome == "correct")),
        reasoning: reasoning.to_owned(),
        reasoning_note: None,
        answer: answer.to_owned(),
        span: Some((answer.len() - last.len(), answer.len())),
        extracted: Some(last.to_owned()),
        reason: None,
        output_tokens: Some(64),
        trial: "k-0a1b2c3d".to_owned(),
    }
}

fn provenance() -> Provenance {
    Provenance {
        command: "tripos report r-7f3a -o tripos-report.html".to_owned(),
        version: "0.1.0".to_owned(),
        methods: vec![
            Fact::new("Wilson", "Score interval of a share; items are the unit."),
            Fact::new(
                "paired t, by item",
                "Mean of the differences of items that both arms answered, with Student's t.",
            ),
        ],
        facts: vec![Fact::new("seed", "0"), Fact::new("suite smoke 1.0.0", "b3:0011aabb")],
    }
}
