//! A predicted quantity with an interval; how many published measurements such intervals hold is known by class of processor.

use crate::measurement::PredictedSpeed;
use serde::Serialize;

/// Low, expected and high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// The low end.
    pub low: f64,
    /// The middle.
    pub expected: f64,
    /// The high end.
    pub high: f64,
}

impl Estimate {
    /// `expected` within these factors.
    pub fn within(expected: f64, factors: (f64, f64)) -> Self {
        Self { low: expected * factors.0, expected, high: expected * factors.1 }
    }

    /// A quantity that is sure.
    pub const fn exact(value: f64) -> Self {
        Self { low: value, expected: value, high: value }
    }

    /// How often a second holds this many seconds; the ends change places.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { low: 1.0 / self.high, expected: 1.0 / self.expected, high: 1.0 / self.low }
    }

    /// Times a sure factor.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { low: self.low * factor, expected: self.expected * factor, high: self.high * factor }
    }
}

impl From<Estimate> for PredictedSpeed {
    fn from(estimate: Estimate) -> Self {
        Self { expected: estimate.expected, low: estimate.low, high: estimate.high }
    }
}

impl std::ops::Add for Estimate {
    type Output = Self;

    /// Sums whose parts err together: the ends add up.
    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            expected: self.expected + other.expected,
            high: self.high + other.high,
        }
    }
}
