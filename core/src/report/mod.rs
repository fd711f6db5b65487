//! The analysis report: one prediction with all its inputs, as data that page, site and command line share.

mod by_format;
mod by_name;
mod by_program;
mod cover;
mod csv;
mod markdown;
mod order;
mod query;
mod v1;

pub use by_format::{FormatRow, best_format, best_with_bits, by_format};
pub use by_program::RunBy;
pub use cover::Cover;
pub use order::Order;
pub use query::{Query, QueryError, arguments, options, parameter};

use crate::device::Device;
use crate::feasibility::{Assessment, Prospects};
use crate::leaf::Provenance;
use crate::memory::{Scenario, ScenarioError};
use crate::model::{Model, Origin, ParameterCounts};
use crate::placement::{Machine, Placement};
use crate::weights::{PlanError, WeightPlan};
use serde::Serialize;

/// Name and version of the report's schema; the number grows when a field changes its meaning or goes.
pub const SCHEMA: &str = "dhurandhar.analysis/2";

/// A prediction for one model and scenario on any number of devices.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// `dhurandhar.analysis/2`.
    pub schema: &'static str,
    /// Version of the tool that computed it.
    pub tool_version: &'static str,
    /// What it is about and where it comes from, on a report that is handed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover: Option<Cover>,
    /// What was analysed.
    pub model: ModelSummary,
    /// The choices; with a program, those that it makes on the first device.
    pub scenario: Scenario,
    /// The program that chose, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<RunBy>,
    /// The weights under the chosen format.
    pub weights: WeightSummary,
    /// Where every byte lies: on the first device, or on an x86-64 computer without a GPU where none is named.
    pub placement: Placement,
    /// Share of table lookups taken to be cached when the table is mapped.
    pub ple_cache_hit_share: f64,
    /// Verdicts, in the order asked for.
    pub devices: Vec<Assessment>,
}

/// Identity of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelSummary {
    /// Slug or file name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Family.
    pub family: String,
    /// `built-in`, `profile`, `config`, `gguf` or `safetensors`.
    pub origin: &'static str,
    /// Decoder layers.
    pub layers: usize,
    /// Layers with a full-context KV cache of their own.
    pub full_cache_layers: usize,
    /// Layers with a windowed KV cache of their own.
    pub sliding_cache_layers: usize,
    /// Longest context in tokens.
    pub max_context_tokens: u64,
    /// Exact parameter counts by group.
    pub parameters: ParameterCounts,
    /// The publisher's own count, when known.
    pub published_parameters: Option<u64>,
    /// Decoder section of the publisher's mobile checkpoint, in bytes, when stated.
    pub published_decoder_bytes: Option<u64>,
    /// Embedding section of the publisher's mobile checkpoint, in bytes, when stated.
    pub published_embedding_bytes: Option<u64>,
    /// Where the constants come from.
    pub sources: Vec<String>,
    /// What had to be assumed.
    pub assumptions: Vec<String>,
}

/// Weights under a format.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WeightSummary {
    /// Format name.
    pub format: String,
    /// Effective bits per text parameter, scales included.
    pub bits_per_weight: f64,
    /// Bytes of all text tensors.
    pub text_bytes: u64,
    /// Tensor data of a GGUF file of it, padding included, header and tokenizer not.
    pub gguf_data_bytes: u64,
    /// How the bytes are known.
    pub provenance: Provenance,
}

/// Why no report can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReportError {
    /// A choice is out of range.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The weight format does not apply.
    #[error(transparent)]
    Weights(#[from] PlanError),
    /// A share outside 0 to 1.
    #[error("PLE cache hit share of {}; expected 0 to 1", crate::leaf::number::plain(*.0))]
    HitShare(f64),
    /// A program on a device whose system it does not run on.
    #[error("{program} on {device}; expected a device with {systems}")]
    System {
        /// The program.
        program: String,
        /// The device.
        device: String,
        /// Systems that it runs on.
        systems: String,
    },
    /// A program's choices depend on the device.
    #[error("a program without a device; expected one, since what it chooses depends on it")]
    NoDevice,
}

impl Report {
    /// Analyse `model` in `scenario` on `devices`.
    pub fn new(
        model: &Model,
        scenario: &Scenario,
        devices: &[Device],
        ple_cache_hit_share: f64,
    ) -> Result<Self, ReportError> {
        let usual = |_: &Device| scenario.context_tokens;
        Self::assessed(
            model,
            scenario,
            devices,
            ple_cache_hit_share,
            usual,
            completed(devices.len() == 1, ple_cache_hit_share),
        )
    }

    /// The same without the inverse questions and the course of the speed, which take most of the time.
    pub fn answered(
        model: &Model,
        scenario: &Scenario,
        devices: &[Device],
        ple_cache_hit_share: f64,
    ) -> Result<Self, ReportError> {
        let usual = |_: &Device| scenario.context_tokens;
        Self::assessed(model, scenario, devices, ple_cache_hit_share, usual, |_, _, _| Ok(()))
    }

    /// The same with the context that is usual on each device instead of the scenario's, or the model's longest where
    /// that is shorter.
    pub fn at_usual_contexts(
        model: &Model,
        scenario: &Scenario,
        devices: &[Device],
        ple_cache_hit_share: f64,
    ) -> Result<Self, ReportError> {
        let longest = model.architecture.max_context_tokens;
        let usual = |device: &Device| device.form.usual_context_tokens().min(longest);
        Self::assessed(
            model,
            scenario,
            devices,
            ple_cache_hit_share,
            usual,
            completed(devices.len() == 1, ple_cache_hit_share),
        )
    }

