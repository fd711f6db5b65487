//! What is asked of llama.cpp for each model, and its answers beside the rules.

use super::card::{self, CardSetting};
use super::{MixSizes, PackedSizes, SizedModel, Tally, processor};
use crate::export::file_names;
use crate::leaf::BlockType;
use crate::memory::{KvFormat, Runtime, Scenario, kv_cache, refused, state};
use crate::model::Model;
use crate::placement::compute::compute_buffer;
use crate::placement::packed::is_packed;
use crate::weights::{WeightFormat, WeightPlan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Contexts of the grid, in tokens.
const CONTEXTS: [u64; 4] = [512, 4_096, 32_768, 131_072];
/// Micro-batches of the grid, in tokens.
const UBATCHES: [u64; 3] = [128, 512, 2_048];
/// A reserve this far off is listed.
const COMPUTE_TOLERANCE: f64 = 0.05;

/// A context to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The choices.
    pub choices: CacheSetting,
    /// What llama.cpp states for it: keys, values and state, then the compute buffer, in bytes; nothing before it was
    /// asked, or where it refused.
    #[serde(default)]
    pub measured: Option<(u64, u64)>,
}

/// The choices of a context, in this project's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheSetting {
    /// Tokens that one sequence can hold.
    pub context: u64,
    /// Tokens of a micro-batch.
    pub ubatch: u64,
    /// Storage of keys and values.
    pub kv: String,
    /// Flash attention.
    pub flash_attention: bool,
    /// Sequences.
    pub slots: u64,
    /// They share one cache.
    pub unified: bool,
    /// Which defaults: the command line's, the server's, the C interface's.
    pub runtime: String,
}

/// llama.cpp's answers for a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredModel {
    /// The runtime and its version.
    pub runtime: String,
    /// Types of the file's tensors that the quantiser changes, by mix.
    pub types: BTreeMap<String, BTreeMap<String, String>>,
    /// Bytes of packed copies, by processor and mix.
    pub packed: Vec<(String, String, u64)>,
    /// Contexts.
    pub settings: Vec<Setting>,
    /// Contexts with layers on a graphics card.
    #[serde(default)]
    pub cards: Vec<CardSetting>,
    /// Why something was not answered.
    pub complaint: String,
}

/// Bytes by kind of buffer, as one answer of llama.cpp has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredSizes {
    /// Weights.
    pub model: u64,
    /// Keys, values and state.
    pub context: u64,
    /// Compute buffers.
    pub compute: u64,
}

/// The contexts to ask for.
pub fn grid(model: &Model) -> Vec<Setting> {
    let longest = model.architecture.max_context_tokens;
    let mut all = Vec::new();
    let mut add = |context: u64, ubatch: u64, kv: &str, flash_attention, slots, runtime: Runtime| {
        if context > longest || ubatch > context {
            return;
        }
        let choices = CacheSetting {
            context,
            ubatch,
            kv: kv.to_owned(),
            flash_attention,
            slots,
            unified: runtime == Runtime::LlamaServer,
            runtime: runtime.name().to_owned(),
        };
        all.push(Setting { choices, measured: None });
    };
    for context in CONTEXTS {
        for ubatch in UBATCHES {
            for (kv, flash) in [("f16", true), ("q8_0", true), ("q4_0", true), ("f16", false)] {
                add(context, ubatch, kv, flash, 1, Runtime::LlamaCpp);
            }
        }
        for (kv, flash) in [("f16", true), ("q8_0", true), ("f16", false)] {
            add(context, 512, kv, flash, 4, Runtime::LlamaServer);
            // Four caches side by side.
            add(context, 512, kv, flash, 4, Runtime::LlamaCpp);
        }
        for ubatch in [128, 512] {
            for flash in [true, false] {
                add(context, ubatch, "f16", flash, 1, Runtime::LlamaCppApi);
            }
        }
    }
    all.retain(|setting| {
        let scenario = setting.choices.scenario(model);
        scenario.is_some_and(|scenario| refused(&model.architecture, &scenario).is_none())
    });
    all
}

impl CacheSetting {
    /// The scenario it stands for.
    pub fn scenario(&self, model: &Model) -> Option<Scenario> {
        let kv = KvFormat::parse(&self.kv).ok()?;
        Some(Scenario {
            context_tokens: self.context,
            ubatch: self.ubatch,
            k: kv,
            v: kv,
            flash_attention: self.flash_attention,
            slots: self.slots,
            unified_kv: self.unified,
            runtime: Runtime::parse(&self.runtime).ok()?,
            ..Scenario::for_model(model)
        })
    }

