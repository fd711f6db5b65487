//! Memory that the LiteRT-LM model cards of Gemma 4 state, row by row, beside what is predicted for it.
//!
//! Published for prefill 1024, decode 256 and a context of 2048 tokens (4096 on the NPU), four CPU threads, caches warm. Android
//! and Linux rows are the peak resident set, which counts mapped file pages; Apple's are the physical footprint and
//! Windows' the private usage, which do not. There is no rule for memory on GPUs and NPUs, so those have no prediction.

use crate::memory::{Footprint, Place, Runtime, Scenario};
use crate::model::registry;
use crate::weights::{WeightFormat, WeightPlan};

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// Central processor.
    Cpu,
    /// Graphics processor.
    Gpu,
    /// Neural processor.
    Npu,
}

/// What a memory figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryMetric {
    /// Resident set, mapped file pages included.
    Rss,
    /// Private memory; clean file pages do not count.
    Footprint,
}

/// One published figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardRow {
    /// Slug of the model.
    pub model: &'static str,
    /// Device.
    pub device: &'static str,
    /// What computes.
    pub processor: Processor,
    /// Tokens of context.
    pub context_tokens: u64,
    /// As published, MB (10^6 bytes).
    pub megabytes: u64,
    /// What it counts.
    pub metric: MemoryMetric,
}

const fn row(
    model: &'static str,
    device: &'static str,
    processor: Processor,
    context_tokens: u64,
    megabytes: u64,
    metric: MemoryMetric,
) -> CardRow {
    CardRow { model, device, processor, context_tokens, megabytes, metric }
}

/// The rows of both cards, as read in November 2026.
pub const LITERT_CARDS: [CardRow; 27] = [
    row("gemma4-e2b", "Galaxy S26 Ultra", Processor::Cpu, 2048, 1_733, MemoryMetric::Rss),
    row("gemma4-e2b", "Galaxy S26 Ultra", Processor::Gpu, 2048, 676, MemoryMetric::Rss),
    row("gemma4-e2b", "iPhone 17 Pro", Processor::Cpu, 2048, 607, MemoryMetric::Footprint),
    row("gemma4-e2b", "iPhone 17 Pro", Processor::Gpu, 2048, 1_450, MemoryMetric::Footprint),
    row("gemma4-e2b", "Linux on Arm, 2.3 and 2.8 GHz", Processor::Cpu, 2048, 1_628, MemoryMetric::Rss),
    row("gemma4-e2b", "GeForce RTX 4090", Processor::Gpu, 2048, 913, MemoryMetric::Rss),
    row("gemma4-e2b", "MacBook Pro M4 Max", Processor::Cpu, 2048, 736, MemoryMetric::Footprint),
    row("gemma4-e2b", "MacBook Pro M4 Max", Processor::Gpu, 2048, 1_623, MemoryMetric::Footprint),
    row("gemma4-e2b", "Intel Lunar Lake, Windows", Processor::Cpu, 2048, 3_505, MemoryMetric::Footprint),
    row("gemma4-e2b", "Intel Lunar Lake, Windows", Processor::Gpu, 2048, 3_540, MemoryMetric::Footprint),
    row("gemma4-e2b", "Raspberry Pi 5 16 GB", Processor::Cpu, 2048, 1_546, MemoryMetric::Rss),
    row("gemma4-e2b", "Jetson Orin Nano", Processor::Cpu, 2048, 3_681, MemoryMetric::Rss),
    row("gemma4-e2b", "Jetson Orin Nano", Processor::Gpu, 2048, 2_739, MemoryMetric::Rss),
    row("gemma4-e2b", "Dragonwing IQ8", Processor::Npu, 4096, 1_869, MemoryMetric::Rss),
    row("gemma4-e2b", "MacBook Pro M4 Max, WebGPU", Processor::Gpu, 2048, 1_800, MemoryMetric::Footprint),
    row("gemma4-e4b", "Galaxy S26 Ultra", Processor::Cpu, 2048, 3_283, MemoryMetric::Rss),
    row("gemma4-e4b", "Galaxy S26 Ultra", Processor::Gpu, 2048, 710, MemoryMetric::Rss),
    row("gemma4-e4b", "iPhone 17 Pro", Processor::Cpu, 2048, 961, MemoryMetric::Footprint),
    row("gemma4-e4b", "iPhone 17 Pro", Processor::Gpu, 2048, 3_380, MemoryMetric::Footprint),
    row("gemma4-e4b", "Linux on Arm, 2.3 and 2.8 GHz", Processor::Cpu, 2048, 3_139, MemoryMetric::Rss),
    row("gemma4-e4b", "GeForce RTX 4090", Processor::Gpu, 2048, 1_119, MemoryMetric::Rss),
    row("gemma4-e4b", "MacBook Pro M4 Max", Processor::Cpu, 2048, 890, MemoryMetric::Footprint),
    row("gemma4-e4b", "MacBook Pro M4 Max", Processor::Gpu, 2048, 3_217, MemoryMetric::Footprint),
    row("gemma4-e4b", "Intel Lunar Lake, Windows", Processor::Cpu, 2048, 9_372, MemoryMetric::Footprint),
    row("gemma4-e4b", "Intel Lunar Lake, Windows", Processor::Gpu, 2048, 7_147, MemoryMetric::Footprint),
    row("gemma4-e4b", "Raspberry Pi 5 16 GB", Processor::Cpu, 2048, 3_069, MemoryMetric::Rss),
    row("gemma4-e4b", "MacBook Pro M4 Max, WebGPU", Processor::Gpu, 2048, 3_300, MemoryMetric::Footprint),
];

