//! Which of many results no other beats on both cost and score.

/// What something costs and how well it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostScore {
    /// The cost, in any unit: less is better.
    pub cost: f64,
    /// The score: more is better.
    pub score: f64,
}

impl CostScore {
    fn beats(self, other: Self) -> bool {
        let no_worse = self.cost <= other.cost && self.score >= other.score;
        no_worse && (self.cost < other.cost || self.score > other.score)
    }
}

/// The places of the points that no other beats, in the order given: a point is beaten by one that is no
/// worse in either and better in one, so that equal points all stay (Pareto 1906; oracle
/// `pareto_frontier`).
pub fn pareto_frontier(points: &[CostScore]) -> Vec<usize> {
    let beaten = |point: CostScore| points.iter().any(|other| other.beats(point));
    (0..points.len()).filter(|&n| !beaten(points[n])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(points: &[(f64, f64)], expected: &[usize]) {
        let points: Vec<CostScore> =
            points.iter().map(|&(cost, score)| CostScore { cost, score }).collect();
        assert_eq!(pareto_frontier(&points), expected);
    }

    #[test]
    fn only_what_is_beaten_is_dropped() {
        check(&[], &[]);
        check(&[(1.0, 0.5), (1.0, 0.5)], &[0, 1]);
        check(&[(3.0, 0.9), (2.0, 0.5), (1.0, 0.5), (4.0, 0.9)], &[0, 2]);
    }
}
