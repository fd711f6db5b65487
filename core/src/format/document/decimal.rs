//! Decimal numbers as people type them, without the tables that reading every possible one takes.

/// The nearest f64 of a decimal of at most 15 significant digits, such as `-7.25` or `1e3`; `None` for anything else,
/// powers of ten beyond 22 among it.
///
/// Such a number is one exact integer times or over one exact power of ten, so that a single operation rounds it correctly
/// (Clinger, "How to read floating point numbers accurately", 1990).
pub fn decimal(text: &str) -> Option<f64> {
    const LARGEST: u64 = 999_999_999_999_999;
    /// Up to this one, powers of ten are exact.
    const EXACT: i8 = 22;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i8>().ok()?),
        None => (digits, 0),
    };
    let (mut value, mut count, mut places, mut fraction) = (0_u64, 0, 0_i8, false);
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                count += 1;
                places += i8::from(fraction);
            }
            b'.' if !fraction => fraction = true,
            _ => return None,
        }
        if value > LARGEST || count > EXACT {
            return None;
        }
    }
    let power = exponent.checked_sub(places).filter(|power| count > 0 && power.abs() <= EXACT)?;
    let ten = (0..power.abs()).fold(1.0, |ten, _| ten * 10.0);
    let value = value as f64;
    Some(sign * if power < 0 { value / ten } else { value * ten })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e3",
            "1e",
            "1e23",
            "1e-23",
            "1e3.5",
            "1e999",
            "1.2.3",
            "0x1",
            " 1",
            "nan",
            "inf",
            "1234567890123456",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
        for text in
            ["0.000000000000000000001", "-.5", "5.", "+3", "000.250", "-0", "1e3", "2.5E-7", "-7e+2", "0e22"]
        {
            assert_eq!(decimal(text).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
        }
    }

    proptest! {
        /// What a link is written with, it is read with.
        #[test]
        fn plain_numbers_are_read_back(value in 0.0_f64..1e12, small in 0.0_f64..1.0) {
            for value in [value, small, small * 100.0] {
                let back = decimal(&crate::leaf::number::plain(value));
                prop_assert!(back.is_some_and(|back| (back - value).abs() <= 1e-9 * value.max(1.0)), "{}", value);
            }
        }

        #[test]
        fn exponents_are_those_of_the_standard_library(digits in 0_u64..1_000_000_000_000_000, power in -22..=22_i8) {
            let text = format!("{digits}e{power}");
            prop_assert_eq!(decimal(&text).map(f64::to_bits), text.parse().ok().map(f64::to_bits));
        }

        #[test]
        fn reads_what_the_standard_library_reads(digits in 0_u64..1_000_000_000_000_000, places in 0_usize..16) {
            let text = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = text.split_at(text.len() - places);
            let text = format!("{whole}.{fraction}");
            prop_assert_eq!(decimal(&text).map(f64::to_bits), text.parse().ok().map(f64::to_bits));
        }
    }
}
