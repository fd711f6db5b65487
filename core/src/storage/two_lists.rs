//! Misses of Linux's two page lists, which read calls go through.
//!
//! A page enters the inactive list and leaves at its end, unless it is read a second time there: then it moves to the
//! active list. That one, too, gives pages up in arrival order, to the inactive list. A page that comes back soon
//! after it left (its refault distance is at most the active list's length) enters the active list at once. Under
//! pressure both lists are kept equally long below 1 GiB (`mm/vmscan.c`, `mm/workingset.c`). Kernels that run the
//! multi-generational LRU do otherwise.
//!
//! Each list has a characteristic time, as in Che's approximation; a page's cycle through absence and lists is a
//! renewal process whose parts have closed forms. A fixed point gives the times that fill both lists.

/// Rates are close enough to their group's mean: the misses change by less than a thousandth.
const GROUPS: usize = 128;
/// Passes; about fifteen are needed.
const PASSES: usize = 400;
const LONGEST: f64 = 1e18;

/// Pages of about the same rate.
#[derive(Debug, Clone, Copy)]
struct Group {
    rate: f64,
    pages: f64,
}

/// Reads a token of `rates` (references a token to each page), grouped for many calls.
#[derive(Debug, Clone)]
pub(super) struct TwoLists {
    groups: Vec<Group>,
}

/// Characteristic times: of the inactive list, the active list, and the reach of a refault; tokens.
#[derive(Debug, Clone, Copy)]
struct Times {
    inactive: f64,
    active: f64,
    refault: f64,
}

/// What the times amount to, summed over all pages.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    inactive: f64,
    active: f64,
    misses: f64,
    activations: f64,
}

impl TwoLists {
    pub(super) fn new(rates: &[f64]) -> Self {
        let live = || rates.iter().copied().filter(|rate| *rate > 0.0);
        let (least, most) = (live().fold(f64::INFINITY, f64::min), live().fold(0.0, f64::max));
        let bounds: Vec<f64> =
            (1..GROUPS).map(|at| least * libm::pow(most / least, at as f64 / GROUPS as f64)).collect();
        let mut sums = vec![(0.0, 0.0); GROUPS];
        for rate in live() {
            let (total, pages) = &mut sums[bounds.partition_point(|bound| *bound <= rate)];
            *total += rate;
            *pages += 1.0;
        }
        let group = |(total, pages): (f64, f64)| (pages > 0.0).then(|| Group { rate: total / pages, pages });
        Self { groups: sums.into_iter().filter_map(group).collect() }
    }

    /// Page reads a token with `cache_pages` pages, more than none and fewer than all.
    pub(super) fn misses(&self, cache_pages: f64) -> f64 {
        let each = cache_pages / 2.0;
        let mut times = Times { inactive: cache_pages, active: cache_pages, refault: 0.0 };
        let mut sums = self.sums(times);
        for _ in 0..PASSES {
            let next = Times {
                inactive: (times.inactive * each / sums.inactive).min(LONGEST),
                active: (times.active * each / sums.active).min(LONGEST),
                refault: (each / (sums.misses + sums.activations)).min(LONGEST),
            };
            let moved = |a: f64, b: f64| (a / b - 1.0).abs() > 1e-7;
            let still = !moved(next.inactive, times.inactive)
                && !moved(next.active, times.active)
                && !moved(next.refault, times.refault);
            times = next;
            sums = self.sums(times);
            if still {
                break;
            }
        }
        sums.misses
    }

