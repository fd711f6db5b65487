//! Attention weights from scores: capped, masked, normalised.

use super::{exp, sum, vectorised};
use core::ops::Range;

/// Which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Position of the first query.
    pub start: usize,
    /// Position of the first key.
    pub first: usize,
    /// Keys there are.
    pub keys: usize,
    /// Newest positions seen, the query's own included; all when `None`.
    pub window: Option<usize>,
}

impl Sight {
    /// Indices of the keys that the query at `index` sees.
    pub fn of(&self, index: usize) -> Range<usize> {
        let position = self.start + index;
        let end = (position + 1).saturating_sub(self.first).min(self.keys);
        let oldest = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
        oldest.saturating_sub(self.first).min(end)..end
    }
}

/// Scores to weights, in place: rows of `sight.keys`, one a query, with `cap tanh(score / cap)` where there is a cap.
/// Keys out of sight get zero.
pub fn softmax(scores: &mut [f32], sight: Sight, cap: Option<f32>) {
    vectorised(|| {
        for (index, row) in scores.chunks_exact_mut(sight.keys).enumerate() {
            let seen = sight.of(index);
            row[..seen.start].fill(0.0);
            row[seen.end..].fill(0.0);
            let row = &mut row[seen];
            if let Some(cap) = cap {
                // tanh z = 1 - 2 / (e^2z + 1)
                for x in &mut *row {
                    *x = cap - 2.0 * cap / (exp(*x * (2.0 / cap)) + 1.0);
                }
            }
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for x in &mut *row {
                *x = exp(*x - largest);
            }
            let total = 1.0 / sum(row, row, |x, _| x);
            for x in row {
                *x *= total;
            }
        }
    });
}

/// Gradients of the weights to those of the scores, in place: `w (g - sum(w g))`, through the cap where there is one.
/// `scores` are those before the cap, and needed only with one.
pub fn softmax_back(weights: &[f32], gradient: &mut [f32], sight: Sight, cap: Option<(f32, &[f32])>) {
    vectorised(|| {
        let rows = weights.chunks_exact(sight.keys).zip(gradient.chunks_exact_mut(sight.keys));
        for (index, (weights, gradient)) in rows.enumerate() {
            let seen = sight.of(index);
            gradient[..seen.start].fill(0.0);
            gradient[seen.end..].fill(0.0);
            let (weights, gradient) = (&weights[seen.clone()], &mut gradient[seen.clone()]);
            let along = sum(weights, gradient, |w, g| w * g);
            gradient.iter_mut().zip(weights).for_each(|(g, w)| *g = w * (*g - along));
            if let Some((cap, scores)) = cap {
                let scores = &scores[index * sight.keys..][seen];
                for (g, x) in gradient.iter_mut().zip(scores) {
                    let tanh = 1.0 - 2.0 / (exp(*x * (2.0 / cap)) + 1.0);
                    *g *= 1.0 - tanh * tanh;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, values};
    use super::*;

    #[test]
    fn a_query_sees_what_came_before_it_within_its_window() {
        let all = Sight { start: 4, first: 0, keys: 6, window: None };
        assert_eq!((all.of(0), all.of(1)), (0..5, 0..6));
        let near = Sight { start: 4, first: 2, keys: 4, window: Some(2) };
        assert_eq!((near.of(0), near.of(1)), (1..3, 2..4));
    }

    #[test]
    fn weights_sum_to_one_and_the_gradient_is_that_of_the_function() {
        let sight = Sight { start: 2, first: 0, keys: 21, window: Some(20) };
        let (x, weights) = (values(1, 19 * 21), values(2, 19 * 21));
        for cap in [None, Some(3.0)] {
            let forward = |x: &[f32]| {
                let mut out = x.to_vec();
                softmax(&mut out, sight, cap);
                out
            };
            let out = forward(&x);
            for (index, row) in out.chunks_exact(21).enumerate() {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                assert!(row[sight.of(index).end..].iter().all(|x| *x == 0.0));
            }
            let mut gradient = weights.clone();
            softmax_back(&out, &mut gradient, sight, cap.map(|cap| (cap, x.as_slice())));
            check(&x, &weights, &gradient, forward);
        }
    }
}
