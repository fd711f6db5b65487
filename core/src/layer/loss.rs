//! Cross-entropy of the next token.

use super::{exp, sum, vectorised};

/// Negative log likelihood of `target` in nats, from one row of products with the head; the row becomes the gradient of
/// the loss with respect to these products.
///
/// `target` is a place in the row. Logits are `cap tanh(p / divisor / cap)` of products `p`, or `p / divisor` without a cap.
pub fn cross_entropy(row: &mut [f32], target: usize, divisor: f32, cap: Option<f32>) -> f32 {
    vectorised(|| {
        let scale = 1.0 / divisor;
        match cap {
            None => {
                for x in &mut *row {
                    *x *= scale;
                }
            }
            Some(cap) => {
                let twice = 2.0 * scale / cap;
                for x in &mut *row {
                    *x = cap - 2.0 * cap / (exp(*x * twice) + 1.0);
                }
            }
        }
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total = sum(row, row, |x, _| exp(x - largest)).ln() + largest;
        let loss = total - row[target];
        let hit = match cap {
            None => 1.0,
            Some(cap) => 1.0 - (row[target] / cap) * (row[target] / cap),
        };
        match cap {
            None => {
                for x in &mut *row {
                    *x = exp(*x - total) * scale;
                }
            }
            Some(cap) => {
                for x in &mut *row {
                    let share = *x / cap;
                    *x = exp(*x - total) * (1.0 - share * share) * scale;
                }
            }
        }
        row[target] -= hit * scale;
        loss
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, values};
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let x = values(1, 53);
        for (divisor, cap) in [(1.0, None), (2.0, None), (1.0, Some(4.0))] {
            let loss = |x: &[f32]| vec![cross_entropy(&mut x.to_vec(), 7, divisor, cap)];
            let mut gradient = x.clone();
            let value = cross_entropy(&mut gradient, 7, divisor, cap);
            assert!((value - loss(&x)[0]).abs() < 1e-6);
            check(&x, &[1.0], &gradient, loss);
        }
        let even = cross_entropy(&mut [0.0; 64], 3, 1.0, None);
        assert!((even - 64.0_f32.ln()).abs() < 1e-5);
    }
}
