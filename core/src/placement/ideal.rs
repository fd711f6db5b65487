//! No runtime: logical bytes, no copies, mapped weights, the process as the profile states it.

use super::case::Case;
use super::common;
use super::part::{Component, Kind, Part};
use super::weights;
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::memory::LayerCache;

/// The file, mapped.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::all_of(case, Kind::File)
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let stated = case.model.architecture.stated_overhead_bytes;
    let note = "as the profile states it".to_owned();
    let size = Interval::percent(stated, 50, 200);
    let process = Part::uncertain(Component::Runtime, size, Provenance::Estimated, note);
    common::rest(case, common::kv(case, kv), process)
}
