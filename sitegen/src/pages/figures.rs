//! Numbers as text. Formatting only: every figure comes from `dhurandhar-core`.

use dhurandhar_core::leaf::number::grouped;
use dhurandhar_core::leaf::units::in_mib;
use dhurandhar_core::speed::Estimate;

/// Bytes in MiB (2^20), whole, with commas.
pub(super) fn mib(bytes: u64) -> String {
    count_of(in_mib(bytes).round())
}

/// A whole number with commas.
pub(super) fn count(number: u64) -> String {
    grouped(number)
}

fn count_of(number: f64) -> String {
    let text = format!("{number:.0}");
    text.parse().map_or(text, count)
}

/// Parameters as people say them: 1.24 B, 596 M.
pub(super) fn parameters(number: u64) -> String {
    let number = number as f64;
    if number >= 1e9 { format!("{:.2} B", number / 1e9) } else { format!("{:.0} M", number / 1e6) }
}

/// Tokens per second: two digits that mean something.
pub(super) fn speed(tokens_per_s: f64) -> String {
    if tokens_per_s >= 9.95 { count_of(tokens_per_s.round()) } else { format!("{tokens_per_s:.1}") }
}

/// A range of speeds; one figure when both ends read the same.
pub(super) fn speeds((low, high): (f64, f64)) -> String {
    let (low, high) = (speed(low), speed(high));
    if low == high { low } else { format!("{low}–{high}") }
}

/// A wait in seconds between two ends.
pub(super) fn waits(wait: Estimate) -> String {
    speeds((wait.low, wait.high))
}

/// A figure as its file states it, without trailing zeros.
pub(super) fn plain(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { count_of(number) } else { number.to_string() }
}

/// Three digits that mean something: 0.0123, 4.57, 135, 1,262,076.
pub(crate) fn significant(number: f64) -> String {
    let size = number.abs();
    if size >= 99.95 || !number.is_finite() {
        return count_of(number.round());
    }
    // Digits after the point until three are significant; nothing here is below a millionth but zero.
    let digits = [(9.995, 1), (0.9995, 2), (0.099_95, 3), (0.009_995, 4), (0.000_999_5, 5), (0.0, 6)];
    match digits.iter().find(|(from, _)| size >= *from && size > 0.0) {
        Some(&(_, digits)) => format!("{number:.digits$}"),
        None => "0".to_owned(),
    }
}

/// Bytes in KiB (2^10).
pub(super) fn kib(bytes: f64) -> String {
    significant(bytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(
            [0, 12, 999, 1000, 131_072, 4_628_569_344].map(count),
            ["0", "12", "999", "1,000", "131,072", "4,628,569,344"]
        );
        assert_eq!(mib(5 * 1_048_576 + 600_000), "6");
        assert_eq!([parameters(4_628_569_344), parameters(596_049_920)], ["4.63 B", "596 M"]);
        assert_eq!([speed(9.94), speed(9.96), speed(1234.4)], ["9.9", "10", "1,234"]);
        assert_eq!([speeds((2.14, 2.11)), speeds((9.2, 16.0))], ["2.1", "9.2–16"]);
        assert_eq!(
            [0.0, 0.012_34, 4.567, 9.996, 135.2, 1_262_076.4].map(significant),
            ["0", "0.0123", "4.57", "10.0", "135", "1,262,076"]
        );
        assert_eq!(kib(8448.0), "8.25");
        assert_eq!([plain(90.0), plain(4.25), plain(58_000.0)], ["90", "4.25", "58,000"]);
    }
}
