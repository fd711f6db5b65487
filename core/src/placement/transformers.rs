//! Hugging Face transformers on the processor: weights in anonymous memory, a cache that grows with the text.

use super::case::Case;
use super::common;
use super::part::{Kind, Part};
use super::weights;
use crate::memory::LayerCache;

/// Every tensor is a parameter in anonymous memory.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::all_of(case, Kind::Anonymous)
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    common::rest(
        case,
        common::kv(case, kv),
        common::process(545, (90, 140), "Python and PyTorch, as measured"),
    )
}
