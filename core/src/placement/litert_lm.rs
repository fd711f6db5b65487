//! LiteRT-LM on the processor: mapped sections, a packed copy of the decoder by XNNPACK.

use super::common;
use super::part::{Component, Interval, Kind, Part};
use super::placed::Case;
use super::weights;
use crate::memory::{LayerCache, Provenance, Runtime, Scenario, kv_cache};
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
