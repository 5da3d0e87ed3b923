//! Holds every method against files of reference cases, one JSON object a line: `method`, `input`,
//! `expected`, `atol` and `rtol`. Booleans, texts, nulls and lengths must be equal.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stats::pass_at::{AnswerClass, Ballot, PassAt, PassError};
use crate::stats::proportion::Proportion;
use crate::stats::sequential::RatioTest;
use crate::stats::*;

/// What a method gives: its fields, or the code it fails with.
type Answer = Result<Value, &'static str>;

/// Cases that the shared file holds.
const SHARED_CASES: usize = 102;
/// Cases that our own file holds.
const EDGE_CASES: usize = 101;

#[test]
fn every_method_agrees_with_the_oracle_files() {
    let shared =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/stats_oracle_dev.jsonl");
    let required = std::env::var("TRIPOS_REQUIRE_SHARED").is_ok_and(|value| value == "1");
    if shared.exists() || required {
        assert_eq!(check_file(&shared), SHARED_CASES);
    } else {
        println!("skipped: `{}` is not there", shared.display());
    }
    if let Some(own) = std::env::var_os("TRIPOS_STATS_ORACLE").filter(|path| !path.is_empty()) {
        assert!(check_file(&PathBuf::from(own)) > 0, "the file holds no case");
    }
}

/// Shapes at their edges (zero counts, all ties, large shapes, tails), computed apart with 40 digits (mpmath 1.4,
/// scipy 1.17): `edge_cases.jsonl`, of the same form.
#[test]
fn the_edges_of_every_shape_agree_with_an_oracle_of_our_own() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stats/tests/edge_cases.jsonl");
    assert_eq!(check_file(&own), EDGE_CASES);
}

/// Checks every case of a file and fails with all offences at once.
fn check_file(path: &Path) -> usize {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()));
    let cases: Vec<Value> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).expect("a case is JSON"))
        .collect();
    let offences: Vec<String> = cases.iter().flat_map(offences).collect();
    assert!(
        offences.is_empty(),
        "{} offences in {} cases of `{}`:\n{}",
        offences.len(),
        cases.len(),
        path.display(),
        offences.join("\n")
    );
    println!("{} cases of `{}`", cases.len(), path.display());
    cases.len()
}

/// What is wrong with the answer to one case.
fn offences(case: &Value) -> Vec<String> {
    let method = text(case, "method");
    let answer = answer(method, &case["input"]);
    let tolerance = (number(case, "atol"), number(case, "rtol"));
    let mut found = Vec::new();
    match (answer, case["expected"]["error"].as_str()) {
        (Err(got), Some(want)) if got == want => {}
        (Err(got), _) => found.push(format!("failed with `{got}`")),
        (Ok(got), Some(want)) => found.push(format!("gave {got}, want the error `{want}`")),
        (Ok(got), None) => compare("", &got, &case["expected"], tolerance, &mut found),
    }
    let id = text(case, "id");
    found.into_iter().map(|offence| format!("{id} ({method}): {offence}")).collect()
}

/// Compares what was got with what is wanted; fields that nobody asked for are not looked at.
fn compare(at: &str, got: &Value, want: &Value, (atol, rtol): (f64, f64), found: &mut Vec<String>) {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().expect("finite"), want.as_f64().expect("finite"));
            let error = (got - want).abs();
            if error > atol + rtol * want.abs() {
                found.push(format!("{at}: got {got:e}, want {want:e}, off by {error:e}"));
            }
        }
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => {
            for (n, (got, want)) in got.iter().zip(want).enumerate() {
                compare(&format!("{at}[{n}]"), got, want, (atol, rtol), found);
            }
        }
        (Value::Object(got), Value::Object(want)) => {
            for (name, want) in want {
                match got.get(name) {
                    Some(got) => compare(&format!("{at}.{name}"), got, want, (atol, rtol), found),
                    None => found.push(format!("{at}.{name} is missing")),
                }
            }
        }
        _ if got == want => {}
        _ => found.push(format!("{at}: got {got}, want {want}")),
    }
}

