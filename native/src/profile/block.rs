//! One block, from eviction to the last counter: the loop that every figure comes from.
//!
//! Order matters: evict, settle, look at residency, open the reader, read counters, time tokens, read
//! counters, look at residency again. Nothing but the fetch is inside the timed stretch.

use super::seam::{Clock, Reader, Storage};
use super::spec::{BlockSpec, Window};
use dhurandhar_core::measurement::{Block, Counters, Latency, Residency, State};
use dhurandhar_core::storage::{Draws, Extent};
use hdrhistogram::Histogram;
use std::collections::BTreeSet;
use std::io;

/// Longest latency kept apart, nanoseconds; longer ones are recorded as this.
const LONGEST_NS: u64 = 60_000_000_000;
/// Windows of warm-up whose miss rates are compared.
const STEADY_CHANGE: f64 = 0.05;

/// What became of a block that could not finish.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The error.
    pub(crate) error: io::Error,
    /// Tokens read before.
    pub(crate) tokens: u64,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self { error, tokens: 0 }
    }
}

/// Runs one block; `open` makes the reader after the eviction.
pub(crate) fn run_block(
    spec: &BlockSpec,
    storage: &mut dyn Storage,
    clock: &dyn Clock,
    open: &mut dyn FnMut() -> io::Result<Box<dyn Reader>>,
) -> Result<Vec<Window>, Broken> {
    if spec.key.state != State::Warm {
        storage.evict()?;
        clock.sleep_until(clock.now_ns().saturating_add(spec.settle_ms * 1_000_000));
    }
    let before = storage.residency();
    let mut reader = open()?;
    let mut draws = spec.draws();
    let steady = warm_up(spec, storage, reader.as_mut(), &mut draws)?;
    if spec.key.state == State::Warm {
        // The timed rows once untimed: warm means that they are in memory and mapped.
        let mut rehearsal = draws.clone();
        read_untimed(spec, reader.as_mut(), &mut rehearsal, spec.tokens)?;
    }
    let mut windows = Vec::new();
    for index in 0..spec.windows.max(1) {
        let mut window = time_window(spec, storage, clock, reader.as_mut(), &mut draws, index)?;
        window.block.residency.before = before;
        if !steady {
            window.block.flags.push(dhurandhar_core::measurement::Flag::soft(
                dhurandhar_core::measurement::FlagCode::NotSteady,
                "the miss rate still changed by more than 5 % when the warm-up ended",
            ));
        }
        windows.push(window);
    }
    Ok(windows)
}

/// Untimed tokens until the miss rate settles; `false` when the cap came first.
fn warm_up(
    spec: &BlockSpec,
    storage: &mut dyn Storage,
    reader: &mut dyn Reader,
    draws: &mut Draws,
) -> Result<bool, Broken> {
    if spec.key.state != State::Budget {
        read_untimed(spec, reader, draws, spec.warm_up)?;
        return Ok(true);
    }
    let step = (spec.warm_up / 10).max(1);
    let mut last: Option<u64> = None;
    for round in 0..10 {
        let start = storage.counters().device_read_bytes;
        read_untimed(spec, reader, draws, step)?;
        let read =
            storage.counters().device_read_bytes.zip(start).map(|(end, start)| end.saturating_sub(start));
        let settled = read
            .zip(last)
            .is_some_and(|(now, before)| now.abs_diff(before) as f64 <= STEADY_CHANGE * before.max(1) as f64);
        if settled && round >= 3 {
            return Ok(true);
        }
        last = read;
    }
    Ok(false)
}

fn read_untimed(
    spec: &BlockSpec,
    reader: &mut dyn Reader,
    draws: &mut Draws,
    tokens: u64,
) -> Result<(), Broken> {
    let mut extents = Vec::new();
    for token in 0..tokens {
        spec.token(draws, &mut extents);
        reader.fetch(&extents).map_err(|error| Broken { error, tokens: token })?;
    }
    Ok(())
}

/// Latencies of one window.
struct Timed {
    service: Histogram<u64>,
    intended: Histogram<u64>,
    pages: BTreeSet<u64>,
    direct_pages: u64,
    tokens: u64,
}

impl Timed {
    fn new() -> io::Result<Self> {
        let make = || Histogram::new_with_bounds(1, LONGEST_NS, 3).map_err(io::Error::other);
        Ok(Self { service: make()?, intended: make()?, pages: BTreeSet::new(), direct_pages: 0, tokens: 0 })
    }

