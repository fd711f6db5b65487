//! Hugging Face transformers on the processor: weights in anonymous memory, a cache that grows with the text.

use super::common;
use super::part::{Kind, Part};
use super::placed::Case;
use super::weights::{self, Place};
use crate::memory::LayerCache;

/// Every tensor is a parameter in anonymous memory.
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
    let mut parts = vec![common::kv(case, kv)];
    parts.extend(common::state(case, case.model.architecture.state_bytes() * case.scenario.slots));
    parts.extend(weights::towers(case));
    parts.push(common::activations(case));
    parts.push(common::process(545, (90, 140), "Python and PyTorch, as measured"));
    parts
}