fn answer(method: &str, input: &Value) -> Answer {
    one_sample(method, input)
        .or_else(|| two_samples(method, input))
        .or_else(|| rankings(method, input))
        .or_else(|| repeated(method, input))
        .or_else(|| planned(method, input))
        .or_else(|| gates(method, input))
        .or_else(|| graders(method, input))
        .unwrap_or_else(|| panic!("`{method}` is not a method that is known here"))
}

fn one_sample(method: &str, input: &Value) -> Option<Answer> {
    let level = || number(input, "level");
    Some(Ok(match method {
        "wilson" => proportion(wilson(tally(input, ""), level())),
        "clopper_pearson" => proportion(clopper_pearson(tally(input, ""), level())),
        "beta_posterior" => {
            let posterior = beta_posterior(tally(input, ""), prior(input));
            let (lower, upper) = posterior.interval(level());
            let above = input["threshold"].as_f64().map(|at| posterior.probability_above(at));
            json!({ "mean": posterior.mean(), "sd": posterior.sd(), "lower": lower,
                "upper": upper, "prob_above": above })
        }
        "mean_ci" => {
            let values = numbers(input, "values");
            let fit = mean_ci(&values, level());
            json!({ "n": values.len(), "mean": fit.mean, "sd": fit.sd, "se": fit.se,
                "lower_t": fit.t.map(|t| t.0), "upper_t": fit.t.map(|t| t.1),
                "lower_z": fit.z.map(|z| z.0), "upper_z": fit.z.map(|z| z.1) })
        }
        "clustered_se" => {
            let clusters = clusters(input).expect("clusters");
            let fit = clustered_se(&numbers(input, "values"), &clusters, level());
            json!({ "mean": fit.mean, "n": fit.n, "n_clusters": fit.clusters,
                "se_naive": fit.se_naive, "se_cr0": fit.se_cr0, "se": fit.se, "lower": fit.lower,
                "upper": fit.upper, "design_effect": fit.design_effect })
        }
        "repeat_decomposition" => {
            let scores: Vec<Vec<f64>> = list(input, "scores").iter().map(all_numbers).collect();
            let parts = repeat_decomposition(&scores);
            json!({ "mean": parts.mean, "var_of_question_means": parts.var_of_question_means,
                "mean_within_variance": parts.mean_within_variance,
                "sampling_part": parts.sampling_part, "question_part": parts.question_part,
                "se_total": parts.se_total, "se_sampling_only": parts.se_sampling_only,
                "sampling_share": parts.sampling_share })
        }
        "macro_average" => {
            let optional = |name| list(input, name).iter().map(Value::as_f64).collect::<Vec<_>>();
            let (means, ses) = (optional("means"), optional("ses"));
            let parts: Vec<weighted::Part> = numbers(input, "weights")
                .into_iter()
                .zip(means.into_iter().zip(ses))
                .map(|(weight, (mean, se))| weighted::Part { weight, mean, se })
                .collect();
            let average = weighted_mean(&parts, level());
            json!({ "mean": average.mean, "se": average.se, "lower": average.lower,
                "upper": average.upper })
        }
        "ratio_ci" => {
            let above = numbers(input, "numerator").into_iter();
            let items: Vec<(f64, f64)> = above.zip(numbers(input, "denominator")).collect();
            let fit = ratio_ci(&items, level());
            json!({ "ratio": fit.ratio, "se": fit.se, "lower": fit.lower, "upper": fit.upper })
        }
        "quantile7" => {
            let values = numbers(input, "values");
            let at = |q: &Value| quantile(&values, q.as_f64().expect("a number"));
            let quantiles: Vec<Option<f64>> = match &input["q"] {
                Value::Array(q) => q.iter().map(at).collect(),
                q => vec![at(q)],
            };
            json!({ "quantiles": quantiles })
        }
        _ => return None,
    }))
}