impl Processor {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Gpu => "GPU",
            Self::Npu => "NPU",
        }
    }
}

impl CardRow {
    /// Whether the rule for LiteRT-LM's packed copy was fitted to this row, which then is no test of it.
    pub fn was_fitted(&self) -> bool {
        self.model == "gemma4-e2b"
            && self.processor == Processor::Cpu
            && self.metric == MemoryMetric::Rss
            && !self.device.starts_with("Jetson")
    }

    /// Predicted low end, expected value and high end in bytes; `None` where no rule applies: not on a CPU, or a model whose
    /// publisher states no section sizes.
    pub fn predicted(&self) -> Option<[u64; 3]> {
        if self.processor != Processor::Cpu {
            return None;
        }
        let model = registry::model(self.model).ok()?;
        let scenario = Scenario {
            context_tokens: self.context_tokens,
            weights: WeightFormat::Published,
            runtime: Runtime::LitertLm,
            vision: false,
            audio: false,
            ..Scenario::for_model(&model)
        };
        let plan = WeightPlan::new(&model, scenario.weights).ok()?;
        let footprint = Footprint::of(&model, &plan, &scenario);
        Some(match self.metric {
            MemoryMetric::Rss => [footprint.mmap.low, footprint.mmap.bytes, footprint.mmap.high],
            MemoryMetric::Footprint => {
                let private = footprint.terms.iter().filter(|term| term.place == Place::Private);
                private.fold([0; 3], |[low, bytes, high], term| {
                    [low + term.low, bytes + term.bytes, high + term.high]
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_on_a_cpu_are_predicted_and_others_are_not() {
        let predicted: Vec<_> = LITERT_CARDS.iter().filter(|row| row.predicted().is_some()).collect();
        assert_eq!(predicted.len(), 7);
        assert!(predicted.iter().all(|row| row.processor == Processor::Cpu));
        assert_eq!(LITERT_CARDS.iter().filter(|row| row.was_fitted()).count(), 3);
        for row in LITERT_CARDS.iter().filter(|row| row.was_fitted()) {
            let [low, _, high] = row.predicted().unwrap();
            assert!((low..=high).contains(&(row.megabytes * 1_000_000)), "{row:?}");
        }
    }
}
