//! Storage: what a per-layer-embedding (PLE) table on flash costs a token.
//!
//! Counts come first (pages a row touches, misses of a cache with or without recency), times are counts times
//! a latency that somebody measured. Nothing here reads a clock or a file.

mod cache;
mod cost;
mod draw;
mod engine;
mod locate;
mod policy;
mod readahead;
mod table;
mod two_lists;

pub use cache::{PageCache, Replacement, miss_curve, miss_pages};
pub use cost::{EngineCost, Sweep, gather_time_us, prefill_added_s, stall_share, sweep_time_s};
pub use draw::{Draws, Permutation, ZipfTable};
pub use engine::Engine;
pub use locate::{LocateError, TensorPlace};
pub use policy::{Criterion, MEMORY_CRITERION, Policy, PolicyInputs, SeedGate, Verdict, VerdictResult};
pub use readahead::{readahead_bytes_per_row, touched_pages};
pub use table::{Extent, GeometryError, Layout, TableGeometry};

use table::gcd;

/// Expected pages that `bytes` bytes touch when they start at a multiple of `stride` on `page`-byte pages.
///
/// `E = 1 + (L - g) / P` with `g = gcd(stride, P)`: the start falls on each multiple of `g` equally often.
/// Exact for a uniform draw over at least `P / g` rows; 0 when there is nothing to read.
pub fn pages_per_extent(bytes: u64, stride: u64, page: u64) -> f64 {
    if bytes == 0 || page == 0 {
        return 0.0;
    }
    let grain = gcd(stride.max(1), page);
    // A read shorter than the grain never straddles more often than its rounded-up size does.
    let tail = bytes.div_ceil(grain) * grain - grain;
    1.0 + tail as f64 / page as f64
}

#[cfg(test)]
mod tests {
    use super::pages_per_extent;
    use proptest::prelude::*;

    #[test]
    fn the_published_row_sizes() {
        // Gemma 4 E2B at 4 bit, the same without five of its layers, and a row padded to two pages.
        assert!((pages_per_extent(4480, 4480, 4096) - 2.0625).abs() < 1e-12);
        assert!((pages_per_extent(3840, 3840, 4096) - 1.875).abs() < 1e-12);
        assert!((pages_per_extent(4480, 8192, 4096) - 2.0).abs() < 1e-12);
        assert!((pages_per_extent(4480, 4480, 16384) - 1.265_625).abs() < 1e-9);
        assert!((pages_per_extent(128, 128, 4096) - 1.0).abs() < 1e-12);
    }

    proptest! {
        /// The formula is the mean over one full period of starting offsets.
        #[test]
        fn formula_is_the_mean_of_a_period(bytes in 1_u64..20_000, stride in 1_u64..20_000, shift in 9_u32..15) {
            let page = 1_u64 << shift;
            let total: u64 = (0..page).map(|i| {
                let start = i * stride;
                (start + bytes - 1) / page - start / page + 1
            }).sum();
            let mean = total as f64 / page as f64;
            prop_assert!((mean - pages_per_extent(bytes, stride, page)).abs() < 1e-9);
        }
    }
}
