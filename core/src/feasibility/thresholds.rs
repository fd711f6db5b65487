//! Where the answer flips: how much of each resource would change it.

use crate::device::Device;
use crate::memory::Scenario;
use crate::speed::{self, Reads};
use serde::Serialize;

/// Values of a device's figures at which the answer changes; those of memory stand with each limit's check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Thresholds {
    /// Memory bandwidth from which the target speed is reached at best, GB/s (1e9); filled for a device that is looked at.
    pub dram_gb_per_s_for_target: Option<f64>,
    /// Sequential reads of storage with which the target speed is expected although weights are read again, MB/s (1e6); none where
    /// nothing is read again or no storage is enough; filled for a device that is looked at.
    pub storage_mb_per_s_for_target: Option<f64>,
    /// Sequential reads of storage that give the weights read again as often as the target asks, MB/s (1e6): with less the run is too
    /// slow to count as one; none where it runs, or nothing is read again; filled for a device that is looked at.
    pub storage_mb_per_s_to_run: Option<f64>,
    /// Longest random read with which rows on storage allow the target speed, microseconds; none without such rows.
    pub row_latency_us_for_target: Option<f64>,
}

impl Thresholds {
    pub(super) fn of(reads: &Reads, scenario: &Scenario, device: &Device) -> Self {
        let target = scenario.target_tokens_per_s;
        let pages = speed::pages_per_row(reads.row_bytes, device);
        Self {
            dram_gb_per_s_for_target: None,
            storage_mb_per_s_for_target: None,
            storage_mb_per_s_to_run: None,
            row_latency_us_for_target: (pages > 0.0).then(|| 1e6 / (target * pages)),
        }
    }
}
