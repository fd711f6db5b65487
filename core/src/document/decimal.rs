//! Decimal numbers as people type them, without the tables that reading every possible one takes.

/// The nearest f64 of a decimal of at most 15 significant digits, such as `-7.25`; `None` for anything else, an
/// exponent among it.
///
/// Such a number is one exact integer over one exact power of ten, so that a single division rounds it correctly
/// (Clinger, "How to read floating point numbers accurately", 1990).
pub fn decimal(text: &str) -> Option<f64> {
    const LARGEST: u64 = 999_999_999_999_999;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mut value, mut count, mut power, mut fraction) = (0_u64, 0, 1.0, false);
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                count += 1;
                if fraction {
                    power *= 10.0;
                }
            }
            b'.' if !fraction => fraction = true,
            _ => return None,
        }
        // Up to 22, powers of ten are exact.
        if value > LARGEST || count > 22 {
            return None;
        }
    }
    (count > 0).then(|| sign * (value as f64 / power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for text in ["", "-", ".", "1e3", "1.2.3", "0x1", " 1", "nan", "inf", "1234567890123456"] {
            assert_eq!(decimal(text), None, "{text}");
        }
        for text in ["0.000000000000000000001", "-.5", "5.", "+3", "000.250", "-0"] {
            assert_eq!(decimal(text).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_the_standard_library_reads(digits in 0_u64..1_000_000_000_000_000, places in 0_usize..16) {
            let text = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = text.split_at(text.len() - places);
            let text = format!("{whole}.{fraction}");
            prop_assert_eq!(decimal(&text).map(f64::to_bits), text.parse().ok().map(f64::to_bits));
        }
    }
}
