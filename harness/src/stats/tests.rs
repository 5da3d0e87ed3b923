//! Tests of the statistics: published values, the reference file, properties.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::estimate::{Part, clustered, two_sided_z, weighted, wilson};
use super::paired::paired_score;
use super::*;

#[track_caller]
fn close(got: f64, want: f64, (atol, rtol): (f64, f64), what: &str) {
    let error = (got - want).abs();
    assert!(error <= atol + rtol * want.abs(), "{what}: got {got}, want {want}, off by {error:e}");
}

/// One case of the reference file.
struct Case(Value);

impl Case {
    fn number(&self, name: &str) -> f64 {
        self.0["input"][name].as_f64().unwrap_or_else(|| panic!("`{name}` in {}", self.0))
    }

    fn count(&self, name: &str) -> usize {
        usize::try_from(self.0["input"][name].as_u64().expect("a count")).expect("a small count")
    }

    fn list(&self, name: &str) -> Vec<f64> {
        let list = self.0["input"][name].as_array().expect("a list");
        list.iter().map(|value| value.as_f64().expect("a number")).collect()
    }

    fn clusters(&self) -> Option<Vec<Option<String>>> {
        let names = self.0["input"]["clusters"].as_array()?;
        Some(names.iter().map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// Checks one expected field, which is null where the value is absent.
    fn check(&self, name: &str, got: Option<f64>) {
        let id = self.0["id"].as_str().expect("an id");
        let want = &self.0["expected"][name];
        match (want.as_f64(), got) {
            (Some(want), Some(got)) => {
                let tolerance = |name: &str| self.0[name].as_f64().expect("a tolerance");
                close(got, want, (tolerance("atol"), tolerance("rtol")), &format!("{id} {name}"));
            }
            (None, None) => assert!(want.is_null(), "{id} has no `{name}`"),
            (_, got) => panic!("{id} {name}: got {got:?}, want {want}"),
        }
    }
}

fn check_wilson(case: &Case) {
    let (x, n, level) = (case.count("successes"), case.count("n"), case.number("level"));
    let (lower, upper) = wilson(x, n, level);
    case.check("lower", Some(lower));
    case.check("upper", Some(upper));
}

fn check_mean_ci(case: &Case) {
    let (values, level) = (case.list("values"), case.number("level"));
    let alone: Vec<usize> = (0..values.len()).collect();
    let fit = clustered(&values, &alone, level).expect("values");
    let spread = fit.spread.expect("several values");
    case.check("mean", Some(fit.mean));
    case.check("se", Some(spread.se));
    case.check("lower_t", Some(fit.mean - spread.half_width));
    case.check("upper_t", Some(fit.mean + spread.half_width));
    case.check("upper_z", Some(fit.mean + two_sided_z(level) * spread.se));
}

fn check_clustered(case: &Case) {
    let names = case.clusters().expect("clusters");
    let mut rows: Vec<_> = names.iter().map(Option::as_deref).zip(case.list("values")).collect();
    let (values, clusters) = estimate::canonical(&mut rows);
    let fit = clustered(&values, &clusters, case.number("level")).expect("values");
    case.check("mean", Some(fit.mean));
    case.check("n_clusters", Some(sum::count(fit.groups)));
    case.check("se", fit.spread.map(|s| s.se));
    case.check("lower", fit.spread.map(|s| fit.mean - s.half_width));
    case.check("upper", fit.spread.map(|s| fit.mean + s.half_width));
}

fn check_paired_diff(case: &Case) {
    let (a, b) = (case.list("a"), case.list("b"));
    let clusters = case.clusters().unwrap_or_else(|| vec![None; a.len()]);
    let differences = a.iter().zip(&b).map(|(a, b)| b - a);
    let mut rows: Vec<_> = clusters.iter().map(Option::as_deref).zip(differences).collect();
    let (values, numbers) = estimate::canonical(&mut rows);
    let fit = clustered(&values, &numbers, case.number("level")).expect("pairs");
    let spread = fit.spread.expect("several pairs");
    case.check("diff", Some(fit.mean));
    case.check("se", Some(spread.se));
    case.check("lower", Some(fit.mean - spread.half_width));
    case.check("upper", Some(fit.mean + spread.half_width));
    case.check("p_two_sided", paired::student_p(&fit));
    let pairs: Vec<PairedItem> = a
        .iter()
        .zip(&b)
        .zip(clusters)
        .map(|((&baseline, &candidate), cluster)| PairedItem { baseline, candidate, cluster })
        .collect();
    let comparison = difference(&pairs);
    case.check("mean_a", comparison.baseline);
    case.check("mean_b", comparison.candidate);
    case.check("diff", comparison.difference);
}

fn check_paired_score(case: &Case) {
    let (worse, better) = (case.count("n10"), case.count("n01"));
    let n = worse + better + case.count("n11") + case.count("n00");
    // The case states a one-sided error; the interval is two-sided.
    let z = two_sided_z(1.0 - 2.0 * case.number("alpha"));
    let (lower, upper) = paired_score(better, worse, n, z);
    case.check("lower", Some(lower));
    case.check("upper", Some(upper));
}

fn check_sign_test(case: &Case) {
    let diffs = case.list("diffs");
    let positive = diffs.iter().filter(|&&d| d > 0.0).count();
    let negative = diffs.iter().filter(|&&d| d < 0.0).count();
    case.check("p_two_sided", Some(paired::sign_test(positive, negative)));
}

fn check_quantiles(case: &Case) {
    let want = case.0["expected"]["quantiles"].as_array().expect("a list").clone();
    let values = case.list("values");
    for (q, want) in case.list("q").into_iter().zip(want) {
        let got = quantile(&values, q).expect("values");
        close(got, want.as_f64().expect("a number"), (1e-9, 1e-9), "quantile7");
    }
}

fn check_macro(case: &Case) {
    let (means, ses) = (case.list("means"), case.list("ses"));
    let parts: Vec<Part> = case
        .list("weights")
        .into_iter()
        .zip(means.into_iter().zip(ses))
        .map(|(weight, (mean, se))| Part { weight, mean: Some(mean), se: Some(se) })
        .collect();
    let average = weighted(&parts, case.number("level"));
    case.check("mean", average.mean);
    case.check("se", average.se);
    case.check("lower", average.lower);
    case.check("upper", average.upper);
}

/// Checks a case; false for a method that is not ours.
fn check_case(case: &Case) -> bool {
    match case.0["method"].as_str().expect("a method") {
        "wilson" => check_wilson(case),
        "mean_ci" => check_mean_ci(case),
        "clustered_se" => check_clustered(case),
        "paired_diff" => check_paired_diff(case),
        "paired_score" => check_paired_score(case),
        "mcnemar_exact" => {
            case.check("p_two_sided", Some(paired::sign_test(case.count("b"), case.count("c"))));
        }
        "sign_test" => check_sign_test(case),
        "quantile7" => check_quantiles(case),
        "macro_average" => check_macro(case),
        _ => return false,
    }
    true
}

#[test]
fn every_method_agrees_with_the_reference_file() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/stats_oracle_dev.jsonl");
    let cases = match std::fs::read_to_string(&path) {
        Ok(cases) => cases,
        Err(error) => {
            let required = std::env::var("TRIPOS_REQUIRE_SHARED").is_ok_and(|value| value == "1");
            assert!(!required, "`{}` is required: {error}", path.display());
            println!("skipped: `{}`: {error}", path.display());
            return;
        }
    };
    let cases = cases.lines().map(|line| Case(serde_json::from_str(line).expect("JSON")));
    let checked = cases.filter(check_case).count();
    println!("{checked} cases checked");
    assert!(checked >= 25, "only {checked} cases are of our methods");
}

#[test]
fn wilson_agrees_with_published_values() {
    // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    for (x, n, lower, upper) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let got = wilson(x, n, 0.95);
        close(got.0, lower, (5e-5, 0.0), "lower");
        close(got.1, upper, (5e-5, 0.0), "upper");
    }
    assert_eq!(wilson(0, 0, 0.95), (0.0, 1.0));
}

