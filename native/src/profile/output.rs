//! The result: gathered into a profile, printed, written to a file in one step; progress bars on the way.

use super::plan::Planned;
use super::run::{Setup, stream_seed};
use super::session::Outcome;
use super::table::TableFile;
use super::{assemble, environment, os::filesystem, render};
use anyhow::{Context, Result};
use dhurandhar_core::measurement::{
    BudgetInterpretation, Calibration, Cliff, Conditions, Configuration, Engine, MMAP_SCHEMA, MemoryProbe,
    MmapProfile, Note, Pattern, Policy, Run, SeedGate, State, Table, Tool, VerdictResult,
};
use dhurandhar_core::storage::Layout;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Number, Value};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// What the run found.
pub(super) struct Found {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) cliff: Option<Cliff>,
    pub(super) memory: Option<MemoryProbe>,
    pub(super) notes: Vec<Note>,
    pub(super) conditions: Conditions,
    pub(super) started: String,
    pub(super) duration_s: f64,
    pub(super) interrupted: bool,
}

/// Gathers everything into the published form.
pub(super) fn profile(setup: &Setup, table: &TableFile, found: Found) -> MmapProfile {
    let device = environment::device(setup.args.device_name.as_deref());
    let mut configurations = configurations(setup, found.outcomes);
    let calibration = Calibration {
        geometry: setup.geometry,
        readahead_bytes: setup.storage.readahead_bytes.unwrap_or(131_072),
        zipf_exponent: setup.args.zipf_exponent,
        stream_seed: stream_seed(setup.args.seed),
        cache: environment::page_cache(&device.os),
    };
    calibration.predict_all(&mut configurations);
    let mut flags = filesystem::flags(&setup.storage);
    flags.extend(environment::flags(&device, &found.conditions));
    flags.extend(assemble::floor_drift(&configurations));
    let deployed = Engine::from(setup.args.deployed);
    let mut inputs = assemble::policy_inputs(&configurations, deployed, setup.args.target_tps, &flags);
    let check = found.memory.as_ref().and_then(|memory| {
        memory
            .checks
            .iter()
            .find(|check| check.interpretation != BudgetInterpretation::WeightsOnly)
            .or(memory.checks.first())
    });
    if let Some(check) = check {
        inputs.memory_share = Some(check.needed_bytes as f64 / check.budget_bytes.max(1) as f64);
        inputs.memory_result = Some(check.result);
        inputs.memory_source.clone_from(&check.budget);
    }
    MmapProfile {
        schema: MMAP_SCHEMA.to_owned(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        },
        run: Run {
            started: found.started,
            duration_s: found.duration_s,
            mode: setup.args.mode().name().to_owned(),
            seed: setup.args.seed,
            arguments: arguments(std::env::args().skip(1)),
            interrupted: found.interrupted,
        },
        limits: setup.limits(),
        table: table_facts(setup, table),
        verdict: Policy::default().decide(&inputs),
        throughput_gate: gate(setup, &configurations),
        device,
        storage: setup.storage.clone(),
        conditions: found.conditions,
        configurations,
        cliff: found.cliff,
        memory: found.memory,
        flags,
        notes: found.notes,
    }
}

fn configurations(setup: &Setup, outcomes: Vec<Outcome>) -> Vec<Configuration> {
    let mut pairs: Vec<(&Planned, Outcome)> = setup.plan.configurations.iter().zip(outcomes).collect();
    pairs.sort_by_key(|(planned, _)| {
        let key = planned.key;
        (key.state, key.layout, key.budget_bytes, key.pattern, key.engine, key.pacing_us)
    });
    pairs
        .into_iter()
        .map(|(planned, outcome)| {
            assemble::configuration(planned, outcome, setup.args.seed, setup.args.realtime)
        })
        .collect()
}