    fn record(&mut self, spec: &BlockSpec, extents: &[Extent], service: u64, intended: u64) {
        self.service.saturating_record(service.max(1));
        self.intended.saturating_record(intended.max(1));
        let touched = dhurandhar_core::storage::touched_pages(extents, spec.geometry.page_bytes);
        self.direct_pages += touched.len() as u64;
        self.pages.extend(touched);
        self.tokens += 1;
    }

    /// Pages the device has to deliver: each once through the page cache, each time past it.
    fn expected_pages(&self, spec: &BlockSpec) -> u64 {
        match spec.key.engine {
            engine if engine.bypasses_the_cache() => self.direct_pages,
            _ => self.pages.len() as u64,
        }
    }
}

fn time_window(
    spec: &BlockSpec,
    storage: &mut dyn Storage,
    clock: &dyn Clock,
    reader: &mut dyn Reader,
    draws: &mut Draws,
    index: u64,
) -> Result<Window, Broken> {
    let mut timed = Timed::new()?;
    let mut extents = Vec::new();
    let start_counters = storage.counters();
    let start = clock.now_ns();
    for token in 0..spec.tokens {
        spec.token(draws, &mut extents);
        let mut due = clock.now_ns();
        if spec.key.pacing_us > 0 {
            due = start + token * spec.key.pacing_us * 1000;
            clock.sleep_until(due);
        }
        let begin = clock.now_ns();
        reader.fetch(&extents).map_err(|error| Broken { error, tokens: token })?;
        let end = clock.now_ns();
        timed.record(spec, &extents, end.saturating_sub(begin), end.saturating_sub(due));
        if spec.key.state == State::Cold
            && spec.key.engine.reads_ahead()
            && !spec.key.pattern.fills_the_cache()
            && share_read(spec, &start_counters, &storage.counters()) > spec.stop_share
        {
            break;
        }
    }
    let wall_ns = clock.now_ns().saturating_sub(start);
    let counters = difference(&start_counters, &storage.counters());
    let residency = Residency { before: None, end: storage.residency(), method: storage.residency_method() };
    let block = Block {
        order: spec.order + index,
        seed: spec.seed,
        wall_s: wall_ns as f64 * 1e-9,
        expected_pages: timed.expected_pages(spec),
        latency: latency(&timed.service),
        intended_latency: (spec.key.pacing_us > 0).then(|| latency(&timed.intended)),
        counters,
        residency,
        group_cache_bytes: storage.group_cache(),
        valid: true,
        flags: Vec::new(),
    };
    let histogram =
        timed.service.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())).collect();
    Ok(Window { block, histogram })
}

fn share_read(spec: &BlockSpec, start: &Counters, now: &Counters) -> f64 {
    let read =
        now.device_read_bytes.zip(start.device_read_bytes).map_or(0, |(now, start)| now - start.min(now));
    read as f64 / spec.place.bytes.max(1) as f64
}

/// Quantiles of a histogram of nanoseconds.
pub(crate) fn latency(histogram: &Histogram<u64>) -> Latency {
    let us = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Latency {
        tokens: histogram.len(),
        mean_us: if histogram.is_empty() { 0.0 } else { histogram.mean() / 1000.0 },
        p50_us: us(0.5),
        p90_us: us(0.9),
        p99_us: us(0.99),
        p999_us: (histogram.len() >= 10_000).then(|| us(0.999)),
        max_us: histogram.max() as f64 / 1000.0,
    }
}

