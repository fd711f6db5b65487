//! vLLM on the processor: weights in anonymous memory, a cache in pages of 16 tokens.

use super::case::Case;
use super::common;
use super::part::{Kind, Part};
use super::weights;
use crate::leaf::Provenance;
use crate::memory::{LayerCache, Runtime, Scenario, kv_cache};

/// Every tensor is copied out of the checkpoint.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::all_of(case, Kind::Anonymous)
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    let logical = Scenario { runtime: Runtime::Ideal, ..case.scenario.clone() };
    cache.size.low = kv_cache::total(&case.model.architecture, &logical).min(cache.size.bytes);
    cache.provenance = Provenance::Estimated;
    common::rest(case, cache, common::process(1536, (50, 200), "Python, PyTorch and captured graphs"))
}
