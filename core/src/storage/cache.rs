//! How many page reads a token needs when the page cache holds only part of the table.
//!
//! A mapping under random advice has no recency on Linux 6.4 and later, so its pages leave in arrival order
//! (FIFO); read calls go through two lists, which keep what is read often better than last use alone (LRU) would. All
//! are kin of Che's approximation: independent references with page rates `lambda_j`, and characteristic times
//! fixed by the number of pages the cache holds.

use super::two_lists::TwoLists;
use super::{Layout, Permutation, TableGeometry, ZipfTable};

/// Which page leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Arrival order.
    Fifo,
    /// Last use.
    Lru,
    /// Linux's inactive and active list.
    TwoLists,
}

/// How a kernel's page cache chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageCache {
    /// A mapping under random advice loses its recency (Linux 6.4 and later).
    pub random_is_fifo: bool,
    /// Read calls go through two lists (Linux without the multi-generational LRU).
    pub two_lists: bool,
}

impl PageCache {
    /// Linux 6.4 and later without the multi-generational LRU.
    pub const LINUX: Self = Self { random_is_fifo: true, two_lists: true };
}

impl TableGeometry {
    /// Expected references a token to each page, for Zipf ids permuted by `ids` (`exponent` 0 is uniform).
    pub fn page_rates(&self, layout: Layout, exponent: f64, ids: u64) -> Vec<f64> {
        let zipf = ZipfTable::new(self.rows, exponent, 0.0);
        let order = Permutation::new(self.rows, ids);
        let pages = self.bytes(layout).div_ceil(self.page_bytes);
        let mut rates = vec![0.0; usize::try_from(pages).unwrap_or(usize::MAX)];
        let mut extents = Vec::new();
        for rank in 0..self.rows {
            let share = zipf.probability(usize::try_from(rank).unwrap_or(usize::MAX));
            extents.clear();
            self.row_extents(layout, order.apply(rank), &mut extents);
            for extent in &extents {
                for page in
                    extent.offset / self.page_bytes..=(extent.offset + extent.bytes - 1) / self.page_bytes
                {
                    if let Some(rate) = usize::try_from(page).ok().and_then(|p| rates.get_mut(p)) {
                        *rate += share;
                    }
                }
            }
        }
        rates
    }
}

