//! Tests of the literal grader.

use proptest::prelude::*;
use tripos_tasks::GraderSpec;

use super::*;
use crate::tests::{graded, item};

#[track_caller]
fn check(gold: &str, value: &str, expected: Outcome) {
    let text = format!("The loop runs twice.\nANSWER: {value}");
    let graded = graded(&GraderSpec::Literal, &item(Target::Literal(gold.to_owned())), &text);
    assert_eq!(graded.outcome, expected, "{value:?} for {gold:?}: {:?}", graded.detail);
}

#[test]
fn spelling_does_not_count() {
    check("[1, 2, 3]", "[1,2, 3]", Outcome::Correct);
    check("[1, 2, 3]", "`[1, 2, 3]`.", Outcome::Correct);
    check("[1, 2]", "[1, 2,]", Outcome::Correct);
    check("'it\\'s'", "\"it's\"", Outcome::Correct);
    check("'é\\n'", r"'\xe9\n'", Outcome::Correct);
    check("(1, 2)", "1, 2", Outcome::Correct);
    check("{'a': 1, 'b': [2]}", "{'b': [2], 'a': 1}", Outcome::Correct);
    check("{1, 2}", "{2, 1, 1}", Outcome::Correct);
    check("-5", "-5.", Outcome::Correct);
    check("-5", "−5", Outcome::Correct);
    check("5", "5.0", Outcome::Correct);
    check("[]", "[ ]", Outcome::Correct);
    check("100000000000000000000000", "1e23", Outcome::Incorrect);
    check("1000000", "1_000_000", Outcome::Correct);
    check("None", "None", Outcome::Correct);
}

#[test]
fn another_value_is_wrong() {
    check("[1, 2]", "[2, 1]", Outcome::Incorrect);
    check("[1, 2]", "[1, 2, 3]", Outcome::Incorrect);
    check("[1, 2]", "(1, 2)", Outcome::Incorrect);
    check("[1, 2]", "1, 2", Outcome::Incorrect);
    check("1", "True", Outcome::Incorrect);
    check("5", "'5'", Outcome::Incorrect);
    check("5", "-5", Outcome::Incorrect);
    check("0.5", "0.25", Outcome::Incorrect);
    check("{}", "[]", Outcome::Incorrect);
}

#[test]
fn a_hedge_with_the_gold_is_never_right() {
    check("[1, 2]", "[1, 2] or [2, 1]", Outcome::Incorrect);
    check("[1, 2]", "[2, 1] or [1, 2]", Outcome::Incorrect);
    check("5", "5, 6", Outcome::Incorrect);
    check("5", "5 (or 6)", Outcome::Unparsed);
}

#[test]
fn what_is_not_a_literal_is_not_read() {
    for value in ["[1, 2", "[1 2]", "[,]", "list", "__import__('os')", "1 + 1", "--5", "'a", "{1:}"]
    {
        check("[1, 2]", value, Outcome::Unparsed);
    }
    check("[1, 2]", r"'\ud800'", Outcome::Unparsed);
}

#[test]
fn what_is_over_the_limits_is_undecided_unless_it_is_the_gold() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    check("[]", &deep, Outcome::Undecided);
    check(&deep, &deep, Outcome::Correct);
    check("[]", &"1".repeat(5000), Outcome::Undecided);
    check("[]", "1e999", Outcome::Undecided);
    check("[]", &"[".repeat(1_000_000), Outcome::Undecided);
}

/// Python's spelling of a value.
fn spell(value: &Literal) -> String {
    let list = |values: Vec<&Literal>| values.into_iter().map(spell).collect::<Vec<_>>().join(", ");
    match value {
        Literal::None => "None".to_owned(),
        Literal::Bool(true) => "True".to_owned(),
        Literal::Bool(false) => "False".to_owned(),
        Literal::Int(value) => value.to_string(),
        Literal::Float(bits) => format!("{:?}", f64::from_bits(*bits)),
        Literal::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Literal::List(values) => format!("[{}]", list(values.iter().collect())),
        Literal::Tuple(values) => {
            values.iter().fold("(".to_owned(), |all, value| all + &spell(value) + ", ") + ")"
        }
        Literal::Set(values) => format!("{{{}}}", list(values.iter().collect())),
        Literal::Dict(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", spell(key), spell(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn literal() -> impl Strategy<Value = Literal> {
    let leaf = prop_oneof![
        Just(Literal::None),
        any::<bool>().prop_map(Literal::Bool),
        any::<i128>().prop_map(|value| Literal::Int(value.into())),
        "[a-z'\\\\ ]{0,6}".prop_map(Literal::Text),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Literal::List),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Literal::Tuple),
            prop::collection::btree_set(inner.clone(), 1..4).prop_map(Literal::Set),
            prop::collection::btree_map(inner.clone(), inner, 0..3).prop_map(Literal::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_reads_back_as_it_is_spelled(value in literal()) {
        let spelled = spell(&value);
        prop_assert_eq!(parse(&spelled), Ok(value), "{}", spelled);
    }

    #[test]
    fn parsing_is_total(text in r"[\[\](){}'\\,:0-9.eE+−\-a-zTFN ]{0,60}") {
        let _outcome = parse(&text);
    }
}
