//! Where a result comes from: machine, storage and the conditions while measuring.

use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Device {
    /// What a reader calls it.
    pub name: String,
    /// Model as the firmware states it.
    pub model: Option<String>,
    /// Hypervisor, where one shows.
    pub virtual_machine: Option<String>,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Memory available when the run began, bytes.
    pub available_bytes: Option<u64>,
    /// Swap, bytes.
    pub swap_bytes: Option<u64>,
    /// Page, bytes.
    pub page_bytes: u64,
    /// Processor.
    pub cpu: Cpu,
    /// Operating system and its paging knobs.
    pub os: Host,
}

/// The processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Cpu {
    /// Name.
    pub model: Option<String>,
    /// Logical cores.
    pub cores: u64,
    /// Frequency governor.
    pub governor: Option<String>,
    /// Highest frequency, kHz.
    pub max_khz: Option<u64>,
}

/// Operating system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Host {
    /// `linux`, `android`, `macos`, `windows`.
    pub name: String,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Instruction set.
    pub arch: String,
    /// Transparent huge pages.
    pub transparent_huge_pages: Option<String>,
    /// Multi-generational LRU.
    pub multi_gen_lru: Option<String>,
    /// Swappiness.
    pub swappiness: Option<u64>,
    /// Network name; left out of published results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// User; left out of published results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The file system and the device below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Storage {
    /// File-system type.
    pub filesystem: Option<String>,
    /// Mount options.
    pub mount_options: Option<String>,
    /// Block device.
    pub device: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// `virtio`, `nvme`, `mmc`, `scsi`, `loop`, `device_mapper`, `network`.
    pub kind: Option<String>,
    /// Whether the queue claims to rotate.
    pub rotational: Option<bool>,
    /// Readahead window, bytes.
    pub readahead_bytes: Option<u64>,
    /// I/O scheduler.
    pub scheduler: Option<String>,
    /// Logical block, bytes.
    pub logical_block_bytes: Option<u64>,
    /// Free space before the run, bytes.
    pub free_bytes: Option<u64>,
}

/// How busy the machine was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Conditions {
    /// One-minute load average before.
    pub load_before: Option<f64>,
    /// And after.
    pub load_after: Option<f64>,
    /// Memory pressure stall while running, microseconds ("some" total).
    pub memory_pressure_us: Option<u64>,
    /// I/O pressure stall while running, microseconds ("some" total).
    pub io_pressure_us: Option<u64>,
    /// Pages swapped while running.
    pub swapped_pages: Option<u64>,
    /// Hottest thermal zone before, degrees Celsius.
    pub temperature_before_c: Option<f64>,
    /// And after.
    pub temperature_after_c: Option<f64>,
    /// Reading the clock twice, nanoseconds.
    pub clock_overhead_ns: Option<f64>,
}
