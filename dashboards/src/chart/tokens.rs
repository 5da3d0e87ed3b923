//! Accuracy against reasoning tokens: does thinking longer pay?
//!
//! The axis is logarithmic, a doubling always as wide. Answers without any reasoning have a slot of
//! their own at its left end, where points stand side by side.

use crate::chart::{MARKS, arm_class, real};
use crate::number::{Unit, count, show};
use crate::report::{Cell, Report};
use crate::svg::{
    Anchor, Axis, Linear, Log2, Point, Shape, Svg, Tick, bottom, interval, left, shape,
};
use crate::text::{clip, columns};

const SIZE: Point = (860.0, 440.0);
const PLOT_LEFT: f64 = 56.0;
const PLOT_RIGHT: f64 = 836.0;
const PLOT_TOP: f64 = 64.0;
const PLOT_BOTTOM: f64 = 384.0;
const SLOT: f64 = 190.0;

/// Marks that one point takes: shape, bar and two caps, its number.
const MARKS_A_POINT: usize = 5;

/// Below half a token on average there was no reasoning.
const NO_REASONING: f64 = 0.5;

struct Spot {
    arm: usize,
    /// `None` for the arm's total.
    task: Option<usize>,
    tokens: f64,
    token_bounds: Option<(f64, f64)>,
    accuracy: f64,
    bounds: Option<(f64, f64)>,
}

/// Returns the chart, or `None` where no reasoning was counted.
pub(crate) fn tokens(report: &Report, id: &str) -> Option<String> {
    let totals: Vec<Spot> = (report.arms.iter().enumerate())
        .filter_map(|(arm, shown)| spot(arm, None, &shown.total))
        .collect();
    if totals.iter().all(|spot| spot.tokens < NO_REASONING) {
        return None;
    }
    let spots: Vec<Spot> = (report.tasks.iter().enumerate())
        .flat_map(|(task, row)| {
            (row.cells.iter().enumerate())
                .filter_map(move |(arm, cell)| spot(arm, Some(task), cell))
        })
        .collect();
    let crowded = (spots.len() + totals.len()) * MARKS_A_POINT > MARKS;
    let spots = if crowded { Vec::new() } else { spots };
    let mut svg =
        Svg::new(id, SIZE, "Accuracy against reasoning tokens", &finding(report, &totals));
    let field = Field::holding(&spots, &totals, report.tasks.len());
    field.draw_axes(&mut svg);
    draw_legend(&mut svg, report, &totals);
    draw_path(&mut svg, &field, &totals);
    for spot in &spots {
        field.draw_task(&mut svg, spot);
    }
    for spot in &totals {
        field.draw_total(&mut svg, spot);
    }
    Some(svg.finish())
}

fn spot(arm: usize, task: Option<usize>, cell: &Cell) -> Option<Spot> {
    let tokens = &cell.spend.reasoning_tokens;
    Some(Spot {
        arm,
        task,
        tokens: tokens.estimate.filter(|mean| mean.is_finite())?,
        token_bounds: tokens.lower.zip(tokens.upper),
        accuracy: cell.accuracy.estimate?,
        bounds: cell.accuracy.lower.zip(cell.accuracy.upper),
    })
}

fn finding(report: &Report, totals: &[Spot]) -> String {
    let said = totals.iter().map(|spot| {
        let arm = &report.arms[spot.arm];
        format!(
            "{} scores {} with {} reasoning tokens a trial",
            arm.name,
            show(&arm.total.accuracy, Unit::Percent),
            show(&arm.total.spend.reasoning_tokens, Unit::Amount)
        )
    });
    said.collect::<Vec<_>>().join("; ") + "."
}

struct Field {
    accuracy: Linear,
    tokens: Log2,
    /// Whether anything was answered without reasoning.
    without: bool,
    tasks: usize,
}

impl Field {
    fn holding(spots: &[Spot], totals: &[Spot], tasks: usize) -> Self {
        let all = || spots.iter().chain(totals);
        let without = all().any(|spot| spot.tokens < NO_REASONING);
        let start = if without { PLOT_LEFT + SLOT + 24.0 } else { PLOT_LEFT + 24.0 };
        let reasoned = all().map(|spot| spot.tokens).filter(|tokens| *tokens >= NO_REASONING);
        Self {
            accuracy: Linear::new((0.0, 1.0), (PLOT_BOTTOM, PLOT_TOP)),
            tokens: Log2::holding(reasoned, (start, PLOT_RIGHT - 20.0)),
            without,
            tasks,
        }
    }

