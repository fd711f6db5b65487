//! Which layers a GPU holds (llama.cpp 0.5: `llama-model.cpp`): a graphics card, or one in the host's memory that not all
//! layers fit.
//!
//! Layers count from the last: with n on the GPU, layer l of L is there when `l >= L + 1 - n`, and the output counts as
//! layer L. Held to real loads on a software driver.

use super::case::Case;
use super::{EachCard, ONE_CARD};
use crate::device::MAX_CARDS;
use crate::memory::{LayerCache, state};
use crate::model::tensor::{Role, Tensor};
use serde::Serialize;

/// What of one more layer's feed-forward block a card takes when its experts as a whole do not fit (`common/fit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fraction {
    /// Nothing of the block.
    Attention,
    /// Its `up` matrices.
    Up,
    /// Its `up` and `gate` matrices.
    Gate,
}

impl Fraction {
    /// Whether the processor keeps a tensor of that layer, as llama.cpp finds them by name.
    pub(super) fn keeps(self, tensor: &Tensor) -> bool {
        let Some((_, name)) = tensor.name.rsplit_once("ffn_") else { return false };
        let kept: &[&str] = match self {
            Self::Attention => &["gate", "up", "down"],
            Self::Up => &["gate", "down"],
            Self::Gate => &["down"],
        };
        kept.iter().any(|start| name.starts_with(start))
    }
}

/// The layers of a model between a GPU and the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Split {
    /// Layers on the card, the output counted as one (llama.cpp's `--n-gpu-layers`).
    pub gpu_layers: u64,
    /// All layers and the output.
    pub of: u64,
    /// The first layers, whose experts stay with the processor (`--n-cpu-moe`).
    pub cpu_moe_layers: u64,
    /// The last layers, whose experts stay there: what `--fit` chooses.
    pub cpu_moe_last_layers: u64,
    /// What the card takes of the first of those all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraction: Option<Fraction>,
    /// Caches and states lie where their layer runs.
    pub kv_offload: bool,
    /// Layers of each of several cards, the output counted with the last.
    #[serde(skip_serializing_if = "is_nothing")]
    pub cards: EachCard<u32>,
    /// Shares of each matrix's rows, of 10,000, where several cards compute every layer together (`--split-mode row`).
    #[serde(skip_serializing_if = "is_nothing")]
    pub rows: EachCard<u32>,
}

fn is_nothing(cards: &EachCard<u32>) -> bool {
    *cards == [0; MAX_CARDS]
}

impl Split {
    /// All of `of` layers, the output counted as one, and every cache.
    pub(crate) const fn whole(of: u64) -> Self {
        Self {
            gpu_layers: of,
            of,
            cpu_moe_layers: 0,
            cpu_moe_last_layers: 0,
            fraction: None,
            kv_offload: true,
            cards: [0; MAX_CARDS],
            rows: [0; MAX_CARDS],
        }
    }

    /// Which of several cards has this layer, or what runs with it.
    pub fn card_of(&self, layer: u64) -> usize {
        if !self.is_over_cards() {
            return 0;
        }
        let mut end = self.of - self.gpu_layers;
        for (card, layers) in self.cards.iter().enumerate() {
            end += u64::from(*layers);
            if layer < end {
                return card;
            }
        }
        self.cards.iter().rposition(|layers| *layers > 0).unwrap_or(0)
    }

    /// The card of what runs with the output.
    pub(super) fn output_card(&self) -> usize {
        self.card_of(self.of - 1)
    }

    /// The card of a tensor that a card has.
    pub(super) fn card_of_tensor(&self, tensor: &Tensor) -> usize {
        match tensor.layer {
            Some(layer) => self.card_of(layer as u64),
            None if goes_with_output(tensor) => self.output_card(),
            None => self.card_of(0),
        }
    }

    /// Several cards have layers, or could.
    pub(crate) fn is_over_cards(&self) -> bool {
        !ONE_CARD && self.cards != [0; MAX_CARDS]
    }

