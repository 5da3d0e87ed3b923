//! Tests of reading numbers.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, top: i64, bottom: i64) {
    let number = Number::read(text).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
    let wanted = BigRational::new(top.into(), bottom.into());
    assert_eq!(number.value, wanted, "in {text:?}");
}

#[track_caller]
fn check_refused(text: &str, error: NumberError) {
    assert_eq!(Number::read(text), Err(error), "in {text:?}");
}

#[test]
fn whole_numbers_in_every_dress() {
    for text in [
        "1234",
        "1,234",
        "1 234",
        "1_234",
        "1{,}234",
        "1\\,234",
        "1\\;234",
        "1,\\!234",
        "1\u{202f}234",
        "1~234",
        "001234",
        "+1234",
        "1234.",
        "1234.0",
        "$1234$",
        "$$1234$$",
        "\\(1234\\)",
        "\\[1234\\]",
        "\\$1,234",
        "€1234",
        "(1234)",
        "{1234}",
        "\\boxed{1234}",
        "\\boxed{\\boxed{1234}}",
        "**1234**",
        "`1234`",
        "\\text{1234}",
        "\\mathbf{1234}",
        "\\left(1234\\right)",
        "x = 1234",
        "n=1234",
        "$x=1234$",
        "１２３４",
        "١٢٣٤",
        "1\u{200b}234",
        "1.234e3",
        "1.234\\times10^3",
        "1.234 × 10^{3}",
        "2468/2",
        "123400%",
        "\\frac{2468}{2}",
        "\\displaystyle 1234",
        " 1234 ",
    ] {
        check(text, 1234, 1);
    }
}

#[test]
fn signs_in_every_dress() {
    for text in
        ["-7", "−7", "–7", "- 7", "(-7)", "-7.0", "$-7$", "-$7", "$-7", "-14/2", "14/-2", "－7"]
    {
        check(text, -7, 1);
    }
    check("-0", 0, 1);
}

#[test]
fn fractions_in_every_dress() {
    for text in [
        "3/4",
        "6/8",
        "0.75",
        ".75",
        "0.750",
        "75%",
        "75\\%",
        "\\frac{3}{4}",
        "\\dfrac34",
        "\\frac3{4}",
        "\\tfrac{3}4",
        "\\frac{-3}{-4}",
        "¾",
        "(3)/(4)",
        "3⁄4",
        "3 ÷ 4",
        "7.5e-1",
        "75\\times10^{-2}",
        "\\frac{3}{4}.",
        "$\\frac{3}{4}$",
        "x=\\frac34",
        "0.3/0.4",
    ] {
        check(text, 3, 4);
    }
    for text in ["-3/4", "-\\frac{3}{4}", "\\frac{-3}{4}", "\\frac{3}{-4}", "−¾", "(-3)/4"] {
        check(text, -3, 4);
    }
    for text in ["1\\frac{1}{4}", "1 1/4", "1¼", "1\\frac14", "1 \\frac{1}{4}"] {
        check(text, 5, 4);
    }
    check("-1\\frac{1}{4}", -5, 4);
}

#[test]
fn what_is_not_one_number_is_refused() {
    for text in [
        "",
        " ",
        "$",
        ".",
        "-",
        "--5",
        "5 or 6",
        "5, 6",
        "1,23",
        "12,34",
        "0,123",
        "1234,567",
        "1,234,56",
        "1,234 567",
        "1 1",
        "3-4",
        "5.5.5",
        "1/2/3",
        "1/0",
        "\\frac{1}{0}",
        "\\frac1",
        "\\frac{1}{2}3",
        "\\frac{1}{2}{3}",
        "\\frac123",
        "1 5/4",
        "5 dollars",
        "x",
        "xyz=5",
        "=5",
        "5=5",
        "1.2e",
        "10^",
        "2^3",
        "1e2e3",
        "5%%",
        "5]",
        "(5",
        "(5]",
        "(1)(2)",
        "½½",
        "∞",
        "5\0",
        "0x10",
        "twelve",
        "\\sqrt{4}",
        "5!",
        "±5",
        "12_5",
    ] {
        check_refused(text, NumberError::NotANumber);
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_computed() {
    check_refused("1e999999999", NumberError::Limit);
    check_refused("10^{99999999999999999999}", NumberError::Limit);
    check_refused("1e-5000", NumberError::Limit);
    check_refused(&"9".repeat(BYTES_MAX + 1), NumberError::Limit);
    check_refused(&"(".repeat(1 << 20), NumberError::Limit);
    let nested = format!("{}5{}", "(".repeat(2000), ")".repeat(2000));
    check(&nested, 5, 1);
    assert!(Number::read(&"9".repeat(BYTES_MAX)).is_ok());
}

#[track_caller]
fn check_same(one: &str, other: &str, expected: bool) {
    let (one, other) = (Number::read(one).expect(one), Number::read(other).expect(other));
    assert_eq!(one.same(&other), expected, "{one:?} and {other:?}");
    assert_eq!(other.same(&one), expected, "{other:?} and {one:?}");
}

#[test]
fn a_percent_sign_on_one_side_only_does_not_count() {
    check_same("50%", "0.5", true);
    check_same("50%", "50", true);
    check_same("50%", "50\\%", true);
    check_same("0.5", "50", false);
    check_same("50%", "0.5%", false);
    check_same("62.5%", "6.25%", false);
}

#[track_caller]
fn check_rounds(given: &str, exact: &str, expected: bool) {
    let (given, exact) = (Number::read(given).expect(given), Number::read(exact).expect(exact));
    assert_eq!(given.rounds(&exact), expected, "{given:?} for {exact:?}");
}

#[test]
fn a_fraction_without_end_may_be_rounded_to_six_digits() {
    check_rounds("0.61111111111111", "11/18", true);
    check_rounds("0.666667", "2/3", true);
    check_rounds("0.666666", "2/3", true);
    check_rounds("-0.666667", "-2/3", true);
    check_rounds("0.666668", "2/3", false);
    check_rounds("0.66667", "2/3", false);
    check_rounds("-0.666667", "2/3", false);
    check_rounds("0.1250001", "1/8", false);
    check_rounds("123456.8", "123456.789", false);
}

proptest! {
    #[test]
    fn reading_is_total(text in r"[0-9.,/%$(){}\[\]eE^*×½−\-+= \\a-z_~]{0,80}") {
        let _outcome = Number::read(&text);
    }

    #[test]
    fn a_whole_number_of_any_size_reads_back(digits in "[1-9][0-9]{0,400}", negative: bool) {
        let text = if negative { format!("-{digits}") } else { digits };
        let number = Number::read(&text).expect("digits");
        prop_assert_eq!(number.value.to_string(), text);
    }

    #[test]
    fn equality_is_reflexive_and_symmetric(a in number(), b in number()) {
        prop_assert!(a.same(&a));
        prop_assert_eq!(a.same(&b), b.same(&a));
    }
}

fn number() -> impl Strategy<Value = Number> {
    let written = (-30_i64..30, 1_i64..5, 0..4).prop_map(|(top, bottom, dress)| match dress {
        0 => format!("{top}/{bottom}"),
        1 => format!("{top}%"),
        2 => format!("{top}.{bottom}"),
        _ => top.to_string(),
    });
    written.prop_map(|text| Number::read(&text).expect("a number"))
}
