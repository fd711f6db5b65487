//! Numbers as a drawing has room for them: three significant figures, powers of ten, binary units.

pub use dhurandhar_core::leaf::number::{fixed, group as grouped, whole};

/// About three significant figures: `0.0123`, `4.25`, `87.6`, `1,536`, `12.3k`, `4.1M`, `3.2×10⁻⁷`.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "n/a".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    match size {
        s if s < 1e-300 => "0".to_owned(),
        s if s < 0.000_999_5 => scientific(value),
        s if s < 0.009_995 => fixed(value, 5),
        s if s < 0.099_95 => fixed(value, 4),
        s if s < 0.999_5 => fixed(value, 3),
        s if s < 9.995 => fixed(value, 2),
        s if s < 99.95 => fixed(value, 1),
        s if s < 9_999.5 => grouped(&fixed(value, 0)),
        s if s < 9.995e14 => suffixed(value),
        _ => scientific(value),
    }
}

/// About two significant figures, for tight places: `0.014`, `4.3`, `88`, `1.5k`.
pub fn brief(value: f64) -> String {
    match value.abs() {
        s if (0.000_95..0.009_5).contains(&s) => fixed(value, 4),
        s if (0.009_5..0.095).contains(&s) => fixed(value, 3),
        s if (0.095..0.95).contains(&s) => fixed(value, 2),
        s if (0.95..9.5).contains(&s) => fixed(value, 1),
        s if (9.5..999.5).contains(&s) => fixed(value, 0),
        _ => short(value),
    }
}

fn suffixed(value: f64) -> String {
    let (scale, suffix) = match value.abs() {
        s if s < 999_500.0 => (1e3, "k"),
        s if s < 999.5e6 => (1e6, "M"),
        s if s < 999.5e9 => (1e9, "G"),
        _ => (1e12, "T"),
    };
    let scaled = value / scale;
    let decimals = if scaled.abs() < 9.995 { 2 } else { u32::from(scaled.abs() < 99.95) };
    [&fixed(scaled, decimals), suffix].concat()
}

fn scientific(value: f64) -> String {
    let mut exponent = exponent_of(value.abs());
    // What would round to ten is one of the next power.
    if value.abs() / power_of_ten(exponent) >= 9.95 {
        exponent += 1;
    }
    let mantissa = fixed(value / power_of_ten(exponent), 1);
    [&mantissa, "×", &power_label(exponent)].concat()
}

/// `10⁻⁷`.
pub fn power_label(exponent: i32) -> String {
    let mut out = "10".to_owned();
    for c in exponent.to_string().chars() {
        out.push(match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '0' | '4'..='9' => char::from_u32(0x2070 + u32::from(c) - u32::from('0')).unwrap_or(c),
            other => other,
        });
    }
    out
}

/// 10^exponent; exact from -22 to 22, saturating at ±300.
pub fn power_of_ten(exponent: i32) -> f64 {
    let size = (0..exponent.abs().min(300)).fold(1.0, |power, _| power * 10.0);
    if exponent < 0 { 1.0 / size } else { size }
}

/// The largest k with 10^k ≤ value; 0 for values that are not positive and finite.
pub fn exponent_of(value: f64) -> i32 {
    if !(value.is_finite() && value > 0.0) {
        return 0;
    }
    let mut exponent = i32::try_from(whole(libm::floor(libm::log10(value)))).unwrap_or(0);
    while power_of_ten(exponent) > value && exponent > -300 {
        exponent -= 1;
    }
    while power_of_ten(exponent + 1) <= value && exponent < 300 {
        exponent += 1;
    }
    exponent
}

/// A binary unit of bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByteUnit {
    /// Bytes in one of it.
    pub bytes: f64,
    /// `MiB`, `GiB` …
    pub name: &'static str,
}

impl ByteUnit {
    /// The unit in which values up to `largest` bytes read best; MiB up to 8 GiB, since budgets are set in MiB.
    pub fn for_bytes(largest: f64) -> Self {
        const UNITS: [(f64, &str); 6] = [
            (1.0, "B"),
            (1_024.0, "KiB"),
            (1_048_576.0, "MiB"),
            (1_073_741_824.0, "GiB"),
            (1_099_511_627_776.0, "TiB"),
            (1_125_899_906_842_624.0, "PiB"),
        ];
        let found = UNITS.iter().find(|(bytes, _)| largest < bytes * 8_192.0).unwrap_or(&UNITS[5]);
        Self { bytes: found.0, name: found.1 }
    }

    /// A quantity in this unit without its name: `1,536`, `12.4`.
    pub fn count(self, bytes: f64) -> String {
        let value = bytes / self.bytes;
        let decimals = if value < 9.95 { 2 } else { u32::from(value < 99.95) };
        grouped(&fixed(value, decimals))
    }

    /// `1,536 MiB`.
    pub fn text(self, bytes: f64) -> String {
        [&self.count(bytes), "\u{a0}", self.name].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_keep_three_figures() {
        let cases = [
            (0.0, "0"),
            (0.01234, "0.0123"),
            (4.251, "4.25"),
            (87.64, "87.6"),
            (1536.4, "1,536"),
            (12_345.0, "12.3k"),
            (4_100_000.0, "4.1M"),
            (3.2e-7, "3.2×10⁻⁷"),
            (9.99e-5, "1×10⁻⁴"),
            (1e18, "1×10¹⁸"),
            (-0.5, "-0.5"),
            (f64::NAN, "n/a"),
            (f64::INFINITY, "∞"),
        ];
        for (value, expected) in cases {
            assert_eq!(short(value), expected, "{value}");
        }
    }

    #[test]
    fn brief_numbers_keep_two_figures() {
        for (value, expected) in [(0.0136, "0.014"), (4.251, "4.3"), (0.5, "0.5"), (87.6, "88"), (0.0, "0")] {
            assert_eq!(brief(value), expected, "{value}");
        }
    }

    #[test]
    fn exponents_are_exact_at_powers_of_ten() {
        for k in -20..=20 {
            assert_eq!(exponent_of(power_of_ten(k)), k);
        }
        assert_eq!(exponent_of(9.999), 0);
        assert_eq!(exponent_of(-1.0), 0);
    }

    #[test]
    fn bytes_read_in_the_unit_of_the_largest() {
        let mib = ByteUnit::for_bytes(2_311.0 * 1_048_576.0);
        assert_eq!(mib.text(1_536.0 * 1_048_576.0), "1,536\u{a0}MiB");
        let gib = ByteUnit::for_bytes(12e9);
        assert_eq!(gib.text(12e9), "11.2\u{a0}GiB");
        assert_eq!(ByteUnit::for_bytes(1e18).text(1e18), "888\u{a0}PiB");
        assert_eq!(ByteUnit::for_bytes(0.0).text(0.0), "0\u{a0}B");
    }
}