    /// A matrix's bytes by card, where they are divided by rows.
    pub(super) fn by_rows(&self, bytes: u64) -> Vec<(usize, u64)> {
        let all: u64 = self.rows.iter().map(|rows| u64::from(*rows)).sum();
        let share = |sum: u64| bytes / all.max(1) * sum + bytes % all.max(1) * sum / all.max(1);
        let (mut found, mut sum) = (Vec::new(), 0);
        for (card, rows) in self.rows.iter().enumerate().filter(|(_, rows)| **rows > 0) {
            let end = sum + u64::from(*rows);
            found.push((card, share(end) - share(sum)));
            sum = end;
        }
        found
    }

    /// Every layer and the output are on the card.
    pub const fn is_whole(&self) -> bool {
        self.gpu_layers >= self.of
    }

    /// Whether this layer is on the card.
    pub const fn has_layer(&self, layer: usize) -> bool {
        layer as u64 + self.gpu_layers >= self.of
    }

    /// Whether the card holds keys, values and state of this layer.
    pub const fn has_cache(&self, layer: usize) -> bool {
        self.kv_offload && self.has_layer(layer)
    }

    /// Whether the card holds this tensor. Tables stay with the host; a tied one is a second copy beside the output.
    pub(super) fn has_tensor(&self, tensor: &Tensor) -> bool {
        match (tensor.layer, tensor.role) {
            (_, Role::TokenEmbedding | Role::PleTable) => false,
            (Some(layer), _) => self.has_layer(layer) && !self.keeps_of_layer(layer as u64, tensor),
            (None, _) if goes_with_output(tensor) => self.gpu_layers > 0,
            (None, _) => self.has_layer(0),
        }
    }

    /// Whether the processor keeps this tensor of a layer that the card has.
    fn keeps_of_layer(&self, layer: u64, tensor: &Tensor) -> bool {
        match self.fraction {
            Some(fraction) if layer == self.first_of_last() => fraction.keeps(tensor),
            _ => is_of_experts(tensor) && self.keeps_experts(layer),
        }
    }

    /// Whether the experts of this layer stay with the processor, but for a fraction.
    pub(super) const fn keeps_experts(&self, layer: u64) -> bool {
        layer < self.cpu_moe_layers || layer >= self.first_of_last()
    }

    /// The first of the last layers whose experts stay with the processor; the output is no layer with experts.
    pub(super) const fn first_of_last(&self) -> u64 {
        (self.of - 1).saturating_sub(self.cpu_moe_last_layers)
    }

    /// Every tensor of every layer is on the card, and every cache.
    pub(super) const fn has_everything(&self) -> bool {
        self.is_whole() && self.cpu_moe_layers == 0 && self.cpu_moe_last_layers == 0 && self.kv_offload
    }

    /// Whether every layer is on a GPU with its experts, wherever its cache is.
    pub const fn has_all_layers(&self) -> bool {
        Self { kv_offload: true, ..*self }.has_everything()
    }

    /// In words: `all 33 layers`, or `20 of 33 layers`, the output counted.
    pub fn describe(&self) -> String {
        let Self { gpu_layers, of, cpu_moe_layers, cpu_moe_last_layers, .. } = *self;
        let mut text =
            if self.is_whole() { format!("all {of} layers") } else { format!("{gpu_layers} of {of} layers") };
        if self.is_over_cards() {
            let used = self.cards.iter().rposition(|layers| *layers > 0).unwrap_or(0);
            let each: Vec<String> = self.cards[..=used].iter().map(u32::to_string).collect();
            text += &match each.as_slice() {
                [_] => " on the first card".to_owned(),
                each => format!(" over {} cards ({})", each.len(), each.join(" + ")),
            };
        }
        if self.rows[0] > 0 {
            text += ", matrices divided by rows";
        }
        if cpu_moe_layers > 0 {
            text += &format!(", experts of the first {cpu_moe_layers} with the processor");
        }
        if cpu_moe_last_layers > 0 {
            text += &format!(", experts of the last {cpu_moe_last_layers} with the processor");
            match self.fraction {
                Some(Fraction::Up) => text += " but one layer's up matrices",
                Some(Fraction::Gate) => text += " but one layer's up and gate matrices",
                Some(Fraction::Attention) | None => {}
            }
        }
        if !self.kv_offload {
            text += ", the cache with the processor";
        }
        text
    }
}

