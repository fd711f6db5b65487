//! AdamW on host slices (Loshchilov & Hutter, arXiv:1711.05101), in the order of operations of `torch.optim.AdamW`.

use crate::leaf::cast::to_f32;

/// Hyperparameters; the defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

impl AdamW {
    /// Move `values` by one step. `step` counts from 1; `scale` multiplies the gradient first (clipping).
    ///
    /// All slices have one length; what goes beyond the shortest stays as it is.
    pub fn step(
        &self,
        step: u64,
        rate: f64,
        scale: f32,
        values: &mut [f32],
        gradient: &[f32],
        (first, second): (&mut [f32], &mut [f32]),
    ) {
        let count = i32::try_from(step).unwrap_or(i32::MAX);
        let correction1 = 1.0 - self.beta1.powi(count);
        let correction2 = (1.0 - self.beta2.powi(count)).sqrt();
        let decay = to_f32(1.0 - rate * self.weight_decay);
        let size = to_f32(rate / correction1);
        let (beta2, new1, new2) = (to_f32(self.beta2), to_f32(1.0 - self.beta1), to_f32(1.0 - self.beta2));
        let (root, eps) = (to_f32(correction2), to_f32(self.eps));
        let moments = first.iter_mut().zip(second.iter_mut());
        for ((value, gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * scale;
            *first += (gradient - *first) * new1;
            *second = *second * beta2 + gradient * gradient * new2;
            *value = *value * decay - size * *first / (second.sqrt() / root + eps);
        }
    }
}

/// What to multiply gradients of this global norm by so that it does not exceed `limit` (PyTorch's
/// `clip_grad_norm_`); 1 without a limit.
pub fn clip_factor(norm: f64, limit: Option<f64>) -> f32 {
    limit.map_or(1.0, |limit| to_f32((limit / (norm + 1e-6)).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_moves_by_the_rate_and_decays_apart() {
        let (mut values, mut first, mut second) = ([1.0_f32, -2.0], [0.0; 2], [0.0; 2]);
        AdamW::default().step(1, 0.1, 1.0, &mut values, &[0.5, -3.0], (&mut first, &mut second));
        // Bias correction makes the first move rate * sign(gradient); decay takes rate * 0.01 of the value.
        assert!((values[0] - (1.0 * 0.999 - 0.1)).abs() < 1e-6, "{values:?}");
        assert!((values[1] - (-2.0 * 0.999 + 0.1)).abs() < 1e-6);
        assert!((first[0] - 0.05).abs() < 1e-7 && (second[0] - 0.000_25).abs() < 1e-9);
    }

    #[test]
    fn a_quadratic_is_descended() {
        let (mut value, mut first, mut second) = ([3.0_f32], [0.0], [0.0]);
        let rule = AdamW { weight_decay: 0.0, ..AdamW::default() };
        for step in 1..=500 {
            let gradient = [2.0 * value[0]];
            rule.step(step, 0.05, 1.0, &mut value, &gradient, (&mut first, &mut second));
        }
        assert!(value[0].abs() < 0.01, "{}", value[0]);
    }

    #[test]
    fn clipping_only_shortens() {
        assert!((clip_factor(0.5, Some(1.0)) - 1.0).abs() < f32::EPSILON);
        assert!((clip_factor(4.0, Some(1.0)) - 0.25).abs() < 1e-6);
        assert!((clip_factor(1e9, None) - 1.0).abs() < f32::EPSILON);
    }
}
