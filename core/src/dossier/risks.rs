//! What a prediction leaves open: in general, and in one case.

use crate::device::{Device, SourceKind};
use crate::leaf::Provenance;
use crate::report::Report;

use super::flips::size;

/// What no prediction here covers.
const NOT_MODELLED: [&str; 5] = [
    "The quality of the answers: a smaller format of weights or keys and values changes them; nothing here says by how much.",
    "Heat: a phone that is warm runs slower after some minutes; speeds are those of a cool device.",
    "Memory of other programs: limits are those of a device that does nothing else.",
    "The program's own memory beside the model, where it has a user interface or keeps more than the text.",
    "Energy: how long a battery lasts.",
];

/// The author's own risks, then those of every prediction.
pub(super) fn of_all(own: &[String]) -> Vec<String> {
    own.iter().cloned().chain(NOT_MODELLED.iter().map(|risk| (*risk).to_owned())).collect()
}

/// What of one case is estimated, assumed or not counted.
pub(super) fn of_case(report: &Report, device: &Device) -> Vec<String> {
    let mut doubts = Vec::new();
    for part in &report.placement.parts {
        if part.provenance == Provenance::Estimated && part.size.high > part.size.low {
            doubts.push(format!(
                "{}: estimated, {} to {}.",
                part.component.title(),
                size(part.size.low),
                size(part.size.high)
            ));
        }
    }
    let estimates: Vec<&str> = device
        .sources
        .iter()
        .filter(|(_, source)| matches!(source.kind, SourceKind::Estimate | SourceKind::SecondHand))
        .map(|(field, _)| field)
        .collect();
    if !estimates.is_empty() {
        doubts.push(format!(
            "Figures of the device that are estimates or second hand: {}.",
            estimates.join(", ")
        ));
    }
    let verdict = report.devices.first();
    if let Some(speed) = verdict.and_then(|verdict| verdict.speed.as_ref()) {
        doubts.extend(speed.wide_because.iter().map(|why| format!("Speed: {why}.")));
    }
    doubts.extend(report.model.assumptions.iter().map(|assumption| format!("Assumed: {assumption}.")));
    doubts
}
