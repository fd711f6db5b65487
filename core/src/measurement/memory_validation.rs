//! Memory that llama.cpp was seen to take, beside what is predicted for the same run.
//!
//! A row keeps what was measured and how it was run; predictions are made again from that whenever a row is shown, so a
//! table of errors always speaks of the rules as they are.

use super::{Device, Note, Tool};
use crate::leaf::units::in_mib;
use crate::memory::{KvFormat, LazyMode, Runtime, Scenario};
use crate::model::{Model, registry};
use crate::placement::{Component, HOST_PROGRAM_BYTES, Machine, Placement, cached_rows};
use crate::weights::{WeightFormat, WeightPlan};
use serde::{Deserialize, Serialize};

/// Family and version of the schema written by this build.
pub const MEMORY_VALIDATION_SCHEMA: &str = "dhurandhar/memory-validation/1.0";

/// What one runtime took on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryValidation {
    /// [`MEMORY_VALIDATION_SCHEMA`].
    pub schema: String,
    /// Program.
    pub tool: Tool,
    /// Start of the first run, UTC, `YYYY-MM-DDThh:mm:ssZ`.
    pub started: String,
    /// Machine.
    pub device: Device,
    /// The runtime and its version, as it states it.
    pub runtime: String,
    /// One process each.
    pub rows: Vec<MemoryRun>,
    /// What was left out and why.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// How one process was run and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryRun {
    /// The choices.
    pub case: MemoryCase,
    /// Length of the file, bytes.
    pub file_bytes: u64,
    /// Sizes that the runtime logged.
    pub logged: LoggedMemory,
    /// Pages of the measuring program before it loaded the runtime, bytes.
    pub own_bytes: u64,
    /// The process after each step.
    pub stages: Vec<MemoryStage>,
    /// Prediction from the file's own header, kept where the file is not at hand later.
    #[serde(default)]
    pub predicted: Option<PredictedMemory>,
}

/// The choices of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryCase {
    /// Slug of a built-in model, or the file's name.
    pub model: String,
    /// `sparse`: a true header with zeros behind it. `file`: a real checkpoint.
    pub source: String,
    /// Format of the weights.
    pub weights: String,
    /// Tokens of context.
    pub context_tokens: u64,
    /// Storage of keys and values.
    pub kv: String,
    /// Tokens of a micro-batch.
    pub ubatch: u64,
    /// Tokens of the prompt; one more was decoded after it. 0: nothing was computed.
    pub prompt_tokens: u64,
    /// Cell policy, by the name of the runtime in predictions.
    pub policy: String,
    /// The per-layer table is left in the file and read by rows.
    #[serde(default)]
    pub lazy_table: bool,
}

/// Sizes as llama.cpp logs them, MiB with two decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LoggedMemory {
    /// Mapped weights.
    pub mapped_mib: f64,
    /// Copies in the layout of the CPU's kernels.
    pub repack_mib: f64,
    /// Keys and values, all caches.
    pub kv_mib: f64,
    /// Recurrent state.
    pub state_mib: f64,
    /// Compute buffer.
    pub compute_mib: f64,
    /// Output buffer.
    pub output_mib: f64,
}

/// The process after a step, bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryStage {
    /// `libraries`, `model`, `context`, `prompt` or `decode`.
    pub after: String,
    /// Private pages.
    pub rss_anon_bytes: u64,
    /// Pages of mapped files.
    pub rss_file_bytes: u64,
    /// Highest resident set so far.
    pub peak_rss_bytes: u64,
}

/// The same figures as predicted, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PredictedMemory {
    /// Tensor data in the file, padding included; a table that is read by rows counts twice.
    pub mapped_bytes: u64,
    /// Packed copies.
    pub repack_bytes: u64,
    /// Keys and values.
    pub kv_bytes: u64,
    /// Recurrent state.
    pub state_bytes: u64,
    /// Compute buffer as reserved.
    pub compute_bytes: u64,
    /// Private memory, without the host program.
    pub private_bytes: u64,
    /// Highest resident set, without the host program.
    pub peak_bytes: u64,
    /// Lower end of the peak.
    pub low_bytes: u64,
    /// Upper end of the peak.
    pub high_bytes: u64,
}

/// A figure of a row: predicted and measured, MiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// As predicted.
    pub predicted_mib: f64,
    /// As measured.
    pub measured_mib: f64,
}

impl Compared {
    /// Predicted over measured, less one; 0 where both are nothing.
    pub fn error(self) -> f64 {
        if self.measured_mib == 0.0 && self.predicted_mib == 0.0 {
            return 0.0;
        }
        self.predicted_mib / self.measured_mib - 1.0
    }

