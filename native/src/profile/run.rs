//! The whole command, from arguments to report.

use super::args::ProfileMmapArgs;
use super::budget::cgroup::{self, Parent};
use super::child::BlockRunner;
use super::os::{self, filesystem};
use super::plan::{Plan, Planned, STOP_SHARE, Settings, plan};
use super::seam::{Clock, SystemClock};
use super::session::{Journal, NoJournal, Outcome, Session};
use super::spec::{BlockSpec, Reply};
use super::subject::Subject;
use super::table::{TableFile, real, synthetic};
use super::{BadInput, child, cliff, environment, journal, memory, output, render, runner};
use anyhow::{Context, Result, bail};
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::measurement::{Limits, MeasuredLimit, Note, Storage};
use dhurandhar_core::placement::Component;
use dhurandhar_core::storage::{Layout, TableGeometry};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Share of the table that the default budgets are.
const BUDGET_SHARES: [u64; 4] = [32, 16, 8, 4];
/// Least memory a child can work in, bytes.
const LEAST_BUDGET: u64 = 24 << 20;
/// Decoder sizes are swept at this share by default.
const CLIFF_SHARE: u64 = 8;

/// Everything settled before the first byte is written.
pub(super) struct Setup {
    pub(super) args: ProfileMmapArgs,
    pub(super) subject: Subject,
    pub(super) geometry: TableGeometry,
    pub(super) storage: Storage,
    pub(super) groups: Result<Parent, String>,
    pub(super) plan: Plan,
    pub(super) trace: Vec<u64>,
    pub(super) decoder_bytes: u64,
}

/// Runs `profile-mmap`: exit code 0, or 1 for FAIL and INVALID with `--gate`.
pub fn run(args: ProfileMmapArgs) -> Result<ExitCode> {
    if args.run_block {
        return child::serve().map(|()| ExitCode::SUCCESS);
    }
    if args.run_io_uring {
        return Ok(super::reader::ask_io_uring().map(|()| ExitCode::SUCCESS)?);
    }
    if args.run_sweep {
        return cliff::serve().map(|()| ExitCode::SUCCESS);
    }
    if args.run_memory {
        return memory::serve().map(|()| ExitCode::SUCCESS);
    }
    if let Some(bytes) = args.run_balloon {
        return super::budget::balloon::hold(bytes).map(|()| ExitCode::SUCCESS);
    }
    if let Some(name) = &args.limits_of {
        // A misspelt device is found before minutes of measuring.
        crate::predict::load_device(name)?;
    }
    let setup = Setup::new(args)?;
    if setup.args.plan {
        let table = setup.geometry.bytes(Layout::Contiguous);
        let reuses = setup.subject.tensor.is_some() || setup.args.table.as_deref().is_some_and(Path::exists);
        let written = if reuses { 0 } else { table };
        let limit = setup.args.mode().limit_s();
        output::print(&render::plan(&setup.plan, written, setup.decoder_bytes, limit))?;
        return Ok(ExitCode::SUCCESS);
    }
    measure(&setup)
}

impl Setup {
    fn new(args: ProfileMmapArgs) -> Result<Self> {
        args.check()?;
        let subject = Subject::new(&args, os::page_bytes())?;
        if subject.tensor.is_some() && (args.table.is_some() || args.scale < 1.0) {
            bail!(BadInput(
                "--table and --scale are for written tables; a model file is read as it is".to_owned()
            ));
        }
        let geometry = subject.geometry.scaled(args.scale);
        let own = subject.tensor.as_ref().map(|_| Path::new(&args.model));
        let directory = match own.or(args.table.as_deref()) {
            Some(table) => {
                table.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
            }
            None => &args.directory,
        };
        if !directory.is_dir() {
            bail!(BadInput(format!("{} is not a directory", directory.display())));
        }
        let storage = filesystem::inspect(directory);
        if let Some(flag) = filesystem::flags(&storage).iter().find(|flag| flag.hard) {
            bail!(BadInput(format!("{}: {}; name a directory on storage", directory.display(), flag.detail)));
        }
        let trace = match &args.trace {
            Some(path) => read_trace(path)?,
            None => Vec::new(),
        };
        let groups = if args.balloon { Err("a balloon was asked for".to_owned()) } else { cgroup::find() };
        let limited = groups.is_ok() || args.balloon;
        let settings = Settings {
            mode: args.mode(),
            geometry,
            num_tokens: args.num_tokens.unwrap_or(args.mode().tokens()),
            warmup_tokens: args.warmup_tokens,
            warm_only: args.warm_only,
            deployed: args.deployed.into(),
            target_tps: args.target_tps,
            budgets: if limited { budgets(&args, geometry) } else { Vec::new() },
            prompt_tokens: args.prompt_tokens,
            trace: !trace.is_empty(),
            readahead_bytes: storage.readahead_bytes.unwrap_or(131_072),
            seed: args.seed,
            missing: super::reader::missing,
        };
        let decoder_bytes = decoder_bytes(&args, &subject, groups.is_ok())?;
        Ok(Self { plan: plan(&settings), args, subject, geometry, storage, groups, trace, decoder_bytes })
    }

