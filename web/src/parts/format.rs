//! Figures as text: grouped digits, MiB, tokens per second.

use dhurandhar_core::leaf::number::{group, grouped, padded};
use dhurandhar_core::leaf::units::in_mib;
use dhurandhar_core::speed::Estimate;

/// MiB with one decimal: `4,218.5`.
pub(crate) fn mib(bytes: u64) -> String {
    group(&padded(in_mib(bytes), 1))
}

/// Whole MiB: `4,219`.
pub(crate) fn whole_mib(bytes: u64) -> String {
    group(&padded(in_mib(bytes), 0))
}

/// Whole MiB with a sign: `+120`, `−1,034`.
pub(crate) fn signed_mib(bytes: i64) -> String {
    let sign = if bytes < 0 { "\u{2212}" } else { "+" };
    [sign, &whole_mib(bytes.unsigned_abs())].concat()
}

/// A whole number: `32,768`.
pub(crate) fn whole(number: u64) -> String {
    grouped(number)
}

/// A number as short as it is exact: `15`, `7.5`.
pub(crate) fn plain(number: f64) -> String {
    dhurandhar_core::leaf::number::plain(number)
}

/// A wait of some microseconds, in the unit that suits it: `96.2 µs`, `3.36 ms`, `1.2 s`.
pub(crate) fn wait(us: f64) -> String {
    if us >= 1e6 {
        padded(us / 1e6, 2) + " s"
    } else if us >= 1e3 {
        padded(us / 1e3, 2) + " ms"
    } else {
        padded(us, 1) + " \u{b5}s"
    }
}

/// A figure rounded to a whole number: `11,444`.
pub(crate) fn rounded(number: f64) -> String {
    group(&padded(number, 0))
}

/// A share as per cent, more decimals for smaller ones: `3.1 %`, `0.11 %`.
pub(crate) fn percent(share: f64) -> String {
    let decimals = if share < 0.01 { 2 } else { 1 };
    padded(share * 100.0, decimals) + " %"
}

/// A range of speeds: `5.1–8.7 tok/s`.
pub(crate) fn speeds(range: Option<(f64, f64)>) -> String {
    match range {
        Some((low, high)) => format!("{}\u{2013}{} tok/s", speed(low), speed(high)),
        None => "unknown".to_owned(),
    }
}

/// A wait between two ends: `1.2–3.4 s`, `12–40 s`.
pub(crate) fn seconds(wait: Estimate) -> String {
    let decimals = u32::from(wait.high < 10.0);
    [&padded(wait.low, decimals), "\u{2013}", &padded(wait.high, decimals), " s"].concat()
}

/// A speed, more decimals for slower ones.
pub(crate) fn speed(tokens_per_s: f64) -> String {
    let decimals = if tokens_per_s >= 100.0 {
        0
    } else if tokens_per_s >= 1.0 {
        1
    } else {
        2
    };
    group(&padded(tokens_per_s, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_signed() {
        assert_eq!(mib(4_423_416_832), "4,218.5");
        assert_eq!(signed_mib(-1_084_227_584), "\u{2212}1,034");
        assert_eq!(signed_mib(0), "+0");
        assert_eq!(speeds(Some((0.512, 12.0))), "0.51\u{2013}12.0 tok/s");
        assert_eq!(whole(131_072), "131,072");
        assert_eq!([wait(96.24), wait(3362.0), wait(2.5e6)], ["96.2 \u{b5}s", "3.36 ms", "2.50 s"]);
        assert_eq!([percent(0.0314), percent(0.0011)], ["3.1 %", "0.11 %"]);
    }
}