    /// Returns the place of `spot`; in the slot without reasoning the tasks stand side by side.
    fn place(&self, spot: &Spot) -> Point {
        let y = self.accuracy.place(spot.accuracy);
        if spot.tokens >= NO_REASONING {
            return (self.tokens.place(spot.tokens), y);
        }
        let seats = real(self.tasks + 1);
        let seat = real(spot.task.unwrap_or(self.tasks)) + 0.5;
        (PLOT_LEFT + 14.0 + (SLOT - 28.0) * seat / seats, y)
    }

    fn draw_axes(&self, svg: &mut Svg) {
        if self.without {
            svg.rect((PLOT_LEFT, PLOT_TOP), (SLOT, PLOT_BOTTOM - PLOT_TOP), "slot");
        }
        let percent = |share: f64| Tick {
            place: self.accuracy.place(share),
            label: format!("{:.0}", share * 100.0),
        };
        let axis = Axis {
            at: PLOT_LEFT,
            reach: PLOT_RIGHT,
            title: "accuracy, %",
            middle: PLOT_TOP - 14.0,
        };
        left(svg, axis, &[0.0, 0.25, 0.5, 0.75, 1.0].map(percent));
        if self.without {
            let label = "0: no reasoning".to_owned();
            svg.text((PLOT_LEFT + SLOT / 2.0, PLOT_BOTTOM + 18.0), Anchor::Middle, "tick", &label);
        }
        let tick = |tokens| Tick { place: self.tokens.place(tokens), label: power_of_two(tokens) };
        let ticks: Vec<Tick> = self.tokens.ticks(9).into_iter().map(tick).collect();
        let title = "reasoning tokens a trial, mean (each step doubles)";
        let middle = f64::midpoint(PLOT_LEFT, PLOT_RIGHT);
        bottom(svg, Axis { at: PLOT_BOTTOM, reach: PLOT_TOP, title, middle }, &ticks);
        svg.line((PLOT_LEFT, PLOT_BOTTOM), (PLOT_RIGHT, PLOT_BOTTOM), "zero");
    }

    fn draw_task(&self, svg: &mut Svg, spot: &Spot) {
        let (x, y) = self.place(spot);
        let class = arm_class(spot.arm);
        self.draw_bounds(svg, spot, x, &format!("bar faint {class}"));
        shape(svg, Shape::of_arm(spot.arm), (x, y), 4.0, &format!("mark {class}"));
        if let Some(task) = spot.task {
            let number = (task + 1).to_string();
            svg.text((x + 6.0, y - 5.0), Anchor::Start, "key", &number);
        }
    }

    fn draw_total(&self, svg: &mut Svg, spot: &Spot) {
        let (x, y) = self.place(spot);
        let class = arm_class(spot.arm);
        let bar = format!("bar strong {class}");
        self.draw_bounds(svg, spot, x, &bar);
        if let (Some((lower, upper)), true) = (spot.token_bounds, spot.tokens >= NO_REASONING) {
            let [from, to] = [lower, upper].map(|t| (self.tokens.place(t.max(NO_REASONING)), y));
            interval(svg, from, to, 4.0, &bar);
        }
        shape(svg, Shape::of_arm(spot.arm), (x, y), 8.0, &format!("mark total {class}"));
    }

    fn draw_bounds(&self, svg: &mut Svg, spot: &Spot, x: f64, class: &str) {
        if let Some((lower, upper)) = spot.bounds {
            let [from, to] = [lower, upper].map(|share| (x, self.accuracy.place(share)));
            interval(svg, from, to, 4.0, class);
        }
    }
}

fn draw_legend(svg: &mut Svg, report: &Report, totals: &[Spot]) {
    let mut x = PLOT_LEFT;
    for spot in totals {
        let name = clip(&report.arms[spot.arm].name, 26).into_owned();
        let class = format!("mark {}", arm_class(spot.arm));
        shape(svg, Shape::of_arm(spot.arm), (x + 7.0, 16.0), 6.0, &class);
        svg.text((x + 20.0, 21.0), Anchor::Start, "label", &name);
        x += 44.0 + 7.6 * real(columns(&name));
    }
    let note = "large: all tasks; small: one task, by its number";
    svg.text((PLOT_RIGHT, PLOT_TOP - 14.0), Anchor::End, "tick", note);
}

/// Joins the baseline's total with each candidate's.
fn draw_path(svg: &mut Svg, field: &Field, totals: &[Spot]) {
    let Some((first, rest)) = totals.split_first() else { return };
    for spot in rest {
        svg.line(field.place(first), field.place(spot), "path");
    }
}

/// Returns `tokens`, a power of two, in as few digits as say it.
fn power_of_two(tokens: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a power of two at or above one that labels an axis"
    )]
    let whole = tokens as u64;
    match whole {
        0 => format!("{tokens}"),
        1..16_384 => count(whole),
        _ => format!("{}k", count(whole / 1024)),
    }
}