/// Matrices of experts, and their biases and scales, which `--n-cpu-moe` finds by the same name.
pub(super) fn is_of_experts(tensor: &Tensor) -> bool {
    matches!(tensor.role, Role::ExpertGate | Role::ExpertUp | Role::ExpertDown)
        || tensor.name.contains("_exps")
}

/// Tensors without a layer that run with the output; the others run with the first layer.
pub(super) fn goes_with_output(tensor: &Tensor) -> bool {
    let first = ["per_layer_", "rope_freqs", "rope_factors"];
    tensor.role == Role::OutputHead || !first.iter().any(|start| tensor.name.starts_with(start))
}

/// A table that is only looked up; one that is also the head is read whole.
pub(super) fn is_table_only(tensor: &Tensor) -> bool {
    tensor.active != crate::model::tensor::Active::All
}

/// Bytes on each card and with the host.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sides {
    pub(super) cards: EachCard<u64>,
    pub(super) host: u64,
}

impl Sides {
    fn add(&mut self, split: &Split, layer: usize, bytes: u64) {
        let card = &mut self.cards[split.card_of(layer as u64)];
        *(if split.has_cache(layer) { card } else { &mut self.host }) += bytes;
    }

    fn on_cards(&self) -> u64 {
        self.cards.iter().sum()
    }
}

/// Bytes of keys and values, and of states.
pub(super) fn caches(case: &Case<'_>, split: &Split, kv: &[LayerCache]) -> [Sides; 2] {
    let mut found = [Sides::default(); 2];
    for layer in kv {
        found[0].add(split, layer.layer, layer.bytes);
    }
    for (index, layer) in case.model.architecture.layers.iter().enumerate() {
        let (architecture, scenario) = (&case.model.architecture, case.scenario);
        let once = layer.recurrent().map_or(0, |block| state::of_layer(architecture, block, scenario));
        found[1].add(split, index, once * scenario.slots.max(1));
    }
    debug_assert_eq!(
        found[1].on_cards() + found[1].host,
        state::bytes(&case.model.architecture, case.scenario)
    );
    found
}

/// Bytes that a decoded token reads from the card: weights, then the share of the cache and of the state that lie there.
pub(crate) fn read_from_card(case: &Case<'_>, split: &Split, kv: &[LayerCache]) -> (u64, [f64; 2]) {
    let again = case.model.architecture.passes.max(1);
    let tensors = case.model.tensors.iter().zip(&case.plan.tensors);
    let weights = tensors
        .map(|(tensor, planned)| match tensor.role {
            Role::Vision | Role::Audio => 0,
            Role::TokenEmbedding if !is_table_only(tensor) && split.gpu_layers > 0 => planned.bytes,
            _ if case.card_of(split, tensor).is_none() => 0,
            _ if tensor.layer.is_some() => tensor.read_per_token(planned.bytes).saturating_mul(again),
            _ => tensor.read_per_token(planned.bytes),
        })
        .sum();
    let share = |sides: Sides| match (sides.on_cards(), sides.host) {
        (0, _) => 0.0,
        (cards, host) => cards as f64 / (cards + host) as f64,
    };
    (weights, caches(case, split, kv).map(share))
}

#[cfg(test)]
mod tests {
    use crate::device::GpuKind;
    use crate::memory::{Offload, Scenario};
    use crate::model::registry;
    use crate::placement::fitting::FIT_MARGIN;
    use crate::placement::{Machine, Placement};
    use crate::weights::WeightPlan;

