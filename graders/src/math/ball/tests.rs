//! Balls hold what they say: known constants to a hundred digits, and exact rationals at any precision.
//!
//! The digits were computed with mpmath 1.3 at 220 decimals.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Pow;
use proptest::prelude::*;

use super::elementary::pi;
use super::*;

/// Whether `ball` holds a number between `low` and `high`, and where both are the same that number.
fn overlaps(ball: &Ball, (low, high): (&BigRational, &BigRational)) -> bool {
    let unit = BigRational::from_integer(2.into()).pow(i32::try_from(ball.exp).expect("is small"));
    let rad = BigInt::from(ball.rad.clone());
    let bottom = BigRational::from_integer(&ball.mid - &rad) * &unit;
    let top = BigRational::from_integer(&ball.mid + &rad) * &unit;
    bottom <= *high && *low <= top
}

fn holds(ball: &Ball, value: &BigRational) -> bool {
    overlaps(ball, (value, value))
}

/// The number that `digits` begin, and the next one with as many digits.
fn between(digits: &str) -> (BigRational, BigRational) {
    let (whole, places) = digits.split_once('.').expect("has a point");
    let scaled: BigInt = format!("{whole}{places}").parse().expect("digits");
    let unit: BigInt = BigInt::from(10).pow(u32::try_from(places.len()).expect("is small"));
    let step = if digits.starts_with('-') { -1 } else { 1 };
    let (one, two) =
        (BigRational::new(scaled.clone(), unit.clone()), BigRational::new(scaled + step, unit));
    if one < two { (one, two) } else { (two, one) }
}

fn ratio(top: i64, bottom: i64) -> BigRational {
    BigRational::new(top.into(), bottom.into())
}

#[track_caller]
fn check(compute: impl Fn(u64) -> Result<Ball, Stop>, digits: &str) {
    let (low, high) = between(digits);
    for prec in [64, 128, 256, 512, 1024] {
        let ball = compute(prec).expect("a value");
        assert!(overlaps(&ball, (&low, &high)), "{digits} at {prec}: {ball:?}");
        // No ball is so wide that holding something says nothing.
        let (size, spread) = (ball.magnitude(), ball.radius_magnitude());
        let sharp = size.zip(spread).is_none_or(|(size, spread)| {
            size - spread >= i64::try_from(prec).expect("is small") - 40
        });
        assert!(sharp, "{digits} at {prec}: {ball:?}");
    }
}

#[test]
fn known_constants_lie_in_their_balls() {
    let whole = |n: i64| Ball::integer(n);
    let power = |n: u32| Ball::integer(BigInt::from(10).pow(n));
    check(
        pi,
        "3.141592653589793238462643383279502884197169399375105820974944592307816406286208\
         998628034825342117067",
    );
    check(
        |prec| whole(1).exp(prec),
        "2.718281828459045235360287471352662497757247093699959574966967627724076630353547\
         594571382178525166427",
    );
    check(
        |prec| whole(2).ln(prec),
        "0.693147180559945309417232121458176568075500134360255254120680009493393621969694\
         7156058633269964186875",
    );
    check(
        |prec| whole(2).sqrt(prec),
        "1.414213562373095048801688724209698078569671875376948073176679737990732478462107\
         038850387534327641572",
    );
    check(
        |prec| whole(7).root(3, prec),
        "1.912931182772389101199116839548760282862439050345875766210647640447234276179230\
         756007525441477285709",
    );
    check(
        |prec| Ok(whole(1).sin_cos(prec)?.0),
        "0.841470984807896506652502321630298999622563060798371065672751709991910404391239\
         6689486397435430526958",
    );
    check(
        |prec| Ok(power(30).sin_cos(prec)?.1),
        "-0.99593119440539570239424858799704864113024773495504827134680041799377213640062\
         22177130242766726526445",
    );
    check(
        |prec| Ball::rational(&ratio(1, 3), prec + 8)?.atan(prec),
        "0.321750554396642193401404614358661319020755295557656191432803059356756237405810\
         5443564084223506413744",
    );
    check(
        |prec| Ok(power(50).ln(prec)?.neg()),
        "-115.129254649702284200899572734218210380055074431438648801666395048378630483867\
         6240117998602544799149",
    );
    check(
        |prec| whole(-100).exp(prec),
        "0.000000000000000000000000000000000000000000037200759760208359629596958038631183\
         37358892292376781967120613876663290475895815718157118778642281496",
    );
}

