//! The cache: pages of sixteen tokens, handed to slots and taken back.
//!
//! A token keeps one row a layer, and nothing else: with grouped heads the keys and then the values
//! of all heads, with a latent its `kv_rank + rope` values, from which keys and values are made.
//! Memory grows with the pages in use and never past the limit.

use std::ops::Range;

use super::spec::ArchSpec;

/// Tokens of one page.
pub(crate) const PAGE_TOKENS: usize = 16;

/// What is kept of the tokens of all slots.
pub(crate) struct Pages {
    width: usize,
    /// For each layer its pages, one after the other.
    layers: Vec<Vec<f32>>,
    /// For each slot its pages, in the order of their tokens.
    tables: Vec<Vec<usize>>,
    free: Vec<usize>,
    issued: usize,
    limit: usize,
}

impl Pages {
    /// Makes an empty cache for `slots` sequences and at most `bytes` bytes.
    pub(crate) fn new(spec: &ArchSpec, slots: usize, bytes: usize) -> Self {
        Self {
            width: spec.attention.kept(),
            layers: vec![Vec::new(); spec.layers.len()],
            tables: vec![Vec::new(); slots],
            free: Vec::new(),
            issued: 0,
            limit: bytes / (bytes_per_token(spec) * PAGE_TOKENS),
        }
    }

    /// Returns the most tokens one sequence could ever have.
    pub(crate) fn capacity(&self) -> usize {
        self.limit * PAGE_TOKENS
    }

    /// Gives an empty slot room for `tokens` tokens; false where there is not enough.
    pub(crate) fn reserve(&mut self, slot: usize, tokens: usize) -> bool {
        let wanted = tokens.div_ceil(PAGE_TOKENS);
        if wanted > self.free.len() + (self.limit - self.issued) {
            return false;
        }
        for _ in 0..wanted {
            let page = self.free.pop().unwrap_or_else(|| self.issue());
            self.tables[slot].push(page);
        }
        true
    }

    /// Takes all pages of a slot back.
    pub(crate) fn release(&mut self, slot: usize) {
        self.free.append(&mut self.tables[slot]);
    }

    /// Keeps the row of one token.
    pub(crate) fn write(&mut self, layer: usize, slot: usize, position: usize, kept: &[f32]) {
        let page = self.tables[slot][position / PAGE_TOKENS];
        let start = (page * PAGE_TOKENS + position % PAGE_TOKENS) * self.width;
        self.layers[layer][start..start + self.width].copy_from_slice(kept);
    }

    /// Returns the rows of some tokens of a slot, those of one page at a time.
    pub(crate) fn read(
        &self,
        layer: usize,
        slot: usize,
        tokens: Range<usize>,
    ) -> impl Iterator<Item = &[f32]> {
        let values = &self.layers[layer];
        let pages = self.tables[slot].iter().enumerate().skip(tokens.start / PAGE_TOKENS);
        pages.map_while(move |(number, page)| {
            let first = number * PAGE_TOKENS;
            let (from, to) = (tokens.start.max(first), tokens.end.min(first + PAGE_TOKENS));
            let start = (page * PAGE_TOKENS + from - first) * self.width;
            (from < to).then(|| &values[start..start + (to - from) * self.width])
        })
    }

    /// Makes one more page.
    fn issue(&mut self) -> usize {
        self.issued += 1;
        for layer in &mut self.layers {
            layer.resize(self.issued * PAGE_TOKENS * self.width, 0.0);
        }
        self.issued - 1
    }
}

/// Returns the bytes that one token takes over all layers.
pub(crate) fn bytes_per_token(spec: &ArchSpec) -> usize {
    spec.attention.kept() * size_of::<f32>() * spec.layers.len()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::spec::AttentionSpec;
    use super::*;

    #[test]
    fn a_token_takes_one_row_a_layer() {
        let spec = fixture::spec("deepseek_v3");
        assert_eq!(bytes_per_token(&spec), (24 + 8) * 4 * 3);
        let grouped = fixture::spec("qwen3_moe");
        let AttentionSpec::Gqa(gqa) = &grouped.attention else { panic!("grouped heads") };
        assert_eq!(bytes_per_token(&grouped), 2 * gqa.kv_heads * gqa.head * 4 * 2);
        let mut pages = Pages::new(&spec, 1, 1 << 20);
        assert!(pages.reserve(0, 3 * PAGE_TOKENS));
        let held: usize = pages.layers.iter().map(|layer| layer.len() * 4).sum();
        assert_eq!(held, 3 * PAGE_TOKENS * bytes_per_token(&spec));
    }

    #[test]
    fn pages_are_bounded_and_come_back() {
        let spec = fixture::spec("deepseek_v3");
        let mut pages = Pages::new(&spec, 2, 4 * PAGE_TOKENS * bytes_per_token(&spec));
        assert_eq!(pages.capacity(), 4 * PAGE_TOKENS);
        assert!(pages.reserve(0, 3 * PAGE_TOKENS));
        assert!(!pages.reserve(1, PAGE_TOKENS + 1));
        pages.release(0);
        assert!(pages.reserve(1, 4 * PAGE_TOKENS));
        assert_eq!(pages.issued, 4);
    }

    #[test]
    fn what_was_written_is_read_in_order_over_pages() {
        let spec = fixture::spec("deepseek_v3");
        let mut pages = Pages::new(&spec, 2, 1 << 20);
        assert!(pages.reserve(1, 1) && pages.reserve(0, 20));
        for position in 0..20_u8 {
            pages.write(2, 0, usize::from(position), &[f32::from(position); 32]);
        }
        let firsts = |tokens: Range<usize>| -> Vec<f32> {
            pages.read(2, 0, tokens).flat_map(|run| run.chunks(32).map(|row| row[0])).collect()
        };
        for (from, to) in [(0_u8, 18_u8), (3, 20), (15, 17), (16, 18), (17, 17)] {
            let expected: Vec<f32> = (from..to).map(f32::from).collect();
            assert_eq!(firsts(usize::from(from)..usize::from(to)), expected);
        }
    }
}
