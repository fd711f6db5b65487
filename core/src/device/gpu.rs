//! GPUs: whose memory they use, how much of it there is and how fast it is read.
//!
//! Graphics cards are YAML files in `profiles/gpus`; a device names one, or a command adds one to any device.

use super::{Source, Sources, whole};
use crate::format::built_in::nearest_note;
use crate::format::document;
use crate::format::document::{DocumentError, Fields, Node, nearest_names};
use crate::format::quantity::mebibytes;
use crate::leaf::cast::to_u64;
use crate::leaf::named;
use crate::leaf::units::MIB;
use crate::leaf::wire::{wire_enum, wire_struct};
use serde::Serialize;

include!(concat!(env!("OUT_DIR"), "/gpus.rs"));

/// Whose memory a GPU uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GpuKind {
    /// Apple's GPUs, in unified memory, which map the model's file without copying it.
    Metal,
    /// A graphics card with memory of its own (CUDA, ROCm, Vulkan, SYCL).
    Discrete,
    /// A GPU in the host's memory whose drivers copy the model into buffers of theirs (CUDA on a Jetson or GB10, ROCm and
    /// Vulkan on an AMD APU).
    Integrated,
}

/// Makers of GPUs: their programs reach different shares of the peaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Maker {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
    /// Apple.
    Apple,
    /// Qualcomm.
    Qualcomm,
    /// Arm.
    Arm,
}

named!(Maker { Nvidia "nvidia", Amd "amd", Intel "intel", Apple "apple", Qualcomm "qualcomm", Arm "arm" });

impl Maker {
    /// Who makes the GPU of a machine's processor, where the machine's title says so.
    pub fn of_machine(title: &str) -> Option<Self> {
        let title = title.to_ascii_lowercase();
        let names = [
            ("intel", Self::Intel),
            ("ryzen", Self::Amd),
            ("amd", Self::Amd),
            ("steam deck", Self::Amd),
            ("snapdragon", Self::Qualcomm),
        ];
        names.into_iter().find(|(name, _)| title.contains(name)).map(|(_, maker)| maker)
    }
}

/// Peaks of arithmetic that a file may state, TFLOP/s.
pub(super) const TFLOPS: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;

/// A GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gpu {
    /// Slug: unique among the built-in cards; the kind's name where the device has one of its own.
    pub name: String,
    /// The name people use.
    pub title: String,
    /// Whose memory it uses.
    pub kind: GpuKind,
    /// Memory of its own in MiB.
    pub memory_mib: Option<u64>,
    /// Peak bandwidth of that memory in GB/s (1e9).
    pub bandwidth_gb_per_s: Option<f64>,
    /// That memory is HBM, whose peak is reached by a smaller share.
    pub hbm: bool,
    /// It is in another machine, which computes its layers (llama.cpp's `--rpc`).
    pub remote: bool,
    /// Who makes it, where that is known.
    pub maker: Option<Maker>,
    /// Peak of its vector units in TFLOP/s, half precision.
    pub vector_tflops: Option<f64>,
    /// Peak of its matrix units in TFLOP/s, half precision without sparsity; none where it has none.
    pub matrix_tflops: Option<f64>,
    /// Where each figure comes from, by field name.
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, Source>"))]
    pub sources: Sources,
}

/// A name of no built-in card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no built-in GPU `{name}`{}; expected a name such as rtx-4060, 256 to 1048576 MiB of its memory or a size such as 8GB, or integrated",
    nearest_note(.nearest.as_deref())
)]
pub struct UnknownGpu {
    /// What was asked for.
    pub name: String,
    /// Nearest built-in names, comma-separated.
    pub nearest: Option<String>,
}

/// Cards that one run may use.
pub const MAX_CARDS: usize = 4;

/// Least and most memory that a card may have, MiB.
const MEMORY_MIB: std::ops::RangeInclusive<u64> = 256..=1_048_576;

impl Gpu {
    /// Apple's, which has no memory of its own.
    pub fn metal() -> Self {
        Self {
            name: "metal".to_owned(),
            title: "Apple GPU".to_owned(),
            kind: GpuKind::Metal,
            memory_mib: None,
            bandwidth_gb_per_s: None,
            hbm: false,
            remote: false,
            maker: Some(Maker::Apple),
            vector_tflops: None,
            matrix_tflops: None,
            sources: Sources::default(),
        }
    }

    /// One in the host's memory, of which nothing else is known.
    pub fn integrated() -> Self {
        Self {
            name: "integrated".to_owned(),
            title: "integrated GPU".to_owned(),
            kind: GpuKind::Integrated,
            maker: None,
            ..Self::metal()
        }
    }

    /// A card of which only the memory is known.
    pub fn of_memory(mib: u64) -> Option<Self> {
        MEMORY_MIB.contains(&mib).then(|| Self {
            name: format!("gpu-{mib}-mib"),
            title: format!("a card of {mib} MiB"),
            kind: GpuKind::Discrete,
            memory_mib: Some(mib),
            maker: None,
            ..Self::metal()
        })
    }

