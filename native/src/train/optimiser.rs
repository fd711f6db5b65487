//! AdamW over all pairs, its moments on the host, with the gradient clipped by its global norm.

use super::gradients::Sums;
use super::params::Parameters;
use dhurandhar_core::training::{AdamW, clip_factor};
use rayon::prelude::*;

/// Moments, and how many steps they have seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Optimiser {
    pub(crate) rule: AdamW,
    pub(crate) steps: u64,
    pub(crate) first: Sums,
    pub(crate) second: Sums,
}

impl Optimiser {
    pub(crate) fn new(rule: AdamW, parameters: &Parameters) -> Self {
        Self { rule, steps: 0, first: parameters.zeros(), second: parameters.zeros() }
    }

    /// Move the parameters; gives the gradient's norm before clipping. A gradient that is not finite moves nothing.
    pub(crate) fn step(
        &mut self,
        parameters: &mut Parameters,
        gradients: &Sums,
        rate: f64,
        limit: Option<f64>,
    ) -> f64 {
        let norm = norm(gradients);
        if !norm.is_finite() {
            return norm;
        }
        self.steps += 1;
        let (scale, rule, steps) = (clip_factor(norm, limit), self.rule, self.steps);
        let moments = self.first.par_iter_mut().zip(self.second.par_iter_mut());
        parameters.pairs.par_iter_mut().zip(gradients).zip(moments).for_each(
            |((pair, gradient), (first, second))| {
                let moments = first.iter_mut().zip(second);
                for ((values, gradient), (first, second)) in
                    pair.factors.iter_mut().zip(gradient).zip(moments)
                {
                    rule.step(steps, rate, scale, values, gradient, (first, second));
                }
            },
        );
        norm
    }
}

/// Euclidean norm of everything, added up in one fixed order.
fn norm(gradients: &Sums) -> f64 {
    let squares = |values: &Vec<f32>| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
    gradients.iter().map(|factors| factors.iter().map(squares).sum::<f64>()).sum::<f64>().sqrt()
}
