//! The seams: clock, storage and reader as small traits, so that blocks, schedules and verdicts run against
//! scripted fakes without a disk or a wait.

use dhurandhar_core::measurement::Counters;
use dhurandhar_core::storage::Extent;
use std::io;
use std::time::{Duration, Instant};

/// Monotonic time.
pub(crate) trait Clock {
    /// Nanoseconds since some fixed start.
    fn now_ns(&self) -> u64;
    /// Returns at or after `ns`.
    fn sleep_until(&self, ns: u64);
}

/// The file under test as the operating system sees it.
pub(crate) trait Storage {
    /// Asks the system to drop the table from the page cache.
    fn evict(&mut self) -> io::Result<()>;
    /// Share of the table in the page cache, 0 to 1; `None` where it cannot be observed.
    fn residency(&mut self) -> Option<f64>;
    /// How residency is observed, or why it is not.
    fn residency_method(&self) -> String;
    /// Counters of this process so far.
    fn counters(&mut self) -> Counters;
    /// Page cache charged to the limited group, bytes.
    fn group_cache(&mut self) -> Option<u64>;
}

/// One way of bringing bytes to the reader.
pub(crate) trait Reader {
    /// Reads every byte of the extents (offsets from the start of the table).
    fn fetch(&mut self, extents: &[Extent]) -> io::Result<()>;
}

/// The machine's own clock.
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts at zero.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Median cost of reading the clock, nanoseconds.
    pub(crate) fn overhead_ns(&self) -> f64 {
        let before = self.now_ns();
        for _ in 0..1000 {
            std::hint::black_box(self.now_ns());
        }
        self.now_ns().saturating_sub(before) as f64 / 1000.0
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, ns: u64) {
        let left = ns.saturating_sub(self.now_ns());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
    }
}
