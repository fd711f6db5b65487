//! MLC-LLM (0.20, commit 79d603f0): weights, the whole cache and workspaces in buffers of the GPU, made when it starts.

use super::case::Case;
use super::common;
use super::part::{Kind, Part};
use super::weights;
use crate::leaf::Provenance;
use crate::leaf::units::MIB;
use crate::memory::LayerCache;

/// What `cpp/serve/config.cc` adds to the workspace of a cache, whatever its size.
const WORKSPACE: u64 = 48 * MIB;

/// Every tensor.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::all_in(case, common::gpu_pool(case), Kind::Anonymous)
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    cache.size.high += WORKSPACE;
    cache.size.bytes += WORKSPACE;
    cache.provenance = Provenance::Estimated;
    common::on_gpu(
        case,
        common::rest(case, cache, common::process(120, (40, 250), "process, kernels and tokenizer")),
    )
}
