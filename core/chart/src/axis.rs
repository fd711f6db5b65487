//! Axes: what an axis says, the values it spans, where a value lies on it, and its ticks.

use crate::number::{ByteUnit, exponent_of, fixed, grouped, power_label, power_of_ten, short};

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// Evenly.
    #[default]
    Linear,
    /// By log10; values that are not positive are left out.
    Log,
    /// Shares from 0 to 1 by -log10(1 - p), as latency percentiles are read (the "HDR" plot): 0 %, 90 %, 99 %, 99.9 %
    /// lie equally far apart. 1 itself is drawn at the last tick.
    Percentile,
}

/// What an axis says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// Quantity and unit, "true bits per channel".
    pub label: String,
    /// How values are spread.
    pub spread: Spread,
    /// Whether a linear axis reaches to zero even if no value does.
    pub from_zero: bool,
}

impl Axis {
    /// An evenly spread axis.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), spread: Spread::Linear, from_zero: false }
    }

    /// An evenly spread axis that starts at zero.
    pub fn from_zero(label: &str) -> Self {
        Self { from_zero: true, ..Self::linear(label) }
    }

    /// A log10 axis.
    pub fn log(label: &str) -> Self {
        Self { spread: Spread::Log, ..Self::linear(label) }
    }

    /// A percentile axis.
    pub fn percentile(label: &str) -> Self {
        Self { spread: Spread::Percentile, ..Self::linear(label) }
    }
}

/// Beyond this a chart says nothing more; keeps every sum finite.
const GREATEST: f64 = 1e30;

/// A value that an axis can show, or none.
pub(crate) fn usable(value: f64, spread: Spread) -> Option<f64> {
    match spread {
        _ if value.is_nan() => None,
        Spread::Linear => Some(value.clamp(-GREATEST, GREATEST)),
        Spread::Log => (value > 0.0).then(|| value.clamp(1.0 / GREATEST, GREATEST)),
        Spread::Percentile => Some(value.clamp(0.0, 1.0)),
    }
}

