//! What of a machine decides where a runtime puts things.

use crate::device::{Device, GpuKind, Processor};
use crate::memory::{LoadMode, Offload, Scenario};
use serde::Serialize;

/// A processor, and a GPU that shares its memory where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Machine {
    /// Instruction sets.
    pub processor: Processor,
    /// The GPU that runtimes use.
    pub gpu: Option<GpuKind>,
    /// A card's own memory, or what the system lends a GPU of the host's, bytes; none where nothing says.
    pub gpu_memory_bytes: Option<u64>,
}

impl Machine {
    /// An x86-64 computer with AVX2 and no GPU: what is assumed where no device is named.
    pub const X86: Self = Self { processor: Processor::Avx2, gpu: None, gpu_memory_bytes: None };

    /// Of a device.
    pub fn of(device: &Device) -> Self {
        let gpu = device.gpu.as_ref();
        Self {
            processor: device.processor,
            gpu: gpu.map(|gpu| gpu.kind),
            gpu_memory_bytes: gpu.and_then(|gpu| gpu.memory_bytes().or_else(|| device.lent_to_gpu_bytes())),
        }
    }

    /// The same with so many bytes less on the card.
    #[must_use]
    pub fn less(self, bytes: u64) -> Self {
        Self { gpu_memory_bytes: self.gpu_memory_bytes.map(|memory| memory.saturating_sub(bytes)), ..self }
    }

    /// The same with room for anything on the card.
    #[must_use]
    pub fn with_room(self) -> Self {
        Self { gpu_memory_bytes: self.gpu_memory_bytes.map(|_| u64::MAX), ..self }
    }

    /// Whether `scenario` uses the GPU here; then no weights are packed for the processor.
    pub fn uses_gpu(&self, scenario: &Scenario) -> bool {
        let asked = match scenario.offload {
            Offload::Off => false,
            Offload::Layers(0) => self.gpu == Some(GpuKind::Discrete),
            _ => true,
        };
        asked && scenario.runtime.is_llama_cpp() && self.gpu.is_some()
    }

    /// Whether layers run on a GPU that shares the memory.
    pub fn offloads(&self, scenario: &Scenario) -> bool {
        self.uses_gpu(scenario) && matches!(self.gpu, Some(GpuKind::Metal | GpuKind::Integrated))
    }

    /// How weights come into memory: llama.cpp maps nothing for GPUs that share the memory but copy all the same
    /// (`--load-mode auto`).
    pub fn load(&self, scenario: &Scenario) -> LoadMode {
        let copies = self.gpu == Some(GpuKind::Integrated) && self.uses_gpu(scenario);
        if copies && scenario.load == LoadMode::Mmap { LoadMode::Copy } else { scenario.load }
    }

    /// In words; `split` says that not all layers are on the GPU.
    pub fn title(&self, scenario: &Scenario, split: bool) -> &'static str {
        if scenario.runtime.needs_gpu() {
            return "all layers on the GPU";
        }
        match self.gpu {
            Some(GpuKind::Metal) if self.uses_gpu(scenario) && split => "layers on the GPU, by Metal",
            Some(GpuKind::Metal) if self.uses_gpu(scenario) => "all layers on the GPU, by Metal",
            Some(GpuKind::Integrated) if self.uses_gpu(scenario) && split => "layers on the integrated GPU",
            Some(GpuKind::Integrated) if self.uses_gpu(scenario) => "all layers on the integrated GPU",
            Some(GpuKind::Discrete) if self.uses_gpu(scenario) => "layers on a graphics card",
            _ => self.processor.title(),
        }
    }
}
