//! ExecuTorch with XNNPACK on the processor: the program's file mapped, matrices packed into memory of the process, a cache
//! for the whole context that is planned when the model is exported (commit cff6f4dd).

use super::case::Case;
use super::common;
use super::part::{Component, Kind, Part, Touch};
use super::weights::{self, Place};
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::leaf::units::MIB;
use crate::memory::LayerCache;

/// Matrices are read once and packed; tables are looked up in the file.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    let mut parts = weights::parts(case, &|component, tensor, planned, groups| {
        let touch = weights::touch(case, tensor, planned.bytes);
        if tensor.role.is_table() && matches!(touch, Touch::Rows { .. }) {
            return groups.add(component, Place::host(Kind::File, touch), planned.bytes);
        }
        groups.add(component, Place::host(Kind::File, Touch::Load), planned.bytes);
        groups.add(Component::PackedWeights, Place::host(Kind::Anonymous, touch), planned.bytes);
    });
    for part in parts.iter_mut().filter(|part| part.component == Component::PackedWeights) {
        part.size = Interval::percent(part.size.bytes, 95, 110);
        part.provenance = Provenance::Estimated;
        "packed by XNNPACK, with sums of each channel".clone_into(&mut part.note);
    }
    parts
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let cache = common::kv(case, kv);
    let process = Interval { low: 20 * MIB, bytes: 60 * MIB, high: 150 * MIB };
    let note = "process, tokenizer and planned buffers".to_owned();
    common::rest(case, cache, Part::uncertain(Component::Runtime, process, Provenance::Estimated, note))
}
