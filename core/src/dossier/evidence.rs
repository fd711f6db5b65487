//! What was measured, as lines that can stand beside a prediction.

use crate::leaf::units::in_mib;
use crate::measurement::{MemoryValidation, SpeedRun};
use crate::report::Report;
use serde::Serialize;

/// A measured figure and what was predicted for the same run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// The model that was measured.
    pub model: String,
    /// Format of its weights.
    pub weights: String,
    /// What was measured, with its case.
    pub what: String,
    /// Predicted for that run.
    pub predicted: String,
    /// Measured.
    pub measured: String,
    /// The device that it ran on.
    pub device: String,
    /// The day, as the file says.
    pub date: String,
}

/// The lines of a published comparison of memory.
pub fn of_memory_run(run: &MemoryValidation) -> Vec<Evidence> {
    let line = |row: &crate::measurement::MemoryRun| {
        let predicted = row.prediction()?;
        Some(Evidence {
            model: row.case.model.clone(),
            weights: row.case.weights.clone(),
            what: format!(
                "peak of the resident set, {} tokens, {} cache, {}",
                row.case.context_tokens, row.case.kv, run.runtime
            ),
            predicted: format!(
                "{:.0} MiB ({:.0} to {:.0})",
                in_mib(predicted.peak_bytes),
                in_mib(predicted.low_bytes),
                in_mib(predicted.high_bytes)
            ),
            measured: format!("{:.0} MiB", in_mib(row.peak_bytes())),
            device: run.device.name.clone(),
            date: day(&run.started),
        })
    };
    run.rows.iter().filter_map(line).collect()
}

/// The lines of a published run of speeds.
pub fn of_speed_run(run: &SpeedRun) -> Vec<Evidence> {
    let line = |row: &crate::measurement::SpeedRow| {
        let predicted = row.predicted?;
        Some(Evidence {
            model: row.model.clone(),
            weights: row.weights.clone(),
            what: format!("{}, {} threads, {}", row.what(), run.threads, run.runtime),
            predicted: format!(
                "{:.1} tok/s ({:.1} to {:.1})",
                predicted.expected, predicted.low, predicted.high
            ),
            measured: format!("{:.1} tok/s", row.median()),
            device: run.device.name.clone(),
            date: day(&run.started),
        })
    };
    run.rows.iter().filter_map(line).collect()
}

/// Those of a report's model, its own format first.
pub(super) fn near(measured: &[Evidence], report: &Report) -> Vec<Evidence> {
    let mut near: Vec<Evidence> =
        measured.iter().filter(|line| line.model == report.model.name).cloned().collect();
    near.sort_by_key(|line| line.weights != report.weights.format);
    near
}

fn day(started: &str) -> String {
    started.split('T').next().unwrap_or_default().to_owned()
}