    /// Whether the two agree as far as the log's decimals tell, for a sum of two logged figures.
    pub fn is_exact(self) -> bool {
        (self.predicted_mib - self.measured_mib).abs() < 0.011
    }
}

impl PredictedMemory {
    /// For `model` laid out as `plan`.
    pub fn of(model: &Model, plan: &WeightPlan, scenario: &Scenario, lazy_table: bool) -> Self {
        let lazy = if lazy_table { LazyMode::On } else { LazyMode::Off };
        let scenario = Scenario { lazy, ..scenario.clone() };
        let placement = Placement::of(model, plan, &scenario, Machine::X86);
        let without_host = |bytes: u64| bytes.saturating_sub(HOST_PROGRAM_BYTES);
        // A table that is read by rows is mapped a second time, as a buffer of its own, and keeps some pages.
        let table = placement.bytes(Component::PleTable);
        let apart = if lazy_table { table } else { 0 };
        let rows = model.architecture.ple.as_ref().map_or(0, |ple| ple.rows);
        // A process's figures leave out what the kernel keeps for it.
        let kernel = placement.bytes(Component::PageTables);
        let mut peak = placement.needs.peak();
        if lazy_table {
            peak += cached_rows(rows, plan.ple_row_bytes(model), table);
        }
        let compute = placement.of_component(Component::Compute);
        // These runs are made through the C interface, which reserves logits for every token of a micro-batch.
        let shape = &model.architecture;
        let channels = shape.embeddings.vocab_size + 2 * shape.hidden_size + shape.ple_row_elements();
        let logits = channels * scenario.ubatch.min(scenario.context_tokens) * 4;
        Self {
            mapped_bytes: plan.gguf_data_bytes(model) + apart,
            repack_bytes: placement.bytes(Component::PackedWeights),
            kv_bytes: placement.bytes(Component::KvCache),
            state_bytes: placement.bytes(Component::RecurrentState),
            compute_bytes: compute.map(|part| part.reserved).sum::<u64>().max(logits),
            private_bytes: without_host(placement.needs.anonymous.bytes - kernel),
            peak_bytes: without_host(peak.bytes - kernel),
            low_bytes: without_host(peak.low.saturating_sub(kernel)),
            high_bytes: without_host(peak.high - kernel),
        }
    }
}

impl MemoryCase {
    /// The scenario to predict for `model`; `None` when a name in the case is not known here.
    pub fn scenario(&self, model: &Model) -> Option<Scenario> {
        let kv = KvFormat::parse(&self.kv).ok()?;
        Some(Scenario {
            context_tokens: self.context_tokens,
            weights: WeightFormat::parse(&self.weights).ok()?,
            k: kv,
            v: kv,
            runtime: Runtime::parse(&self.policy).ok()?,
            vision: false,
            audio: false,
            ubatch: self.ubatch,
            ..Scenario::for_model(model)
        })
    }
}

impl MemoryRun {
    /// The prediction by the rules of this build; for a real file, the one kept with the row.
    pub fn prediction(&self) -> Option<PredictedMemory> {
        if self.case.source != "sparse" {
            return self.predicted;
        }
        let model = registry::model(&self.case.model).ok()?;
        let scenario = self.case.scenario(&model)?;
        let plan = WeightPlan::new(&model, scenario.weights).ok()?;
        Some(PredictedMemory::of(&model, &plan, &scenario, self.case.lazy_table))
    }

    /// The highest resident set, without the measuring program's own pages, bytes.
    pub fn peak_bytes(&self) -> u64 {
        let peak = self.stages.iter().map(|stage| stage.peak_rss_bytes).max().unwrap_or(0);
        peak.saturating_sub(self.own_bytes)
    }

    /// Mapped weights, packed copies, KV cache, recurrent state and compute buffer, then the peak.
    pub fn compared(&self) -> Option<[(&'static str, Compared); 6]> {
        let predicted = self.prediction()?;
        let pair = |bytes: u64, measured_mib: f64| Compared { predicted_mib: in_mib(bytes), measured_mib };
        Some([
            ("mapped", pair(predicted.mapped_bytes, self.logged.mapped_mib)),
            ("repack", pair(predicted.repack_bytes, self.logged.repack_mib)),
            ("kv", pair(predicted.kv_bytes, self.logged.kv_mib)),
            ("state", pair(predicted.state_bytes, self.logged.state_mib)),
            ("compute", pair(predicted.compute_bytes, self.logged.compute_mib)),
            ("peak", pair(predicted.peak_bytes, in_mib(self.peak_bytes()))),
        ])
    }
}
