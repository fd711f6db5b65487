//! Estimates over blocks: medians and bootstrap intervals.
//!
//! Tokens inside a block are correlated, blocks are not: only blocks are resampled (Efron's percentile
//! bootstrap, seeded, so that the same blocks always give the same interval).

use super::Interval;
use crate::leaf::mix64;

const RESAMPLES: u64 = 1000;

/// Median; `None` of nothing. NaN sorts last.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(lower + (upper - lower) / 2.0)
}

/// Median of the blocks with its 95 % interval.
pub fn median_interval(blocks: &[f64], seed: u64) -> Option<Interval> {
    let estimate = median(blocks)?;
    let count = blocks.len() as u64;
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|round| {
            let sample: Vec<f64> = (0..count)
                .filter_map(|i| {
                    let word = mix64(seed ^ mix64(round * count + i));
                    usize::try_from(word % count).ok().and_then(|at| blocks.get(at)).copied()
                })
                .collect();
            median(&sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at =
        |share: u64| usize::try_from(RESAMPLES * share / 1000).ok().and_then(|i| medians.get(i)).copied();
    Some(Interval { estimate, low: at(25)?, high: at(974)? })
}

#[cfg(test)]
mod tests {
    use super::{median, median_interval};
    use proptest::prelude::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_estimate_and_repeats(values in prop::collection::vec(0.0_f64..1e6, 1..40)) {
            let interval = median_interval(&values, 5).unwrap();
            prop_assert!(interval.low <= interval.estimate && interval.estimate <= interval.high);
            prop_assert_eq!(interval, median_interval(&values, 5).unwrap());
        }
    }
}
