//! How fast threads together read memory that no cache holds.

use super::Rates;
use super::memory::available_bytes;
use dhurandhar_core::leaf::busy;
use dhurandhar_core::leaf::cast::to_u64;
use memmap2::MmapMut;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that a thread reads over and over: with two threads beyond the last cache of what people have.
const BYTES_EACH: u64 = 128 << 20;
/// Share of the available memory that may be taken.
const SHARE: u64 = 4;

/// GB/s (1e9) that `threads` read together, `repetitions` times for at least `time` each; none where memory is short.
pub(crate) fn measure(threads: usize, repetitions: usize, time: Duration) -> Option<Rates> {
    let threads = threads.max(1);
    let spare = available_bytes().unwrap_or(4 * BYTES_EACH) / SHARE / threads as u64;
    let bytes = spare.min(BYTES_EACH);
    // Less than this would be read from caches.
    (bytes >= 16 << 20).then(|| Rates {
        threads,
        each: rates(threads, repetitions, time, usize::try_from(bytes).unwrap_or(16 << 20), false),
    })
}

/// Slower memory than that is nobody's: something else kept the processors busy. GB/s.
pub(crate) const LEAST: f64 = 1.0;

/// The same at once and roughly, for an answer that must not keep anyone waiting; none where the machine is too busy to tell.
pub(crate) fn glance() -> Option<f64> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let each = (64 << 20) / threads;
    available_bytes().is_none_or(|available| available > 512 << 20).then_some(())?;
    let seen = rates(threads, 2, Duration::ZERO, each, true).into_iter().reduce(f64::max);
    seen.filter(|seen| *seen >= LEAST)
}

/// Rates of `repetitions`; in huge pages where the system has them and that is wished: 64 MiB are there in a fifth of the time.
fn rates(threads: usize, repetitions: usize, time: Duration, bytes: usize, huge: bool) -> Vec<f64> {
    let barrier = Barrier::new(threads + 1);
    let passes = AtomicUsize::new(1);
    // Taken by who reads: whoever waits for them may be woken long after they began.
    let spans = Mutex::new(Vec::with_capacity(threads));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (barrier, passes, spans) = (&barrier, &passes, &spans);
            scope.spawn(move || {
                // Touched by who reads it, so that it lies near.
                let memory = filled(bytes, huge, thread);
                barrier.wait();
                loop {
                    barrier.wait();
                    let passes = passes.load(Ordering::Relaxed);
                    if passes == 0 {
                        break;
                    }
                    let start = Instant::now();
                    for _ in 0..passes {
                        black_box(busy::sum(black_box(&memory)));
                    }
                    spans.lock().unwrap_or_else(PoisonError::into_inner).push((start, Instant::now()));
                    barrier.wait();
                }
            });
        }
        barrier.wait();
        let run = |count: usize| {
            passes.store(count, Ordering::Relaxed);
            barrier.wait();
            if count > 0 {
                barrier.wait();
            }
            let spans = std::mem::take(&mut *spans.lock().unwrap_or_else(PoisonError::into_inner));
            let first = spans.iter().map(|(start, _)| *start).min();
            let last = spans.iter().map(|(_, end)| *end).max();
            first.zip(last).map_or(0.0, |(first, last)| (last - first).as_secs_f64())
        };
        let once = run(1).max(1e-6);
        let count = usize::try_from(to_u64((time.as_secs_f64() / once).ceil())).unwrap_or(1).max(1);
        let each = (0..repetitions).map(|_| (threads * bytes * count) as f64 / run(count) / 1e9).collect();
        run(0);
        each
    })
}

/// Memory that is there: every byte has been written.
fn filled(bytes: usize, huge: bool, thread: usize) -> Memory {
    let value = u8::try_from(thread % 255).unwrap_or(0) + 1;
    let Ok(mut mapped) = MmapMut::map_anon(bytes) else { return Memory::Heap(vec![value; bytes]) };
    #[cfg(target_os = "linux")]
    if huge {
        // Where there are none it takes small ones.
        let _ = mapped.advise(memmap2::Advice::HugePage);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = huge;
    mapped.fill(value);
    Memory::Mapped(mapped)
}

/// Mapped where the system maps, so that it can be asked for huge pages.
enum Memory {
    Mapped(MmapMut),
    Heap(Vec<u8>),
}

impl std::ops::Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(memory) => memory,
            Self::Heap(memory) => memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repetition_has_a_rate() {
        let each = rates(2, 3, Duration::ZERO, 1 << 20, true);
        assert!(each.len() == 3 && each.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{each:?}");
    }
}
