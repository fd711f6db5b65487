//! Which blocks count: the checks that make a cold figure cold and a quiet figure quiet.

use super::spec::{BlockSpec, Window};
use dhurandhar_core::measurement::{Engine, Flag, FlagCode, State};

/// Most of the table that may be cached before a cold block.
const RESIDENT_BEFORE: f64 = 0.01;
/// Most of it that may be cached after.
const RESIDENT_END: f64 = 0.05;
/// How far device bytes may be from the pages touched.
const BYTES_OFF: f64 = 0.05;
/// No flash delivers a page faster at queue depth one, microseconds.
const FASTEST_PAGE_US: f64 = 20.0;
/// Share of the wall time that a thread may wait for a CPU.
const RUN_DELAY: f64 = 0.05;
/// Share of latencies at a multiple of the scheduler tick that is no accident.
const AT_TICK: f64 = 0.02;

/// Flags of one window; `readahead_bytes` is the device's setting.
pub(crate) fn flags(spec: &BlockSpec, window: &Window, readahead_bytes: u64) -> Vec<Flag> {
    let mut flags = window.block.flags.clone();
    if spec.key.state == State::Cold {
        cold_residency(spec, window, readahead_bytes, &mut flags);
        cold_bytes(spec, window, &mut flags);
        plausible(spec, window, &mut flags);
    }
    quiet(window, &mut flags);
    if window.block.latency.tokens < 30 {
        let count = window.block.latency.tokens;
        flags.push(Flag::soft(
            FlagCode::FewSamples,
            format!("{count} tokens in a block: its p99 is its maximum"),
        ));
    }
    flags
}

fn cold_residency(spec: &BlockSpec, window: &Window, readahead_bytes: u64, flags: &mut Vec<Flag>) {
    let residency = &window.block.residency;
    match residency.before {
        None => flags.push(Flag::soft(FlagCode::ColdNotVerified, residency.method.clone())),
        Some(share) if share > RESIDENT_BEFORE => flags.push(Flag::hard(
            FlagCode::ResidencyAfterEvict,
            format!("{:.1} % of the table still cached after eviction, at most 1 % expected", share * 100.0),
        )),
        Some(_) => {}
    }
    if spec.key.engine.bypasses_the_cache() || spec.key.pattern.fills_the_cache() {
        return;
    }
    // A window of readahead may stick out over the limit; more than that is a warmed run.
    let window_share = readahead_bytes as f64 / spec.place.bytes.max(1) as f64;
    let limit = if spec.key.engine.reads_ahead() { RESIDENT_END + 2.0 * window_share } else { RESIDENT_END };
    if let Some(share) = residency.end.filter(|share| *share > limit) {
        flags.push(Flag::hard(
            FlagCode::ResidencyAtEnd,
            format!("{:.1} % of the table cached when a cold block ended", share * 100.0),
        ));
    }
}

fn cold_bytes(spec: &BlockSpec, window: &Window, flags: &mut Vec<Flag>) {
    let counters = &window.block.counters;
    let Some(read) = counters.device_read_bytes else {
        flags
            .push(Flag::soft(FlagCode::BytesNotVerified, "bytes read from the device could not be observed"));
        return;
    };
    let expected = (window.block.expected_pages * spec.geometry.page_bytes) as f64;
    let ratio = read as f64 / expected.max(1.0);
    let too_many = ratio > 1.0 + BYTES_OFF && !spec.key.engine.reads_ahead();
    if ratio < 1.0 - BYTES_OFF || too_many {
        flags.push(Flag::hard(
            FlagCode::DeviceBytes,
            format!("{read} bytes from the device, {expected:.0} expected ({ratio:.2} times)"),
        ));
    }
    if spec.key.engine == Engine::MmapRandom
        && let Some(faults) = counters.major_faults
    {
        let by_faults = (faults * spec.geometry.page_bytes) as f64;
        if (by_faults - read as f64).abs() > BYTES_OFF * by_faults.max(read as f64) {
            flags.push(Flag::hard(
                FlagCode::FaultsDisagree,
                format!("{faults} major faults do not account for {read} bytes from the device"),
            ));
        }
    }
}

