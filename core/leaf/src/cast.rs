//! From floats to what holds less, with the rule that each follows.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "that is what these are for; the one place for it outside loops and codecs"
)]

/// Without its fraction; negative numbers and NaN are 0, what is too large is the largest.
pub const fn to_u64(number: f64) -> u64 {
    number as u64
}

/// The nearest in single precision, infinite beyond its range.
pub const fn to_f32(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_saturates() {
        let cases = [(2.9, 2), (-1.0, 0), (f64::NAN, 0), (1e30, u64::MAX), ((1_u64 << 53) as f64, 1 << 53)];
        assert!(cases.iter().all(|(number, whole)| to_u64(*number) == *whole));
        assert!(to_f32(1e300).is_infinite() && to_f32(0.5).to_bits() == 0.5_f32.to_bits());
    }
}
