//! Devices: what memory an app may use, how fast memory and storage are, and how each figure is known.
//!
//! A device is a YAML file; the built-in ones are embedded from `profiles/devices`. The first version's five
//! fields (`name`, `ram_budget_mb`, `flash_read_gbps`, `supports_npu`, `notes`) are enough: the rest follows from
//! the operating system and the storage class, and says so in `sources`.

mod form;
mod gpu;
pub mod limits;
mod processor;
mod read;
pub mod registry;
mod sources;
pub mod storage;
mod write;

pub use form::Form;
pub use gpu::{Gpu, GpuKind, MAX_CARDS, Maker, UnknownGpu, gpus};
pub use limits::{Beyond, ByState, Confidence, Counts, Limit, MemoryKind, Platform, State, Version};
pub use processor::Processor;
pub use sources::Sources;
pub use storage::{Storage, StorageClass};
pub use write::DeviceFile;

use crate::leaf::cast::to_u64;
use crate::leaf::named;
use crate::leaf::units::{GIB, MIB};
use crate::leaf::wire::{wire_enum, wire_struct};
use serde::Serialize;

/// A phone, board or computer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Device {
    /// Slug: unique among the built-in devices.
    pub name: String,
    /// The name people use.
    pub title: String,
    /// Operating system; decides what a stated budget counts.
    pub os: Os,
    /// The system by the name that limits use.
    pub platform: Platform,
    /// Its version; the newest that is known where none is stated.
    pub os_version: Option<Version>,
    /// What it is to its owner; decides the context that is usual on it.
    pub form: Form,
    /// Instruction sets of its processor.
    pub processor: Processor,
    /// The GPU that runtimes use when nothing is said.
    pub gpu: Option<Gpu>,
    /// Cards beside that one, and those of other machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_gpus: Vec<Gpu>,
    /// Physical memory in MiB, where known.
    pub ram_mib: Option<u64>,
    /// Memory limit of the cgroup that the program runs in, in MiB.
    pub cgroup_mib: Option<u64>,
    /// Memory that one app may use, in MiB, where somebody states it: it takes the place of what the system would leave.
    pub ram_budget_mb: Option<f64>,
    /// Limits of the system on such a device, and those of its own file.
    pub system_limits: Vec<Limit>,
    /// What a stated budget counts.
    pub budget_metric: BudgetMetric,
    /// Peak memory bandwidth in GB/s (1e9), where known.
    pub dram_bandwidth_gb_per_s: Option<f64>,
    /// Peak of the processor's large cores together in GFLOP/s, single precision, where known.
    pub cpu_gflops: Option<f64>,
    /// The same of its 8-bit products in GOP/s, where known; four times as many are usual.
    pub cpu_int8_gops: Option<f64>,
    /// Share of its speed that it keeps after ten minutes of work, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sustained_share: Option<f64>,
    /// Speeds measured on it, as deviations from what is expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measured_speeds: Vec<MeasuredSpeed>,
    /// Storage that holds the model file.
    pub storage: Storage,
    /// Size of a memory page in KiB.
    pub page_size_kib: u64,
    /// A neural processing unit is there.
    pub supports_npu: bool,
    /// Remarks.
    pub notes: String,
    /// Where each figure comes from, by field name (`storage.` before the storage's fields).
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, Source>"))]
    pub sources: Sources,
}

/// A measured speed, as far as other speeds of the device follow from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeasuredSpeed {
    /// Measured on the GPU, not on the processor.
    pub on_gpu: bool,
    /// Of a prompt, not of decoding.
    pub of_prompt: bool,
    /// The model chooses among experts.
    pub mixture: bool,
    /// Group of the weights' format.
    pub format_group: String,
    /// Logarithm of measured over expected.
    pub log_ratio: f64,
}

/// Operating systems that limit memory in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Android and its relatives.
    Android,
    /// iOS and iPadOS.
    Ios,
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
    /// Not stated.
    Other,
}

/// Which number an operating system compares with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BudgetMetric {
    /// Resident pages, clean pages of mapped files among them (Linux, Android).
    Rss,
    /// Private and GPU memory without clean pages of mapped files (Apple's `phys_footprint`, Windows' private
    /// bytes).
    Footprint,
}

/// How a figure is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// Kind.
    pub kind: SourceKind,
    /// In words.
    pub text: String,
}

