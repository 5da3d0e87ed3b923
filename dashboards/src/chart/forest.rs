//! The forest: a row for each task with its estimate and interval, the whole at the foot.

use crate::chart::{MARKS, arm_class, real};
use crate::number::{Unit, show};
use crate::phrase::{names, verdict};
use crate::report::{Comparison, Difference, Direction, Figure, Report};
use crate::svg::{Anchor, Axis, Linear, Shape, Svg, Tick, bottom, interval, shape};
use crate::text::clip;

const WIDTH: f64 = 860.0;
const ROW: f64 = 28.0;
const TOP: f64 = 30.0;
/// Above the last row, which is the whole.
const GAP: f64 = 6.0;
const LABELS: f64 = 215.0;
const PLOT: (f64, f64) = (230.0, 585.0);
const NUMBERS: f64 = WIDTH - 4.0;

/// Marks that one row takes: estimate, bar and two caps, two texts.
const MARKS_A_ROW: usize = 6;

struct Row {
    label: String,
    figure: Figure,
    numbers: String,
    class: String,
    shape: Shape,
}

/// Returns the differences of each task in points, candidate minus baseline, or `None` without any.
pub(crate) fn differences(report: &Report, comparison: &Comparison, id: &str) -> Option<String> {
    let tasks = report.tasks.iter().map(|task| task.id.as_str());
    let mut rows: Vec<Row> = tasks
        .zip(&comparison.tasks)
        .map(|(id, difference)| difference_row(id, difference))
        .collect();
    rows.push(difference_row("all tasks", &comparison.overall));
    rows.iter().any(|row| row.figure.estimate.is_some()).then(|| {
        let [baseline, candidate] = names(report, comparison);
        let title = format!("Difference in accuracy by task: {candidate} minus {baseline}");
        let plot = Plot { domain: reach(&rows), unit: "points", zero: Some([baseline, candidate]) };
        plot.draw(id, &title, &verdict(report, comparison).headline, rows)
    })
}

/// Returns the accuracy of each task of the only arm, or `None` without any.
pub(crate) fn accuracies(report: &Report, id: &str) -> Option<String> {
    let arm = report.arms.first()?;
    let row = |label: &str, figure: &Figure| Row {
        label: label.to_owned(),
        figure: figure.clone(),
        numbers: show(figure, Unit::Percent).to_string(),
        class: arm_class(0),
        shape: Shape::of_arm(0),
    };
    let mut rows: Vec<Row> = report
        .tasks
        .iter()
        .filter_map(|task| Some(row(&task.id, &task.cells.first()?.accuracy)))
        .collect();
    rows.push(row("all tasks", &arm.total.accuracy));
    rows.iter().any(|row| row.figure.estimate.is_some()).then(|| {
        let title = format!("Accuracy by task: {}", arm.name);
        let finding = crate::phrase::alone(arm);
        Plot { domain: (0.0, 100.0), unit: "percent", zero: None }.draw(id, &title, &finding, rows)
    })
}

fn difference_row(label: &str, difference: &Difference) -> Row {
    let shown = show(&difference.figure, Unit::Points);
    let direction = difference.direction;
    Row {
        label: label.to_owned(),
        figure: difference.figure.clone(),
        numbers: format!("{shown} {}", direction.mark()),
        class: direction.word().to_owned(),
        shape: match direction {
            Direction::Better | Direction::Worse => Shape::Square,
            Direction::Unresolved => Shape::Circle,
        },
    }
}

/// Returns a domain in points that is even around zero and holds every interval.
fn reach(rows: &[Row]) -> (f64, f64) {
    let bounds =
        rows.iter().flat_map(|row| [row.figure.lower, row.figure.upper, row.figure.estimate]);
    let widest =
        bounds.flatten().map(f64::abs).filter(|bound| bound.is_finite()).fold(0.05, f64::max);
    let points = ((widest * 100.0 / 5.0).ceil() * 5.0).min(100.0);
    (-points, points)
}

struct Plot<'a> {
    domain: (f64, f64),
    unit: &'a str,
    /// The names on either side of zero, where zero means that two arms are equal.
    zero: Option<[&'a str; 2]>,
}

impl Plot<'_> {
    fn draw(&self, id: &str, title: &str, finding: &str, mut rows: Vec<Row>) -> String {
        let most = MARKS / MARKS_A_ROW;
        let left_out = rows.len().saturating_sub(most);
        rows.drain(..left_out);
        let height = TOP + ROW * real(rows.len()) + GAP + 52.0;
        let mut svg = Svg::new(id, (WIDTH, height), title, finding);
        let scale = Linear::new(self.domain, PLOT);
        let floor = TOP + ROW * real(rows.len()) + GAP + 4.0;
        let middle = f64::midpoint(PLOT.0, PLOT.1);
        let unit = match left_out {
            0 => self.unit.to_owned(),
            n => format!("{} ({n} tasks left out: see the table)", self.unit),
        };
        let axis = Axis { at: floor, reach: TOP - 6.0, title: &unit, middle };
        bottom(&mut svg, axis, &self.ticks(&scale));
        if let Some([baseline, candidate]) = self.zero {
            let zero = scale.place(0.0);
            svg.line((zero, TOP - 6.0), (zero, floor), "zero");
            let better = |name| format!("{} better", clip(name, 20));
            let (left, right) =
                (format!("◀ {}", better(baseline)), format!("{} ▶", better(candidate)));
            svg.text((zero - 10.0, TOP - 14.0), Anchor::End, "tick", &left);
            svg.text((zero + 10.0, TOP - 14.0), Anchor::Start, "tick", &right);
        }
        let last = rows.len().saturating_sub(1);
        for (index, row) in rows.iter().enumerate() {
            let mut y = TOP + ROW * (real(index) + 0.5);
            if index == last && last > 0 {
                let rule = y - ROW / 2.0 + GAP / 2.0;
                svg.line((0.0, rule), (WIDTH, rule), "rule");
                y += GAP;
            }
            draw_row(&mut svg, row, &scale, y, index == last);
        }
        svg.finish()
    }

    fn ticks(&self, scale: &Linear) -> Vec<Tick> {
        let sign = |value: f64| match value {
            value if value < -1e-9 => format!("−{}", value.abs()),
            value if value > 1e-9 && self.zero.is_some() => format!("+{value}"),
            value => format!("{}", value.abs()),
        };
        let tick = |value| Tick { place: scale.place(value), label: sign(value) };
        scale.ticks(9).into_iter().map(tick).collect()
    }
}

fn draw_row(svg: &mut Svg, row: &Row, scale: &Linear, y: f64, total: bool) {
    let weight = if total { " strong" } else { "" };
    let label = clip(&row.label, 28);
    svg.text((LABELS, y + 5.0), Anchor::End, &format!("label{weight}"), &label);
    svg.text((NUMBERS, y + 5.0), Anchor::End, &format!("label{weight}"), &row.numbers);
    let bar = format!("bar {}{weight}", row.class);
    if let (Some(lower), Some(upper)) = (row.figure.lower, row.figure.upper) {
        let [from, to] = [lower, upper].map(|bound| (scale.place(bound * 100.0), y));
        interval(svg, from, to, 5.0, &bar);
    }
    if let Some(estimate) = row.figure.estimate {
        let radius = if total { 7.0 } else { 5.0 };
        let at = (scale.place(estimate * 100.0), y);
        shape(svg, row.shape, at, radius, &format!("mark {}", row.class));
    }
}