    fn sums(&self, times: Times) -> Sums {
        let mut sums = Sums::default();
        for Group { rate, pages } in &self.groups {
            // Everything is scaled by the chance that a page is not read again before the inactive list ends, so
            // that pages which never leave overflow nothing.
            let leaves = libm::exp(-rate * times.inactive);
            let stays = -libm::expm1(-rate * times.inactive);
            let soon = -libm::expm1(-rate * times.refault);
            let activated = soon + (1.0 - soon) * stays;
            let inactive = (1.0 - soon) * stays * leaves + activated * stays;
            let active = activated * times.active * rate;
            let cycle = inactive + active + leaves;
            sums.inactive += pages * inactive / cycle;
            sums.active += pages * active / cycle;
            sums.misses += pages * rate * leaves / cycle;
            sums.activations += pages * rate * activated / cycle;
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::TwoLists;
    use crate::storage::{Draws, Layout, TableGeometry};
    use std::collections::{HashMap, VecDeque};

    /// The lists themselves, page by page, as the kernel keeps them.
    fn simulate(references: &[u64], warm_up: usize, cache_pages: usize) -> u64 {
        #[derive(Clone, Copy, PartialEq)]
        enum Where {
            Inactive { referenced: bool },
            Active,
        }
        let (mut inactive, mut active) = (VecDeque::new(), VecDeque::new());
        let mut pages: HashMap<u64, Where> = HashMap::new();
        let mut left: HashMap<u64, u64> = HashMap::new();
        let (mut age, mut misses) = (0_u64, 0);
        for (now, &page) in references.iter().enumerate() {
            match pages.get(&page).copied() {
                Some(Where::Active) => {}
                Some(Where::Inactive { referenced: false }) => {
                    // The read that brought it in counted as the first.
                    inactive.retain(|other| *other != page);
                    active.push_back(page);
                    pages.insert(page, Where::Active);
                    age += 1;
                }
                Some(Where::Inactive { referenced: true }) => unreachable!("activated at once"),
                None => {
                    misses += u64::from(now >= warm_up);
                    if pages.len() >= cache_pages
                        && let Some(oldest) = inactive.pop_front()
                    {
                        pages.remove(&oldest);
                        age += 1;
                        left.insert(oldest, age);
                    }
                    let recent = left.remove(&page).is_some_and(|then| age - then <= active.len() as u64);
                    if recent {
                        active.push_back(page);
                        pages.insert(page, Where::Active);
                        age += 1;
                    } else {
                        inactive.push_back(page);
                        pages.insert(page, Where::Inactive { referenced: false });
                    }
                }
            }
            while active.len() > inactive.len() {
                let Some(oldest) = active.pop_front() else { break };
                inactive.push_back(oldest);
                pages.insert(oldest, Where::Inactive { referenced: false });
            }
        }
        misses
    }

    #[test]
    fn the_fixed_point_agrees_with_the_lists_themselves() {
        let table = TableGeometry::new(4096, 1, 4096, 4096).unwrap();
        for (exponent, cache) in [(0.8, 400_u32), (1.0, 400), (1.0, 1500), (1.2, 200)] {
            let references: Vec<u64> = Draws::zipf(4096, exponent, 5, 9).take(400_000).collect();
            let seen = simulate(&references, 100_000, cache as usize) as f64 / 300_000.0;
            let rates = table.page_rates(Layout::Contiguous, exponent, 9);
            let model = TwoLists::new(&rates).misses(f64::from(cache));
            assert!((model / seen - 1.0).abs() < 0.03, "s={exponent} C={cache}: {model} against {seen}");
        }
    }

    /// Page reads a token by `pread`, measured on ext4 in a memory cgroup of a 6.18 kernel: 4,480-byte rows, permuted
    /// Zipf ids, exponent 1.
    #[test]
    fn measured_misses_of_read_calls() {
        let table = TableGeometry::new(262_144, 35, 128, 4096).unwrap();
        let lists = TwoLists::new(&table.page_rates(Layout::Contiguous, 1.0, 11));
        for (cached, seen) in [(7_568.0, 0.789), (16_454.0, 0.6625), (34_386.0, 0.510), (70_226.0, 0.359)] {
            let model = lists.misses(cached);
            assert!((model / seen - 1.0).abs() < 0.02, "{cached} pages: {model} against {seen}");
        }
    }
}
