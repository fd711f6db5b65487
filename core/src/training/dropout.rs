//! Dropout masks that depend on their place alone, so that a layer run twice sees the same mask.

use crate::leaf::cast::{to_f32, to_u64};
use crate::leaf::mix64;

/// Fill `mask` with `1 / (1 - share)` for what is kept and 0 for what is dropped.
///
/// The mask is a function of `key` and position; `mask` begins at position `first`. `share` lies in `[0, 1)`.
pub fn keep_mask(key: u64, share: f64, first: u64, mask: &mut [f32]) {
    let kept = to_f32(1.0 / (1.0 - share));
    // The top 32 bits decide, in integers: no rounding differs between machines.
    let threshold = to_u64((share * 4_294_967_296.0).ceil());
    for (place, value) in (first..).zip(mask) {
        let draw = mix64(key ^ mix64(place)) >> 32;
        *value = if draw < threshold { 0.0 } else { kept };
    }
}

#[cfg(test)]
mod tests {
    use super::keep_mask;

    #[test]
    fn the_share_is_dropped_and_the_mean_stays() {
        let mut mask = vec![0.0; 100_000];
        keep_mask(7, 0.1, 0, &mut mask);
        let mean = mask.iter().map(|value| f64::from(*value)).sum::<f64>() / 1e5;
        // Five standard deviations of a binomial mean.
        assert!((mean - 1.0).abs() < 5.0 * (0.1_f64 / 0.9 / 1e5).sqrt(), "{mean}");
        let mut again = vec![0.0; 100_000];
        keep_mask(7, 0.1, 0, &mut again);
        assert_eq!(mask, again);
        keep_mask(8, 0.1, 0, &mut again);
        assert_ne!(mask, again);
        keep_mask(7, 0.1, 60_000, &mut again[..40_000]);
        assert_eq!(mask[60_000..], again[..40_000]);
        keep_mask(7, 0.0, 0, &mut again);
        assert!(again.iter().all(|value| (*value - 1.0).abs() < f32::EPSILON));
    }
}
