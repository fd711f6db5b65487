//! What llama.cpp puts on a graphics card, beside the rules.

use super::{MeasuredSizes, Tally};
use crate::device::GpuKind;
use crate::memory::{Offload, Scenario, TensorOverride};
use crate::model::Model;
use crate::model::architecture::Ffn;
use crate::placement::{Component, Machine, Placement, Pool};
use crate::weights::{WeightFormat, WeightPlan};
use serde::{Deserialize, Serialize};

/// A graph's buffer this far off is listed.
const COMPUTE_TOLERANCE: f64 = 0.05;
/// Parts of names kept with the processor: matrices of every layer, and one layer.
const KEPT: [&str; 3] = ["ffn_down", "attn_", "blk.1."];
/// Bytes that a card's buffers pad: scalars of four bytes, and a copy of rotary factors.
const PADDING: u64 = 2_048;

/// A context with layers on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSetting {
    /// The choices.
    pub choices: CardChoices,
    /// What llama.cpp states for it; nothing before it was asked, or where it refused.
    #[serde(default)]
    pub measured: Option<CardSizes>,
}

/// The choices of such a context: `q4_k_m`, f16 cache, flash attention, one sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardChoices {
    /// Layers on the card, the output counted as one.
    pub gpu_layers: u64,
    /// First layers whose experts stay with the processor.
    pub cpu_moe_layers: u64,
    /// Caches and states lie where their layer runs.
    pub kv_offload: bool,
    /// Tokens of context.
    pub context: u64,
    /// Tokens of a micro-batch.
    pub ubatch: u64,
    /// Part of the names of tensors that stay with the processor by hand (`--override-tensor PART=CPU`); empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kept: String,
}

/// Bytes on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSizes {
    /// In the card's buffers.
    pub card: MeasuredSizes,
    /// In the host's, pinned ones included.
    pub host: MeasuredSizes,
}

/// How many settings agree about a card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardTallies {
    /// Weights on the card; padding of four-byte scalars counts as equal.
    pub weights: Tally,
    /// Keys, values and recurrent state there, byte for byte.
    pub caches: Tally,
    /// The graph's buffer there, with every layer and cache on the card.
    pub compute: Tally,
    /// The same where the host keeps something.
    pub split_compute: Tally,
}

impl CardTallies {
    /// Nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.weights.settings == 0
    }
}

/// The contexts to ask for: one layer, half of them, all but the first, all; caches with the host; experts of none, half and
/// all layers there; and tensors kept there by name.
pub fn card_grid(model: &Model) -> Vec<CardSetting> {
    let architecture = &model.architecture;
    let layers = architecture.layers.len() as u64;
    let sparse = architecture.layers.iter().any(|layer| matches!(layer.ffn, Ffn::Experts { .. }));
    let mut all: Vec<CardSetting> = Vec::new();
    let mut add = |gpu_layers, cpu_moe_layers, kv_offload, context: u64, ubatch, kept: &str| {
        let context = context.min(architecture.max_context_tokens);
        let kept = kept.to_owned();
        let choices = CardChoices { gpu_layers, cpu_moe_layers, kv_offload, context, ubatch, kept };
        if all.iter().all(|known| known.choices != choices) {
            all.push(CardSetting { choices, measured: None });
        }
    };
    for gpu_layers in [1, layers / 2, layers, layers + 1] {
        for context in [4096, 32_768] {
            add(gpu_layers, 0, true, context, 512, "");
        }
        add(gpu_layers, 0, false, 4096, 512, "");
    }
    add(layers + 1, 0, true, 4096, 128, "");
    for kept in KEPT {
        add(layers + 1, 0, true, 4096, 512, kept);
    }
    if sparse {
        for kept in [layers / 2, layers] {
            add(layers + 1, kept, true, 4096, 512, "");
        }
    }
    all
}

impl CardChoices {
    fn scenario(&self, model: &Model) -> Option<Scenario> {
        let by_hand =
            model.tensors.iter().filter(|tensor| !self.kept.is_empty() && tensor.name.contains(&self.kept));
        let mut tensor_overrides: Vec<TensorOverride> =
            by_hand.map(|tensor| TensorOverride { tensor: tensor.name.clone(), card: None }).collect();
        tensor_overrides.sort_by(|a, b| a.tensor.cmp(&b.tensor));
        Some(Scenario {
            offload: Offload::Layers(self.gpu_layers),
            cpu_moe_layers: self.cpu_moe_layers,
            kv_offload: self.kv_offload,
            tensor_overrides,
            context_tokens: self.context,
            ubatch: self.ubatch,
            weights: WeightFormat::parse("q4_k_m").ok()?,
            ..Scenario::for_model(model)
        })
    }

    fn words(&self) -> String {
        let Self { gpu_layers, cpu_moe_layers, kv_offload, context, ubatch, kept } = self;
        let cache = if *kv_offload { "" } else { ", cache with the host" };
        let experts =
            if *cpu_moe_layers > 0 { format!(", experts of {cpu_moe_layers} kept") } else { String::new() };
        let kept = if kept.is_empty() { String::new() } else { format!(", `{kept}` kept") };
        format!("{gpu_layers} layers{experts}{kept}{cache}, {context} tokens, ubatch {ubatch}")
    }
}

/// Count a setting.
pub(super) fn add(tallies: &mut CardTallies, model: &Model, setting: &CardSetting) {
    let choices = &setting.choices;
    let (Some(measured), Some(scenario)) = (setting.measured, choices.scenario(model)) else { return };
    let Ok(plan) = WeightPlan::new(model, scenario.weights) else { return };
    let machine = Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes: Some(u64::MAX), ..Machine::X86 };
    let placement = Placement::of(model, &plan, &scenario, machine);
    let on_card = |counts: fn(Component) -> bool| -> u64 {
        let parts = placement.parts.iter().filter(|part| part.pool == Pool::Vram && counts(part.component));
        parts.map(|part| part.size.bytes).sum()
    };
    let weights = on_card(|component| component <= Component::PackedWeights);
    let padded = measured.card.model.saturating_sub(PADDING)..=measured.card.model;
    let weights = if padded.contains(&weights) { measured.card.model } else { weights };
    tallies.weights.add(|| choices.words(), weights, measured.card.model, 0.0);
    let caches = on_card(|component| matches!(component, Component::KvCache | Component::RecurrentState));
    tallies.caches.add(|| choices.words(), caches, measured.card.context, 0.0);
    let graph = on_card(|component| component == Component::Compute);
    let whole = placement.split.is_some_and(|split| split.is_whole())
        && choices.kv_offload
        && choices.cpu_moe_layers == 0
        && choices.kept.is_empty();
    let compute = if whole { &mut tallies.compute } else { &mut tallies.split_compute };
    compute.add(|| choices.words(), graph, measured.card.compute, COMPUTE_TOLERANCE);
    let compute = [&mut tallies.compute, &mut tallies.split_compute];
    for tally in [&mut tallies.weights, &mut tallies.caches].into_iter().chain(compute) {
        tally.round();
    }
}
