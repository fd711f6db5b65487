//! Pages of a table that stay cached when it is read by rows.

use crate::leaf::Interval;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Pages of a table that a conversation keeps cached: distinct tokens times the pages their rows touch.
///
/// 2,048 to 16,384 distinct ids are taken for a conversation; kernels map whole folios around a fault, which the
/// upper end covers.
pub fn cached_rows(rows: u64, row_bytes: u64, table_bytes: u64) -> Interval {
    let pages_per_row = 1 + row_bytes.saturating_sub(1).div_ceil(PAGE);
    let touched = |ids: u64| (ids.min(rows) * pages_per_row * PAGE).min(table_bytes);
    let bytes = touched(8_192);
    Interval { low: touched(2_048), bytes, high: touched(16_384).max(bytes) }
}
