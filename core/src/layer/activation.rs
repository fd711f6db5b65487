//! Nonlinearities of a gate: values and slopes.

use super::exp;

/// Nonlinearity of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, which is `x / (1 + e^-2z)`.
    GeluTanh,
    /// `x / 2 (1 + erf(x / sqrt 2))`.
    Gelu,
    /// `x / (1 + e^(-1.702 x))`.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, 0)^2`.
    ReluSquared,
}

impl Activation {
    /// Each of them once.
    pub const ALL: [Self; 6] =
        [Self::Silu, Self::GeluTanh, Self::Gelu, Self::QuickGelu, Self::Relu, Self::ReluSquared];

    /// By the names that configs write (transformers, `ACT2FN`); those of one function are one.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "silu" | "swish" => Self::Silu,
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" | "gelu_python_tanh" | "gelu_accurate" => {
                Self::GeluTanh
            }
            "gelu" | "gelu_python" => Self::Gelu,
            "quick_gelu" => Self::QuickGelu,
            "relu" => Self::Relu,
            "relu2" => Self::ReluSquared,
            _ => return None,
        })
    }
}

/// `sqrt(8 / pi)`: twice the factor of the tanh form.
const SLOPE: f32 = 1.595_769;
const CUBE: f32 = 0.044_715;
const QUICK: f32 = 1.702;

/// What the tanh form's logistic function sees, and its derivative.
#[inline(always)]
pub(super) fn tanh_form(x: f32) -> (f32, f32) {
    (SLOPE * (x + CUBE * x * x * x), SLOPE * (1.0 + 3.0 * CUBE * x * x))
}

#[inline(always)]
pub(super) fn quick(x: f32) -> (f32, f32) {
    (QUICK * x, QUICK)
}

/// `x / (1 + e^-z)` and its slope, from `z` and the slope of `z`.
#[inline(always)]
pub(super) fn logistic(x: f32, (inner, slope): (f32, f32)) -> (f32, f32) {
    let share = 1.0 / (1.0 + exp(-inner));
    (x * share, share * (1.0 + x * slope * (1.0 - share)))
}

/// `x Phi(x)` and its slope `Phi(x) + x phi(x)`.
#[inline(always)]
pub(super) fn erf_share(x: f32) -> (f32, f32) {
    const DENSITY: f32 = 0.398_942_3;
    let share = 0.5 + 0.5 * erf(x * core::f32::consts::FRAC_1_SQRT_2);
    (x * share, share + x * DENSITY * exp(-0.5 * x * x))
}

/// The error function to a few units in the last place: an odd rational function within four, one beyond.
#[inline(always)]
fn erf(x: f32) -> f32 {
    // Comparisons, not `max` and `min`: what is no number stays none.
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let square = x * x;
    let above = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024_1e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    let below = [-1.456_607_2e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_474e-2];
    let power = |terms: &[f32]| terms.iter().fold(0.0, |sum, term| sum * square + term);
    x * power(&above) / power(&below)
}
