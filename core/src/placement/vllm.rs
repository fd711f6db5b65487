//! vLLM on the processor: weights in anonymous memory, a cache in pages of 16 tokens.

use super::common;
use super::part::{Kind, Part};
use super::placed::Case;
use super::weights::{self, Place};
use crate::memory::{LayerCache, Provenance, Runtime, Scenario, kv_cache};

/// Every tensor is copied out of the checkpoint.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::parts(case, |component, tensor, planned| {
        [(
            component,
            Place::host(Kind::Anonymous, weights::touch(case, tensor, planned.bytes)),
            planned.bytes,
        )]
    })
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    let logical = Scenario { runtime: Runtime::Ideal, ..case.scenario.clone() };
    cache.size.low = kv_cache::total(&case.model.architecture, &logical).min(cache.size.bytes);
    cache.provenance = Provenance::Estimated;
    let mut parts = vec![cache];
    parts.extend(common::state(case, case.model.architecture.state_bytes() * case.scenario.slots));
    parts.extend(weights::towers(case));
    parts.push(common::activations(case));
    parts.push(common::process(1536, (50, 200), "Python, PyTorch and captured graphs"));
    parts
}
