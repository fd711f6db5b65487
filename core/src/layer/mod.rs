//! What a decoder's layer computes beside its matrix products, on rows of f32: forwards, and back through it.
//!
//! A GPU does these as tensor operations; on a CPU one pass over a row in cache replaces several over memory. Every
//! `_back` takes the gradient of what the function gives and overwrites its output with that of what it was given;
//! derivatives are those of the formulas as written, not of their rounding.

#![expect(
    clippy::inline_always,
    reason = "loops are inlined into the function that enables their instructions"
)]

mod activation;
mod gate;
mod loss;
mod norm;
mod rope;
mod softmax;

pub use activation::Activation;
pub use gate::{gate, gate_back};
pub use loss::cross_entropy;
pub use norm::{rms_norm, rms_norm_back};
pub use rope::rotate;
pub use softmax::{Sight, softmax, softmax_back};

use crate::leaf::simd::{Isa, Kernel, Simd};

/// A loop that is compiled for the processor's widest instructions; the compiler finds the lanes.
struct Loop<F>(F);

impl<F: FnOnce() -> T, T> Kernel for Loop<F> {
    type Output = T;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> T {
        (self.0)()
    }
}

fn vectorised<T>(run: impl FnOnce() -> T) -> T {
    Isa::detect().run(Loop(run))
}

/// Lanes of a sum whose order the compiler may not choose itself.
const LANES: usize = 16;

/// Sum of `term(a, b)` over two rows of one length.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    let tail: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b)).sum();
    lanes.iter().sum::<f32>() + tail
}

/// `e^x` to about two units in the last place, without a branch.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`; a polynomial of degree six for `e^r`, exponent bits for `2^n`. Below -87
/// the result is that of -87 (1.6e-38), above 88 that of 88.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 x 2^23 rounds to an integer, which then lies in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // In two parts, the first short enough for exact products.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // Comparisons, not `max` and `min`: what is no number stays none.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let tail = 1.388_889e-3 * r + 8.333_333e-3;
    let tail = ((tail * r + 4.166_666_6e-2) * r + 1.666_666_7e-1) * r + 0.5;
    let power = tail * r * r + r + 1.0;
    power * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::exp;
    use crate::codec::Random;

    pub(crate) fn values(seed: u64, count: usize) -> Vec<f32> {
        Random::new(seed, 7).normals(count)
    }

    /// Hold a gradient to differences of `sum(weights * f(x))` in every place of `x`.
    pub(crate) fn check(x: &[f32], weights: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> Vec<f32>) {
        let objective =
            |x: &[f32]| -> f64 { f(x).iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
        for place in 0..x.len() {
            let moved = |by: f32| {
                let mut x = x.to_vec();
                x[place] += by;
                objective(&x)
            };
            let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let error = (difference - f64::from(gradient[place])).abs();
            assert!(error < 5e-3 * (1.0 + difference.abs()), "{place}: {difference} {}", gradient[place]);
        }
    }

    #[test]
    fn exp_is_exact_to_two_units() {
        for step in -8_700_i16..8_800 {
            let x = f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 2.5e-7, "{x}");
        }
        assert!(exp(-1e30) < 2e-38 && exp(f32::NEG_INFINITY) >= 0.0 && exp(f32::NAN).is_nan());
    }
}