    /// A built-in card by name, or one of so many MiB.
    pub fn named(name: &str) -> Result<Self, UnknownGpu> {
        // A card's number is no number of MiB.
        let called: Vec<&str> = GPUS
            .iter()
            .map(|(known, _)| *known)
            .filter(|known| known.split('-').any(|part| part == name))
            .collect();
        if !called.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UnknownGpu { name: name.to_owned(), nearest: Some(called.join(", ")) });
        }
        // With a unit as it stands on the box, or a plain number of MiB.
        let mib = if name.ends_with(|last: char| last.is_ascii_digit()) {
            name.parse().ok()
        } else {
            mebibytes(name).map(|mib| to_u64(mib.round()))
        };
        if let Some(gpu) = mib.and_then(Self::of_memory) {
            return Ok(gpu);
        }
        // As people write it: RTX4060, "rtx 4060".
        let bare = |name: &str| -> String {
            name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
        };
        let asked = bare(name);
        if asked == "integrated" {
            return Ok(Self::integrated());
        }
        let found = GPUS.iter().find(|(known, _)| bare(known) == asked);
        let read =
            found.and_then(|(name, text)| Self::from_yaml(&format!("profiles/gpus/{name}.yaml"), text).ok());
        read.ok_or_else(|| UnknownGpu {
            name: name.to_owned(),
            nearest: nearest_names(name, GPUS.iter().map(|(name, _)| *name)),
        })
    }

    /// Parse a card; `source` names the file in messages.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, DocumentError> {
        Self::from_node(source, &document::parse_yaml(source, text)?)
    }

    fn from_node(source: &str, node: &Node) -> Result<Self, DocumentError> {
        let fields = Fields::of(source, node)?;
        let name = fields.require_text("name")?.to_owned();
        let mut sources = Sources::default();
        if let Some(text) = fields.text("source")? {
            for field in ["memory_mib", "bandwidth_gb_per_s"] {
                sources.add(field, Source::parse(text));
            }
        }
        if let Some(text) = fields.text("peak_source")? {
            for field in ["vector_tflops", "matrix_tflops"] {
                sources.add(field, Source::parse(text));
            }
        }
        let gpu = Self {
            title: fields.text("title")?.unwrap_or(&name).to_owned(),
            kind: GpuKind::Discrete,
            memory_mib: Some(fields.require_integer("memory_mib", MEMORY_MIB)?),
            bandwidth_gb_per_s: fields.number("bandwidth_gb_per_s", 1.0..=100_000.0)?,
            hbm: fields.flag("hbm")?.unwrap_or(false),
            remote: false,
            maker: fields.choice("maker", &Maker::NAMES)?,
            vector_tflops: fields.number("vector_tflops", TFLOPS)?,
            matrix_tflops: fields.number("matrix_tflops", TFLOPS)?,
            name,
            sources,
        };
        fields.finish()?;
        Ok(gpu)
    }

    /// Memory of its own in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory_mib.map(|mib| whole(mib as f64 * MIB as f64))
    }

    /// Peak bandwidth of its own memory in bytes a second.
    pub fn bytes_per_s(&self) -> Option<f64> {
        self.bandwidth_gb_per_s.map(|gigabytes| gigabytes * 1e9)
    }
}

/// All built-in cards, in alphabetical order of their names.
pub fn gpus() -> impl Iterator<Item = Gpu> {
    GPUS.iter().filter_map(|(name, _)| Gpu::named(name).ok())
}

wire_enum!(GpuKind { 0 Metal, 1 Discrete, 2 Integrated });
wire_struct!(Gpu {
    name,
    title,
    kind,
    memory_mib,
    bandwidth_gb_per_s,
    hbm,
    remote,
    maker,
    vector_tflops,
    matrix_tflops,
    sources,
});
wire_enum!(Maker { 0 Nvidia, 1 Amd, 2 Intel, 3 Apple, 4 Qualcomm, 5 Arm });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_loads_under_its_own_name_with_memory_bandwidth_and_source() {
        assert!(GPUS.len() >= 57, "{}", GPUS.len());
        for (name, text) in GPUS {
            let gpu = Gpu::from_yaml(name, text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(gpu.name, *name);
            assert!(gpu.memory_bytes().is_some() && gpu.bytes_per_s().is_some(), "{name}");
            assert!(gpu.sources.get("memory_mib").is_some(), "{name}");
            assert!(gpu.maker.is_some() && gpu.vector_tflops.is_some(), "{name}");
            assert!(gpu.sources.get("vector_tflops").is_some(), "{name}");
        }
    }

    #[test]
    fn a_card_is_named_or_of_so_many_mebibytes() {
        let card = Gpu::named("rtx-4090").unwrap();
        assert_eq!((card.memory_mib, card.bandwidth_gb_per_s), (Some(24_576), Some(1010.0)));
        assert_eq!(Gpu::named("8192").unwrap().memory_bytes(), Some(8 << 30));
        let error = Gpu::named("rtx-4091").unwrap_err().to_string();
        assert!(error.starts_with("no built-in GPU `rtx-4091`; nearest: rtx-4090"), "{error}");
        for (written, mib) in [("8 GB", 8192), ("8GB", 8192), ("12288MiB", 12_288)] {
            assert_eq!(Gpu::named(written).unwrap().memory_mib, Some(mib), "{written}");
        }
        for written in ["RTX4060", "rtx 4060", "RTX-4060"] {
            assert_eq!(Gpu::named(written).unwrap().name, "rtx-4060");
        }
        assert!(Gpu::named("0").is_err() && Gpu::named("64").is_err());
        let error = Gpu::named("4060").unwrap_err().to_string();
        assert!(error.contains("nearest: rtx-4060, rtx-4060-ti-16gb, rtx-4060-ti-8gb;"), "{error}");
    }
}