    fn placed(slug: &str, gib: u64, change: impl Fn(&mut Scenario)) -> Placement {
        let model = registry::model(slug).unwrap();
        let mut scenario = Scenario::for_model(&model);
        change(&mut scenario);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let card =
            Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes: Some(gib << 30), ..Machine::X86 };
        Placement::of(&model, &plan, &scenario, card)
    }

    #[test]
    fn more_memory_takes_more_layers_and_leaves_the_margin() {
        for slug in ["llama-3.1-8b", "gemma3-12b", "qwen3-30b-a3b", "qwen3.5-9b", "gemma4-e2b"] {
            let mut before = (0, u64::MAX);
            for gib in [1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32] {
                let placement = placed(slug, gib, |_| ());
                let split = placement.split.unwrap();
                let now = (split.gpu_layers, split.cpu_moe_layers);
                assert!(now.0 > before.0 || now.0 == before.0 && now.1 <= before.1 || split.gpu_layers == 0);
                let driver = 300 << 20;
                let taken = placement.needs.gpu.bytes - driver;
                assert!(split.gpu_layers == 0 || taken + FIT_MARGIN <= gib << 30, "{slug} {gib}: {split:?}");
                before = now;
            }
            assert_eq!(before, (placed(slug, 32, |_| ()).split.unwrap().of, 0), "{slug}");
        }
    }

    #[test]
    fn every_byte_of_the_weights_lies_somewhere_and_none_is_packed() {
        let all = |placement: &Placement| placement.bytes(crate::placement::Component::Decoder);
        let whole = all(&placed("llama-3.1-8b", 32, |s| s.offload = Offload::All));
        for layers in [1, 8, 20, 32, 33] {
            let placement = placed("llama-3.1-8b", 32, |s| s.offload = Offload::Layers(layers));
            assert_eq!(all(&placement), whole, "{layers}");
            assert_eq!(placement.bytes(crate::placement::Component::PackedWeights), 0);
        }
        let kept = placed("llama-3.1-8b", 32, |s| (s.offload, s.kv_offload) = (Offload::All, false));
        let moved = placed("llama-3.1-8b", 32, |s| s.offload = Offload::All);
        let cache = |placement: &Placement| {
            let parts = placement.of_component(crate::placement::Component::KvCache);
            parts.map(|part| (part.pool, part.size.bytes)).collect::<Vec<_>>()
        };
        assert_eq!(cache(&kept), [(crate::placement::Pool::Host, 512 << 20)]);
        assert_eq!(cache(&moved), [(crate::placement::Pool::Vram, 512 << 20)]);
        assert!(placed("llama-3.1-8b", 32, |s| s.offload = Offload::Off).split.is_none());
    }

    /// A GPU in the host's memory takes what fits the memory that the system lends it, less the margin; the rest stays with the
    /// processor, which packs its matrices beside Metal only.
    #[test]
    fn a_gpu_in_the_hosts_memory_takes_what_fits_it() {
        let model = registry::model("gemma3-12b").unwrap();
        let scenario = Scenario { context_tokens: 8_192, ..Scenario::for_model(&model) };
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let on = |gpu, lent: Option<u64>, scenario: &Scenario| {
            let gpu_memory_bytes = lent.map(|mib| mib << 20);
            let machine = Machine { gpu: Some(gpu), gpu_memory_bytes, ..Machine::X86 };
            Placement::of(&model, &plan, scenario, machine)
        };
        for gpu in [GpuKind::Metal, GpuKind::Integrated] {
            assert!(on(gpu, None, &scenario).split.is_none());
            assert!(on(gpu, Some(16_384), &scenario).split.is_none());
            let placed = on(gpu, Some(6_144), &scenario);
            // As a card of that size, and as llama.cpp itself finds.
            assert_eq!(placed.split.unwrap().gpu_layers, 29);
            assert!(placed.needs.gpu.bytes + FIT_MARGIN <= 6_144 << 20);
            let packed = placed.bytes(crate::placement::Component::PackedWeights);
            assert_eq!(packed > 0, gpu == GpuKind::Metal);
            let few = Scenario { offload: Offload::Layers(10), kv_offload: false, ..scenario.clone() };
            let placed = on(gpu, None, &few);
            assert_eq!(placed.split.unwrap().gpu_layers, 10);
            let caches = placed.of_component(crate::placement::Component::KvCache);
            assert!(caches.into_iter().all(|part| part.pool == crate::placement::Pool::Host));
        }
    }
}
