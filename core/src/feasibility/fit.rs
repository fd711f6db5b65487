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
            Outcome::Slows { reread } => {
                let reached = Self::rereads_per_s(&reread, device);
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

    /// How often a second storage gives what is read again.
    pub(super) fn rereads_per_s(reread: &ReRead, device: &Device) -> f64 {
        speed::storage_bytes_per_s(device) / reread.expected.max(1) as f64
    }
}
