//! Strengths of models from games between them.

use super::sum::sum;

/// Rounds of Newton's method; a handful suffices.
const ROUNDS_MAX: u32 = 200;
/// The strength that is called [`ELO_MIDDLE`], and what a factor of ten in the odds adds to it.
const ELO_MIDDLE: f64 = 1000.0;
const ELO_DECADE: f64 = 400.0;

/// The games of two models, by place in the list of models.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Games {
    /// The one.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// Games the one won.
    pub wins_a: f64,
    /// Games the other won.
    pub wins_b: f64,
    /// Games nobody won: half a win each.
    pub ties: f64,
}

/// Why strengths cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrengthError {
    /// Some models never lose to the others, so that no finite strength is the most likely.
    #[error("the strengths are not identified: some models never lost to the others")]
    NotIdentified,
}

/// The strengths of models.
#[derive(Clone, Debug, PartialEq)]
pub struct Strengths {
    /// The log-odds scale; the sum is 0.
    pub theta: Vec<f64>,
    /// The covariance of `theta`, by rows.
    covariance: Vec<Vec<f64>>,
}

impl Strengths {
    /// The standard error of each strength.
    pub fn se(&self) -> Vec<f64> {
        (0..self.theta.len()).map(|n| libm::sqrt(self.covariance[n][n].max(0.0))).collect()
    }

    /// The strengths on the Elo scale: 1000 + 400/ln 10·θ.
    pub fn elo(&self) -> Vec<f64> {
        let scale = ELO_DECADE / std::f64::consts::LN_10;
        self.theta.iter().map(|theta| ELO_MIDDLE + scale * theta).collect()
    }

    /// The chance that the model at `one` beats the model at `other`.
    pub fn win_probability(&self, one: usize, other: usize) -> f64 {
        sigmoid(self.theta[one] - self.theta[other])
    }

    /// The standard error of the difference of two strengths, from their full covariance.
    pub fn se_of_difference(&self, one: usize, other: usize) -> f64 {
        let c = &self.covariance;
        libm::sqrt((c[one][one] + c[other][other] - 2.0 * c[one][other]).max(0.0))
    }
}

/// Fits the strengths θ that maximise Σ `W_ij` ln σ(θᵢ − θⱼ) − `ridge`/2·Σθ² (Bradley & Terry 1952, "Rank
/// analysis of incomplete block designs"; Ford 1957 for when a maximum exists; oracle `bradley_terry`).
///
/// Without a ridge the covariance is the pseudo-inverse of the information, with one the inverse of the
/// information plus the ridge. Games with a place past the end of the models are left out.
pub fn bradley_terry(
    models: usize,
    games: &[Games],
    ridge: f64,
) -> Result<Strengths, StrengthError> {
    let wins = wins(models, games);
    if ridge <= 0.0 && !connected(&wins) {
        return Err(StrengthError::NotIdentified);
    }
    let mut theta = vec![0.0; models];
    let mut height = likelihood(&wins, &theta, ridge);
    for _ in 0..ROUNDS_MAX {
        let slope = gradient(&wins, &theta, ridge);
        let step = product(&inverse(&curvature(&wins, &theta, ridge)), &slope);
        // The whole step, or the largest half of it that does not go down by more than rounding.
        let floor = height - 1e-12 * height.abs();
        let moved = |share: f64| -> Vec<f64> {
            theta.iter().zip(&step).map(|(theta, step)| theta + share * step).collect()
        };
        let mut share = 1.0;
        while share > 1e-9 && likelihood(&wins, &moved(share), ridge) < floor {
            share /= 2.0;
        }
        theta = moved(share);
        height = likelihood(&wins, &theta, ridge);
        let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        if largest(&step) <= 1e-15 * (1.0 + largest(&theta)) {
            break;
        }
    }
    let middle = if ridge > 0.0 { 0.0 } else { sum(theta.iter().copied()) / real(models.max(1)) };
    for theta in &mut theta {
        *theta -= middle;
    }
    let mut covariance = inverse(&curvature(&wins, &theta, ridge));
    if ridge <= 0.0 {
        covariance.iter_mut().flatten().for_each(|value| *value -= 1.0 / real(models));
    }
    Ok(Strengths { theta, covariance })
}

/// How often each model won against each other, ties shared.
fn wins(models: usize, games: &[Games]) -> Vec<Vec<f64>> {
    let mut wins = vec![vec![0.0; models]; models];
    for game in games.iter().filter(|game| game.a.max(game.b) < models && game.a != game.b) {
        wins[game.a][game.b] += game.wins_a + game.ties / 2.0;
        wins[game.b][game.a] += game.wins_b + game.ties / 2.0;
    }
    wins
}

/// Whether every model can be reached from every other along wins.
fn connected(wins: &[Vec<f64>]) -> bool {
    let reaches = |beats: &dyn Fn(usize, usize) -> bool| {
        let mut seen = vec![false; wins.len()];
        let mut open: Vec<usize> = (0..wins.len().min(1)).collect();
        while let Some(one) = open.pop() {
            if !std::mem::replace(&mut seen[one], true) {
                open.extend((0..wins.len()).filter(|&other| !seen[other] && beats(one, other)));
            }
        }
        seen.into_iter().all(|seen| seen)
    };
    reaches(&|one, other| wins[one][other] > 0.0) && reaches(&|one, other| wins[other][one] > 0.0)
}

