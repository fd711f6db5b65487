//! From windows to a report: merged histograms, intervals over blocks, flags, prediction, verdict.

use super::block::latency;
use super::plan::Planned;
use super::session::Outcome;
use crate::machine::evict;
use dhurandhar_core::measurement::{
    Configuration, Engine, Flag, FlagCode, Latency, Pattern, PercentilePoint, PolicyInputs, State, Summary,
    median_interval,
};
use dhurandhar_core::storage::Layout;
use hdrhistogram::Histogram;

/// Quantiles of a published distribution.
const QUANTILES: [f64; 24] = [
    0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995,
    0.998, 0.999, 0.9995, 0.9999, 1.0,
];

/// One configuration of the report.
pub(super) fn configuration(planned: &Planned, outcome: Outcome, seed: u64, realtime: bool) -> Configuration {
    let summary = summary(planned, &outcome, seed);
    let key = planned.key;
    Configuration {
        id: key.id(),
        pattern: key.pattern,
        layout: key.layout,
        engine: key.engine,
        state: key.state,
        pacing_us: key.pacing_us,
        budget_bytes: (key.budget_bytes > 0).then_some(key.budget_bytes),
        method: if realtime { format!("{}; SCHED_FIFO", method(planned)) } else { method(planned) },
        summary,
        prediction: None,
        failures: outcome.failures,
        flags: outcome.flags,
        blocks: outcome.windows.into_iter().map(|window| window.block).collect(),
    }
}

fn method(planned: &Planned) -> String {
    let tokens = planned.tokens;
    let rows = if planned.key.layout == Layout::Padded {
        format!(", {} padded rows in the same file", planned.geometry.rows)
    } else {
        String::new()
    };
    match planned.key.state {
        State::Cold => format!("{}; residency by mincore; {tokens} tokens a block{rows}", evict::METHOD),
        State::Warm => format!("the block's own {tokens} tokens read once untimed before{rows}"),
        State::Budget => format!(
            "control group, evicted before joining, up to {} tokens of warm-up, then {} windows of {tokens}{rows}",
            planned.warm_up, planned.windows
        ),
    }
}

fn summary(planned: &Planned, outcome: &Outcome, seed: u64) -> Option<Summary> {
    let mut merged = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).ok()?;
    let (mut means, mut medians, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tokens, mut bytes, mut faults) = (0_u64, Some(0_u64), Some(0_u64));
    for window in outcome.valid() {
        for (value, count) in &window.histogram {
            merged.saturating_record_n(*value, *count);
        }
        let wait = window.block.latency;
        means.push(wait.mean_us);
        medians.push(wait.p50_us);
        speeds.push(if wait.mean_us > 0.0 { 1e6 / wait.mean_us } else { 0.0 });
        tokens += wait.tokens;
        bytes = bytes.zip(window.block.counters.device_read_bytes).map(|(sum, read)| sum + read);
        faults = faults.zip(window.block.counters.major_faults).map(|(sum, faults)| sum + faults);
    }
    let per_token = |total: Option<u64>| total.map(|total| total as f64 / tokens.max(1) as f64);
    let bytes_per_token = per_token(bytes);
    let useful = planned.geometry.row_bytes() as f64;
    Some(Summary {
        blocks: means.len() as u64,
        tokens_per_s: median_interval(&speeds, seed)?,
        mean_us: median_interval(&means, seed)?,
        p50_us: median_interval(&medians, seed)?,
        p99_us: merged.value_at_quantile(0.99) as f64 / 1000.0,
        latency: latency(&merged),
        reads_per_token: bytes_per_token.map(|bytes| bytes / planned.geometry.page_bytes as f64),
        bytes_per_token,
        amplification: bytes_per_token.map(|bytes| bytes / useful),
        major_faults_per_token: per_token(faults),
        distribution: distribution(&merged),
    })
}

fn distribution(merged: &Histogram<u64>) -> Vec<PercentilePoint> {
    let point = |quantile: f64| PercentilePoint {
        quantile,
        value_us: if quantile <= 0.0 { merged.min() } else { merged.value_at_quantile(quantile) } as f64
            / 1000.0,
    };
    // A quantile beyond the last sample repeats the maximum and says nothing.
    let finest = 1.0 - 1.0 / merged.len().max(1) as f64;
    QUANTILES.iter().filter(|q| **q <= finest || **q >= 1.0).map(|q| point(*q)).collect()
}

/// The configuration a role in the verdict is filled by.
pub(super) fn find(
    configurations: &[Configuration],
    pattern: Pattern,
    engine: Engine,
    state: State,
    paced: bool,
) -> Option<&Configuration> {
    configurations.iter().find(|c| {
        c.pattern == pattern
            && c.engine == engine
            && c.state == state
            && c.layout == Layout::Contiguous
            && (c.pacing_us > 0) == paced
    })
}

/// What the policy looks at: the deployed engine, paced where that was measured.
pub(super) fn policy_inputs(
    configurations: &[Configuration],
    deployed: Engine,
    target_tps: f64,
    run: &[Flag],
) -> PolicyInputs {
    let decode = |paced| find(configurations, Pattern::RandomDecode, deployed, State::Cold, paced);
    // Decode is paced by the rest of the model: the paced figure is the one that counts.
    let decisive = decode(true).filter(|c| c.summary.is_some()).or_else(|| decode(false));
    let wait: Option<Latency> = decisive.and_then(|c| c.summary.as_ref()).map(|summary| summary.latency);
    let prompt = find(configurations, Pattern::PromptPrefill, deployed, State::Cold, false);
    let prefill = prompt.and_then(|c| {
        let totals: Vec<f64> = c
            .blocks
            .iter()
            .filter(|block| block.valid)
            .map(|block| block.latency.mean_us * block.latency.tokens as f64 * 1e-6)
            .collect();
        dhurandhar_core::measurement::median(&totals)
    });
    let mut hard_flags: Vec<String> =
        run.iter().filter(|flag| flag.hard).map(|flag| flag.detail.clone()).collect();
    for configuration in configurations {
        for flag in configuration.flags.iter().filter(|flag| flag.hard) {
            hard_flags.push(format!("{}: {}", configuration.id, flag.detail));
        }
    }
    PolicyInputs {
        target_tps,
        stall_mean_us: wait.map(|wait| wait.mean_us),
        stall_p99_us: wait.map(|wait| wait.p99_us),
        decode_source: decisive.map(|c| c.id.clone()).unwrap_or_default(),
        prefill_s: prefill,
        prefill_source: prompt.map(|c| c.id.clone()).unwrap_or_default(),
        hard_flags,
        ..PolicyInputs::default()
    }
}

/// Moves the device's floor made while the run went on: last against first third of the floor's blocks.
pub(super) fn floor_drift(configurations: &[Configuration]) -> Option<Flag> {
    let floor = find(configurations, Pattern::RandomDecode, Engine::Direct, State::Cold, false)?;
    let medians: Vec<f64> =
        floor.blocks.iter().filter(|block| block.valid).map(|block| block.latency.p50_us).collect();
    let third = medians.len() / 3;
    if third == 0 {
        return None;
    }
    let first = dhurandhar_core::measurement::median(medians.get(..third)?)?;
    let last = dhurandhar_core::measurement::median(medians.get(medians.len() - third..)?)?;
    let drift = last / first - 1.0;
    (drift.abs() > 0.2).then(|| {
        let text = format!("the device's floor moved from {first:.0} to {last:.0} us during the run");
        Flag::soft(FlagCode::FloorDrift, text)
    })
}
