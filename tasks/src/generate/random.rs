//! The normative random numbers: xoshiro256** keyed by SHA-256, with integer draws of our own.
//!
//! No distribution of another crate stands here, so a stream never changes under us. Generator:
//! Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018. Unbiased draws:
//! Lemire, "Fast Random Integer Generation in an Interval", 2019.

use sha2::{Digest as _, Sha256};

/// A stream of random numbers decided by a key.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Starts the stream of `key`: its SHA-256 as four little-endian words.
    pub fn from_key(key: &str) -> Self {
        Self::from_digest(Sha256::digest(key.as_bytes()).into())
    }

    /// Starts the stream whose state is `digest` as four little-endian words.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(digest.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { state }
    }

    /// Starts the stream of one draw of a generated item.
    pub fn for_item(family: &str, version: u32, seed: u64, index: u64, draw: u32) -> Self {
        Self::from_key(&format!("evalgen/1\n{family}\n{version}\n{seed}\n{index}\n{draw}"))
    }

    /// Starts a stream of a variant of the item whose key ends in `item`.
    pub fn for_variant(item: &str, variant: &str, again: u32) -> Self {
        Self::from_key(&format!("evalgen/1\n{item}\n{variant}\n{again}"))
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Returns a number in `0..n`, every one as likely as another.
    ///
    /// # Panics
    ///
    /// When `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "`below` needs at least one value to draw");
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if low(product) < n {
            let threshold = n.wrapping_neg() % n;
            while low(product) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Returns a number in `low..=high`.
    ///
    /// # Panics
    ///
    /// When `low` is above `high`, or the range has 2⁶⁴ members.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        assert!(low <= high, "`range` needs its bounds in order");
        let width = high.abs_diff(low) + 1;
        low.wrapping_add_unsigned(self.below(width))
    }

    /// Returns one element of `list`.
    ///
    /// # Panics
    ///
    /// When `list` is empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    /// Returns an index into a list of `len` elements.
    ///
    /// # Panics
    ///
    /// When `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a length that fits")
    }

    /// Puts `list` into a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.index(last + 1);
            list.swap(last, other);
        }
    }
}

/// The lower half of a product.
#[expect(clippy::cast_possible_truncation, reason = "the upper half is not wanted")]
fn low(product: u128) -> u64 {
    product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(random: &mut Random, count: usize) -> Vec<u64> {
        (0..count).map(|_| random.next_u64()).collect()
    }

    #[test]
    fn the_golden_vectors_of_the_format() {
        let item = |family, seed, index, draw| Random::for_item(family, 1, seed, index, draw);
        assert_eq!(
            words(&mut item("math.arith_chain", 0, 0, 0), 4),
            [
                0x2ebc_0dd7_8727_be2a,
                0x44e0_ce57_62bf_c7a3,
                0x47b2_b3e1_64ed_628b,
                0xe8d5_b301_bb09_a90a
            ]
        );
        assert_eq!(
            words(&mut item("math.arith_chain", u64::MAX, 0, 3), 2),
            [0xd8ef_9f3d_7b08_b5e9, 0x5a37_47c0_c057_cac7]
        );
        assert_eq!(
            words(&mut item("misinfo.pressure_flip", 42, 7, 0), 2),
            [0x3505_92cf_c9c4_2a55, 0x51fe_8e9a_f408_cd7c]
        );
    }

    #[test]
    fn the_golden_draws_of_the_format() {
        let mut random = Random::for_item("math.arith_chain", 1, 0, 0, 0);
        let digits: Vec<u64> = (0..12).map(|_| random.below(10)).collect();
        assert_eq!(digits, [1, 2, 2, 9, 3, 5, 9, 3, 8, 0, 4, 9]);
        let large: Vec<u64> = (0..3).map(|_| random.below(1_000_003)).collect();
        assert_eq!(large, [336_038, 118_545, 355_401]);
        let mut order: Vec<u8> = (0..10).collect();
        random.shuffle(&mut order);
        assert_eq!(order, [3, 4, 1, 2, 5, 8, 6, 9, 7, 0]);
    }

    #[test]
    fn a_range_reaches_both_ends_and_nothing_else() {
        let mut random = Random::from_key("range");
        let drawn: Vec<i64> = (0..200).map(|_| random.range(-2, 2)).collect();
        assert_eq!(drawn.iter().min(), Some(&-2));
        assert_eq!(drawn.iter().max(), Some(&2));
    }
}