/// Kinds of sources, from what the text starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// `spec-sheet:` the maker's data sheet.
    SpecSheet,
    /// `published:` somebody's measurement or documentation.
    Published,
    /// `estimate:` an engineering estimate or a rule applied here.
    Estimate,
    /// `second-hand:` somebody's transcription, not checked.
    SecondHand,
    /// `measured:` on the device itself.
    Measured,
    /// Whoever wrote the device file says so.
    Stated,
}

impl BudgetMetric {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Footprint => "footprint (private memory)",
        }
    }
}

impl Os {
    /// What its memory limit or pressure counts.
    pub const fn budget_metric(self) -> BudgetMetric {
        match self {
            Self::Ios | Self::Macos => BudgetMetric::Footprint,
            Self::Android | Self::Linux | Self::Windows | Self::Other => BudgetMetric::Rss,
        }
    }

    /// What a device of this system usually is.
    pub const fn form(self) -> Form {
        match self {
            Self::Android | Self::Ios | Self::Other => Form::Phone,
            Self::Linux => Form::Board,
            Self::Macos | Self::Windows => Form::Computer,
        }
    }

    /// The processor that is usual with it.
    pub const fn processor(self) -> Processor {
        match self {
            // What packs most is assumed where nothing is known.
            Self::Android | Self::Ios | Self::Macos | Self::Other => Processor::ArmDotprod,
            Self::Linux | Self::Windows => Processor::Avx2,
        }
    }

    /// The GPU that runtimes use with it when nothing is said.
    pub fn gpu(self) -> Option<Gpu> {
        match self {
            Self::Ios | Self::Macos => Some(Gpu::metal()),
            _ => None,
        }
    }

    /// Usual size of a memory page in KiB.
    pub const fn page_size_kib(self) -> u64 {
        match self {
            Self::Ios | Self::Macos => 16,
            Self::Android | Self::Linux | Self::Windows | Self::Other => 4,
        }
    }
}

named!(Os { Android "android", Ios "ios", Linux "linux", Macos "macos", Windows "windows", Other "other" });

impl Source {
    /// Read a source; the kind is what the text starts with.
    pub fn parse(text: &str) -> Self {
        let marks = [
            ("spec-sheet", SourceKind::SpecSheet),
            ("published", SourceKind::Published),
            ("estimate", SourceKind::Estimate),
            ("second-hand", SourceKind::SecondHand),
            ("measured", SourceKind::Measured),
        ];
        for (mark, kind) in marks {
            if let Some(rest) = text.strip_prefix(mark).and_then(|rest| rest.strip_prefix(':')) {
                return Self { kind, text: rest.trim().to_owned() };
            }
        }
        Self { kind: SourceKind::Stated, text: text.to_owned() }
    }
}

impl Device {
    /// The stated budget in bytes.
    pub fn ram_budget_bytes(&self) -> Option<u64> {
        self.ram_budget_mb.map(|mib| whole(mib * MIB as f64))
    }

    /// Sequential storage speed in the first version's unit: 2^30 bytes a second.
    pub fn flash_read_gbps(&self) -> f64 {
        self.storage.sequential_read_mb_per_s * 1e6 / GIB as f64
    }

    /// Peak memory bandwidth in bytes a second.
    pub fn dram_bytes_per_s(&self) -> Option<f64> {
        self.dram_bandwidth_gb_per_s.map(|gigabytes| gigabytes * 1e9)
    }

    /// Size of a memory page in bytes.
    pub const fn page_bytes(&self) -> u64 {
        self.page_size_kib * 1024
    }
}

/// A size in bytes, rounded to the nearest.
fn whole(bytes: f64) -> u64 {
    to_u64(bytes.round())
}

wire_struct!(MeasuredSpeed { on_gpu, of_prompt, mixture, format_group, log_ratio });
wire_struct!(Device {
    name,
    title,
    os,
    platform,
    os_version,
    form,
    processor,
    gpu,
    more_gpus,
    ram_mib,
    cgroup_mib,
    ram_budget_mb,
    system_limits,
    budget_metric,
    dram_bandwidth_gb_per_s,
    cpu_gflops,
    cpu_int8_gops,
    sustained_share,
    measured_speeds,
    storage,
    page_size_kib,
    supports_npu,
    notes,
    sources,
});
wire_enum!(Os { 0 Android, 1 Ios, 2 Linux, 3 Macos, 4 Windows, 5 Other });
wire_enum!(BudgetMetric { 0 Rss, 1 Footprint });
wire_enum!(SourceKind { 0 SpecSheet, 1 Published, 2 Estimate, 3 Stated, 4 SecondHand, 5 Measured });
