//! Tests of the statistics: the reference file, how the method follows from the shape, properties.

mod oracle;

use proptest::prelude::*;

use super::margin::score_bounds;
use super::*;

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
        let (lower, upper) = score_bounds((better, worse), n, 1.96);
        let (mirrored_lower, mirrored_upper) = score_bounds((worse, better), n, 1.96);
        prop_assert!((lower + mirrored_upper).abs() < 1e-9);
        prop_assert!((upper + mirrored_lower).abs() < 1e-9);
        prop_assert_eq!(
            mcnemar_exact(better, worse).p_two_sided.to_bits(),
            mcnemar_exact(worse, better).p_two_sided.to_bits()
        );
    }
}

#[test]
fn a_hundred_thousand_pairs_in_clusters_of_two_are_compared() {
    let pairs: Vec<PairedItem> = (0..100_000_u32)
        .map(|n| PairedItem {
            baseline: f64::from(n % 3 / 2),
            candidate: f64::from(n % 5 / 3),
            cluster: Some(format!("c{}", n / 2)),
        })
        .collect();
    let compared = difference(&pairs);
    assert_eq!((compared.n, compared.clusters), (100_000, 50_000));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let pairs: Vec<PairedItem> = (0..2_000_u32)
        .map(|n| PairedItem {
            baseline: f64::from(n % 7) / 6.0,
            candidate: f64::from(n % 11) / 10.0,
            cluster: Some(format!("c{}", n / 3)),
        })
        .collect();
    let alone = difference(&pairs);
    let together: Vec<Comparison> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(|| difference(&pairs))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    assert_eq!(together, [alone.clone(), alone]);
}
