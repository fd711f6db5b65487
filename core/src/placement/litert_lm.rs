//! LiteRT-LM: mapped sections, and a packed copy of the decoder by XNNPACK, or buffers of the GPU.

use super::case::Case;
use super::common;
use super::part::{Component, Kind, Part, Touch};
use super::weights::{self, Place};
use crate::device::GpuKind;
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::memory::{LayerCache, Runtime, Scenario, kv_cache};
use crate::model::tensor::{Role, Tensor};

/// Sections of the file, mapped, and the packed copy, which is fitted to the published memory of three CPU runs.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    let mut parts = weights::all_of(case, Kind::File);
    let is_matrix = |tensor: &Tensor| {
        !matches!(
            tensor.role,
            Role::TokenEmbedding | Role::PleTable | Role::Vision | Role::Audio | Role::Unused
        )
    };
    let bytes = case.plan.bytes_where(case.model, is_matrix) * 65 / 100;
    let note = "0.65 x decoder, fitted to three published CPU runs of Gemma 4 E2B".to_owned();
    let size = Interval::percent(bytes, 75, 135);
    parts.push(Part::uncertain(Component::PackedWeights, size, Provenance::Fitted, note));
    parts
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    let padded = Scenario { runtime: Runtime::LlamaCppApi, ..case.scenario.clone() };
    cache.size.high = kv_cache::total(&case.model.architecture, &padded).max(cache.size.bytes);
    cache.provenance = Provenance::Estimated;
    common::rest(case, cache, common::process(96, (50, 200), "process, graph and tokenizer"))
}

/// On the GPU: Apple's maps the weights as they are, others hold a copy; tables that are looked up by rows stay mapped.
pub(super) fn gpu_weights(case: &Case<'_>) -> Vec<Part> {
    let kind = if case.machine.gpu == Some(GpuKind::Metal) { Kind::File } else { Kind::Anonymous };
    weights::parts(case, &|component, tensor, planned, groups| {
        let touch = weights::touch(case, tensor, planned.bytes);
        let place = match touch {
            Touch::Rows { .. } => Place::host(Kind::File, touch),
            _ => Place::in_pool(common::gpu_pool(case), kind, touch),
        };
        groups.add(component, place, planned.bytes);
    })
}

/// Everything else on the GPU. Its buffer plan is closed: one or two banks of the cache, f16 or f32 activations.
pub(super) fn gpu_rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    cache.size.high *= 2;
    cache.provenance = Provenance::Estimated;
    let process =
        common::process(1400, (70, 130), "process, kernels and activations; fitted to two published runs");
    common::on_gpu(case, common::rest(case, cache, process))
}