fn two_samples(method: &str, input: &Value) -> Option<Answer> {
    Some(Ok(match method {
        "paired_diff" => paired_difference(input),
        "newcombe" => {
            let fit = newcombe(tally(input, "a_"), tally(input, "b_"), number(input, "level"));
            json!({ "diff": fit.difference, "lower": fit.lower, "upper": fit.upper })
        }
        "beta_prob_greater" => {
            let (a, b) = (tally(input, "a_"), tally(input, "b_"));
            json!({ "prob_b_greater": proportion::beta_prob_greater(a, b, prior(input)) })
        }
        "paired_dirichlet" => {
            let fit = paired_dirichlet(cells(input), number(input, "prior")).expect("a prior");
            json!({ "prob_b_better": fit.prob_b_better, "mean_diff": fit.mean_difference,
                "sd_diff": fit.sd_difference })
        }
        "mcnemar_exact" => {
            let test = mcnemar_exact(count(input, "b"), count(input, "c"));
            json!({ "n_discordant": test.discordant, "p_two_sided": test.p_two_sided,
                "p_mid": test.p_mid, "p_greater_b": test.p_greater_b,
                "p_greater_c": test.p_greater_c })
        }
        "sign_test" => {
            let test = sign_test(&numbers(input, "diffs"));
            json!({ "n_pos": test.positive, "n_neg": test.negative, "n_tie": test.ties,
                "p_two_sided": test.p_two_sided, "p_greater": test.p_greater,
                "p_less": test.p_less })
        }
        "permutation_exact" => {
            let test = permutation(&numbers(input, "diffs"), clusters(input).as_deref(), 1);
            json!({ "statistic": test.statistic, "n_permutations": test.flips,
                "p_two_sided": test.p_two_sided, "p_greater": test.p_greater,
                "p_less": test.p_less })
        }
        _ => return None,
    }))
}

fn paired_difference(input: &Value) -> Value {
    let (a, b) = (numbers(input, "a"), numbers(input, "b"));
    let paired = paired_diff(&a, &b, clusters(input).as_deref(), number(input, "level"));
    let fit = paired.fit;
    json!({ "mean_a": paired.mean_a, "mean_b": paired.mean_b, "diff": fit.mean,
        "sd_diff": paired.sd, "se": fit.se, "df": paired.df, "lower": fit.lower,
        "upper": fit.upper, "se_unpaired": paired.se_unpaired, "t": paired.t,
        "p_two_sided": paired.p_two_sided, "correlation": paired.correlation })
}

fn rankings(method: &str, input: &Value) -> Option<Answer> {
    Some(Ok(match method {
        "holm" | "bh" => {
            let (p, alpha) = (numbers(input, "p"), number(input, "alpha"));
            let adjusted = if method == "holm" { holm(&p, alpha) } else { bh(&p, alpha) };
            json!({ "adjusted": adjusted.p, "reject": adjusted.reject })
        }
        "rank_intervals" => {
            let (p, alpha) = (numbers(input, "p_values"), number(input, "alpha"));
            let pairs: Vec<multiple::PairTest> = p
                .iter()
                .zip(numbers(input, "diffs"))
                .map(|(&p, difference)| multiple::PairTest { p, difference })
                .collect();
            let ranks = rank_intervals(list(input, "models").len(), &pairs, alpha);
            json!({ "best_rank": ranks.iter().map(|rank| rank.best).collect::<Vec<_>>(),
                "worst_rank": ranks.iter().map(|rank| rank.worst).collect::<Vec<_>>(),
                "adjusted": holm(&p, alpha).p })
        }
        "bradley_terry" => return Some(strengths(input)),
        "pareto_frontier" => {
            let points: Vec<CostScore> = list(input, "points")
                .iter()
                .map(|point| CostScore {
                    cost: number(point, "cost"),
                    score: number(point, "score"),
                })
                .collect();
            let name = |n: usize| input["points"][n]["id"].clone();
            json!({ "frontier": pareto_frontier(&points).into_iter().map(name).collect::<Vec<_>>() })
        }
        _ => return None,
    }))
}

