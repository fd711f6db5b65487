//! Validity flags: what makes a figure worth less than it looks.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a flag is about. Codes of a newer minor version read as `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FlagCode {
    /// Pages were still in memory after the eviction.
    ResidencyAfterEvict,
    /// A cold block filled the cache it was meant to miss.
    ResidencyAtEnd,
    /// Fewer or more bytes came from the device than the pages touched need.
    DeviceBytes,
    /// Faults and device bytes of a mapping disagree.
    FaultsDisagree,
    /// A page came faster than flash can deliver one.
    TooFast,
    /// The thread waited for a CPU.
    RunDelay,
    /// Latencies bunch at the scheduler tick.
    SchedulerTick,
    /// The device's floor moved while the run went on.
    FloorDrift,
    /// Residency could not be observed.
    ColdNotVerified,
    /// Bytes read from the device could not be observed.
    BytesNotVerified,
    /// The memory limit was not what was asked for.
    BudgetNotHeld,
    /// The miss rate had not settled when the warm-up ended.
    NotSteady,
    /// A virtual machine: the host may cache.
    VirtualMachine,
    /// A loop device: the backing file may be cached.
    LoopDevice,
    /// A network or shared file system.
    NetworkFilesystem,
    /// A file system held in memory.
    MemoryFilesystem,
    /// An overlay file system.
    OverlayFilesystem,
    /// The file has holes or unwritten extents.
    SparseFile,
    /// The file system may compress.
    Compression,
    /// Swap traffic while measuring.
    SwapTraffic,
    /// Fewer samples than the quantile needs.
    FewSamples,
    /// The clock went backwards.
    ClockJump,
    /// The processor slowed down or heated up.
    Thermal,
    /// A child process ended early.
    ChildFailed,
    /// Fewer valid blocks than the plan asked for.
    MissingBlocks,
    /// A code this version does not know.
    #[serde(other)]
    Unknown,
}

/// One flag. A hard one makes the verdict INVALID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Flag {
    /// What it is about.
    pub code: FlagCode,
    /// Whether it invalidates the figure.
    pub hard: bool,
    /// What was seen and what was expected.
    pub detail: String,
}

impl Flag {
    /// A flag that invalidates.
    pub fn hard(code: FlagCode, detail: impl Into<String>) -> Self {
        Self { code, hard: true, detail: detail.into() }
    }

    /// A flag that warns.
    pub fn soft(code: FlagCode, detail: impl Into<String>) -> Self {
        Self { code, hard: false, detail: detail.into() }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = if self.hard { "hard" } else { "soft" };
        write!(f, "{weight}: {}", self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::{Flag, FlagCode};

    #[test]
    fn a_code_of_tomorrow_is_read_as_unknown() {
        let flag: Flag =
            serde_json::from_str(r#"{"code":"moon_phase","hard":true,"detail":"x","more":1}"#).unwrap();
        assert_eq!(flag, Flag::hard(FlagCode::Unknown, "x"));
    }
}
