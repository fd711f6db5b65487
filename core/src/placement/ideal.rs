//! No runtime: logical bytes, no copies, mapped weights, the process as the profile states it.

use super::common;
use super::part::{Component, Interval, Kind, Part};
use super::placed::Case;
use super::weights::{self, Place};
use crate::memory::{LayerCache, Provenance};

/// The file, mapped.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::parts(case, |component, tensor, planned| {
        [(component, Place::host(Kind::File, weights::touch(case, tensor, planned.bytes)), planned.bytes)]
    })
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut parts = vec![common::kv(case, kv)];
    parts.extend(common::state(case, case.model.architecture.state_bytes() * case.scenario.slots));
    parts.extend(weights::towers(case));
    parts.push(common::activations(case));
    let stated = case.model.architecture.stated_overhead_bytes;
    let note = "as the profile states it".to_owned();
    parts.push(Part::uncertain(
        Component::Runtime,
        Interval::percent(stated, 50, 200),
        Provenance::Estimated,
        note,
    ));
    parts
}