#[test]
fn what_has_no_value_has_no_ball() {
    assert_eq!(Ball::integer(1).div(&Ball::zero(), 64), Err(Stop::Undefined));
    assert_eq!(Ball::zero().ln(64), Err(Stop::Undefined));
    assert_eq!(Ball::integer(-1).ln(64), Err(Stop::Undefined));
    assert_eq!(Ball::integer(-1).sqrt(64), Err(Stop::Undefined));
    let around_zero = Ball { mid: 1.into(), rad: 2_u32.into(), exp: -9 };
    assert_eq!(around_zero.ln(64), Err(Stop::Imprecise));
    assert_eq!(Ball::integer(1).div(&around_zero, 64), Err(Stop::Imprecise));
}

#[test]
fn the_ends_of_the_range_are_limits_and_cost_nothing() {
    let tiny = Ball { mid: 3.into(), rad: 1_u32.into(), exp: -(1 << 39) };
    let huge = Ball { mid: 3.into(), rad: 1_u32.into(), exp: 1 << 39 };
    let (sin, cos) = tiny.sin_cos(64).expect("a value");
    assert!(sin.magnitude().expect("not zero") < -60, "{sin:?}");
    assert!(holds(&cos, &ratio(1, 1)));
    assert!(holds(&tiny.exp(64).expect("a value"), &ratio(1, 1)));
    assert_eq!(huge.sin_cos(64), Err(Stop::Limit));
    assert_eq!(huge.exp(64), Err(Stop::Limit));
    assert_eq!(huge.mul(&huge, 64).and_then(|twice| twice.mul(&twice, 64)), Err(Stop::Limit));
    assert_eq!(huge.floor(), Err(Stop::Imprecise));
}

fn check_arithmetic(one: &BigRational, two: &BigRational, prec: u64) -> Result<(), Stop> {
    let (x, y) = (Ball::rational(one, prec)?, Ball::rational(two, prec)?);
    assert!(holds(&x, one));
    assert!(holds(&x.add(&y, prec)?, &(one + two)));
    assert!(holds(&x.sub(&y, prec)?, &(one - two)));
    assert!(holds(&x.mul(&y, prec)?, &(one * two)));
    assert!(holds(&x.abs(), &one.abs()));
    assert!(holds(&x.powi(&5_u32.into(), prec)?, &one.pow(5)));
    if !two.is_zero() {
        assert!(holds(&x.div(&y, prec)?, &(one / two)));
    }
    let root = Ball::rational(&one.abs(), prec)?.sqrt(prec)?;
    assert!(holds(&root.mul(&root, prec)?, &one.abs()));
    if let Ok(floor) = x.floor() {
        assert_eq!(floor, one.floor().to_integer());
    }
    if let Ok(sign) = x.sign() {
        assert_eq!(sign, one.numer().sign());
    }
    Ok(())
}

fn check_functions(value: &BigRational, prec: u64) -> Result<(), Stop> {
    let x = Ball::rational(value, prec)?;
    assert!(holds(&x.ln(prec)?.exp(prec)?, value));
    let (sin, cos) = x.sin_cos(prec)?;
    let unit = sin.mul(&sin, prec)?.add(&cos.mul(&cos, prec)?, prec)?;
    assert!(holds(&unit, &ratio(1, 1)));
    let sharp = Ball::rational(value, 2 * prec)?;
    for (coarse, fine) in [
        (x.ln(prec)?, sharp.ln(2 * prec)?),
        (sin, sharp.sin_cos(2 * prec)?.0),
        (x.atan(prec)?, sharp.atan(2 * prec)?),
    ] {
        assert!(coarse.sub(&fine, prec)?.may_be_zero(), "{coarse:?} {fine:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn arithmetic_holds_the_exact_result(
        (a, b) in (-10_000_i64..10_000, 1_i64..10_000),
        (c, d) in (-10_000_i64..10_000, 1_i64..10_000),
        prec in 16_u64..300,
    ) {
        prop_assert_eq!(check_arithmetic(&ratio(a, b), &ratio(c, d), prec), Ok(()));
    }

    #[test]
    fn functions_undo_each_other_and_agree_at_every_precision(
        (a, b) in (1_i64..100_000, 1_i64..10_000),
        prec in 48_u64..300,
    ) {
        prop_assert_eq!(check_functions(&ratio(a, b), prec), Ok(()));
    }
}