fn scores(values: &[f64], cluster: Option<&str>) -> Vec<ItemScore> {
    let item = |&score| ItemScore { score, cluster: cluster.map(str::to_owned) };
    values.iter().map(item).collect()
}

#[test]
fn the_shape_of_the_scores_chooses_the_method() {
    let plain = accuracy(&scores(&[1.0, 0.0, 1.0], None));
    assert_eq!((plain.method, plain.n, plain.clusters), (Method::Wilson, 3, 3));
    let repeated = accuracy(&scores(&[1.0, 0.5, 1.0], None));
    assert_eq!(repeated.method, Method::ClusteredMean);
    let mut twins = scores(&[1.0, 0.0], Some("a"));
    twins.extend(scores(&[1.0, 1.0], Some("b")));
    let clustered = accuracy(&twins);
    assert_eq!((clustered.method, clustered.n, clustered.clusters), (Method::ClusteredMean, 4, 2));
    assert!(clustered.upper.is_some_and(|upper| upper <= 1.0));
}

#[test]
fn what_is_not_defined_is_absent() {
    let nothing = accuracy(&[]);
    assert_eq!((nothing.estimate, nothing.se), (None, None));
    assert_eq!((nothing.lower, nothing.upper), (Some(0.0), Some(1.0)));
    let one_cluster = accuracy(&scores(&[1.0, 0.0], Some("a")));
    assert_eq!(one_cluster.estimate, Some(0.5));
    assert_eq!((one_cluster.se, one_cluster.lower, one_cluster.upper), (None, None, None));
    let average = macro_average(&[(1, &nothing), (1, &one_cluster)]);
    assert_eq!((average.estimate, average.lower), (None, None));
    assert_eq!(macro_average(&[(0, &one_cluster)]).estimate, None);
    assert_eq!(macro_average(&[]).estimate, None);
    assert_eq!(difference(&[]).difference, None);
    assert_eq!(ItemScore::of_repeats(&[], None), None);
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn agreement_is_not_certainty() {
    let all_right = accuracy(&scores(&[1.0; 20], None));
    assert_eq!((all_right.estimate, all_right.upper), (Some(1.0), Some(1.0)));
    assert!(all_right.se.is_some_and(|se| se > 0.0));
    let halves = accuracy(&scores(&[0.5; 20], None));
    assert_eq!(halves.method, Method::Constant);
    assert!(halves.lower.is_some_and(|lower| lower < 0.4));
    let pair = |baseline, candidate| PairedItem { baseline, candidate, cluster: None };
    let same = difference(&vec![pair(1.0, 1.0); 30]);
    assert_eq!((same.difference, same.p_value), (Some(0.0), Some(1.0)));
    assert!(same.lower.is_some_and(|lower| lower < -0.05));
    let shifted = difference(&vec![pair(0.25, 0.5); 30]);
    assert_eq!((shifted.method, shifted.p_value), (Method::Constant, None));
    assert!(shifted.lower.is_some_and(|lower| lower < 0.2));
}

#[test]
fn a_suite_weighs_its_tasks() {
    let (good, bad) = (accuracy(&scores(&[1.0, 1.0], None)), accuracy(&scores(&[0.0; 50], None)));
    let average = macro_average(&[(3, &good), (1, &bad)]);
    assert_eq!((average.estimate, average.n), (Some(0.75), 52));
    let pair = |baseline, candidate| PairedItem { baseline, candidate, cluster: None };
    let up = difference(&vec![pair(0.0, 1.0); 40]);
    let level = difference(&vec![pair(1.0, 1.0); 40]);
    let both = macro_difference(&[(1, &up), (1, &level)]);
    assert_eq!((both.difference, both.better, both.worse), (Some(0.5), 40, 0));
    assert!(both.p_value.is_some_and(|p| p < 1e-6));
    assert_eq!((both.baseline, both.candidate), (Some(0.5), Some(1.0)));
}

/// How often Wilson's interval holds `p`, over all outcomes of `n` trials.
fn coverage(n: u32, p: f64) -> f64 {
    let mut mass = (1.0 - p).powi(i32::try_from(n).expect("small"));
    let mut covered = 0.0;
    for x in 0..=n {
        let (lower, upper) = wilson(x as usize, n as usize, LEVEL);
        if (lower..=upper).contains(&p) {
            covered += mass;
        }
        mass *= f64::from(n - x) / f64::from(x + 1) * p / (1.0 - p);
    }
    covered
}

#[test]
fn wilson_covers_as_often_as_it_claims() {
    let mut total = 0.0;
    let mut cells = 0.0;
    for n in [20, 50, 140] {
        for percent in 5..=95 {
            let covered = coverage(n, f64::from(percent) / 100.0);
            assert!(covered > 0.9, "n {n}, p {percent} %: {covered}");
            total += covered;
            cells += 1.0;
        }
    }
    close(total / cells, LEVEL, (0.01, 0.0), "mean coverage");
}

proptest! {
    #[test]
    fn the_order_of_items_changes_nothing(
        values in prop::collection::vec((0_u8..5, 0_u8..4, 0_u8..6), 1..40),
        seed: u64,
    ) {
        let items: Vec<ItemScore> = values.iter().map(|&(score, _, cluster)| ItemScore {
            score: f64::from(score) / 4.0,
            cluster: (cluster > 0).then(|| format!("c{cluster}")),
        }).collect();
        let pairs: Vec<PairedItem> = values.iter().map(|&(a, b, cluster)| PairedItem {
            baseline: f64::from(a) / 4.0,
            candidate: f64::from(b) / 3.0,
            cluster: (cluster > 0).then(|| format!("c{cluster}")),
        }).collect();
        let rotation = usize::try_from(seed % values.len() as u64).expect("small");
        let turned = |mut items: Vec<ItemScore>| { items.rotate_left(rotation); items.reverse(); items };
        prop_assert_eq!(accuracy(&turned(items.clone())), accuracy(&items));
        let mut moved = pairs.clone();
        moved.rotate_left(rotation);
        moved.reverse();
        prop_assert_eq!(difference(&moved), difference(&pairs));
    }

    #[test]
    fn an_interval_holds_its_estimate(
        values in prop::collection::vec((0_u8..2, 0_u8..2, 0_u8..30), 1..60),
    ) {
        let cluster = |n: u8| (n > 20).then(|| format!("c{n}"));
        let items: Vec<ItemScore> = values.iter()
            .map(|&(score, _, c)| ItemScore { score: f64::from(score), cluster: cluster(c) })
            .collect();
        let pairs: Vec<PairedItem> = values.iter().map(|&(a, b, c)| PairedItem {
            baseline: f64::from(a), candidate: f64::from(b), cluster: cluster(c),
        }).collect();
        let estimate = accuracy(&items);
        let comparison = difference(&pairs);
        let ends = [
            (estimate.estimate, estimate.lower, estimate.upper),
            (comparison.difference, comparison.lower, comparison.upper),
        ];
        for (middle, lower, upper) in ends {
            if let (Some(middle), Some(lower), Some(upper)) = (middle, lower, upper) {
                prop_assert!(lower - 1e-12 <= middle && middle <= upper + 1e-12);
            }
        }
    }

    #[test]
    fn swapping_the_arms_mirrors_the_comparison(
        counts in (0_usize..30, 0_usize..30, 1_usize..40),
    ) {
        let (better, worse, same) = counts;
        let n = better + worse + same;
        let (lower, upper) = paired_score(better, worse, n, 1.96);
        let (mirrored_lower, mirrored_upper) = paired_score(worse, better, n, 1.96);
        prop_assert!((lower + mirrored_upper).abs() < 1e-9);
        prop_assert!((upper + mirrored_lower).abs() < 1e-9);
        prop_assert_eq!(
            paired::sign_test(better, worse).to_bits(),
            paired::sign_test(worse, better).to_bits()
        );
    }
}
