//! What of a machine decides where a runtime puts things.

use crate::device::{Device, GpuKind, Processor};
use crate::memory::{Offload, Scenario};
use serde::Serialize;

/// A processor, and a GPU that shares its memory where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Machine {
    /// Instruction sets.
    pub processor: Processor,
    /// The GPU that runtimes use.
    pub gpu: Option<GpuKind>,
}

impl Machine {
    /// An x86-64 computer with AVX2 and no GPU: what is assumed where no device is named.
    pub const X86: Self = Self { processor: Processor::Avx2, gpu: None };

    /// Of a device.
    pub const fn of(device: &Device) -> Self {
        Self { processor: device.processor, gpu: device.gpu }
    }

    /// Whether `scenario` runs its layers on the GPU here.
    pub fn offloads(&self, scenario: &Scenario) -> bool {
        scenario.runtime.is_llama_cpp() && scenario.offload == Offload::Auto && self.gpu.is_some()
    }

    /// In words.
    pub fn title(&self, scenario: &Scenario) -> &'static str {
        match self.gpu {
            Some(GpuKind::Metal) if self.offloads(scenario) => "all layers on the GPU, by Metal",
            _ => self.processor.title(),
        }
    }
}