fn strengths(input: &Value) -> Answer {
    let models = list(input, "models");
    let place = |name: &Value| models.iter().position(|model| model == name).expect("a model");
    let games: Vec<Games> = list(input, "games")
        .iter()
        .map(|game| Games {
            a: place(&game["a"]),
            b: place(&game["b"]),
            wins_a: number(game, "wins_a"),
            wins_b: number(game, "wins_b"),
            ties: number(game, "ties"),
        })
        .collect();
    let fit = bradley_terry(models.len(), &games, number(input, "ridge"))
        .map_err(|bradley_terry::StrengthError::NotIdentified| "not_identified")?;
    let all = || 0..models.len();
    let win = |one: usize, other: usize| (one != other).then(|| fit.win_probability(one, other));
    let chances: Vec<Vec<Option<f64>>> =
        all().map(|one| all().map(|other| win(one, other)).collect()).collect();
    let errors: Vec<Vec<f64>> =
        all().map(|one| all().map(|other| fit.se_of_difference(one, other)).collect()).collect();
    Ok(json!({ "theta": fit.theta, "se": fit.se(), "elo": fit.elo(), "win_prob": chances,
        "se_diff": errors }))
}

fn repeated(method: &str, input: &Value) -> Option<Answer> {
    let k = || count(input, "k");
    let draws = || -> Vec<Draws> {
        let pair = |pair: &Value| {
            let at = |n: usize| pair[n].as_u64().expect("a count").try_into().expect("small");
            Draws { n: at(0), correct: at(1) }
        };
        list(input, "problems").iter().map(pair).collect()
    };
    let code = |error: PassError| match error {
        PassError::KExceedsN { .. } => "k_exceeds_n",
    };
    let fields =
        |pass: PassAt| json!({ "per_problem": pass.per_problem, "mean": pass.mean, "se": pass.se });
    Some(match method {
        "pass_at_k" => pass_at_k(&draws(), k()).map(fields).map_err(code),
        "pass_hat_k" => pass_hat_k(&draws(), k()).map(fields).map_err(code),
        "maj_at_k" => maj_at_k(&ballots(input), k()).map(fields).map_err(code),
        "g_pass_at_k" => g_pass_at_k(&draws(), k(), number(input, "tau"))
            .map(|fit| {
                let mut answer = fields(fit.pass);
                answer["threshold_count"] = json!(fit.threshold);
                answer["mg_pass"] = json!(fit.mg_pass);
                answer
            })
            .map_err(code),
        _ => return None,
    })
}

fn ballots(input: &Value) -> Vec<Ballot> {
    let class = |answer: &Value| AnswerClass {
        count: count(answer, "count"),
        correct: answer["correct"].as_bool().expect("a truth"),
    };
    list(input, "problems")
        .iter()
        .map(|problem| Ballot {
            classes: list(problem, "answers").iter().map(class).collect(),
            invalid: count(problem, "invalid"),
        })
        .collect()
}

fn planned(method: &str, input: &Value) -> Option<Answer> {
    let sides = if input["two_sided"].as_bool() == Some(false) { Sides::One } else { Sides::Two };
    let errors = || Errors { alpha: number(input, "alpha"), power: number(input, "power"), sides };
    let variance = || {
        let repeats = |name: &str| u32::try_from(count(input, name)).expect("a few repeats");
        let (a, b) = (number(input, "sigma2_a"), number(input, "sigma2_b"));
        PairVariance {
            omega2: number(input, "omega2"),
            sigma2: (a, b),
            repeats: (repeats("k_a"), repeats("k_b")),
        }
        .total()
    };
    Some(Ok(match method {
        "mde_paired" => {
            let fit = mde_paired(count(input, "n"), variance(), errors());
            json!({ "variance": variance(), "se": fit.map(|f| f.se), "mde": fit.map(|f| f.mde) })
        }
        "sample_size_paired" => {
            let n = sample_size_paired(number(input, "delta"), variance(), errors());
            json!({ "n_exact": n, "n": n.and_then(size::whole) })
        }
        "power_paired" => {
            let (n, variance) = (count(input, "n"), number(input, "variance"));
            let test = (number(input, "alpha"), sides);
            let se = mde_paired(n, variance, Errors { alpha: test.0, power: 0.5, sides });
            json!({ "se": se.map(|fit| fit.se),
                "power": power_paired(n, number(input, "delta"), variance, test) })
        }
        "mde_unpaired" => {
            let sizes = (count(input, "n_a"), count(input, "n_b"));
            let fit = mde_unpaired(number(input, "p"), sizes, errors());
            json!({ "se": fit.map(|fit| fit.se), "mde": fit.map(|fit| fit.mde) })
        }
        "mcnemar_power" => {
            let (p10, p01) = (number(input, "p10"), number(input, "p01"));
            json!({ "power": mcnemar_power(count(input, "n"), p10, p01, number(input, "alpha")) })
        }
        _ => return None,
    }))
}