    /// How memory is limited, for the report.
    pub(super) fn limits(&self) -> Limits {
        match &self.groups {
            Ok(parent) => Limits { mechanism: parent.version.name().to_owned(), detail: String::new() },
            Err(reason) if self.args.balloon => {
                Limits { mechanism: "balloon".to_owned(), detail: reason.clone() }
            }
            Err(reason) => Limits { mechanism: "none".to_owned(), detail: reason.clone() },
        }
    }
}

fn budgets(args: &ProfileMmapArgs, geometry: TableGeometry) -> Vec<u64> {
    if !args.budgets_mib.is_empty() {
        return args.budgets_mib.iter().map(|mib| mib << 20).collect();
    }
    let table = geometry.bytes(Layout::Contiguous);
    let count = if args.quick { 1 } else { BUDGET_SHARES.len() };
    let mut sizes: Vec<u64> = BUDGET_SHARES
        .iter()
        .take(count)
        .map(|share| (table / share).next_multiple_of(1 << 20).max(LEAST_BUDGET))
        .collect();
    sizes.dedup();
    sizes
}

fn decoder_bytes(args: &ProfileMmapArgs, subject: &Subject, limited: bool) -> Result<u64> {
    let default = if args.quick || !limited || subject.model.is_none() {
        0
    } else {
        let placement = subject.placement(args.weight_bits, args.context_tokens)?;
        placement.bytes(Component::Decoder) / CLIFF_SHARE
    };
    Ok(args.with_decoder_mib.map_or(default, |mib| mib << 20))
}

fn read_trace(path: &Path) -> Result<Vec<u64>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| BadInput(format!("cannot read the trace {}: {error}", path.display())))?;
    let ids: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
    match ids {
        Ok(ids) if !ids.is_empty() && ids.len() <= 1_000_000 => Ok(ids),
        Ok(ids) => bail!(BadInput(format!("the trace has {} ids, expected 1 to 1000000", ids.len()))),
        Err(error) => bail!(BadInput(format!("the trace is no list of token ids: {error}"))),
    }
}

/// Set by Ctrl-C and termination; the second time the process ends at once.
fn on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            // The table has no name and children follow their parent: nothing stays behind.
            std::process::exit(130);
        }
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

fn open_table(setup: &Setup, bytes: u64, stop: &AtomicBool) -> Result<TableFile> {
    if let Some(tensor) = &setup.subject.tensor {
        return real::open(Path::new(&setup.args.model), tensor);
    }
    let bar = output::bytes_bar("writing the table", bytes);
    let mut progress = |written| bar.set_position(written);
    let table = match setup.args.table.as_deref() {
        Some(path) if path.exists() => synthetic::reuse(path, bytes),
        Some(path) if setup.args.keep => {
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            synthetic::create(parent, Some(path), bytes, stop, &mut progress)
        }
        Some(path) => bail!(BadInput(format!("{} does not exist; --keep makes it", path.display()))),
        None => synthetic::create(&setup.args.directory, None, bytes, stop, &mut progress),
    };
    bar.finish_and_clear();
    table
}

