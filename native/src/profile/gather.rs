//! The result: everything that a run found, gathered into the published form.

use super::assemble;
use super::plan::Planned;
use super::session::Outcome;
use super::setup::{Setup, stream_seed};
use super::table::TableFile;
use crate::machine::{self, environment, filesystem};
use dhurandhar_core::measurement::{
    BudgetInterpretation, Calibration, Cliff, Conditions, Configuration, Engine, MMAP_SCHEMA, MemoryProbe,
    MmapProfile, Note, Pattern, Policy, Run, SeedGate, State, Table,
};
use dhurandhar_core::storage::Layout;

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
    let device = machine::device(setup.request.device_name.as_deref());
    let mut configurations = configurations(setup, found.outcomes);
    let calibration = Calibration {
        geometry: setup.geometry,
        readahead_bytes: setup.storage.readahead_bytes.unwrap_or(131_072),
        zipf_exponent: setup.request.zipf_exponent,
        stream_seed: stream_seed(setup.request.seed),
        cache: environment::page_cache(&device.os),
    };
    calibration.predict_all(&mut configurations);
    let mut flags = filesystem::flags(&setup.storage);
    flags.extend(environment::flags(&device, &found.conditions));
    flags.extend(assemble::floor_drift(&configurations));
    let deployed = setup.request.deployed;
    let mut inputs = assemble::policy_inputs(&configurations, deployed, setup.request.target_tps, &flags);
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
        tool: machine::tool(),
        run: Run {
            started: found.started,
            duration_s: found.duration_s,
            mode: setup.request.mode.name().to_owned(),
            seed: setup.request.seed,
            arguments: setup.request.arguments.clone(),
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
            assemble::configuration(planned, outcome, setup.request.seed, setup.request.realtime)
        })
        .collect()
}

fn table_facts(setup: &Setup, table: &TableFile) -> Table {
    let tensor = setup.subject.tensor.as_ref().map(|tensor| tensor.name.clone());
    Table {
        source: if tensor.is_some() { "file" } else { "synthetic" }.to_owned(),
        model: setup.subject.model.as_ref().map(|model| model.architecture.name.clone()),
        weight_bits: tensor.is_none().then_some(setup.request.weight_bits),
        tensor,
        scale: setup.request.scale,
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
    SeedGate::judge(setup.request.target_tps, speed(State::Cold), speed(State::Warm), reads)
}
