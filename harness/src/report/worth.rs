//! What a token limit would have bought, and what the items are worth.

use tripos_dashboards::report::{BudgetPoint, ItemRow, Items};

use super::{View, cells};
use crate::stats::{Estimate, Spent, budget_curve, doubling_budgets, item_stats, macro_average};
use crate::store::rows::{Sample, TaskRow};

/// The fewest arms whose correlations say anything of an item.
const ARMS_MIN: usize = 4;

/// The accuracy that each token limit would have bought an arm; nothing where a graded answer does not
/// say what it took.
pub(super) fn budgets(view: &View<'_>) -> Vec<BudgetPoint> {
    let spent: Option<Vec<(u32, Vec<Spent>)>> =
        view.tasks.iter().map(|task| Some((task.row.weight, spent(&task.samples)?))).collect();
    let Some(tasks) = spent else { return Vec::new() };
    let all = tasks.iter().flat_map(|(_, answers)| answers);
    let limits = doubling_budgets(all.clone());
    if all.count() == 0 {
        return Vec::new();
    }
    let curves: Vec<(u32, Vec<Estimate>)> = tasks
        .iter()
        .map(|(weight, answers)| {
            let curve = budget_curve(answers, &limits);
            (*weight, curve.into_iter().map(|point| point.accuracy).collect())
        })
        .collect();
    let at = |place: usize| match curves.as_slice() {
        [(_, only)] => cells::figure(&only[place]),
        several => {
            let parts: Vec<(u32, &Estimate)> =
                several.iter().map(|(weight, curve)| (*weight, &curve[place])).collect();
            cells::figure(&macro_average(&parts))
        }
    };
    let points = limits.iter().enumerate();
    points.map(|(place, &tokens)| BudgetPoint { tokens, accuracy: at(place) }).collect()
}

/// What each graded answer took and scored; nothing where one does not say.
fn spent(samples: &[&Sample]) -> Option<Vec<Spent>> {
    let graded = samples.iter().filter_map(|sample| Some((sample, sample.score?)));
    graded
        .map(|(sample, score)| {
            Some(Spent {
                item: sample.item.clone(),
                cluster: Some(sample.cluster.clone()),
                tokens: sample.usage.output?,
                score,
            })
        })
        .collect()
}

/// How hard the items are that every arm answered, and whether they tell arms apart.
pub(super) fn items(views: &[View<'_>], tasks: &[&TaskRow]) -> Items {
    let mut names = Vec::new();
    let mut matrix: Vec<Vec<f64>> = vec![Vec::new(); views.len()];
    for (place, task) in tasks.iter().enumerate() {
        let arms: Option<Vec<&[cells::Item<'_>]>> =
            views.iter().map(|view| Some(view.task(&task.task)?.items.as_slice())).collect();
        let Some((first, others)) = arms.as_deref().and_then(<[_]>::split_first) else { continue };
        let mut beside: Vec<_> = others.iter().map(|arm| cells::beside(first, arm)).collect();
        for item in *first {
            let of_others: Vec<_> = beside.iter_mut().map(|arm| arm.next()?.1).collect();
            let Some(of_others) = of_others.into_iter().collect::<Option<Vec<_>>>() else {
                continue;
            };
            names.push((place, item.id.to_owned()));
            for (row, item) in matrix.iter_mut().zip([item].into_iter().chain(of_others)) {
                row.push(item.score);
            }
        }
    }
    let stats = item_stats(&matrix);
    let enough = views.len() >= ARMS_MIN;
    let alike = |wanted: f64| {
        let is_wanted = |score: f64| (score - wanted).abs() < 1e-9;
        cells::number(stats.difficulty.iter().filter(|mean| is_wanted(**mean)).count())
    };
    let rows = names.into_iter().zip(stats.difficulty.iter().zip(&stats.discrimination)).map(
        |((task, item), (difficulty, discrimination))| ItemRow {
            task,
            item,
            difficulty: *difficulty,
            discrimination: discrimination.filter(|_| enough),
        },
    );
    Items {
        all_right: alike(1.0),
        none_right: alike(0.0),
        reliability: stats.kr20.filter(|_| enough),
        rows: rows.collect(),
    }
}
