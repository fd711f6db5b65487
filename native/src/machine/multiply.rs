//! How fast the processor multiplies and adds in single precision, with nothing to wait for but itself.

use super::Rates;
use dhurandhar_core::leaf::busy;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Rounds between two looks at the clock.
const ROUNDS: u64 = 20_000;

/// GFLOP/s of `threads` together, `repetitions` times for `time` each.
pub(crate) fn measure(threads: usize, repetitions: usize, time: Duration) -> Rates {
    let threads = threads.max(1);
    let each = (0..repetitions).map(|_| together(threads, time)).collect();
    Rates { threads, each }
}

fn together(threads: usize, time: Duration) -> f64 {
    let barrier = Barrier::new(threads);
    let one = |barrier: &Barrier| {
        barrier.wait();
        let (start, mut rounds) = (Instant::now(), 0_u64);
        loop {
            black_box(busy::multiply(black_box(0.5), ROUNDS));
            rounds += ROUNDS;
            let seconds = start.elapsed();
            if seconds >= time {
                return (rounds * busy::operations()) as f64 / seconds.as_secs_f64() / 1e9;
            }
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(|| one(&barrier))).collect();
        all.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up() {
        let rates = measure(2, 2, Duration::from_millis(1));
        assert!(rates.each.len() == 2 && rates.each.iter().all(|rate| rate.is_finite() && *rate > 0.0));
    }
}