    fn words(&self) -> String {
        let flash = if self.flash_attention { "flash" } else { "no flash" };
        let slots = match (self.slots, self.unified) {
            (1, _) => String::new(),
            (slots, true) => format!(", {slots} slots sharing"),
            (slots, false) => format!(", {slots} slots apart"),
        };
        let Self { context, ubatch, kv, runtime, .. } = self;
        format!("{runtime}, {context} tokens, ubatch {ubatch}, {kv}, {flash}{slots}")
    }
}

/// The rules of this build beside what was answered.
pub fn compare(name: &str, built_in: bool, model: &Model, measured: &MeasuredModel) -> SizedModel {
    let mut sized = SizedModel { model: name.to_owned(), built_in, ..SizedModel::default() };
    sized.left_out.clone_from(&measured.complaint);
    let Ok(names) = file_names(model) else { return sized };
    for (mix, types) in &measured.types {
        sized.weights.extend(weights(model, &names, mix, types));
    }
    for (processor, mix, bytes) in &measured.packed {
        if let Some(types) = measured.types.get(mix) {
            sized.packed.extend(packed(model, &names, processor, mix, types, *bytes));
        }
    }
    for Setting { choices, measured } in &measured.settings {
        let (Some((cache, compute)), Some(scenario)) = (measured, choices.scenario(model)) else { continue };
        let shape = &model.architecture;
        let predicted = kv_cache::total(shape, &scenario) + state::bytes(shape, &scenario);
        sized.caches.add(|| choices.words(), predicted, *cache, 0.0);
        let reserved = compute_buffer(shape, &scenario).reserved;
        sized.compute.add(|| choices.words(), reserved, *compute, COMPUTE_TOLERANCE);
    }
    for setting in &measured.cards {
        card::add(&mut sized.card, model, setting);
    }
    sized.caches.round();
    sized.compute.round();
    sized
}

impl Tally {
    /// Errors to four decimals.
    pub(super) fn round(&mut self) {
        for error in [&mut self.lowest, &mut self.highest] {
            *error = (*error * 1e4).round() / 1e4;
        }
    }
}

/// The quantiser's type of each of the model's tensors; what it leaves alone has the type of the f16 file.
fn types_of(
    model: &Model,
    names: &[Option<String>],
    types: &BTreeMap<String, String>,
) -> Vec<Option<BlockType>> {
    let f16 = WeightFormat::parse("f16").ok().and_then(|format| WeightPlan::new(model, format).ok());
    let block = |name: &str| BlockType::ALL.iter().find(|block| block.name() == name).copied();
    let of = |(index, name): (usize, &Option<String>)| {
        let name = name.as_ref()?;
        let untouched = f16.as_ref().and_then(|plan| plan.tensors.get(index)?.block);
        types.get(name).and_then(|found| block(found)).or(untouched)
    };
    names.iter().enumerate().map(of).collect()
}

fn weights(
    model: &Model,
    names: &[Option<String>],
    mix: &str,
    types: &BTreeMap<String, String>,
) -> Option<MixSizes> {
    let plan = WeightPlan::new(model, WeightFormat::parse(mix).ok()?).ok()?;
    let found = types_of(model, names, types);
    let mut sizes = MixSizes { mix: mix.to_owned(), predicted_bytes: 0, measured_bytes: 0, other_types: 0 };
    for ((tensor, planned), found) in model.tensors.iter().zip(&plan.tensors).zip(found) {
        if tensor.role.is_tower() {
            continue;
        }
        let found = found?;
        sizes.predicted_bytes += planned.bytes;
        // Rows that a converter pads are part of the prediction; the file was written with them.
        let planned_row = planned.block.map_or(0, |block| block.size(1, tensor.row_length));
        let rows = planned.bytes.checked_div(planned_row).unwrap_or(tensor.rows);
        sizes.measured_bytes += found.size(rows, tensor.row_length);
        sizes.other_types += usize::from(planned.block != Some(found));
    }
    Some(sizes)
}

fn packed(
    model: &Model,
    names: &[Option<String>],
    kind: &str,
    mix: &str,
    types: &BTreeMap<String, String>,
    measured_bytes: u64,
) -> Option<PackedSizes> {
    let processor = processor(kind)?;
    let found = types_of(model, names, types);
    let copied = model.tensors.iter().zip(found).filter_map(|(tensor, block)| {
        let block = block?;
        is_packed(tensor, block, processor).then(|| block.size(tensor.rows, tensor.row_length))
    });
    let predicted_bytes = copied.sum();
    Some(PackedSizes { processor: kind.to_owned(), mix: mix.to_owned(), predicted_bytes, measured_bytes })
}
