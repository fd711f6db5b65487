//! What the kernel reads beyond what was asked for.

use super::Extent;

/// Bytes read for one cold row under default advice: the fault reads the whole readahead window around it.
///
/// Holds while windows do not overlap, that is for the first few per cent of the table. `pages` is the pages
/// the row touches; with no readahead each is read alone.
pub fn readahead_bytes_per_row(pages: f64, page_bytes: u64, readahead_bytes: u64) -> f64 {
    let window = readahead_bytes.max(page_bytes) as f64;
    let alone = pages * page_bytes as f64;
    if readahead_bytes <= page_bytes {
        return alone;
    }
    // A window is centred on the faulting page: the row's other pages come with it unless it sticks out.
    window.max(alone)
}

/// Distinct pages that a list of extents touches, ascending.
pub fn touched_pages(extents: &[Extent], page_bytes: u64) -> Vec<u64> {
    let page = page_bytes.max(1);
    let mut pages: Vec<u64> = extents
        .iter()
        .filter(|extent| extent.bytes > 0)
        .flat_map(|extent| extent.offset / page..=(extent.offset + extent.bytes - 1) / page)
        .collect();
    pages.sort_unstable();
    pages.dedup();
    pages
}

#[cfg(test)]
mod tests {
    use super::{readahead_bytes_per_row, touched_pages};
    use crate::storage::Extent;

    #[test]
    fn measured_amplification() {
        // 123 KB a token at the kernel's default of 128 KiB (measured), 8.4 KB without readahead.
        let default = readahead_bytes_per_row(2.0625, 4096, 128 * 1024);
        assert!((default / 123e3 - 1.0).abs() < 0.08, "{default}");
        assert!((readahead_bytes_per_row(2.0625, 4096, 0) - 8448.0).abs() < 1e-9);
    }

    #[test]
    fn shared_pages_count_once() {
        let extents = [Extent { offset: 0, bytes: 4097 }, Extent { offset: 4100, bytes: 8 }];
        assert_eq!(touched_pages(&extents, 4096), [0, 1]);
        assert!(touched_pages(&[Extent { offset: 9, bytes: 0 }], 4096).is_empty());
    }
}
