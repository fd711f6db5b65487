//! The gated unit of the feed-forward block (Shazeer, arXiv:2002.05202).

use super::activation::{Activation, erf_share, logistic, quick, tanh_form};
use super::vectorised;

/// `activation(gate) * up`, element by element.
pub fn gate(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    match activation {
        Activation::Silu => shared(|x| logistic(x, (x, 1.0)), [gate, up], out),
        Activation::GeluTanh => shared(|x| logistic(x, tanh_form(x)), [gate, up], out),
        Activation::QuickGelu => shared(|x| logistic(x, quick(x)), [gate, up], out),
        Activation::Gelu => shared(erf_share, [gate, up], out),
        Activation::Relu => shared(|x| (x.max(0.0), step(x)), [gate, up], out),
        Activation::ReluSquared => shared(|x| (x.max(0.0) * x.max(0.0), 2.0 * x.max(0.0)), [gate, up], out),
    }
}

/// Gradients of the gate and of what it gates.
pub fn gate_back(activation: Activation, inputs: [&[f32]; 2], gradient: &[f32], outputs: [&mut [f32]; 2]) {
    match activation {
        Activation::Silu => shared_back(|x| logistic(x, (x, 1.0)), inputs, gradient, outputs),
        Activation::GeluTanh => shared_back(|x| logistic(x, tanh_form(x)), inputs, gradient, outputs),
        Activation::QuickGelu => shared_back(|x| logistic(x, quick(x)), inputs, gradient, outputs),
        Activation::Gelu => shared_back(erf_share, inputs, gradient, outputs),
        Activation::Relu => shared_back(|x| (x.max(0.0), step(x)), inputs, gradient, outputs),
        Activation::ReluSquared => {
            shared_back(|x| (x.max(0.0) * x.max(0.0), 2.0 * x.max(0.0)), inputs, gradient, outputs);
        }
    }
}

fn step(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

/// The loop for one activation, which gives its value and its slope.
#[inline(always)]
fn shared(of: impl Fn(f32) -> (f32, f32), [gate, up]: [&[f32]; 2], out: &mut [f32]) {
    vectorised(|| {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = of(*gate).0 * up;
        }
    });
}

#[inline(always)]
fn shared_back(
    of: impl Fn(f32) -> (f32, f32),
    [gate, up]: [&[f32]; 2],
    gradient: &[f32],
    [gate_out, up_out]: [&mut [f32]; 2],
) {
    vectorised(|| {
        let inputs = gate.iter().zip(up).zip(gradient);
        for (((gate, up), gradient), (gate_out, up_out)) in inputs.zip(gate_out.iter_mut().zip(up_out)) {
            let (value, slope) = of(*gate);
            *up_out = gradient * value;
            *gate_out = gradient * up * slope;
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
        for activation in Activation::ALL {
            let forward = |left: &[f32], right: &[f32]| {
                let mut out = vec![0.0; 37];
                gate(activation, left, right, &mut out);
                out
            };
            // Differences across the kink of a ReLU mean nothing.
            let left: Vec<f32> = left.iter().map(|x| x + 0.02_f32.copysign(*x)).collect();
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
            let exact = f64::from(x);
            let tanh = ((2.0 / std::f64::consts::PI).sqrt() * (exact + 0.044_715 * exact.powi(3))).tanh();
            for (activation, wanted) in [
                (Activation::GeluTanh, 0.5 * exact * (1.0 + tanh)),
                (Activation::Silu, exact / (1.0 + (-exact).exp())),
                (Activation::QuickGelu, exact / (1.0 + (-1.702 * exact).exp())),
                (Activation::Gelu, 0.5 * exact * (1.0 + libm::erf(exact / std::f64::consts::SQRT_2))),
                (Activation::Relu, exact.max(0.0)),
                (Activation::ReluSquared, exact.max(0.0).powi(2)),
            ] {
                let mut out = [0.0];
                gate(activation, &[x], &[1.0], &mut out);
                let error = (f64::from(out[0]) - wanted).abs();
                assert!(error < 2e-6 * (1.0 + wanted.abs()), "{activation:?} of {x}: {}", out[0]);
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for activation in
            Activation::ALL.into_iter().filter(|a| !matches!(a, Activation::Relu | Activation::ReluSquared))
        {
            let mut out = [0.0];
            gate(activation, &[f32::NAN], &[1.0], &mut out);
            assert!(out[0].is_nan(), "{activation:?}");
        }
    }
}
