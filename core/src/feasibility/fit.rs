//! Whether a run keeps to the limits that apply, and in which mode.

use super::check::{self, Outcome};
use crate::device::{Counts, Device, Limit};
use crate::leaf::named;
use crate::memory::Scenario;
use crate::placement::{Needs, ReRead};
use crate::speed;
use serde::Serialize;

/// How the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything that is touched again stays in memory.
    Resident,
    /// Part of the weights stays on storage (tables, experts that a token does not use, or weights that are read again), and
    /// the target speed is still possible.
    Mmap,
    /// Not at all, or at a speed that does not count.
    Infeasible,
}

named!(Mode { Resident "resident", Mmap "mmap", Infeasible "infeasible" });

/// How a run sits under all limits of a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) mode: Mode,
    pub(super) outcome: Outcome,
    pub(super) reread: Option<ReRead>,
    /// The least room under any limit, bytes.
    pub(super) headroom: u64,
}

impl Fit {
    pub(super) fn of(needs: &Needs, limits: &[Limit], scenario: &Scenario, device: &Device) -> Self {
        let counted = || limits.iter().filter(|limit| limit.decides());
        let outcomes = counted().map(|limit| check::outcome(limit, needs, check::expected));
        let outcome = outcomes.max_by_key(|outcome| outcome.rank()).unwrap_or(Outcome::Passes);
        let mode = match outcome {
            Outcome::Passes => Mode::Resident,
            Outcome::PassesWithTablesOnStorage => Mode::Mmap,
            // Code is read in single pages, at a rate that nobody has measured.
            Outcome::Slows { .. } if !needs.maps_weights() => Mode::Infeasible,
            Outcome::Slows { reread } => {
                let reached = rereads_per_s(reread.expected, device);
                if reached >= scenario.target_tokens_per_s { Mode::Mmap } else { Mode::Infeasible }
            }
            Outcome::Fails => Mode::Infeasible,
        };
        let reread = match outcome {
            Outcome::Slows { reread } => Some(reread),
            _ => None,
        };
        let need = |limit: &Limit| match limit.counts {
            Counts::Gpu => needs.on_card(limit.card).bytes,
            counts => needs.counted(counts, outcome == Outcome::Passes).bytes,
        };
        let headroom = counted().map(|limit| limit.bytes.saturating_sub(need(limit))).min().unwrap_or(0);
        Self { mode, outcome, reread, headroom }
    }
}

/// The fewest and the most tokens a second that storage allows where weights are read again under `limit`, if the target
/// lies between them: how much is read again is an interval as well.
pub(super) fn target_within(
    limit: &Limit,
    needs: &Needs,
    scenario: &Scenario,
    device: &Device,
) -> Option<(f64, f64)> {
    let (least, most) = check::reread_at_ends(limit, needs).filter(|_| needs.maps_weights())?;
    let (low, high) = (rereads_per_s(most, device), rereads_per_s(least, device));
    let target = scenario.target_tokens_per_s;
    (low < target && target <= high).then_some((low, high))
}

/// Whether a limit that decides lies within the need's interval, or the target within what storage allows.
pub(super) fn is_in_doubt(limits: &[Limit], needs: &Needs, scenario: &Scenario, device: &Device) -> bool {
    let doubtful = |limit: &Limit| {
        check::is_borderline(limit, needs) || target_within(limit, needs, scenario, device).is_some()
    };
    limits.iter().any(|limit| limit.decides() && doubtful(limit))
}

/// How often a second storage gives `bytes` that are read again.
pub(super) fn rereads_per_s(bytes: u64, device: &Device) -> f64 {
    speed::storage_bytes_per_s(device) / bytes.max(1) as f64
}
