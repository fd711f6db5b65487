//! What of a machine decides where a runtime puts things.

use crate::device::{Device, GpuKind, MAX_CARDS, Processor};
use crate::leaf::units::MIB;
use crate::memory::{LoadMode, Offload, Scenario};
use serde::Serialize;

/// The page has no device with several cards and no way to place tensors by hand; without their rules its first visit is
/// 3 KB smaller.
pub(crate) const ONE_CARD: bool = cfg!(target_arch = "wasm32");

/// Something for each of several cards, in llama.cpp's order; nothing where there is one card or none.
pub type EachCard<T> = [T; 4];

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
    /// Memory of each of several cards, MiB.
    #[serde(skip_serializing_if = "is_one")]
    pub cards: EachCard<u32>,
}

fn is_one(cards: &EachCard<u32>) -> bool {
    cards[1] == 0
}

impl Machine {
    /// An x86-64 computer with AVX2 and no GPU: what is assumed where no device is named.
    pub const X86: Self =
        Self { processor: Processor::Avx2, gpu: None, gpu_memory_bytes: None, cards: [0; MAX_CARDS] };

    /// Of a device.
    pub fn of(device: &Device) -> Self {
        let more = device.cards();
        let gpu = more.first().copied().or(device.gpu.as_ref());
        let several = !ONE_CARD && more.len() > 1;
        let mut cards = [0; MAX_CARDS];
        for (mib, card) in cards.iter_mut().zip(&more).filter(|_| several) {
            *mib = card.memory_mib.and_then(|mib| u32::try_from(mib).ok()).unwrap_or(0);
        }
        Self {
            processor: device.processor,
            gpu: gpu.map(|gpu| gpu.kind),
            gpu_memory_bytes: gpu.and_then(|gpu| gpu.memory_bytes().or_else(|| device.lent_to_gpu_bytes())),
            cards,
        }
    }

    /// How many cards there are.
    pub fn card_count(&self) -> usize {
        let one = usize::from(self.gpu == Some(GpuKind::Discrete));
        if ONE_CARD { one } else { self.cards.iter().take_while(|mib| **mib > 0).count().max(one) }
    }

    /// The same with so many bytes less on each card.
    #[must_use]
    pub fn less(mut self, bytes: EachCard<u64>) -> Self {
        self.gpu_memory_bytes = self.gpu_memory_bytes.map(|memory| memory.saturating_sub(bytes[0]));
        for (mib, bytes) in self.cards.iter_mut().zip(bytes) {
            let taken = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX);
            // A card that is full is still there.
            *mib = if *mib == 0 { 0 } else { mib.saturating_sub(taken).max(1) };
        }
        self
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