/// Page reads a token when `cache_pages` pages of the table stay cached, in steady state.
///
/// FIFO: `sum l T / (1 + l T) = C`, misses `sum l / (1 + l T)`. LRU: `sum (1 - e^(-l T)) = C`, misses
/// `sum l e^(-l T)`. (Che, Tung, Wang 2002; Martina, Garetto, Leonardi 2014.) Two lists: a fixed point of the same
/// kind. A cache as large as the table misses nothing.
pub fn miss_pages(rates: &[f64], cache_pages: f64, replacement: Replacement) -> f64 {
    let live = rates.iter().filter(|&&rate| rate > 0.0).count();
    if cache_pages >= live as f64 {
        return 0.0;
    }
    if cache_pages <= 0.0 {
        return rates.iter().sum();
    }
    if replacement == Replacement::TwoLists {
        return TwoLists::new(rates).misses(cache_pages);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while held_pages(rates, high, replacement) < cache_pages && high < LONGEST {
        (low, high) = (high, high * 4.0);
    }
    for _ in 0..60 {
        let middle = low + (high - low) / 2.0;
        if held_pages(rates, middle, replacement) < cache_pages {
            low = middle;
        } else {
            high = middle;
        }
    }
    missed_pages(rates, high, replacement)
}

/// The whole curve of [`miss_pages`]: `(cached pages, page reads a token)` from an empty cache to a full one.
///
/// Each point takes one pass: characteristic times double, and both ends follow from each.
pub fn miss_curve(rates: &[f64], replacement: Replacement) -> Vec<(f64, f64)> {
    let live = rates.iter().filter(|&&rate| rate > 0.0).count() as f64;
    let mut curve = vec![(0.0, rates.iter().sum())];
    if replacement == Replacement::TwoLists {
        let lists = TwoLists::new(rates);
        let mut share = CURVE_START;
        while share < CURVE_END {
            curve.push((share * live, lists.misses(share * live)));
            share *= 1.5;
        }
        curve.push((live, 0.0));
        return curve;
    }
    let mut time = 1.0;
    while time < LONGEST {
        let held = held_pages(rates, time, replacement);
        if held > CURVE_END * live {
            break;
        }
        if held > CURVE_START * live {
            curve.push((held, missed_pages(rates, time, replacement)));
        }
        time *= 2.0;
    }
    curve.push((live, 0.0));
    curve
}

/// Characteristic time, in tokens, beyond which nothing more is looked for.
const LONGEST: f64 = 1e18;
/// Shares of the table between which the curve has points of its own.
const CURVE_START: f64 = 0.002;
const CURVE_END: f64 = 0.998;

/// Pages that stay cached for a characteristic time.
fn held_pages(rates: &[f64], time: f64, replacement: Replacement) -> f64 {
    match replacement {
        Replacement::Fifo => rates.iter().map(|l| l * time / (1.0 + l * time)).sum(),
        _ => rates.iter().map(|l| -libm::expm1(-l * time)).sum(),
    }
}

/// Page reads a token at a characteristic time.
fn missed_pages(rates: &[f64], time: f64, replacement: Replacement) -> f64 {
    match replacement {
        Replacement::Fifo => rates.iter().map(|l| l / (1.0 + l * time)).sum(),
        _ => rates.iter().map(|l| l * libm::exp(-l * time)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Replacement, miss_curve, miss_pages};
    use crate::storage::{Draws, Layout, TableGeometry};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashMap, VecDeque};

    /// Counts the misses of a page reference list exactly; the first `warm_up` references fill the cache uncounted.
    fn simulate_misses(pages: &[u64], warm_up: usize, cache_pages: usize, replacement: Replacement) -> u64 {
        if cache_pages == 0 {
            return pages.len().saturating_sub(warm_up) as u64;
        }
        let mut misses = 0;
        let mut stamps: HashMap<u64, u64> = HashMap::new();
        let mut arrivals = VecDeque::new();
        let mut uses: BTreeMap<u64, u64> = BTreeMap::new();
        for (now, &page) in pages.iter().enumerate() {
            let time = now as u64;
            let hit = stamps.get(&page).copied();
            if hit.is_none() {
                misses += u64::from(now >= warm_up);
                if stamps.len() >= cache_pages {
                    let oldest = match replacement {
                        Replacement::Fifo => arrivals.pop_front(),
                        _ => uses.pop_first().map(|(_, page)| page),
                    };
                    oldest.map(|page| stamps.remove(&page));
                }
            }
            match replacement {
                Replacement::Fifo if hit.is_none() => {
                    arrivals.push_back(page);
                    stamps.insert(page, time);
                }
                Replacement::Fifo => {}
                _ => {
                    hit.map(|used| uses.remove(&used));
                    uses.insert(time, page);
                    stamps.insert(page, time);
                }
            }
        }
        misses
    }

    fn e2b() -> TableGeometry {
        TableGeometry::new(262_144, 35, 128, 4096).unwrap()
    }

    #[test]
    fn the_curve_falls_and_goes_through_the_closed_forms_points() {
        let table = TableGeometry::new(20_000, 35, 128, 4096).unwrap();
        for (exponent, replacement) in [
            (0.0, Replacement::Fifo),
            (1.0, Replacement::Fifo),
            (1.0, Replacement::Lru),
            (1.0, Replacement::TwoLists),
        ] {
            let rates = table.page_rates(Layout::Contiguous, exponent, 7);
            let curve = miss_curve(&rates, replacement);
            assert!(
                curve.len() > 8 && curve.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 > w[1].1),
                "{curve:?}"
            );
            for (held, missed) in curve {
                assert!((miss_pages(&rates, held, replacement) - missed).abs() < 1e-6, "{held}");
            }
        }
    }

    /// Page reads a token measured on ext4 in a memory cgroup with the mapping under random advice, and the
    /// same by `pread`; 4,480-byte rows, permuted Zipf ids. Budgets in MB of cache.
    #[test]
    fn measured_misses_of_a_budgeted_cache() {
        // exponent, MB, measured mmap, worst relative error the FIFO model may have
        let measured = [
            (0.8, 32.0, 1.61),
            (0.8, 64.0, 1.45),
            (0.8, 128.0, 1.25),
            (0.8, 256.0, 0.97),
            (1.0, 32.0, 0.98),
            (1.0, 64.0, 0.82),
            (1.0, 128.0, 0.65),
            (1.0, 256.0, 0.49),
            (1.2, 32.0, 0.36),
            (1.2, 64.0, 0.27),
            (1.2, 128.0, 0.19),
        ];
        let mut errors: Vec<f64> = measured
            .iter()
            .map(|&(exponent, megabytes, seen)| {
                let rates = e2b().page_rates(Layout::Contiguous, exponent, 11);
                let model = miss_pages(&rates, megabytes * 1e6 / 4096.0, Replacement::Fifo);
                (model / seen - 1.0).abs()
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        assert!(errors[errors.len() / 2] < 0.03, "median {errors:?}");
        assert!(errors.iter().all(|e| *e < 0.10), "{errors:?}");
    }

    #[test]
    fn recency_saves_reads() {
        let rates = e2b().page_rates(Layout::Contiguous, 1.0, 11);
        let pages = 64e6 / 4096.0;
        let (fifo, lru) =
            (miss_pages(&rates, pages, Replacement::Fifo), miss_pages(&rates, pages, Replacement::Lru));
        assert!((lru / 0.73 - 1.0).abs() < 0.05, "{lru}");
        assert!(fifo > 1.08 * lru, "{fifo} against {lru}");
        let two = miss_pages(&rates, pages, Replacement::TwoLists);
        assert!(lru > 1.04 * two, "{lru} against {two}");
    }

    #[test]
    fn the_ends_of_the_range() {
        let table = TableGeometry::new(4096, 35, 128, 4096).unwrap();
        let rates = table.page_rates(Layout::Contiguous, 0.0, 0);
        let all: f64 = rates.iter().sum();
        assert!((all - 2.0625).abs() < 1e-3, "{all}");
        assert!((miss_pages(&rates, 0.0, Replacement::Lru) - all).abs() < 1e-12);
        assert!(miss_pages(&rates, 1e9, Replacement::Fifo).abs() < 1e-12);
    }

    #[test]
    fn the_formulas_agree_with_a_simulated_cache() {
        let table = TableGeometry::new(2048, 1, 4096, 4096).unwrap();
        let pages: Vec<u64> = Draws::zipf(2048, 0.9, 5, 9).take(200_000).collect();
        let rates = table.page_rates(Layout::Contiguous, 0.9, 9);
        for replacement in [Replacement::Fifo, Replacement::Lru] {
            let seen = simulate_misses(&pages, 50_000, 256, replacement) as f64 / 150_000.0;
            let model = miss_pages(&rates, 256.0, replacement);
            assert!((model / seen - 1.0).abs() < 0.03, "{replacement:?}: {model} against {seen}");
        }
    }

    proptest! {
        #[test]
        fn a_larger_cache_never_misses_more(a in 1.0_f64..4000.0, b in 1.0_f64..4000.0) {
            let table = TableGeometry::new(4096, 1, 4096, 4096).unwrap();
            let rates = table.page_rates(Layout::Contiguous, 1.0, 3);
            for replacement in [Replacement::Fifo, Replacement::Lru, Replacement::TwoLists] {
                let small = miss_pages(&rates, a.min(b), replacement);
                prop_assert!(miss_pages(&rates, a.max(b), replacement) <= small + 1e-9);
            }
        }
    }
}