    fn assessed(
        model: &Model,
        scenario: &Scenario,
        devices: &[Device],
        ple_cache_hit_share: f64,
        context: impl Fn(&Device) -> u64,
        complete: impl Fn(&Prospects<'_>, &Device, &mut Assessment) -> Result<(), PlanError>,
    ) -> Result<Self, ReportError> {
        scenario.check(model)?;
        if !(0.0..=1.0).contains(&ple_cache_hit_share) {
            return Err(ReportError::HitShare(ple_cache_hit_share));
        }
        let plan = WeightPlan::new(model, scenario.weights)?;
        // One set of prospects for each context, since what they keep depends on it.
        let mut contexts: Vec<u64> = devices.iter().map(&context).collect();
        contexts.sort_unstable();
        contexts.dedup();
        let at = |context_tokens| Scenario { context_tokens, ..scenario.clone() };
        let scenarios: Vec<Scenario> = contexts.into_iter().map(at).collect();
        let prospects: Vec<Prospects<'_>> =
            scenarios.iter().map(|scenario| Prospects::new(model, &plan, scenario)).collect();
        let mut assessments = Vec::with_capacity(devices.len());
        for device in devices {
            let tokens = context(device);
            let found =
                scenarios.iter().zip(&prospects).find(|(scenario, _)| scenario.context_tokens == tokens);
            if let Some((_, prospects)) = found {
                let mut verdict = prospects.answer(device, ple_cache_hit_share)?;
                complete(prospects, device, &mut verdict)?;
                assessments.push(verdict);
            }
        }
        let machine = devices.first().map_or(Machine::X86, Machine::of);
        Ok(Self {
            schema: SCHEMA,
            tool_version: env!("CARGO_PKG_VERSION"),
            cover: None,
            model: ModelSummary::of(model),
            scenario: scenario.clone(),
            program: None,
            weights: WeightSummary {
                format: plan.format.to_string(),
                bits_per_weight: plan.bits_per_weight(model),
                text_bytes: plan.text_bytes(model),
                gguf_data_bytes: plan.gguf_data_bytes(model),
                provenance: plan.provenance,
            },
            placement: Placement::of(model, &plan, scenario, machine),
            ple_cache_hit_share,
            devices: assessments,
        })
    }

    /// The same with what each limit makes of other states of the process, and what would pass those that a run fails:
    /// apart, since it takes long for many devices, and tables have no room for it. `model` and `devices` are those that it was made for.
    pub fn explained(mut self, model: &Model, devices: &[Device]) -> Result<Self, ReportError> {
        let plan = WeightPlan::new(model, self.scenario.weights)?;
        for verdict in &mut self.devices {
            let Some(device) = devices.iter().find(|device| device.name == verdict.device) else { continue };
            let chosen = self.program.as_ref().and_then(|program| program.on.get(&device.name));
            let chosen = chosen.unwrap_or(&self.scenario).clone();
            let scenario = Scenario { context_tokens: verdict.context_tokens, ..chosen };
            let prospects = Prospects::new(model, &plan, &scenario);
            prospects.explain(device, verdict)?;
        }
        Ok(self)
    }

    /// The same with a cover, for handing on: made on `date`, shown at `link`.
    #[must_use]
    pub fn covered(mut self, date: &str, link: &str) -> Self {
        self.cover = Some(Cover::of(&self, date, link));
        self
    }

    /// Indented JSON, the same bytes from page and command line.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The same in the first version of the schema, for programs that read it; it goes with the next release.
    pub fn to_json_v1(&self) -> String {
        let mut text = serde_json::to_string_pretty(&v1::report(self)).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Memory table and verdicts as CSV (RFC 4180), two tables in one text.
    pub fn to_csv(&self) -> String {
        csv::report(self)
    }

    /// The memory table alone as CSV; with a cover, its case, date and link in every row.
    pub fn memory_csv(&self) -> String {
        csv::memory(self)
    }

    /// The verdicts alone as CSV; with a cover, its case, date and link in every row.
    pub fn devices_csv(&self) -> String {
        csv::devices(self)
    }

    /// Memory table and verdicts as Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::report(self)
    }
}

/// Adds the inverse questions to a verdict, and where one device is looked at the course of its speed.
fn completed(
    alone: bool,
    ple_cache_hit_share: f64,
) -> impl Fn(&Prospects<'_>, &Device, &mut Assessment) -> Result<(), PlanError> {
    move |prospects, device, verdict| {
        prospects.ask_back(device, verdict)?;
        if alone {
            prospects.follow(device, ple_cache_hit_share, verdict);
        } else {
            prospects.find_longest(device, ple_cache_hit_share, verdict);
        }
        Ok(())
    }
}

impl ModelSummary {
    /// Summarise a model.
    pub fn of(model: &Model) -> Self {
        let architecture = &model.architecture;
        let (full, sliding) = architecture.cache_owners();
        Self {
            name: architecture.name.clone(),
            title: architecture.title.clone(),
            family: architecture.family.clone(),
            origin: match model.origin {
                Origin::BuiltIn => "built-in",
                Origin::Profile => "profile",
                Origin::Config => "config",
                Origin::Gguf { .. } => "gguf",
                Origin::Safetensors { .. } => "safetensors",
            },
            layers: architecture.layers.len(),
            full_cache_layers: full,
            sliding_cache_layers: sliding,
            max_context_tokens: architecture.max_context_tokens,
            parameters: model.parameters(),
            published_parameters: architecture.published.parameters,
            published_decoder_bytes: architecture.published.decoder_bytes,
            published_embedding_bytes: architecture.published.embedding_bytes,
            sources: architecture.sources.clone(),
            assumptions: architecture.assumptions.clone(),
        }
    }
}