fn gates(method: &str, input: &Value) -> Option<Answer> {
    let alpha = || number(input, "alpha");
    let margin = || number(input, "margin");
    Some(Ok(match method {
        "non_inferiority" => {
            let diffs = numbers(input, "diffs");
            margin_test(&non_inferiority(&diffs, clusters(input).as_deref(), margin(), alpha()))
        }
        "paired_score" => margin_test(&paired_score(cells(input), margin(), alpha())),
        "obf_boundary" => {
            let fit = obf_boundary(count(input, "looks"), alpha()).expect("a boundary");
            json!({ "constant": fit.constant, "z_bounds": fit.z_bounds })
        }
        "sprt" => {
            let (p0, p1) = (number(input, "p0"), number(input, "p1"));
            let outcomes: Vec<bool> =
                numbers(input, "outcomes").into_iter().map(|outcome| outcome > 0.5).collect();
            let test = RatioTest { p0, p1, alpha: alpha(), beta: number(input, "beta") };
            let fit = sprt(test, &outcomes);
            json!({ "upper": fit.upper, "lower": fit.lower, "llr": fit.llr,
                "decision": fit.decision.as_str(), "stop_index": fit.stop })
        }
        "betting_gate" => {
            let (gate, stop) = betting_gate(&numbers(input, "diffs"), margin(), alpha());
            let (pass, regress) = gate.log_wealth();
            json!({ "log_wealth_pass": pass, "log_wealth_regress": regress,
                "threshold": gate.threshold(), "verdict": gate.verdict().as_str(),
                "stop_index": stop })
        }
        "cs_beta_binomial" => {
            let (lower, upper) = cs_beta_binomial(tally(input, ""), prior(input), alpha());
            json!({ "lower": lower, "upper": upper })
        }
        "cs_normal_mixture" => {
            let (sigma, rho2) = (number(input, "sigma"), number(input, "rho2"));
            let radius = cs_normal_mixture(count(input, "n"), sigma, rho2, alpha());
            let mean = input["mean"].as_f64().unwrap_or_default();
            json!({ "radius": radius, "lower": radius.map(|r| mean - r),
                "upper": radius.map(|r| mean + r) })
        }
        "cs_rho2" => json!({ "rho2": cs_rho2(number(input, "t_opt"), alpha()) }),
        "cs_empirical_bernstein" => {
            let fit = cs_empirical_bernstein(&numbers(input, "y"), alpha());
            json!({ "lower": fit.last.0, "upper": fit.last.1, "lower_running": fit.running.0,
                "upper_running": fit.running.1 })
        }
        _ => return None,
    }))
}

fn margin_test(test: &MarginTest) -> Value {
    json!({ "diff": test.difference, "se": test.se, "df": test.df,
        "degenerate": test.degenerate, "t": test.statistic, "z": test.statistic,
        "p_value": test.p_value, "lower": test.bounds.map(|b| b.0),
        "upper": test.bounds.map(|b| b.1), "verdict": test.verdict.as_str(),
        "worse_within_margin": test.worse_within_margin(), "improved": test.improved() })
}

