//! The gated feed-forward block.

use super::host;
use super::load::Loader;
use super::projection::Projection;
use super::recipe::{Activation, Recipe};
use super::{DecoderError, Pass};
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, relu, sigmoid, silu};
use dhurandhar_core::training::Target;

/// `down(act(gate x) * up x)`.
#[derive(Debug, Clone)]
pub(super) struct Ffn {
    layer: usize,
    gate: Projection,
    up: Projection,
    down: Projection,
    activation: Activation,
    /// Standard deviations above the mean from which gate channels count; `None` keeps all.
    cutoff: Option<f64>,
}

impl Ffn {
    pub(super) fn load(
        loader: &Loader<'_>,
        recipe: &Recipe,
        layer: usize,
        hidden: usize,
        width: usize,
    ) -> Result<Self, DecoderError> {
        let map = |part: &str, shape| loader.projection(&format!("blk.{layer}.{part}"), shape, false, None);
        let share = recipe.sparsity[layer];
        Ok(Self {
            layer,
            gate: map("ffn_gate", [width, hidden])?,
            up: map("ffn_up", [width, hidden])?,
            down: map("ffn_down", [hidden, width])?,
            activation: recipe.activation,
            cutoff: (share > 0.0).then(|| normal_quantile(share)),
        })
    }

    /// Bytes of its packed weights in memory.
    pub(super) fn packed_bytes(&self) -> usize {
        [&self.gate, &self.up, &self.down].map(Projection::packed_bytes).iter().sum()
    }

    /// One of its projections.
    pub(super) fn projection(&self, target: Target) -> Option<&Projection> {
        match target {
            Target::Gate => Some(&self.gate),
            Target::Up => Some(&self.up),
            Target::Down => Some(&self.down),
            Target::Query | Target::Key | Target::Value | Target::Output => None,
        }
    }

    /// `[tokens, hidden]` to the same.
    pub(super) fn apply(&self, x: Tensor<2>, pass: &Pass<'_, '_>) -> Tensor<2> {
        let gate = pass.project(self.layer, Target::Gate, &self.gate, x.clone());
        let gate = match self.cutoff {
            Some(cutoff) => sparse(gate, cutoff),
            None => gate,
        };
        let up = pass.project(self.layer, Target::Up, &self.up, x);
        pass.project(self.layer, Target::Down, &self.down, gated(self.activation, gate, up))
    }
}

/// `activation(gate) * up`, element by element.
pub(super) fn gated(activation: Activation, gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    if host::is_host(&gate) {
        return host::gated(activation, gate, up);
    }
    let gate = match activation {
        Activation::Silu => silu(gate),
        Activation::GeluTanh => gelu_approximate(gate),
        Activation::Gelu => gelu(gate),
        Activation::QuickGelu => gate.clone() * sigmoid(gate * 1.702),
        Activation::Relu => relu(gate),
        Activation::ReluSquared => {
            let positive = relu(gate);
            positive.clone() * positive
        }
    };
    gate * up
}

/// What of each row exceeds its mean by `cutoff` standard deviations (Gemma 3n's statistical top-k).
fn sparse(x: Tensor<2>, cutoff: f64) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let deviation = (centred.clone() * centred.clone()).mean_dim(1).sqrt();
    relu(centred - deviation * cutoff)
}

/// The standard normal quantile, by Newton's method on the error-function series.
///
/// Accurate to about 1e-12 for shares between 0.01 and 0.99.
fn normal_quantile(share: f64) -> f64 {
    const SQRT_TAU: f64 = 2.506_628_274_631_000_2;
    let mut x = 0.0_f64;
    for _ in 0..64 {
        let density = (-x * x / 2.0).exp() / SQRT_TAU;
        // Marsaglia's series: Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...).
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term.abs() > 1e-17 * sum.abs().max(1e-30) {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        let step = (0.5 + density * sum - share) / density;
        // Short steps, since the density falls fast.
        x -= step.clamp(-0.5, 0.5);
        if step.abs() < 1e-14 {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::normal_quantile;

    #[test]
    fn quantiles_of_the_normal_law() {
        for (share, quantile) in
            [(0.5, 0.0), (0.95, 1.644_853_626_951), (0.8, 0.841_621_233_573), (0.05, -1.644_853_626_951)]
        {
            assert!((normal_quantile(share) - quantile).abs() < 1e-10, "{share}");
        }
    }
}