/// What was counted between two readings; `None` where either is missing.
pub(crate) fn difference(start: &Counters, end: &Counters) -> Counters {
    let sub = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| b.saturating_sub(a));
    Counters {
        major_faults: sub(start.major_faults, end.major_faults),
        minor_faults: sub(start.minor_faults, end.minor_faults),
        device_read_bytes: sub(start.device_read_bytes, end.device_read_bytes),
        run_delay_ns: sub(start.run_delay_ns, end.run_delay_ns),
        voluntary_switches: sub(start.voluntary_switches, end.voluntary_switches),
        involuntary_switches: sub(start.involuntary_switches, end.involuntary_switches),
        user_ns: sub(start.user_ns, end.user_ns),
        system_ns: sub(start.system_ns, end.system_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::run_block;
    use crate::profile::fake::{FakeClock, FakeStorage};
    use crate::profile::spec::tests::spec;
    use dhurandhar_core::measurement::{Engine, Pattern, State};

    #[test]
    fn a_cold_block_counts_exactly_the_pages_it_touched() {
        let spec = spec(Pattern::RandomDecode, Engine::MmapRandom, State::Cold);
        let fake = FakeStorage::of(&spec);
        let clock = FakeClock::default();
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        let block = &windows[0].block;
        assert_eq!(block.latency.tokens, 20);
        assert_eq!(block.counters.device_read_bytes, Some(block.expected_pages * 4096));
        assert_eq!(block.residency.before, Some(0.0));
        // The fake charges 100 us a page: two or three pages a row.
        assert!((190.0..=310.0).contains(&block.latency.p50_us), "{:?}", block.latency);
        assert_eq!(windows[0].histogram.iter().map(|(_, n)| n).sum::<u64>(), 20);
    }

    /// A clock that leaps an hour ahead at one reading and back at a later one.
    struct Leaping(FakeClock, std::cell::Cell<u64>);

    impl crate::profile::seam::Clock for Leaping {
        fn now_ns(&self) -> u64 {
            self.1.set(self.1.get() + 1);
            let ahead = if (20..32).contains(&self.1.get()) { 3_600_000_000_000 } else { 0 };
            self.0.now_ns() + ahead
        }

        fn sleep_until(&self, ns: u64) {
            self.0.sleep_until(ns);
        }
    }

    #[test]
    fn a_leaping_clock_spoils_two_waits_and_no_count() {
        let spec = spec(Pattern::RandomDecode, Engine::MmapRandom, State::Cold);
        let fake = FakeStorage::of(&spec);
        let clock = FakeClock::default();
        let leaping = Leaping(clock.clone(), std::cell::Cell::new(0));
        let windows = run_block(&spec, &mut fake.clone(), &leaping, &mut || Ok(fake.reader(&clock))).unwrap();
        let block = &windows[0].block;
        assert_eq!(block.latency.tokens, 20);
        assert_eq!(block.counters.device_read_bytes, Some(block.expected_pages * 4096));
        assert!((190.0..=310.0).contains(&block.latency.p50_us), "{:?}", block.latency);
        assert!(block.wall_s >= 0.0 && block.latency.max_us.is_finite());
        assert_eq!(windows[0].histogram.iter().map(|(_, n)| n).sum::<u64>(), 20);
    }

    #[test]
    fn a_warm_block_reads_nothing() {
        let spec = spec(Pattern::RandomDecode, Engine::MmapRandom, State::Warm);
        let fake = FakeStorage::of(&spec);
        let clock = FakeClock::default();
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        assert_eq!(windows[0].block.counters.device_read_bytes, Some(0));
    }

    #[test]
    fn readahead_ends_a_cold_block_early() {
        let mut spec = spec(Pattern::RandomDecode, Engine::MmapDefault, State::Cold);
        spec.tokens = 500;
        let fake = FakeStorage::of(&spec);
        fake.set_readahead_pages(16);
        let clock = FakeClock::default();
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        assert!(windows[0].block.latency.tokens < 10, "{}", windows[0].block.latency.tokens);
    }

    #[test]
    fn a_prompt_is_read_to_its_end_whatever_comes_along() {
        let mut spec = spec(Pattern::PromptPrefill, Engine::MmapDefault, State::Cold);
        spec.tokens = 300;
        let fake = FakeStorage::of(&spec);
        fake.set_readahead_pages(16);
        let clock = FakeClock::default();
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        assert_eq!(windows[0].block.latency.tokens, 300);
    }

    #[test]
    fn pacing_starts_each_token_on_time_and_reports_lateness() {
        let mut spec = spec(Pattern::RandomDecode, Engine::MmapRandom, State::Cold);
        spec.key.pacing_us = 1000;
        let fake = FakeStorage::of(&spec);
        let clock = FakeClock::default();
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        let block = &windows[0].block;
        assert!((block.wall_s - 0.019).abs() < 0.001, "{}", block.wall_s);
        assert!(block.intended_latency.unwrap().p50_us >= block.latency.p50_us * 0.99);
    }

    #[test]
    fn a_read_error_names_the_token() {
        let spec = spec(Pattern::RandomDecode, Engine::Pread, State::Cold);
        let fake = FakeStorage::of(&spec);
        fake.fail_after(7);
        let clock = FakeClock::default();
        let broken =
            run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap_err();
        assert_eq!(broken.tokens, 7);
    }

    #[test]
    fn a_budget_settles_before_it_is_timed() {
        let mut spec = spec(Pattern::ZipfDecode, Engine::MmapRandom, State::Budget);
        (spec.warm_up, spec.windows, spec.tokens) = (4000, 3, 200);
        let fake = FakeStorage::of(&spec);
        fake.set_capacity(200);
        let clock = FakeClock::default();
        let windows = run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        assert_eq!(windows.len(), 3);
        assert!(windows.iter().all(|w| w.block.counters.device_read_bytes > Some(0)));
    }
}
