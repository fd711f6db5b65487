//! How fast the processor multiplies and adds in single precision, with nothing to wait for but itself.
#![expect(unsafe_code, reason = "code for instruction sets that are looked for before it is called")]

use super::Rates;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Independent sums: enough to fill the pipelines, few enough for the registers.
const CHAINS: usize = 12;
/// Sums in a register of AVX2.
const LANES: usize = 8;
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
            black_box(fastest(black_box(0.5), ROUNDS));
            rounds += ROUNDS;
            let seconds = start.elapsed();
            if seconds >= time {
                return (rounds * (CHAINS * LANES * 2) as u64) as f64 / seconds.as_secs_f64() / 1e9;
            }
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(|| one(&barrier))).collect();
        all.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

/// Chains of multiplications with additions; the sum of what comes out.
#[expect(
    clippy::inline_always,
    reason = "it has to be compiled anew within the function that enables the instructions"
)]
#[inline(always)]
fn chains(start: f32, rounds: u64) -> f32 {
    let mut sums = [[start; LANES]; CHAINS];
    for (index, sum) in sums.iter_mut().flatten().enumerate() {
        *sum += index as f32;
    }
    let (factor, addend) = (black_box(0.999_f32), black_box(0.001_f32));
    for _ in 0..rounds {
        for sum in &mut sums {
            for lane in sum {
                *lane = lane.mul_add(factor, addend);
            }
        }
    }
    sums.iter().flatten().sum()
}

/// The same for a processor with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains_avx2(start: f32, rounds: u64) -> f32 {
    chains(start, rounds)
}

/// The chains in the widest instructions that are known here.
fn fastest(start: f32, rounds: u64) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return unsafe { chains_avx2(start, rounds) };
    }
    chains(start, rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_chains_give_the_bits_of_plain_ones() {
        for rounds in [0, 1, 7, 100] {
            assert_eq!(fastest(0.5, rounds).to_bits(), chains(0.5, rounds).to_bits());
        }
    }

    #[test]
    fn threads_add_up() {
        let rates = measure(2, 2, Duration::from_millis(1));
        assert!(rates.each.len() == 2 && rates.each.iter().all(|rate| rate.is_finite() && *rate > 0.0));
    }
}
