//! What a coded cache does to a model's predictions: divergence from the exact logits, and perplexity.
//!
//! Kullback–Leibler divergence to the full-precision-cache logits is the measure that llama.cpp's `perplexity
//! --kl-divergence` reports; it tells damage far earlier than perplexity does.

use serde::{Deserialize, Serialize};

/// Natural logarithm of the probability that `logits` give `target`; minus infinity beyond the vocabulary.
pub fn log_likelihood(logits: &[f32], target: usize) -> f64 {
    let (most, total) = normaliser(logits);
    logits.get(target).map_or(f64::NEG_INFINITY, |logit| f64::from(logit - most) - total.ln())
}

/// Divergence of coded from exact predictions, over tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Divergence {
    /// Tokens compared.
    pub tokens: usize,
    /// Mean Kullback–Leibler divergence, nats.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Share of tokens whose likeliest continuation stays the same.
    pub same_top: f64,
    /// Perplexity with the exact cache.
    pub exact_perplexity: f64,
    /// Perplexity with the coded cache.
    pub coded_perplexity: f64,
}

/// Collects tokens for a [`Divergence`].
#[derive(Debug, Clone, Default)]
pub struct DivergenceSums {
    divergences: Vec<f64>,
    same_top: usize,
    exact: f64,
    coded: f64,
}

impl DivergenceSums {
    /// Adds one position: both rows of logits, and the token that really follows.
    pub fn add(&mut self, exact: &[f32], coded: &[f32], target: usize) {
        let ((exact_most, exact_total), (coded_most, coded_total)) = (normaliser(exact), normaliser(coded));
        let shift = f64::from(coded_most) - f64::from(exact_most) + coded_total.ln() - exact_total.ln();
        let sum: f64 = exact
            .iter()
            .zip(coded)
            .map(|(e, c)| f64::from(e - exact_most).exp() * (f64::from(*e) - f64::from(*c) + shift))
            .sum();
        // Rounding may leave a negative trace where both agree.
        self.divergences.push((sum / exact_total).max(0.0));
        self.same_top += usize::from(top(exact) == top(coded));
        self.exact -= log_likelihood(exact, target);
        self.coded -= log_likelihood(coded, target);
    }

    /// The figures so far; `None` before the first token.
    pub fn finish(&self) -> Option<Divergence> {
        let tokens = self.divergences.len();
        let count = tokens as f64;
        let mut sorted = self.divergences.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get(((count - 1.0) * share).round() as usize).copied();
        Some(Divergence {
            tokens,
            mean: sorted.iter().sum::<f64>() / count,
            median: at(0.5)?,
            p99: at(0.99)?,
            same_top: self.same_top as f64 / count,
            exact_perplexity: (self.exact / count).exp(),
            coded_perplexity: (self.coded / count).exp(),
        })
    }
}

/// The largest logit, and the sum of exponentials relative to it.
fn normaliser(logits: &[f32]) -> (f32, f64) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (most, logits.iter().map(|logit| f64::from(logit - most).exp()).sum())
}

fn top(logits: &[f32]) -> Option<usize> {
    logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_diverge_by_nothing_and_shifts_do_not_matter() {
        let mut sums = DivergenceSums::default();
        assert_eq!(sums.finish(), None);
        sums.add(&[1.0, 2.0, -3.0], &[11.0, 12.0, 7.0], 1);
        let found = sums.finish().unwrap();
        assert!(found.mean < 1e-12 && (found.same_top - 1.0).abs() < 1e-12);
        assert!((found.exact_perplexity - found.coded_perplexity).abs() < 1e-9);
    }

    #[test]
    fn two_coins_by_hand() {
        // p = (3/4, 1/4), q = (1/2, 1/2): KL = 3/4 ln(3/2) + 1/4 ln(1/2).
        let mut sums = DivergenceSums::default();
        sums.add(&[3.0_f32.ln(), 0.0], &[0.0, 0.0], 0);
        let found = sums.finish().unwrap();
        assert!((found.mean - (0.75 * 1.5_f64.ln() - 0.25 * 2.0_f64.ln())).abs() < 1e-7);
        assert!((found.exact_perplexity - 4.0 / 3.0).abs() < 1e-6);
        assert!((found.coded_perplexity - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_uniform_law_has_the_vocabularys_perplexity() {
        assert!((log_likelihood(&[7.0; 8], 3) + 8.0_f64.ln()).abs() < 1e-12);
        assert!(log_likelihood(&[7.0; 8], 8) < f64::MIN);
    }
}
