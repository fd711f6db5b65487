//! The gated unit of the feed-forward block (Shazeer, arXiv:2002.05202).

use super::{exp, vectorised};

/// Nonlinearity of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, which is `x / (1 + e^-2z)`.
    GeluTanh,
}

/// `sqrt(8 / pi)`: twice the factor of the tanh form.
const SLOPE: f32 = 1.595_769;
const CUBE: f32 = 0.044_715;

impl Activation {
    /// What goes into the logistic function, and its derivative.
    #[expect(clippy::inline_always, reason = "part of a loop")]
    #[inline(always)]
    fn inner(self, x: f32) -> (f32, f32) {
        match self {
            Self::Silu => (x, 1.0),
            Self::GeluTanh => (SLOPE * (x + CUBE * x * x * x), SLOPE * (1.0 + 3.0 * CUBE * x * x)),
        }
    }
}

/// `activation(gate) * up`, element by element.
pub fn gate(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    vectorised(|| {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate / (1.0 + exp(-activation.inner(*gate).0)) * up;
        }
    });
}

/// Gradients of the gate and of what it gates.
pub fn gate_back(
    activation: Activation,
    [gate, up]: [&[f32]; 2],
    gradient: &[f32],
    [gate_out, up_out]: [&mut [f32]; 2],
) {
    vectorised(|| {
        let inputs = gate.iter().zip(up).zip(gradient);
        for (((gate, up), gradient), (gate_out, up_out)) in inputs.zip(gate_out.iter_mut().zip(up_out)) {
            let (inner, slope) = activation.inner(*gate);
            let share = 1.0 / (1.0 + exp(-inner));
            *up_out = gradient * gate * share;
            *gate_out = gradient * up * share * (1.0 + gate * slope * (1.0 - share));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, values};
    use super::*;

    #[test]
    fn the_gradients_are_those_of_the_function() {
        let (left, right, weights) = (values(1, 37), values(2, 37), values(3, 37));
        for activation in [Activation::Silu, Activation::GeluTanh] {
            let forward = |left: &[f32], right: &[f32]| {
                let mut out = vec![0.0; 37];
                gate(activation, left, right, &mut out);
                out
            };
            let (mut by_gate, mut by_up) = (vec![0.0; 37], vec![0.0; 37]);
            gate_back(activation, [&left, &right], &weights, [&mut by_gate, &mut by_up]);
            check(&left, &weights, &by_gate, |left| forward(left, &right));
            check(&right, &weights, &by_up, |right| forward(&left, right));
        }
    }

    #[test]
    fn the_activations_are_those_of_their_definitions() {
        for step in -60_i8..=60 {
            let x = f32::from(step) / 5.0;
            let of = |activation| {
                let mut out = [0.0];
                gate(activation, &[x], &[1.0], &mut out);
                out[0]
            };
            let tanh = ((2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh();
            assert!((of(Activation::GeluTanh) - 0.5 * x * (1.0 + tanh)).abs() < 2e-6, "{x}");
            assert!((of(Activation::Silu) - x / (1.0 + (-x).exp())).abs() < 2e-6, "{x}");
        }
    }
}
