//! The decoder-eviction cliff: a decoder-sized file swept once a token beside table rows, under ever less memory.

use super::reader;
use super::seam::{Clock, SystemClock};
use super::spec::Place;
use crate::cli::child::{self, Job};
use crate::machine::cgroup::{self, Group, Parent};
use crate::machine::{counters, evict};
use anyhow::{Context, Result, bail};
use dhurandhar_core::measurement::{Cliff, CliffPoint, Engine, median};
use dhurandhar_core::storage::{Draws, Extent, Layout, Sweep, TableGeometry, sweep_time_s};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes copied at a time while sweeping.
const STEP: u64 = 1 << 20;
/// Sweeps before the timed ones: the cache finds its steady state.
const WARM_UP: u64 = 2;
/// Timed sweeps.
const TOKENS: u64 = 8;
/// Memory for the process itself and the table's hot rows beside the decoder, bytes.
const BESIDE: u64 = 8 << 20;
/// Budgets, per mille of the decoder, largest first.
const BUDGETS: [u64; 6] = [1250, 1050, 950, 800, 650, 500];
/// The budget that calibrates the rate of reclaim; below all others, so that it is none of the predicted.
const RECLAIMING: u64 = 350;

/// What a sweeping child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SweepSpec {
    /// The decoder-sized file.
    pub(super) decoder: Place,
    /// The table beside it.
    pub(super) table: Place,
    /// Its rows.
    pub(super) geometry: TableGeometry,
    /// Seed of the rows.
    pub(super) seed: u64,
    /// Group to join.
    pub(super) group: Option<PathBuf>,
    /// Untimed sweeps.
    pub(super) warm_up: u64,
    /// Timed sweeps.
    pub(super) tokens: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SweepReply {
    token_ms: Vec<f64>,
    device_bytes_per_token: Option<f64>,
    cache_bytes: Option<u64>,
}

/// Runs the cliff. Each budget is a child in a group of its own.
pub(super) fn measure(
    parent: &Parent,
    decoder: &Place,
    table: &Place,
    geometry: TableGeometry,
    seed: u64,
    scale: f64,
) -> Result<Cliff> {
    let spec = |group, warm_up, tokens| SweepSpec {
        decoder: decoder.clone(),
        table: table.clone(),
        geometry,
        seed,
        group,
        warm_up,
        tokens,
    };
    let cold = run(&spec(None, 0, 1))?;
    let warm = run(&spec(None, WARM_UP, TOKENS))?;
    let rate = |reply: &SweepReply| -> Result<f64> {
        let ms = median(&reply.token_ms).context("a sweep timed nothing")?;
        Ok(decoder.bytes as f64 / (ms / 1000.0).max(1e-9))
    };
    let limited = |share: u64| -> Result<(Group, SweepReply)> {
        let group =
            Group::new(parent, decoder.bytes * share / 1000 + BESIDE).context("cannot limit memory")?;
        let reply = run(&spec(Some(group.directory.clone()), WARM_UP, TOKENS))?;
        Ok((group, reply))
    };
    let (storage_bytes_per_s, memory_bytes_per_s) = (rate(&cold)?, rate(&warm)?);
    let reclaiming_bytes_per_s = rate(&limited(RECLAIMING)?.1)?;
    let mut points = Vec::new();
    for share in BUDGETS {
        let (group, reply) = limited(share)?;
        // What the group really kept; its limit less the process where that cannot be seen.
        let cache_bytes = reply.cache_bytes.unwrap_or(group.limit_bytes.saturating_sub(BESIDE)) as f64;
        let (best, worst) = sweep_time_s(Sweep {
            decoder_bytes: decoder.bytes as f64,
            cache_bytes,
            memory_bytes_per_s,
            storage_bytes_per_s,
            reclaiming_bytes_per_s,
        });
        points.push(CliffPoint {
            budget_bytes: group.limit_bytes,
            cache_bytes: reply.cache_bytes,
            token_ms: median(&reply.token_ms).context("a sweep timed nothing")?,
            device_bytes_per_token: reply.device_bytes_per_token,
            predicted_ms: (best * 1000.0, worst * 1000.0),
            tokens: reply.token_ms.len() as u64,
        });
    }
    Ok(Cliff {
        decoder_bytes: decoder.bytes,
        scale,
        memory_bytes_per_s,
        storage_bytes_per_s,
        reclaiming_bytes_per_s: Some(reclaiming_bytes_per_s),
        points,
    })
}

fn run(spec: &SweepSpec) -> Result<SweepReply> {
    match child::ask(child::worker(Job::Sweep)?, spec, None)? {
        Ok(reply) => Ok(reply),
        Err(ended) => bail!("the sweep ended with {}", ended.status),
    }
}

/// The child's side.
pub(crate) fn serve() -> Result<()> {
    child::answer(&sweep(&child::task()?)?)
}

fn sweep(spec: &SweepSpec) -> Result<SweepReply> {
    for place in [&spec.decoder, &spec.table] {
        evict::evict(&std::fs::File::open(&place.path)?, place.offset, place.bytes)?;
    }
    if let Some(group) = &spec.group {
        cgroup::join(group)?;
    }
    let clock = SystemClock::new();
    let mut decoder = reader::open(Engine::MmapDefault, &spec.decoder)?;
    let mut table = reader::open(Engine::MmapRandom, &spec.table)?;
    let mut rows = Draws::uniform(spec.geometry.rows, spec.seed);
    let mut extents = Vec::new();
    let mut token_ms = Vec::new();
    let mut start = counters::read();
    for token in 0..spec.warm_up + spec.tokens {
        if token == spec.warm_up {
            start = counters::read();
        }
        let begin = clock.now_ns();
        for offset in (0..spec.decoder.bytes).step_by(usize::try_from(STEP)?) {
            let bytes = STEP.min(spec.decoder.bytes - offset);
            decoder.fetch(&[Extent { offset, bytes }])?;
        }
        extents.clear();
        if let Some(row) = rows.next() {
            spec.geometry.row_extents(Layout::Contiguous, row, &mut extents);
        }
        table.fetch(&extents)?;
        if token >= spec.warm_up {
            token_ms.push(clock.now_ns().saturating_sub(begin) as f64 / 1e6);
        }
    }
    let read = super::block::difference(&start, &counters::read()).device_read_bytes;
    Ok(SweepReply {
        device_bytes_per_token: read.map(|bytes| bytes as f64 / spec.tokens.max(1) as f64),
        token_ms,
        cache_bytes: spec.group.as_deref().and_then(cgroup::page_cache_bytes),
    })
}
