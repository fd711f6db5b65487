//! Random reads of several sizes past the page cache, for a machine's profile: the profiler's engines on a table of their own.

use super::reader;
use super::table::{TableFile, synthetic};
use crate::machine::Rates;
use anyhow::Context as _;
use dhurandhar_core::leaf::{median, mix64};
use dhurandhar_core::measurement::Engine;
use dhurandhar_core::storage::Extent;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Table that is read, bytes: the device is to be read, not a cache in it.
const TABLE: u64 = 128 << 20;
/// Longest that writing it may take; a slower device is no place for models.
const LONGEST_WRITE: Duration = Duration::from_secs(12);
/// Sizes of reads, KiB: a page, rows of tables, an expert's share of a row, and what read-ahead fetches.
const SIZES_KIB: [u64; 5] = [4, 16, 64, 256, 576];
/// Reads that a queue holds, for reads a second.
pub(crate) const DEPTH: u64 = 32;
/// One of the reads that follow each other, bytes.
const RUN: u64 = 1 << 20;

/// Reads of one size.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct ReadPoint {
    /// Bytes of a read in KiB.
    pub(crate) kib: u64,
    /// Reads in flight.
    pub(crate) depth: u64,
    /// They follow each other in the file.
    pub(crate) sequential: bool,
    /// Microseconds of one batch of `depth` reads, a median each repetition.
    pub(crate) batch_us: Rates,
}

impl ReadPoint {
    /// Reads a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.depth as f64 * 1e6 / self.batch_us.median()
    }

    /// MB (1e6) a second.
    pub(crate) fn mb_per_s(&self) -> f64 {
        self.per_second() * (self.kib * 1024) as f64 / 1e6
    }
}

/// Read from a table in `folder`, each point `repetitions` times for `time`.
pub(crate) fn measure(
    folder: &Path,
    repetitions: usize,
    time: Duration,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<ReadPoint>> {
    let start = Instant::now();
    let too_slow = AtomicBool::new(false);
    let mut progress = |_| {
        if stop.load(Ordering::Relaxed) || start.elapsed() > LONGEST_WRITE {
            too_slow.store(true, Ordering::Relaxed);
        }
    };
    let table = synthetic::create(folder, None, TABLE, &too_slow, &mut progress).map_err(|error| {
        if error.is::<synthetic::Stopped>() {
            anyhow::anyhow!("writing {} MiB takes longer than {} s", TABLE >> 20, LONGEST_WRITE.as_secs())
        } else {
            error
        }
    })?;
    let mut points = Vec::new();
    for kib in SIZES_KIB {
        points.push(point(&table, Engine::Direct, kib << 10, 1, false, repetitions, time)?);
    }
    // Many reads at once take a queue; where there is none, the table says so by its absence.
    if reader::missing(Engine::IoUringDirect).is_none() {
        points.push(point(&table, Engine::IoUringDirect, 4 << 10, DEPTH, false, repetitions, time)?);
        points.push(point(&table, Engine::IoUringDirect, RUN, 8, true, repetitions, time)?);
    } else {
        points.push(point(&table, Engine::Direct, RUN, 1, true, repetitions, time)?);
    }
    Ok(points)
}

fn point(
    table: &TableFile,
    engine: Engine,
    bytes: u64,
    depth: u64,
    sequential: bool,
    repetitions: usize,
    time: Duration,
) -> anyhow::Result<ReadPoint> {
    let what = || format!("reads of {} KiB past the page cache", bytes >> 10);
    let mut reader = reader::open(engine, &table.place).with_context(what)?;
    let places = TABLE / bytes;
    let (mut draw, mut next) = (0_u64, 0_u64);
    let mut each = Vec::new();
    for _ in 0..repetitions {
        let (start, mut took) = (Instant::now(), Vec::new());
        while start.elapsed() < time || took.len() < 8 {
            let batch: Vec<Extent> = (0..depth)
                .map(|_| {
                    draw += 1;
                    next = if sequential { (next + 1) % places } else { mix64(draw) % places };
                    Extent { offset: next * bytes, bytes }
                })
                .collect();
            let before = Instant::now();
            reader.fetch(&batch).with_context(what)?;
            took.push(before.elapsed().as_secs_f64() * 1e6);
        }
        each.extend(median(&took));
    }
    Ok(ReadPoint { kib: bytes >> 10, depth, sequential, batch_us: Rates { threads: 1, each } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_every_size_come_back_or_say_why_not() {
        let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
        match measure(folder.path(), 1, Duration::ZERO, &AtomicBool::new(false)) {
            Ok(points) => {
                assert!(points.len() >= 6 && points.iter().all(|point| point.mb_per_s() > 0.0));
                assert_eq!(points[0].kib, 4);
            }
            Err(error) => eprintln!("skipped: {error:#}"),
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
