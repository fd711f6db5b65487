//! How many layers fit a graphics card (llama.cpp 0.5: `common/fit`).

use super::case::Case;
use super::compute::gpu_compute;
use super::split::{Split, goes_with_output, is_of_experts, is_table_only};
use crate::device::GpuKind;
use crate::memory::{LayerCache, Offload};
use crate::model::tensor::Role;

/// What `--fit` leaves free on a card (`--fit-target`).
pub(super) const FIT_MARGIN: u64 = 1024 << 20;

impl Split {
    /// The split of a case: as asked, or what fits beside the margin. `None` where there is no card to be used.
    pub(super) fn of(case: &Case<'_>, kv: &[LayerCache]) -> Option<Self> {
        let scenario = case.scenario;
        if case.machine.gpu != Some(GpuKind::Discrete) || !scenario.runtime.is_llama_cpp() {
            return None;
        }
        let of = case.model.architecture.layers.len() as u64 + 1;
        let (cpu_moe_layers, kv_offload) = (scenario.cpu_moe_layers, scenario.kv_offload);
        let with = |gpu_layers| Self { gpu_layers, of, cpu_moe_layers, kv_offload };
        match scenario.offload {
            Offload::Off => None,
            Offload::All => Some(with(of)),
            Offload::Layers(layers) => Some(with(layers.min(of))),
            Offload::Auto => {
                let room = case.machine.gpu_memory_bytes.unwrap_or(u64::MAX).saturating_sub(FIT_MARGIN);
                Some(Loads::of(case, kv).fitting(with(of), room))
            }
        }
    }
}

/// What each layer would take of a card.
struct Loads<'a> {
    case: &'a Case<'a>,
    kv: &'a [LayerCache],
    /// Weights of a layer but for experts; the output's come last.
    weights: Vec<u64>,
    experts: Vec<u64>,
    caches: Vec<u64>,
}

impl<'a> Loads<'a> {
    fn of(case: &'a Case<'a>, kv: &'a [LayerCache]) -> Self {
        let layers = case.model.architecture.layers.len();
        let [mut weights, mut experts, mut caches] = [(); 3].map(|()| vec![0_u64; layers + 1]);
        for (tensor, planned) in case.model.tensors.iter().zip(&case.plan.tensors) {
            match (tensor.layer, tensor.role) {
                (_, Role::Vision | Role::Audio | Role::PleTable) => {}
                (_, Role::TokenEmbedding) if is_table_only(tensor) => {}
                (Some(layer), _) if is_of_experts(tensor) => {
                    experts[layer.min(layers)] += planned.bytes;
                }
                (Some(layer), _) => weights[layer.min(layers)] += planned.bytes,
                (None, Role::TokenEmbedding) => weights[layers] += planned.bytes,
                (None, _) if goes_with_output(tensor) => weights[layers] += planned.bytes,
                (None, _) => weights[0] += planned.bytes,
            }
        }
        for layer in kv {
            caches[layer.layer.min(layers)] += layer.bytes;
        }
        for (cache, layer) in caches.iter_mut().zip(&case.model.architecture.layers) {
            *cache += layer.recurrent().map_or(0, |block| block.state_bytes) * case.scenario.slots.max(1);
        }
        Self { case, kv, weights, experts, caches }
    }

    /// Bytes on the card, the driver's own apart.
    fn bytes(&self, split: Split) -> u64 {
        let layers = (0..self.weights.len()).filter(|layer| split.has_layer(*layer));
        let own: u64 = layers
            .map(|layer| {
                let experts = if layer as u64 >= split.cpu_moe_layers { self.experts[layer] } else { 0 };
                self.weights[layer] + experts + if split.kv_offload { self.caches[layer] } else { 0 }
            })
            .sum();
        own.saturating_add(gpu_compute(self.case, &split, self.kv).bytes)
    }

    /// All layers when they fit; else all with the experts of as few as need be left out; else as many as fit.
    fn fitting(&self, whole: Split, room: u64) -> Split {
        let fits = |split: &Split| self.bytes(*split) <= room;
        let mut tries = vec![whole];
        if whole.cpu_moe_layers == 0 && self.experts.iter().any(|bytes| *bytes > 0) {
            tries.extend((1..whole.of).map(|cpu_moe_layers| Split { cpu_moe_layers, ..whole }));
        }
        tries.extend((1..whole.of).rev().map(|gpu_layers| Split { gpu_layers, ..whole }));
        tries.into_iter().find(fits).unwrap_or(Split { gpu_layers: 0, ..whole })
    }
}
