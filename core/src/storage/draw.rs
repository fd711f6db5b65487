//! Which row comes next: seeded draws that any machine repeats bit for bit.
//!
//! The generator is splitmix64, chosen because its n-th word can be computed alone.

use crate::leaf::mix64;

/// A seeded bijection on `[0, domain)`: a four-round Feistel network that walks until it lands inside.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    domain: u64,
    half_bits: u32,
    seed: u64,
}

impl Permutation {
    /// `domain` of 0 is treated as 1.
    pub fn new(domain: u64, seed: u64) -> Self {
        let domain = domain.max(1);
        let bits = 64 - (domain - 1).leading_zeros();
        Self { domain, half_bits: bits.div_ceil(2).max(1), seed }
    }

    /// Image of `index` (taken modulo the domain).
    pub fn apply(&self, index: u64) -> u64 {
        let mut value = index % self.domain;
        loop {
            value = self.feistel(value);
            if value < self.domain {
                return value;
            }
        }
    }

    fn feistel(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..4_u64 {
            let f = mix64(self.seed ^ mix64(right ^ (round << 56))) & mask;
            (left, right) = (right, left ^ f);
        }
        (left << self.half_bits) | right
    }
}

/// Cumulative Zipf weights, `p(rank) ~ 1 / (rank + shift)^exponent` over ranks `1..=rows`.
#[derive(Clone, Debug)]
pub struct ZipfTable {
    cumulative: Vec<f64>,
}

impl ZipfTable {
    /// `shift` is Mandelbrot's q; 0 gives the plain law.
    pub fn new(rows: u64, exponent: f64, shift: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=rows.max(1))
            .map(|rank| {
                sum += libm::pow(rank as f64 + shift, -exponent);
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// Probability of the zero-based `rank`.
    pub fn probability(&self, rank: usize) -> f64 {
        let below = rank.checked_sub(1).and_then(|i| self.cumulative.get(i)).copied().unwrap_or(0.0);
        let here = self.cumulative.get(rank).copied().unwrap_or(below);
        (here - below) / self.cumulative.last().copied().unwrap_or(1.0)
    }

    /// Zero-based rank whose cumulative share covers `unit` in `[0, 1)`.
    pub fn rank(&self, unit: f64) -> usize {
        let target = unit * self.cumulative.last().copied().unwrap_or(1.0);
        self.cumulative.partition_point(|&c| c <= target).min(self.cumulative.len().saturating_sub(1))
    }
}

/// An endless stream of row numbers below `rows`.
#[derive(Clone, Debug)]
pub struct Draws {
    kind: Kind,
    rows: u64,
    seed: u64,
    next: u64,
}

#[derive(Clone, Debug)]
enum Kind {
    Sequential { start: u64 },
    Distinct(Permutation),
    Uniform,
    Zipf(ZipfTable, Permutation),
    Trace(Vec<u64>),
}

impl Draws {
    /// Rows in file order from a seeded start.
    pub fn sequential(rows: u64, seed: u64) -> Self {
        let rows = rows.max(1);
        Self { kind: Kind::Sequential { start: mix64(seed) % rows }, rows, seed, next: 0 }
    }

    /// Every row once before any comes twice.
    pub fn distinct(rows: u64, seed: u64) -> Self {
        let rows = rows.max(1);
        Self { kind: Kind::Distinct(Permutation::new(rows, seed)), rows, seed, next: 0 }
    }

    /// Independent uniform rows.
    pub fn uniform(rows: u64, seed: u64) -> Self {
        Self { kind: Kind::Uniform, rows: rows.max(1), seed, next: 0 }
    }

    /// Independent Zipf ranks; `ids` fixes which row has which rank, so that two streams share their hot rows.
    pub fn zipf(rows: u64, exponent: f64, seed: u64, ids: u64) -> Self {
        let rows = rows.max(1);
        let kind = Kind::Zipf(ZipfTable::new(rows, exponent, 0.0), Permutation::new(rows, ids));
        Self { kind, rows, seed, next: 0 }
    }

    /// A recorded list of token ids, repeated when it ends, starting at `start`.
    pub fn trace(rows: u64, ids: Vec<u64>, start: u64) -> Self {
        let ids = if ids.is_empty() { vec![0] } else { ids };
        Self { kind: Kind::Trace(ids), rows: rows.max(1), seed: 0, next: start }
    }
}

impl Iterator for Draws {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let index = self.next;
        self.next = self.next.wrapping_add(1);
        let word = mix64(self.seed ^ mix64(index));
        Some(match &self.kind {
            Kind::Sequential { start } => start.wrapping_add(index) % self.rows,
            Kind::Distinct(permutation) => permutation.apply(index),
            Kind::Uniform => scale_down(word, self.rows),
            Kind::Zipf(table, ids) => {
                let unit = (word >> 11) as f64 / (1_u64 << 53) as f64;
                ids.apply(table.rank(unit) as u64)
            }
            Kind::Trace(list) => {
                let at = usize::try_from(index % list.len() as u64).unwrap_or(0);
                list.get(at).copied().unwrap_or(0) % self.rows
            }
        })
    }
}

/// Lemire's multiply-shift: `word * below / 2^64`.
fn scale_down(word: u64, below: u64) -> u64 {
    u64::try_from((u128::from(word) * u128::from(below)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Draws, Permutation, ZipfTable};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_permutation_hits_everything_once(domain in 1_u64..3000, seed: u64) {
            let permutation = Permutation::new(domain, seed);
            let image: BTreeSet<u64> = (0..domain).map(|i| permutation.apply(i)).collect();
            prop_assert_eq!(image.len() as u64, domain);
            prop_assert!(image.iter().all(|&v| v < domain));
        }

        #[test]
        fn draws_stay_inside_and_repeat(rows in 1_u64..5000, seed: u64) {
            for make in [Draws::sequential, Draws::distinct, Draws::uniform] {
                let first: Vec<u64> = make(rows, seed).take(50).collect();
                prop_assert!(first.iter().all(|&r| r < rows));
                prop_assert_eq!(first, make(rows, seed).take(50).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn zipf_frequencies_follow_their_probabilities() {
        let table = ZipfTable::new(1000, 1.0, 0.0);
        let total: f64 = (0..1000).map(|r| table.probability(r)).sum();
        assert!((total - 1.0).abs() < 1e-9);
        let hot = Permutation::new(1000, 7).apply(0);
        let n = 40_000_usize;
        let hits = Draws::zipf(1000, 1.0, 3, 7).take(n).filter(|&row| row == hot).count();
        let expected = table.probability(0) * n as f64;
        assert!((hits as f64 - expected).abs() < 4.0 * expected.sqrt(), "{hits} against {expected}");
    }

    #[test]
    fn a_trace_wraps_and_is_taken_modulo_the_rows() {
        let rows: Vec<u64> = Draws::trace(5, vec![1, 7], 1).take(3).collect();
        assert_eq!(rows, [2, 1, 2]);
        assert_eq!(Draws::trace(5, vec![], 0).next(), Some(0));
    }
}
