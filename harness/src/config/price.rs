//! What a model's tokens cost.

use serde::Deserialize;
use toml::Spanned;
use tripos_runners::Usage;

/// USD for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Of the prompt.
    pub input: f64,
    /// Of the prompt, where a cache served them; the price of the prompt where there is no other.
    pub cached_input: Option<f64>,
    /// Generated, reasoning included.
    pub output: f64,
}

impl Price {
    /// Returns what an answer cost in USD; absent where its tokens were not counted.
    pub fn of(&self, usage: &Usage) -> Option<f64> {
        let (input, output) = (usage.input?, usage.output?);
        let cached = usage.cached_input.unwrap_or(0).min(input);
        let cached_price = self.cached_input.unwrap_or(self.input);
        let fresh = real(input - cached) * self.input;
        Some((fresh + real(cached) * cached_price + real(output) * self.output) / 1e6)
    }

    /// Reads `IN,OUT` as a command line gives it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = |part: &str| part.trim().parse().ok().filter(|price| is_price(*price));
        text.split_once(',')
            .and_then(|(input, output)| {
                let (input, output) = (read(input)?, read(output)?);
                Some(Self { input, cached_input: None, output })
            })
            .ok_or_else(|| "two prices, such as `0.28,0.42`".to_owned())
    }
}

/// A price as the config file has it.
#[derive(Debug, Deserialize)]
pub(super) struct PriceShape {
    input: Spanned<f64>,
    cached_input: Option<Spanned<f64>>,
    output: Spanned<f64>,
}

impl PriceShape {
    /// The price; the place of the first number that is none.
    pub(super) fn price(&self) -> Result<Price, std::ops::Range<usize>> {
        let read = |value: &Spanned<f64>| {
            let price = *value.get_ref();
            if is_price(price) { Ok(price) } else { Err(value.span()) }
        };
        Ok(Price {
            input: read(&self.input)?,
            cached_input: self.cached_input.as_ref().map(read).transpose()?,
            output: read(&self.output)?,
        })
    }
}

fn is_price(price: f64) -> bool {
    price.is_finite() && price >= 0.0
}

#[expect(clippy::cast_precision_loss, reason = "token counts come nowhere near 2^53")]
fn real(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(usage: Usage, expected: Option<f64>) {
        let price = Price { input: 0.28, cached_input: Some(0.03), output: 0.42 };
        let got = price.of(&usage);
        assert!(
            got.zip(expected).map_or(got == expected, |(got, want)| (got - want).abs() < 1e-15),
            "{got:?}"
        );
    }

    #[test]
    fn cached_tokens_have_a_price_of_their_own_and_unknown_ones_have_none() {
        let usage =
            |input, cached_input, output| Usage { input, cached_input, output, ..Usage::default() };
        check(usage(Some(1_000), None, Some(100)), Some(322e-6));
        check(usage(Some(1_000), Some(400), Some(100)), Some(222e-6));
        check(usage(Some(10), Some(99), Some(0)), Some(0.3e-6));
        check(usage(None, None, Some(100)), None);
        check(usage(Some(1), None, None), None);
    }

    #[test]
    fn two_prices_are_read_and_nothing_else() {
        let read = Price::parse("0.28, 0.42").expect("two prices");
        assert_eq!((read.input, read.output), (0.28, 0.42));
        for text in ["", "1", "1,", "-1,2", "nan,1", "inf,1", "a,b", "1,2,3"] {
            assert!(Price::parse(text).is_err(), "{text}");
        }
    }
}
