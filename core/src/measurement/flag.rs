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

impl FlagCode {
    /// A few words for a heading or a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::ResidencyAfterEvict => "still cached after eviction",
            Self::ResidencyAtEnd => "cache filled by the end",
            Self::DeviceBytes => "device bytes off",
            Self::FaultsDisagree => "faults and bytes disagree",
            Self::TooFast => "faster than flash",
            Self::RunDelay => "waited for a CPU",
            Self::SchedulerTick => "bunched at the tick",
            Self::FloorDrift => "device floor drifted",
            Self::ColdNotVerified => "cold not verified",
            Self::BytesNotVerified => "device bytes not verified",
            Self::BudgetNotHeld => "budget not held",
            Self::NotSteady => "not steady",
            Self::VirtualMachine => "virtual machine",
            Self::LoopDevice => "loop device",
            Self::NetworkFilesystem => "network file system",
            Self::MemoryFilesystem => "file system in memory",
            Self::OverlayFilesystem => "overlay file system",
            Self::SparseFile => "sparse file",
            Self::Compression => "compressing file system",
            Self::SwapTraffic => "swap traffic",
            Self::FewSamples => "few samples",
            Self::ClockJump => "clock jump",
            Self::Thermal => "slowed or heated up",
            Self::ChildFailed => "a run ended early",
            Self::MissingBlocks => "blocks missing",
            Self::Unknown => "unknown flag",
        }
    }

    /// What it means for the figures, one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::ResidencyAfterEvict => {
                "Part of the table was in memory when a cold block began, so its reads were not all cold."
            }
            Self::ResidencyAtEnd => {
                "A cold block drew in so much of the table that its later reads found pages cached."
            }
            Self::DeviceBytes => {
                "Storage delivered fewer or more bytes than the touched pages need, so something else served or read."
            }
            Self::FaultsDisagree => "Major faults and device bytes tell different counts of reads.",
            Self::TooFast => "No flash answers this fast; a cache below the operating system did.",
            Self::RunDelay => "The reader waited for a CPU, and that wait is part of the latencies.",
            Self::SchedulerTick => {
                "Latencies bunch at the scheduler tick: the kernel woke the reader late, not the device."
            }
            Self::FloorDrift => "The device itself became faster or slower while the run went on.",
            Self::ColdNotVerified => {
                "The platform would not say which pages were cached, so cold is an assumption."
            }
            Self::BytesNotVerified => "The platform would not say how many bytes came from storage.",
            Self::BudgetNotHeld => "The memory limit in force was not the one asked for.",
            Self::NotSteady => "The miss rate was still moving when timing began.",
            Self::VirtualMachine => {
                "The host may cache below the guest, so latencies are those of a virtual disk and not of a device."
            }
            Self::LoopDevice => "The backing file may be cached below the loop device.",
            Self::NetworkFilesystem => {
                "Reads cross a network or a shared file system, and the other side may cache."
            }
            Self::MemoryFilesystem => "The file lies in memory; there is no storage to measure.",
            Self::OverlayFilesystem => "The file that is read may not be the file that was evicted.",
            Self::SparseFile => "Holes and unwritten extents are served without reading.",
            Self::Compression => "Fewer bytes are read than the rows hold, and reading costs a CPU.",
            Self::SwapTraffic => "Pages were swapped while measuring, which competes for the same storage.",
            Self::FewSamples => "A quantile stands on fewer samples than it needs.",
            Self::ClockJump => "The clock went backwards; the block's times cannot be used.",
            Self::Thermal => {
                "The processor slowed down or heated up, so later values are worse than earlier ones."
            }
            Self::ChildFailed => "A measuring process ended before its plan was done.",
            Self::MissingBlocks => "Fewer valid blocks than planned, so intervals are wider than they look.",
            Self::Unknown => "Written by a newer version; its own words are all there is.",
        }
    }
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
