//! A whole run, from what is asked for to what was found.

use super::child::BlockRunner;
use super::plan::{Mode, Planned, STOP_SHARE};
use super::request::Progress;
use super::seam::{Clock, SystemClock};
use super::session::{Journal, NoJournal, Outcome, Session};
use super::setup::{Setup, stream_seed};
use super::spec::BlockSpec;
use super::table::{TableFile, real, synthetic};
use super::{cliff, gather, journal, memory, runner};
use crate::machine::environment;
use anyhow::Result;
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::measurement::{MeasuredLimit, MmapProfile, Note};
use dhurandhar_core::placement::Component;
use dhurandhar_core::storage::Layout;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn open_table(
    setup: &Setup,
    bytes: u64,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<TableFile> {
    if let Some(tensor) = &setup.subject.tensor {
        return real::open(Path::new(&setup.request.model), tensor);
    }
    let mut progress = |done| watch(Progress::Bytes { what: "writing the table", done, total: bytes });
    let table = match setup.request.table.as_deref() {
        Some(path) if path.exists() => synthetic::reuse(path, bytes),
        Some(path) => {
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            synthetic::create(parent, Some(path), bytes, stop, &mut progress)
        }
        None => synthetic::create(&setup.request.directory, None, bytes, stop, &mut progress),
    };
    watch(Progress::Over);
    table
}

/// Runs everything; nothing where it was stopped before the first block.
pub(crate) fn measure(
    setup: &Setup,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<Option<MmapProfile>> {
    let clock = SystemClock::new();
    let started = crate::machine::now();
    let before = environment::Moment::now();
    let table = match open_table(setup, setup.geometry.bytes(Layout::Contiguous), stop, watch) {
        Err(error) if error.downcast_ref::<synthetic::Stopped>().is_some() => return Ok(None),
        table => table?,
    };
    let mut notes = setup.plan.notes.clone();
    let outcomes = run_blocks(setup, &table, &clock, stop, watch)?;
    let stopped = || stop.load(Ordering::Relaxed);
    let cliff = if stopped() {
        None
    } else {
        optional("eviction cliff", &mut notes, run_cliff(setup, &table, stop, watch))
    };
    let memory =
        if stopped() { None } else { optional("memory probe", &mut notes, run_memory(setup, &table)) };
    let after = environment::Moment::now();
    let mut conditions = before.until(&after);
    conditions.clock_overhead_ns = Some(clock.overhead_ns());
    let found = gather::Found {
        outcomes,
        cliff,
        memory,
        notes,
        conditions,
        started,
        duration_s: clock.now_ns() as f64 * 1e-9,
        interrupted: stopped(),
    };
    Ok(Some(gather::profile(setup, &table, found)))
}

/// A part that may be missing: its failure is a note, not the end of the run.
fn optional<T>(about: &str, notes: &mut Vec<Note>, part: Result<Option<T>>) -> Option<T> {
    part.unwrap_or_else(|error| {
        notes.push(Note { about: about.to_owned(), reason: format!("{error:#}") });
        None
    })
}

fn run_blocks(
    setup: &Setup,
    table: &TableFile,
    clock: &SystemClock,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Outcome>> {
    let mut journal: Box<dyn Journal> = match &setup.request.journal {
        Some(path) => Box::new(journal::FileJournal::open(path)?),
        None => Box::new(NoJournal),
    };
    let mut runner = runner::Limited::new(setup.groups.as_ref().ok().cloned(), setup.request.balloon);
    let runner: &mut dyn BlockRunner = &mut runner;
    let limit_ns = setup.request.mode.limit_s() * 1_000_000_000;
    let mut session = Session {
        runner,
        journal: journal.as_mut(),
        clock,
        stop,
        deadline_ns: limit_ns,
        readahead_bytes: setup.storage.readahead_bytes.unwrap_or(131_072),
    };
    let mut progress = |done: u64, total: u64, name: &str| watch(Progress::Blocks { done, total, name });
    let mut spec = |planned: &Planned, order: u64| block_spec(setup, table, planned, order);
    let outcomes = session.run(&setup.plan, &mut spec, &mut progress);
    watch(Progress::Over);
    Ok(outcomes)
}

fn block_spec(setup: &Setup, table: &TableFile, planned: &Planned, order: u64) -> BlockSpec {
    BlockSpec {
        key: planned.key,
        order,
        seed: mix64(setup.request.seed ^ mix64(order)),
        stream_seed: stream_seed(setup.request.seed),
        tokens: planned.tokens,
        warm_up: planned.warm_up,
        windows: planned.windows,
        geometry: planned.geometry,
        place: table.place.clone(),
        zipf_exponent: setup.request.zipf_exponent,
        trace: setup.request.trace.clone(),
        group: None,
        settle_ms: if setup.request.mode == Mode::Quick { 30 } else { 200 },
        realtime: setup.request.realtime,
        stop_share: STOP_SHARE,
    }
}

fn run_cliff(
    setup: &Setup,
    table: &TableFile,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<Option<dhurandhar_core::measurement::Cliff>> {
    if setup.decoder_bytes == 0 {
        return Ok(None);
    }
    let parent = setup.groups.as_ref().map_err(|reason| anyhow::anyhow!("no memory limit: {reason}"))?;
    let total = setup.decoder_bytes;
    let mut progress = |done| watch(Progress::Bytes { what: "writing a decoder-sized file", done, total });
    let decoder = synthetic::create(&setup.request.directory, None, total, stop, &mut progress)?;
    watch(Progress::Over);
    let whole = setup.subject.placement(setup.request.decoder_bits, setup.request.context_tokens)?;
    let whole = whole.bytes(Component::Decoder).max(1);
    let scale = setup.decoder_bytes as f64 / whole as f64;
    let (geometry, seed) = (setup.geometry, setup.request.seed);
    cliff::measure(parent, &decoder.place, &table.place, geometry, seed, scale).map(Some)
}

fn run_memory(setup: &Setup, table: &TableFile) -> Result<Option<dhurandhar_core::measurement::MemoryProbe>> {
    let request = &setup.request;
    let Some(asked) = &request.memory else { return Ok(None) };
    let placement = setup.subject.placement(request.decoder_bits, request.context_tokens)?;
    let spec = memory::MemorySpec {
        placeholder_bytes: placement.needs.hot().bytes,
        place: table.place.clone(),
        geometry: setup.geometry,
        engine: request.deployed,
        tokens: request.num_tokens.unwrap_or(2000),
        zipf_exponent: request.zipf_exponent,
        seed: request.seed,
    };
    let budget = memory::Budget {
        weight_bits: request.decoder_bits,
        weights_bytes: placement.bytes(Component::Decoder) + placement.bytes(Component::PleTable),
        interpretation: asked.interpretation,
    };
    let mut probe = memory::measure(&spec, budget)?;
    if let Some(device) = &asked.limits_of {
        probe.limits = MeasuredLimit::beside(&device.limits(), &probe.samples);
    }
    Ok(Some(probe))
}
