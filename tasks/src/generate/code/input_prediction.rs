//! For which input does this function return that?
//!
//! Any input that does is right: the answer is judged by calling the function with it.

use std::collections::BTreeMap;

use serde_json::json;

use super::program::{Step, literal};
use super::synthesis::{apply, body, check as check_one, max};
use crate::generate::{Draw, Family, Place, Random};
use crate::program::{Call, Check, FunctionTests};
use crate::{Domain, Target, TestSet, Tests};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "code.input_prediction",
    version: 1,
    domain: Domain::Code,
    graders: &["input"],
    about: "a list for which a short Python function returns a given one",
    draw,
    check,
    twins: None,
};

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let max = max(place);
    let length = random.range(3, 4 + i64::from(place.level) / 2);
    let input: Vec<i64> = (0..length).map(|_| random.range(0, max)).collect();
    let steps: Vec<Step> = (0..=level / 2).map(|_| Step::draw(random, max)).collect();
    let mut result = input.clone();
    for step in &steps {
        let next = step.apply(&result)?;
        if next == result {
            return None; // A step that does nothing here asks nothing.
        }
        result = next;
    }
    // Repeating the result, or giving nothing, must not be an answer.
    let is_fixed = apply(&steps, &result).is_none_or(|again| again == result);
    if result.len() < 2 || is_fixed {
        return None;
    }
    let function = format!("def f(xs):\n{}    return xs\n", body(&steps));
    let call = Call {
        arguments: format!("[{}]", literal(&input)),
        expected: literal(&result),
        tolerance: None,
    };
    let tests = FunctionTests {
        entry: "f".to_owned(),
        prelude: String::new(),
        check: Check::Calls(vec![call]),
    };
    Some(Draw {
        text: format!(
            "{function}\nFor which list xs of whole numbers does f(xs) return {}? There may be several; \
             any one of them is right.",
            literal(&result)
        ),
        parameters: json!({ "steps": steps, "result": result }),
        target: Target::Tests(Box::new(TestSet {
            tests: Tests::Function(tests),
            reference: function,
            stub: "def f(xs):\n    return None\n".to_owned(),
            mutants: Vec::new(),
        })),
        decoys: BTreeMap::new(),
    })
}

/// Reads function, input and result back and interprets the function on the input.
fn check(draw: &Draw) -> Result<(), String> {
    let Target::Tests(set) = &draw.target else { return Err("no tests".to_owned()) };
    let Tests::Function(FunctionTests { check: Check::Calls(calls), .. }) = &set.tests else {
        return Err("no calls".to_owned());
    };
    let [call] = &calls[..] else { return Err("one call is wanted".to_owned()) };
    let inner = call.arguments.trim_start_matches('[').trim_end_matches(']');
    let input: Vec<i64> = inner.split(", ").map_while(|number| number.parse().ok()).collect();
    let asked = format!("return {}?", call.expected);
    if !draw.text.contains(&asked) {
        return Err(format!("`{}` does not ask for {}", draw.text, call.expected));
    }
    let (printed, _) = draw.text.split_once("\n\nFor which").unwrap_or_default();
    check_one(printed, &input, &call.expected)
}