fn plausible(spec: &BlockSpec, window: &Window, flags: &mut Vec<Flag>) {
    let latency = &window.block.latency;
    let ios = match spec.key.engine {
        Engine::MmapRandom => window.block.expected_pages as f64 / latency.tokens.max(1) as f64,
        Engine::Pread | Engine::Direct | Engine::IoUring | Engine::IoUringDirect => 1.0,
        _ => return,
    };
    let each = latency.p50_us / ios.max(1.0);
    if each < FASTEST_PAGE_US && latency.tokens > 0 && !spec.key.pattern.is_sequential() {
        flags.push(Flag::hard(
            FlagCode::TooFast,
            format!("{each:.1} us a read claims to be cold; no flash answers below {FASTEST_PAGE_US} us"),
        ));
    }
}

fn quiet(window: &Window, flags: &mut Vec<Flag>) {
    let wall_ns = window.block.wall_s * 1e9;
    if let Some(delay) = window.block.counters.run_delay_ns
        && delay as f64 > RUN_DELAY * wall_ns
    {
        flags.push(Flag::hard(
            FlagCode::RunDelay,
            format!(
                "waited {:.0} % of the time for a CPU, at most 5 % allowed",
                delay as f64 / wall_ns * 100.0
            ),
        ));
    }
    let near = |ns: u64, tick: f64| (ns as f64 / tick - 1.0).abs() < 0.05;
    let bunched: u64 =
        window.histogram.iter().filter(|(ns, _)| near(*ns, 4e6) || near(*ns, 8e6)).map(|(_, n)| n).sum();
    if bunched > 2 && bunched as f64 > AT_TICK * window.block.latency.tokens as f64 {
        flags.push(Flag::soft(FlagCode::SchedulerTick, format!("{bunched} latencies bunch at 4 or 8 ms")));
    }
}

#[cfg(test)]
mod tests {
    use super::flags;
    use crate::profile::block::run_block;
    use crate::profile::fake::{FakeClock, FakeStorage};
    use crate::profile::spec::Window;
    use crate::profile::spec::tests::spec;
    use dhurandhar_core::measurement::{Engine, FlagCode, Pattern, State};

    fn cold_window() -> (crate::profile::spec::BlockSpec, Window) {
        let mut spec = spec(Pattern::RandomDecode, Engine::MmapRandom, State::Cold);
        spec.tokens = 15;
        let (fake, clock) = (FakeStorage::of(&spec), FakeClock::default());
        let mut windows =
            run_block(&spec, &mut fake.clone(), &clock, &mut || Ok(fake.reader(&clock))).unwrap();
        (spec, windows.remove(0))
    }

    fn hard(change: impl FnOnce(&mut Window)) -> Vec<FlagCode> {
        let (spec, mut window) = cold_window();
        change(&mut window);
        flags(&spec, &window, 131_072).into_iter().filter(|f| f.hard).map(|f| f.code).collect()
    }

    #[test]
    fn an_honest_cold_block_has_no_hard_flag() {
        assert!(hard(|_| {}).is_empty());
    }

    #[test]
    fn each_lie_has_its_flag() {
        assert_eq!(hard(|w| w.block.residency.before = Some(1.0)), [FlagCode::ResidencyAfterEvict]);
        assert_eq!(hard(|w| w.block.residency.end = Some(0.2)), [FlagCode::ResidencyAtEnd]);
        // A sparse file: faults that read nothing.
        let sparse = hard(|w| w.block.counters.device_read_bytes = Some(0));
        assert_eq!(sparse, [FlagCode::DeviceBytes, FlagCode::FaultsDisagree]);
        // The page cache measured as flash.
        assert_eq!(hard(|w| w.block.latency.p50_us = 7.5), [FlagCode::TooFast]);
        assert_eq!(hard(|w| w.block.counters.run_delay_ns = Some(400_000)), [FlagCode::RunDelay]);
    }

    #[test]
    fn what_cannot_be_seen_is_soft() {
        let (spec, mut window) = cold_window();
        window.block.residency.before = None;
        window.block.counters.device_read_bytes = None;
        let found: Vec<_> =
            flags(&spec, &window, 0).into_iter().filter(|f| !f.hard).map(|f| f.code).collect();
        assert!(found.contains(&FlagCode::ColdNotVerified) && found.contains(&FlagCode::BytesNotVerified));
    }
}