fn likelihood(wins: &[Vec<f64>], theta: &[f64], ridge: f64) -> f64 {
    let games = wins.iter().enumerate().flat_map(|(one, row)| {
        row.iter()
            .enumerate()
            .filter(|(_, wins)| **wins > 0.0)
            .map(move |(other, wins)| -wins * libm::log1p(libm::exp(theta[other] - theta[one])))
    });
    sum(games.chain(theta.iter().map(|theta| -ridge / 2.0 * theta * theta)))
}

fn gradient(wins: &[Vec<f64>], theta: &[f64], ridge: f64) -> Vec<f64> {
    (0..theta.len())
        .map(|one| {
            let games = (0..theta.len()).map(|other| {
                wins[one][other] * sigmoid(theta[other] - theta[one])
                    - wins[other][one] * sigmoid(theta[one] - theta[other])
            });
            sum(games) - ridge * theta[one]
        })
        .collect()
}

/// The information plus the ridge; without a ridge plus 1/M everywhere, which makes it invertible and
/// leaves the sum of strengths alone.
fn curvature(wins: &[Vec<f64>], theta: &[f64], ridge: f64) -> Vec<Vec<f64>> {
    let models = theta.len();
    let everywhere = if ridge > 0.0 { 0.0 } else { 1.0 / real(models.max(1)) };
    let mut matrix = vec![vec![everywhere; models]; models];
    for one in 0..models {
        for other in (0..models).filter(|&other| other != one) {
            let chance = sigmoid(theta[one] - theta[other]);
            let weight = (wins[one][other] + wins[other][one]) * chance * (1.0 - chance);
            matrix[one][other] -= weight;
            matrix[one][one] += weight;
        }
        matrix[one][one] += ridge.max(0.0);
    }
    matrix
}

/// The inverse of a positive definite matrix, by elimination with the largest pivot.
fn inverse(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut left = matrix.to_vec();
    let mut right = vec![vec![0.0; n]; n];
    for (place, row) in right.iter_mut().enumerate() {
        row[place] = 1.0;
    }
    for column in 0..n {
        let largest =
            |&a: &usize, &b: &usize| left[a][column].abs().total_cmp(&left[b][column].abs());
        let pivot = (column..n).max_by(largest).unwrap_or(column);
        left.swap(column, pivot);
        right.swap(column, pivot);
        let scale = left[column][column];
        left[column].iter_mut().chain(right[column].iter_mut()).for_each(|value| *value /= scale);
        for row in (0..n).filter(|&row| row != column) {
            let factor = left[row][column];
            for place in 0..n {
                left[row][place] -= factor * left[column][place];
                right[row][place] -= factor * right[column][place];
            }
        }
    }
    right
}

fn product(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| sum(row.iter().zip(vector).map(|(a, b)| a * b))).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn real(n: usize) -> f64 {
    super::sum::count(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn games(a: usize, b: usize, wins_a: f64, wins_b: f64) -> Games {
        Games { a, b, wins_a, wins_b, ties: 0.0 }
    }

    #[test]
    fn strengths_without_a_finite_maximum_are_refused() {
        let not_identified = Err(StrengthError::NotIdentified);
        assert_eq!(bradley_terry(2, &[], 0.0).map(|s| s.theta), not_identified);
        let cycle_and_outsider = [
            games(0, 1, 1.0, 0.0),
            games(1, 2, 1.0, 0.0),
            games(2, 0, 1.0, 0.0),
            games(0, 3, 2.0, 0.0),
        ];
        assert_eq!(bradley_terry(4, &cycle_and_outsider, 0.0).map(|s| s.theta), not_identified);
        assert!(bradley_terry(3, &cycle_and_outsider, 0.0).is_ok(), "a cycle alone is identified");
        assert!(bradley_terry(4, &cycle_and_outsider, 0.1).is_ok(), "a ridge identifies all");
    }

    #[test]
    fn two_models_have_the_log_odds_of_their_games() {
        let fit = bradley_terry(2, &[games(0, 1, 75.0, 25.0)], 0.0).expect("identified");
        assert!((fit.theta[0] - fit.theta[1] - 3.0_f64.ln()).abs() < 1e-12);
        assert!((fit.win_probability(0, 1) - 0.75).abs() < 1e-12);
        // The variance of a log-odds: 1/75 + 1/25.
        let want = libm::sqrt(1.0 / 75.0 + 1.0 / 25.0);
        assert!((fit.se_of_difference(0, 1) - want).abs() < 1e-12);
    }

    #[test]
    fn nobody_and_one_alone_have_a_strength_of_nothing() {
        assert_eq!(bradley_terry(0, &[], 0.0).expect("nobody").theta, [0.0; 0]);
        let alone = bradley_terry(1, &[], 0.0).expect("one");
        assert_eq!((alone.theta[0], alone.se()[0]), (0.0, 0.0));
    }

    #[test]
    fn an_unbeaten_model_is_held_by_a_small_ridge() {
        let fit = bradley_terry(2, &[games(0, 1, 1000.0, 0.0)], 1e-6).expect("a ridge");
        assert!(fit.theta[0] > 5.0 && fit.theta[0].is_finite(), "{:?}", fit.theta);
        let slope = gradient(&wins(2, &[games(0, 1, 1000.0, 0.0)]), &fit.theta, 1e-6);
        assert!(slope.iter().all(|slope| slope.abs() < 1e-9), "{slope:?}");
    }
}
