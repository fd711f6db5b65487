//! Every part of a run, by the rules of the runtime that it is run with.

use super::case::Case;
use super::{
    Component, Kind, Machine, Needs, Part, Pool, Split, draft, executorch, ideal, litert_lm, llama_cpp, mlc,
    mlx, transformers, vllm,
};
use crate::memory::{LayerCache, Runtime, Scenario, kv_cache};
use crate::model::Model;
use crate::weights::WeightPlan;
use serde::Serialize;

impl<'a> Case<'a> {
    /// A case with its layers split between card and processor where there is a card.
    pub(crate) fn new(
        model: &'a Model,
        plan: &'a WeightPlan,
        scenario: &'a Scenario,
        machine: Machine,
        kv: &[LayerCache],
    ) -> Self {
        let mut case = Self::unsplit(model, plan, scenario, machine);
        case.split = Split::of(&case, kv);
        case
    }

    fn unsplit(model: &'a Model, plan: &'a WeightPlan, scenario: &'a Scenario, machine: Machine) -> Self {
        let mut case = Self { model, plan, scenario, machine, split: None };
        case.machine = machine.less(draft::on_cards(&case));
        case
    }

    /// Whether every layer goes to the GPUs, or there is none.
    pub(crate) fn takes_all_layers(
        model: &'a Model,
        plan: &'a WeightPlan,
        scenario: &'a Scenario,
        machine: Machine,
    ) -> bool {
        let kv = kv_cache::layers(&model.architecture, scenario);
        Split::takes_all(&Self::unsplit(model, plan, scenario, machine), &kv)
    }

    /// Parts of the weights: what depends on formats and on the machine.
    pub(crate) fn weights(&self) -> Vec<Part> {
        match self.scenario.runtime {
            Runtime::LlamaCpp | Runtime::LlamaServer | Runtime::LlamaCppApi => llama_cpp::weights(self),
            Runtime::LitertLm => litert_lm::weights(self),
            Runtime::LitertLmGpu => litert_lm::gpu_weights(self),
            Runtime::Mlx => mlx::weights(self),
            Runtime::Executorch => executorch::weights(self),
            Runtime::Mlc => mlc::weights(self),
            Runtime::Vllm => vllm::weights(self),
            Runtime::Transformers => transformers::weights(self),
            Runtime::Ideal => ideal::weights(self),
        }
    }

    /// Parts beside the weights: what depends on context, cache types and slots.
    pub(crate) fn rest(&self, kv: &[LayerCache]) -> Vec<Part> {
        let mut parts = match self.scenario.runtime {
            Runtime::LlamaCpp | Runtime::LlamaServer | Runtime::LlamaCppApi => llama_cpp::rest(self, kv),
            Runtime::LitertLm => litert_lm::rest(self, kv),
            Runtime::LitertLmGpu => litert_lm::gpu_rest(self, kv),
            Runtime::Mlx => mlx::rest(self, kv),
            Runtime::Executorch => executorch::rest(self, kv),
            Runtime::Mlc => mlc::rest(self, kv),
            Runtime::Vllm => vllm::rest(self, kv),
            Runtime::Transformers => transformers::rest(self, kv),
            Runtime::Ideal => ideal::rest(self, kv),
        };
        parts.extend(draft::parts(self));
        parts
    }
}

/// Where every byte of a run lies, who may count it, and when it is touched.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Placement {
    /// The machine whose rules apply.
    pub machine: Machine,
    /// Layers on a graphics card, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Parts in the order they are shown.
    pub parts: Vec<Part>,
    /// Their sums by what limits count.
    pub needs: Needs,
    /// Address space reserved, in bytes.
    pub reserved_bytes: u64,
    /// KV cache by layer.
    pub kv_layers: Vec<LayerCache>,
}

impl Placement {
    /// Place `model`, its weights laid out as `plan`, on a machine.
    pub fn of(model: &Model, plan: &WeightPlan, scenario: &Scenario, machine: Machine) -> Self {
        let kv_layers = kv_cache::layers(&model.architecture, scenario);
        let case = Case::new(model, plan, scenario, machine, &kv_layers);
        let mut parts = case.weights();
        for part in case.rest(&kv_layers) {
            // Weights and the rest each know of their own.
            let tables = parts.iter_mut().find(|known| known.component == Component::PageTables);
            if let Some(known) = tables.filter(|_| part.component == Component::PageTables) {
                known.size += part.size;
                known.reserved += part.reserved;
                continue;
            }
            let index = parts.partition_point(|known| known.component <= part.component);
            parts.insert(index, part);
        }
        let needs = Needs::of(&parts);
        let reserved_bytes = parts.iter().map(|part| part.reserved).sum();
        Self { machine, split: case.split, parts, needs, reserved_bytes, kv_layers }
    }

    /// Bytes of a component, copies and originals together; 0 where there is none.
    pub fn bytes(&self, component: Component) -> u64 {
        self.of_component(component).map(|part| part.size.bytes).sum()
    }

    /// Parts of a component.
    pub fn of_component(&self, component: Component) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.component == component)
    }

    /// The per-layer table's size over that of the decoder, in bytes of the file; 0 without a table.
    pub fn ple_to_decoder_ratio(&self) -> f64 {
        let of = |wanted: Component| -> u64 {
            let own = self
                .of_component(wanted)
                .filter(|part| part.kind != Kind::Anonymous || part.pool != Pool::Host);
            own.map(|part| part.size.bytes).sum()
        };
        let decoder = of(Component::Decoder) + of(Component::Experts);
        if decoder == 0 { 0.0 } else { of(Component::PleTable) as f64 / decoder as f64 }
    }
}
