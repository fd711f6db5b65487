//! Numbers as text, with integer arithmetic: the bytes are the same everywhere, and what the page loads first carries none of
//! the standard library's printer of floats (20 KB).

const GREATEST: f64 = 9.0e15;
/// The most decimals.
const DECIMALS: u32 = 15;

/// A whole number with a comma between groups of three digits.
pub fn grouped(number: u64) -> String {
    group(&number.to_string())
}

/// Puts a comma between groups of three digits of the whole part.
pub fn group(digits: &str) -> String {
    let (sign, rest) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, part) = rest.find('.').map_or((rest, ""), |dot| rest.split_at(dot));
    let mut out = sign.to_owned();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out.push_str(part);
    out
}

/// Without its fraction; NaN is 0, what is too large or too small is the largest or smallest.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
pub fn whole(value: f64) -> i64 {
    value as i64
}

/// A value between two ends; NaN stays. The standard library's panics when they are in the wrong order, which prints floats.
pub fn within(value: f64, low: f64, high: f64) -> f64 {
    if value > high {
        high
    } else if value < low {
        low
    } else {
        value
    }
}

/// A value with exactly `decimals` decimals, at most 15. Values beyond 9e15 saturate; NaN is `0`.
pub fn padded(value: f64, decimals: u32) -> String {
    let unit = 10_u64.pow(decimals.min(DECIMALS));
    let scaled = whole(within(libm::round(value * unit as f64), -GREATEST, GREATEST));
    let (whole, part) = (scaled.unsigned_abs() / unit, scaled.unsigned_abs() % unit);
    let mut out = String::new();
    if scaled < 0 {
        out.push('-');
    }
    out.push_str(&whole.to_string());
    if decimals > 0 {
        let digits = (unit + part).to_string();
        out.push('.');
        out.push_str(digits.get(1..).unwrap_or_default());
    }
    out
}

/// A value with at most `decimals` decimals, trailing zeros dropped: `1234.5` is `1234.5`, `2.0` is `2`.
pub fn fixed(value: f64, decimals: u32) -> String {
    let text = padded(value, decimals);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// As few decimals as name the value exactly, or 15 digits: `15`, `7.5`, `0.1`.
pub fn plain(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.abs() > GREATEST {
        return if value < 0.0 { "less than -9e15" } else { "more than 9e15" }.to_owned();
    }
    let size = value.abs();
    let mut decimals = 0;
    while decimals < DECIMALS {
        let unit = 10_u64.pow(decimals) as f64;
        // Both are exact, so that the quotient is the float that this decimal names.
        let names_it = (libm::round(size * unit) / unit).to_bits() == size.to_bits();
        // Whoever reads a link takes 15 digits.
        if names_it || size * unit * 10.0 >= 1e15 {
            break;
        }
        decimals += 1;
    }
    fixed(value, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_are_of_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (65_536, "65,536"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(group("-1234.5678"), "-1,234.5678");
    }

    #[test]
    fn decimals_round_and_trailing_zeros_go() {
        assert_eq!(fixed(1234.56, 1), "1234.6");
        assert_eq!(fixed(2.0, 2), "2");
        assert_eq!(fixed(-0.04, 1), "0");
        assert_eq!(fixed(-0.06, 1), "-0.1");
        assert_eq!(fixed(f64::NAN, 1), "0");
        assert_eq!(padded(0.5, 2), "0.50");
        assert_eq!(fixed(100.0, 0), "100");
    }

    #[test]
    fn a_plain_number_is_as_short_as_it_is_exact() {
        for (value, text) in [
            (15.0, "15"),
            (7.5, "7.5"),
            (-0.1, "-0.1"),
            (0.0, "0"),
            (1e-4, "0.0001"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "more than 9e15"),
            (-1e300, "less than -9e15"),
        ] {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn a_value_stays_between_its_ends() {
        let texts = [-1.0, 0.5, 2.0].map(|value| plain(within(value, 0.0, 1.0)));
        assert_eq!(texts, ["0", "0.5", "1"]);
        assert!(within(f64::NAN, 0.0, 1.0).is_nan());
    }

    proptest! {
        #[test]
        fn what_a_person_types_is_printed_back(whole in 0_u64..10_000_000, part in 0_u64..1_000_000) {
            let text = format!("{whole}.{part:06}");
            let value: f64 = text.parse().unwrap();
            prop_assert_eq!(plain(value), value.to_string());
        }

        /// Measured figures have all digits that a float has.
        #[test]
        fn any_number_is_printed_to_a_billionth(value in -1e12_f64..1e12, part in -1.0_f64..1.0) {
            for value in [value, part, value / 1e9, value / 1e6] {
                let back: f64 = plain(value).parse().unwrap();
                prop_assert!((back - value).abs() <= 1e-9 * value.abs().max(1.0), "{} {}", value, plain(value));
            }
        }
    }
}
