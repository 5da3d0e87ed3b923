//! Which experts a token passes, and how much each weighs.
//!
//! A bias that was balanced during training decides which experts are chosen, but not how much they
//! weigh (DeepSeek-AI, "DeepSeek-V3", 2024, section 2.1.2); groups of experts can be closed to a
//! token ("DeepSeek-V2", 2024, section 2.2.2).

use super::feed::sigmoid;
use super::spec::{GroupSpec, MoeSpec, Scoring};

/// The experts of one token, in the order they were chosen, and their weights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    /// The experts, the highest first.
    pub(crate) experts: Vec<usize>,
    /// What each is multiplied by.
    pub(crate) weights: Vec<f32>,
    /// The entropy of the router's shares, in bits.
    pub(crate) entropy_bits: f64,
}

/// Chooses the experts of one token. `bias` is empty or has a value an expert.
pub(crate) fn route(spec: &MoeSpec, logits: &[f32], bias: &[f32]) -> Route {
    let shares: Vec<f32> = match spec.scoring {
        Scoring::Sigmoid => logits.iter().map(|logit| sigmoid(*logit)).collect(),
        Scoring::Softmax | Scoring::SoftmaxOfChosen => softmax(logits),
    };
    let scores = if spec.scoring == Scoring::SoftmaxOfChosen { logits } else { &shares };
    let mut choice = scores.to_vec();
    choice.iter_mut().zip(bias).for_each(|(choice, bias)| *choice += bias);
    let open = match spec.groups {
        None => (0..spec.experts).collect(),
        Some(groups) => open(groups, &choice),
    };
    let experts = top(&choice, &open, spec.top_k);
    let mut weights: Vec<f32> = experts.iter().map(|expert| scores[*expert]).collect();
    if spec.scoring == Scoring::SoftmaxOfChosen {
        weights = softmax(&weights);
    }
    if spec.normalised {
        let sum: f32 = weights.iter().sum::<f32>() + 1e-20;
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    for weight in &mut weights {
        *weight *= spec.scale;
    }
    Route { experts, weights, entropy_bits: entropy_bits(&shares) }
}

/// Returns the experts of the groups that are open to a token.
fn open(spec: GroupSpec, choice: &[f32]) -> Vec<usize> {
    let members = choice.len() / spec.count;
    let worth = |group: &[f32]| -> f32 {
        let all: Vec<usize> = (0..members).collect();
        top(group, &all, spec.best).iter().map(|member| group[*member]).sum()
    };
    let groups: Vec<f32> = choice.chunks_exact(members).map(worth).collect();
    let all: Vec<usize> = (0..spec.count).collect();
    let chosen = top(&groups, &all, spec.open);
    (0..choice.len()).filter(|expert| chosen.contains(&(expert / members))).collect()
}

/// Returns the `count` of `candidates` with the highest values, the highest first, ties by number.
fn top(values: &[f32], candidates: &[usize], count: usize) -> Vec<usize> {
    let mut candidates = candidates.to_vec();
    candidates.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    candidates.truncate(count);
    candidates
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Returns the entropy of the scores taken as shares, in bits.
fn entropy_bits(scores: &[f32]) -> f64 {
    let sum: f64 = scores.iter().map(|score| f64::from(*score)).sum();
    let shares = scores.iter().map(|score| f64::from(*score) / sum).filter(|share| *share > 0.0);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::spec::ExpertLayout;
    use super::*;

    fn spec(scoring: Scoring, groups: Option<GroupSpec>) -> MoeSpec {
        MoeSpec {
            experts: 4,
            top_k: 2,
            inter: 1,
            scoring,
            groups,
            selection_bias: true,
            normalised: true,
            scale: 2.0,
            shared: None,
            clamp: None,
            layout: ExpertLayout::Split,
        }
    }

    /// Returns the logits whose sigmoids are these.
    fn logits(scores: [f32; 4]) -> [f32; 4] {
        scores.map(|score| (score / (1.0 - score)).ln())
    }

    #[track_caller]
    fn check(found: &Route, experts: &[usize], weights: &[f32]) {
        assert_eq!(found.experts, experts);
        let close = found.weights.iter().zip(weights).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{:?} instead of {weights:?}", found.weights);
    }

    #[test]
    fn the_bias_chooses_and_does_not_weigh() {
        let spec = spec(Scoring::Sigmoid, None);
        let found = route(&spec, &logits([0.25, 0.75, 0.5, 0.1]), &[1.0, 0.0, 0.0, 0.0]);
        check(&found, &[0, 1], &[0.5, 1.5]);
    }

    #[test]
    fn groups_count_by_their_best_one_or_two() {
        // The best single expert stands in the group with the lower sum of two.
        let scores = logits([0.9, 0.1, 0.6, 0.6]);
        for (best, experts) in [(2, [2, 3]), (1, [0, 1])] {
            let spec = spec(Scoring::Sigmoid, Some(GroupSpec { count: 2, open: 1, best }));
            assert_eq!(route(&spec, &scores, &[]).experts, experts);
        }
    }

    #[test]
    fn shares_are_of_all_or_of_the_chosen() {
        let logits = [0.0, 1.0_f32.exp().ln() + 2.0_f32.ln(), 1.0, 0.0];
        let two = MoeSpec { normalised: false, ..spec(Scoring::SoftmaxOfChosen, None) };
        check(&route(&two, &logits, &[]), &[1, 2], &[4.0 / 3.0, 2.0 / 3.0]);
        let all = MoeSpec { normalised: false, ..spec(Scoring::Softmax, None) };
        let e = 1.0_f32.exp();
        let sum = 2.0 + 3.0 * e;
        check(&route(&all, &logits, &[]), &[1, 2], &[4.0 * e / sum, 2.0 * e / sum]);
        check(
            &route(&spec(Scoring::Softmax, None), &logits, &[]),
            &[1, 2],
            &[4.0 / 3.0, 2.0 / 3.0],
        );
    }

    #[test]
    fn ties_go_to_the_lowest_number() {
        assert_eq!(route(&spec(Scoring::Sigmoid, None), &[0.5; 4], &[0.0; 4]).experts, [0, 1]);
    }

    #[test]
    fn even_scores_have_the_most_entropy() {
        assert!((entropy_bits(&[0.5; 8]) - 3.0).abs() < 1e-9);
        assert!(entropy_bits(&[1.0, 0.0]).abs() < 1e-9);
    }
}