fn graders(method: &str, input: &Value) -> Option<Answer> {
    Some(Ok(match method {
        "calibration" => {
            let answers: Vec<Stated> = numbers(input, "confidence")
                .into_iter()
                .zip(numbers(input, "correct"))
                .map(|(confidence, correct)| Stated { confidence, correct: correct > 0.5 })
                .collect();
            let fit = calibration(&answers, count(input, "bins"));
            let bin = |bin: &calibration::Bin| {
                json!({ "count": bin.count, "confidence": bin.confidence,
                    "accuracy": bin.accuracy })
            };
            json!({ "ece": fit.ece, "mce": fit.mce, "brier": fit.brier, "log_loss": fit.log_loss,
                "bins": fit.bins.iter().map(bin).collect::<Vec<_>>() })
        }
        "cohen_kappa" => {
            let row = |row: &Value| {
                let counts = all_numbers(row).into_iter();
                counts.map(|n| format!("{n}").parse().expect("a count")).collect()
            };
            let table: Vec<Vec<usize>> = list(input, "table").iter().map(row).collect();
            let fit = cohen_kappa(&table);
            json!({ "observed": fit.observed, "expected": fit.expected, "kappa": fit.kappa })
        }
        "rogan_gladen" => {
            let judge = JudgeErrors {
                true_positives: count(input, "tp"),
                false_negatives: count(input, "fn"),
                true_negatives: count(input, "tn"),
                false_positives: count(input, "fp"),
            };
            let judged = (count(input, "successes"), count(input, "n"));
            return Some(match rogan_gladen(judged, judge) {
                Err(agreement::JudgeError::UninformativeGrader) => Err("uninformative_grader"),
                Ok(fit) => Ok(json!({ "sensitivity": fit.sensitivity,
                    "specificity": fit.specificity, "estimate": fit.estimate, "se": fit.se })),
            });
        }
        "item_stats" => {
            let matrix: Vec<Vec<f64>> = list(input, "matrix").iter().map(all_numbers).collect();
            let fit = item_stats(&matrix);
            json!({ "difficulty": fit.difficulty, "discrimination": fit.discrimination,
                "kr20": fit.kr20 })
        }
        _ => return None,
    }))
}

fn proportion(fit: Proportion) -> Value {
    json!({ "estimate": fit.estimate, "lower": fit.lower, "upper": fit.upper })
}

fn tally(input: &Value, side: &str) -> Tally {
    let of = |name: &str| count(input, &format!("{side}{name}"));
    Tally::new(of("successes"), of("n")).expect("no more successes than trials")
}

fn prior(input: &Value) -> Prior {
    Prior::new(number(input, "prior_a"), number(input, "prior_b")).expect("a proper prior")
}

fn cells(input: &Value) -> PairedCounts {
    let of = |name| count(input, name);
    PairedCounts { n10: of("n10"), n01: of("n01"), n11: of("n11"), n00: of("n00") }
}

/// The numbers of the clusters, where the case has any; names may be texts or numbers.
fn clusters(input: &Value) -> Option<Vec<usize>> {
    let names: Vec<String> =
        input["clusters"].as_array()?.iter().map(ToString::to_string).collect();
    Some(number_clusters(&names.iter().map(|name| Some(name.as_str())).collect::<Vec<_>>()))
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text in {of}"))
}

fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or_else(|| panic!("`{name}` is no number in {of}"))
}

fn count(of: &Value, name: &str) -> usize {
    let number = number(of, name);
    format!("{number}").parse().unwrap_or_else(|_| panic!("`{name}` is no count in {of}"))
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().unwrap_or_else(|| panic!("`{name}` is no list in {of}"))
}

fn numbers(of: &Value, name: &str) -> Vec<f64> {
    all_numbers(&of[name])
}

/// The numbers of a list; a truth counts as 0 or 1.
fn all_numbers(list: &Value) -> Vec<f64> {
    let read = |value: &Value| match value {
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        value => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    };
    list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().map(read).collect()
}