fn table_facts(setup: &Setup, table: &TableFile) -> Table {
    let tensor = setup.subject.tensor.as_ref().map(|tensor| tensor.name.clone());
    Table {
        source: if tensor.is_some() { "file" } else { "synthetic" }.to_owned(),
        model: setup.subject.model.as_ref().map(|model| model.architecture.name.clone()),
        weight_bits: tensor.is_none().then_some(setup.args.quant_bits),
        tensor,
        scale: setup.args.scale,
        geometry: setup.geometry,
        bytes: table.place.bytes,
        content: table.content.clone(),
        fingerprint: table.fingerprint.clone(),
    }
}

fn gate(setup: &Setup, configurations: &[Configuration]) -> SeedGate {
    let speed = |state| {
        assemble::find(configurations, Pattern::RandomDecode, Engine::MmapRandom, state, false)
            .and_then(|found| found.summary.as_ref())
            .map(|summary| summary.tokens_per_s.estimate)
    };
    let reads = setup.geometry.pages_per_token(Layout::Contiguous);
    SeedGate::judge(setup.args.target_tps, speed(State::Cold), speed(State::Warm), reads)
}

/// The command line without what names a person's files.
fn arguments(given: impl Iterator<Item = String>) -> Vec<String> {
    let has_path = |text: &str| text.contains('/') || text.contains('\\');
    given
        .map(|argument| match argument.split_once('=') {
            Some((name, value)) if has_path(value) => format!("{name}=PATH"),
            _ if has_path(&argument) => "PATH".to_owned(),
            _ => argument,
        })
        .collect()
}

/// Prints the report, writes the file, and picks the exit code.
pub(super) fn finish(setup: &Setup, profile: &MmapProfile) -> Result<ExitCode> {
    print(&render::report(profile))?;
    if let Some(path) = &setup.args.json_out {
        write_json(path, profile)?;
    }
    if profile.run.interrupted {
        return Ok(ExitCode::from(130));
    }
    let bad = matches!(profile.verdict.result, VerdictResult::Fail | VerdictResult::Invalid);
    Ok(if setup.args.gate && bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes beside the target, then renames: a reader never sees half a file.
pub(super) fn write_json(path: &Path, profile: &MmapProfile) -> Result<()> {
    let partial = path.with_extension("json.partial");
    let mut value = serde_json::to_value(profile)?;
    shorten(&mut value);
    std::fs::write(&partial, format!("{value}\n"))
        .with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Seven significant digits: more than any clock here has, and half the size.
fn shorten(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|n| format!("{n:.6e}").parse().ok());
            if let Some(short) = short.and_then(Number::from_f64) {
                *number = short;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

/// Prints to standard output; a closed pipe is the reader's choice, not an error.
pub(super) fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

/// Progress of a file being written.
pub(super) fn bytes_bar(what: &'static str, bytes: u64) -> ProgressBar {
    bar(bytes, "{msg} {bar:30} {bytes}/{total_bytes}, {eta} left").with_message(what)
}

/// Progress of the blocks.
pub(super) fn blocks_bar(blocks: u64) -> ProgressBar {
    bar(blocks, "block {pos}/{len} {bar:20} {eta} left {wide_msg}")
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    ProgressStyle::with_template(template).map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

#[cfg(test)]
mod tests {
    use super::{arguments, shorten};

    #[test]
    fn figures_keep_seven_digits_and_counts_all() {
        let mut value = serde_json::json!({"bytes": 12_345_678_901_u64, "us": [0.123_456_789_12, 12.5]});
        shorten(&mut value);
        assert_eq!(value.to_string(), r#"{"bytes":12345678901,"us":[0.1234568,12.5]}"#);
    }

    #[test]
    fn paths_do_not_reach_the_report() {
        let given = ["profile-mmap", "--quick", "--table", "/home/ann/t.bin", "--json-out=out/x.json"];
        let kept = arguments(given.iter().map(|text| (*text).to_owned()));
        assert_eq!(kept, ["profile-mmap", "--quick", "--table", "PATH", "--json-out=PATH"]);
    }
}