fn measure(setup: &Setup) -> Result<ExitCode> {
    let stop = on_interrupt()?;
    let clock = SystemClock::new();
    let started = super::date::now();
    let before = environment::Moment::now();
    let table = match open_table(setup, setup.geometry.bytes(Layout::Contiguous), &stop) {
        Err(error) if error.downcast_ref::<synthetic::Stopped>().is_some() => return Ok(ExitCode::from(130)),
        table => table?,
    };
    let mut notes = setup.plan.notes.clone();
    let outcomes = run_blocks(setup, &table, &clock, &stop)?;
    let stopped = || stop.load(Ordering::Relaxed);
    let cliff = if stopped() {
        None
    } else {
        optional("eviction cliff", &mut notes, run_cliff(setup, &table, &stop))
    };
    let memory =
        if stopped() { None } else { optional("memory probe", &mut notes, run_memory(setup, &table)) };
    let after = environment::Moment::now();
    let mut conditions = before.until(&after);
    conditions.clock_overhead_ns = Some(clock.overhead_ns());
    let found = output::Found {
        outcomes,
        cliff,
        memory,
        notes,
        conditions,
        started,
        duration_s: clock.now_ns() as f64 * 1e-9,
        interrupted: stopped(),
    };
    let profile = output::profile(setup, &table, found);
    output::finish(setup, &profile)
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
) -> Result<Vec<Outcome>> {
    let mut journal: Box<dyn Journal> = match &setup.args.resume {
        Some(path) => Box::new(journal::FileJournal::open(path)?),
        None => Box::new(NoJournal),
    };
    let mut runner = runner::Limited::new(setup.groups.as_ref().ok().cloned(), setup.args.balloon);
    let runner: &mut dyn BlockRunner = &mut runner;
    let limit_ns = setup.args.mode().limit_s() * 1_000_000_000;
    let mut session = Session {
        runner,
        journal: journal.as_mut(),
        clock,
        stop,
        deadline_ns: limit_ns,
        readahead_bytes: setup.storage.readahead_bytes.unwrap_or(131_072),
    };
    let bar = output::blocks_bar(setup.plan.order.len() as u64);
    let mut progress = |done: u64, total: u64, id: &str| {
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(id.to_owned());
    };
    let mut spec = |planned: &Planned, order: u64| block_spec(setup, table, planned, order);
    let outcomes = session.run(&setup.plan, &mut spec, &mut progress);
    bar.finish_and_clear();
    Ok(outcomes)
}

fn block_spec(setup: &Setup, table: &TableFile, planned: &Planned, order: u64) -> BlockSpec {
    BlockSpec {
        key: planned.key,
        order,
        seed: mix64(setup.args.seed ^ mix64(order)),
        stream_seed: stream_seed(setup.args.seed),
        tokens: planned.tokens,
        warm_up: planned.warm_up,
        windows: planned.windows,
        geometry: planned.geometry,
        place: table.place.clone(),
        zipf_exponent: setup.args.zipf_exponent,
        trace: setup.trace.clone(),
        group: None,
        settle_ms: if setup.args.quick { 30 } else { 200 },
        realtime: setup.args.realtime,
        stop_share: STOP_SHARE,
    }
}

/// Which rows are hot, fixed for a run.
pub(super) fn stream_seed(seed: u64) -> u64 {
    mix64(seed ^ 0x5eed)
}

fn run_cliff(
    setup: &Setup,
    table: &TableFile,
    stop: &AtomicBool,
) -> Result<Option<dhurandhar_core::measurement::Cliff>> {
    if setup.decoder_bytes == 0 {
        return Ok(None);
    }
    let parent = setup.groups.as_ref().map_err(|reason| anyhow::anyhow!("no memory limit: {reason}"))?;
    let bar = output::bytes_bar("writing a decoder-sized file", setup.decoder_bytes);
    let mut progress = |written| bar.set_position(written);
    let decoder = synthetic::create(&setup.args.directory, None, setup.decoder_bytes, stop, &mut progress)?;
    bar.finish_and_clear();
    let whole = setup.subject.placement(setup.args.weight_bits, setup.args.context_tokens)?;
    let whole = whole.bytes(Component::Decoder).max(1);
    let scale = setup.decoder_bytes as f64 / whole as f64;
    let (geometry, seed) = (setup.geometry, setup.args.seed);
    cliff::measure(parent, &decoder.place, &table.place, geometry, seed, scale).map(Some)
}

fn run_memory(setup: &Setup, table: &TableFile) -> Result<Option<dhurandhar_core::measurement::MemoryProbe>> {
    if !setup.args.measure_memory {
        return Ok(None);
    }
    let args = &setup.args;
    let placement = setup.subject.placement(args.weight_bits, args.context_tokens)?;
    let spec = memory::MemorySpec {
        placeholder_bytes: placement.needs.hot().bytes,
        place: table.place.clone(),
        geometry: setup.geometry,
        engine: args.deployed.into(),
        tokens: args.num_tokens.unwrap_or(2000),
        zipf_exponent: args.zipf_exponent,
        seed: args.seed,
    };
    let budget = memory::Budget {
        weight_bits: args.weight_bits,
        weights_bytes: placement.bytes(Component::Decoder) + placement.bytes(Component::PleTable),
        interpretation: args.budget_interpretation.into(),
    };
    let mut probe = memory::measure(&spec, budget)?;
    if let Some(name) = &args.limits_of {
        let device = crate::predict::load_device(name)?;
        probe.limits = MeasuredLimit::beside(&device.limits(), &probe.samples);
    }
    Ok(Some(probe))
}

/// A reply for a block that could not even start.
pub(super) fn failed(kind: &str, detail: String) -> Reply {
    Reply::Failed(dhurandhar_core::measurement::Failure { kind: kind.to_owned(), detail, tokens: None })
}