/// An axis laid out: values to positions, and ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    spread: Spread,
    low: f64,
    high: f64,
    /// Values with their texts, ascending.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Spans the usable ones of `values`, widened to round numbers, with about `wanted` ticks.
    pub(crate) fn spanning(axis: &Axis, values: impl Iterator<Item = f64>, wanted: u32) -> Self {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in values.filter_map(|value| usable(value, axis.spread)) {
            low = low.min(value);
            // The greatest share of all is drawn at the end, wherever that is.
            if axis.spread != Spread::Percentile || value < 1.0 {
                high = high.max(value);
            }
        }
        if low > high {
            (low, high) = if axis.spread == Spread::Log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        match axis.spread {
            Spread::Linear => {
                let (low, high) = if axis.from_zero { (low.min(0.0), high.max(0.0)) } else { (low, high) };
                Self::linear(low, high, wanted)
            }
            Spread::Log => Self::log(low, high, wanted),
            Spread::Percentile => Self::percentile(high),
        }
    }

    /// From 0 to `largest` bytes with ticks at multiples of a power of two of the unit.
    pub(crate) fn bytes(largest: f64, unit: ByteUnit, wanted: u32) -> Self {
        let high = usable(largest, Spread::Linear).unwrap_or(0.0).max(unit.bytes);
        let mut step = unit.bytes / 4.0;
        while high / step > f64::from(wanted.max(1)) {
            step *= 2.0;
        }
        let mut scale = Self { spread: Spread::Linear, low: 0.0, high, ticks: Vec::new() };
        scale.every(step, |value| unit.count(value));
        scale
    }

    fn linear(low: f64, high: f64, wanted: u32) -> Self {
        let span = high - low;
        let (low, high) = if span > 1e-12 * high.abs().max(low.abs()) {
            (low, high)
        } else if high == 0.0 {
            (0.0, 1.0)
        } else {
            (low - low.abs() * 0.1, high + high.abs() * 0.1)
        };
        let rough = (high - low) / f64::from(wanted.max(1));
        let decade = power_of_ten(exponent_of(rough));
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * decade).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(decade * 10.0);
        let (low, high) = (libm::floor(low / step + 1e-9) * step, libm::ceil(high / step - 1e-9) * step);
        let mut scale = Self { spread: Spread::Linear, low, high, ticks: Vec::new() };
        let decimals = u32::try_from(-exponent_of(step * 1.0001)).unwrap_or(0);
        let plain = low.abs().max(high.abs()) < 99_999.5 && decimals <= 5;
        scale.every(step, |value| if plain { grouped(&fixed(value, decimals)) } else { short(value) });
        scale
    }

    fn every(&mut self, step: f64, text: impl Fn(f64) -> String) {
        for i in 0..64 {
            let value = self.low + step * f64::from(i);
            if value > self.high + step * 1e-6 {
                break;
            }
            // Zero must not read as the rounding error of a sum.
            let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
            self.ticks.push((value, text(value)));
        }
    }

    fn log(low: f64, high: f64, wanted: u32) -> Self {
        const FINE: [f64; 3] = [1.0, 2.0, 5.0];
        let around = |value: f64| {
            let decade = exponent_of(value);
            (decade - 1..=decade + 1).flat_map(|k| FINE.map(|m| m * power_of_ten(k)))
        };
        let wide = high / low > 1_000.0;
        let (low, high) = if wide {
            let last = exponent_of(high * 0.999_999);
            (power_of_ten(exponent_of(low * 1.000_001)), power_of_ten(last + 1))
        } else {
            let below = around(low).filter(|v| *v <= low * 1.000_001).fold(low * 0.1, f64::max);
            let above = around(high).filter(|v| *v >= high * 0.999_999).fold(high * 10.0, f64::min);
            (below, if above > below * 1.5 { above } else { below * 10.0 })
        };
        let (first, last) = (exponent_of(low * 1.000_001), exponent_of(high * 1.000_001));
        let decades = (last - first).max(1);
        let wanted = i32::try_from(wanted.max(2)).unwrap_or(8);
        let every = (decades + wanted - 1) / wanted;
        let marks: &[f64] = match decades {
            d if d * 3 <= wanted + 1 => &FINE,
            d if d * 2 <= wanted && d <= 2 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut scale = Self { spread: Spread::Log, low, high, ticks: Vec::new() };
        for k in (first..=last).filter(|k| (k - first) % every == 0) {
            for mark in marks {
                let value = mark * power_of_ten(k);
                if value >= low * 0.999_999 && value <= high * 1.000_001 {
                    scale.ticks.push((value, log_text(value, *mark, k)));
                }
            }
        }
        scale
    }

    fn percentile(high: f64) -> Self {
        const STOPS: [(f64, &str); 8] = [
            (0.0, "0"),
            (0.5, "50"),
            (0.9, "90"),
            (0.99, "99"),
            (0.999, "99.9"),
            (0.9999, "99.99"),
            (0.999_99, "99.999"),
            (0.999_999, "99.9999"),
        ];
        // The axis ends at the first stop past every value short of the maximum.
        let end = STOPS.iter().map(|(p, _)| *p).find(|p| *p > high && *p > 0.5).unwrap_or(0.999_999);
        let ticks = STOPS.iter().filter(|(p, _)| *p <= end);
        let ticks = ticks.map(|(p, text)| (*p, [text, "%"].concat())).collect();
        Self { spread: Spread::Percentile, low: 0.0, high: end, ticks }
    }

    /// 0 at the low end, 1 at the high end, never beyond.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let (low, high, at) = (self.warp(self.low), self.warp(self.high), self.warp(value));
        let share = (at - low) / (high - low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    fn warp(&self, value: f64) -> f64 {
        match self.spread {
            Spread::Linear => value,
            Spread::Log => libm::log10(value.max(1.0 / GREATEST)),
            Spread::Percentile => -libm::log10(1.0 - value.min(self.high).clamp(0.0, 0.999_999_9)),
        }
    }
}

fn log_text(value: f64, mark: f64, exponent: i32) -> String {
    if !(-3..=8).contains(&exponent) {
        let power = power_label(exponent);
        return if mark > 1.5 { [&fixed(mark, 0), "×", &power].concat() } else { power };
    }
    short(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn spanning(axis: &Axis, values: &[f64], wanted: u32) -> Scale {
        Scale::spanning(axis, values.iter().copied(), wanted)
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(texts(&spanning(&Axis::from_zero(""), &[3.0, 8.7], 5)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(texts(&spanning(&Axis::linear(""), &[0.21, 0.34], 3)), ["0.2", "0.25", "0.3", "0.35"]);
        assert_eq!(texts(&spanning(&Axis::linear(""), &[-1.0, 1.0], 4)), ["-1", "-0.5", "0", "0.5", "1"]);
    }

    #[test]
    fn log_ticks_are_decades_or_finer() {
        let decades = spanning(&Axis::log(""), &[0.0004, 0.3], 6);
        assert_eq!(texts(&decades), ["0.001", "0.01", "0.1"]);
        assert_eq!(texts(&spanning(&Axis::log(""), &[1.2, 9.0], 6)), ["1", "2", "5", "10"]);
        assert_eq!(texts(&spanning(&Axis::log(""), &[0.0, f64::NAN], 6)), ["1", "2", "5", "10"]);
    }

    #[test]
    fn byte_ticks_are_powers_of_two() {
        let mib = ByteUnit::for_bytes(1.6e9);
        assert_eq!(texts(&Scale::bytes(1.6e9, mib, 4)), ["0", "512", "1,024"]);
    }

    #[test]
    fn percentiles_spread_towards_one() {
        let scale = spanning(&Axis::percentile(""), &[0.1, 0.998], 6);
        assert_eq!(texts(&scale), ["0%", "50%", "90%", "99%", "99.9%"]);
        assert!((scale.share(0.9) - 1.0 / 3.0).abs() < 1e-9);
        assert!((scale.share(1.0) - 1.0).abs() < 1e-9);
        let scale = spanning(&Axis::percentile(""), &[0.1, 0.99, 1.0], 6);
        assert_eq!(texts(&scale), ["0%", "50%", "90%", "99%", "99.9%"]);
    }

    #[test]
    fn absurd_values_leave_a_finite_axis() {
        for axis in [Axis::linear(""), Axis::from_zero(""), Axis::log(""), Axis::percentile("")] {
            for values in
                [&[][..], &[0.0], &[f64::NAN], &[f64::INFINITY, 1.0], &[1e18], &[-1e300, 1e300], &[1e-300]]
            {
                let scale = spanning(&axis, values, 5);
                assert!(!scale.ticks.is_empty() && scale.ticks.len() < 64, "{axis:?} {values:?}");
                for value in values {
                    assert!((0.0..=1.0).contains(&scale.share(*value)), "{axis:?} {values:?}");
                }
            }
        }
    }
}
