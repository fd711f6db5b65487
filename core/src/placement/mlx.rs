//! MLX (mlx-lm, mlx-swift-lm): arrays in the GPU's buffers, read into them without a mapping.

use super::case::Case;
use super::common;
use super::part::{Component, Kind, Part};
use super::weights;
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::leaf::units::MIB;
use crate::memory::LayerCache;

/// Tokens computed at once in prefill (`prefill_step_size` of mlx-lm; 512 in mlx-swift-lm), which a window's cache holds
/// beside the window.
const CHUNK: u64 = 2048;

/// Every tensor, embeddings included.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::all_in(case, common::gpu_pool(case), Kind::Anonymous)
}

/// Everything else. A cache grows by joining the old array to 256 new tokens: a layer's old and new one are there
/// together. Freed buffers are kept for later ones; 300 to 350 MiB of them were seen beside what MLX itself counts.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    let grown = |layer: &LayerCache| layer.bytes.checked_div(layer.cells).unwrap_or(0) * CHUNK;
    let widest = kv.iter().map(|layer| layer.bytes).max().unwrap_or(0);
    let windows = kv.iter().filter(|layer| layer.cells < case.scenario.context_tokens);
    cache.size.high += widest + windows.map(grown).sum::<u64>();
    cache.provenance = Provenance::Estimated;
    let note = "buffers that MLX keeps after use";
    let size = Interval { low: 0, bytes: 200 * MIB, high: 400 * MIB };
    let kept = Part::uncertain(Component::Compute, size, Provenance::Estimated, note.to_owned());
    let process = common::process(150, (30, 200), "Python and MLX; less in Swift");
    let mut parts = common::rest(case, cache, process);
    parts.push(kept);
    common::on_gpu(case, parts)
}
