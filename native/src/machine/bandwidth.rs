//! How fast threads together read memory that no cache holds.

use super::Rates;
use super::memory::available_bytes;
use dhurandhar_core::leaf::cast::to_u64;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
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
        each: rates(threads, repetitions, time, usize::try_from(bytes).unwrap_or(16 << 20)),
    })
}

/// Slower memory than that is nobody's: something else kept the processors busy. GB/s.
pub(crate) const LEAST: f64 = 1.0;

/// The same at once and roughly, for an answer that must not keep anyone waiting; none where the machine is too busy to tell.
pub(crate) fn glance() -> Option<f64> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let each = (64 << 20) / threads;
    available_bytes().is_none_or(|available| available > 512 << 20).then_some(())?;
    let seen = rates(threads, 3, Duration::ZERO, each).into_iter().reduce(f64::max);
    seen.filter(|seen| *seen >= LEAST)
}

fn rates(threads: usize, repetitions: usize, time: Duration, bytes: usize) -> Vec<f64> {
    let barrier = Barrier::new(threads + 1);
    let passes = AtomicUsize::new(1);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (barrier, passes) = (&barrier, &passes);
            scope.spawn(move || {
                // Touched by who reads it, so that it lies near.
                let memory = vec![thread as u64 + 1; bytes / 8];
                barrier.wait();
                loop {
                    barrier.wait();
                    let passes = passes.load(Ordering::Relaxed);
                    if passes == 0 {
                        break;
                    }
                    for _ in 0..passes {
                        black_box(sum(black_box(&memory)));
                    }
                    barrier.wait();
                }
            });
        }
        barrier.wait();
        let run = |count: usize| {
            passes.store(count, Ordering::Relaxed);
            barrier.wait();
            let start = Instant::now();
            if count > 0 {
                barrier.wait();
            }
            start.elapsed().as_secs_f64()
        };
        let once = run(1).max(1e-6);
        let count = usize::try_from(to_u64((time.as_secs_f64() / once).ceil())).unwrap_or(1).max(1);
        let each = (0..repetitions).map(|_| (threads * bytes * count) as f64 / run(count) / 1e9).collect();
        run(0);
        each
    })
}

/// The sum of all words, in as many strands as keep loads in flight.
fn sum(memory: &[u64]) -> u64 {
    let mut strands = [0_u64; 32];
    for chunk in memory.chunks_exact(32) {
        for (strand, word) in strands.iter_mut().zip(chunk) {
            *strand = strand.wrapping_add(*word);
        }
    }
    strands.iter().fold(0, |all, strand| all.wrapping_add(*strand))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repetition_has_a_rate() {
        let each = rates(2, 3, Duration::ZERO, 1 << 20);
        assert!(each.len() == 3 && each.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{each:?}");
        assert_eq!(sum(&[1; 64]), 64);
    }
}
