//! Memory that the LiteRT-LM model cards of Gemma 4 state, row by row, beside what is predicted for it.
//!
//! Published for prefill 1024, decode 256 and a context of 2048 tokens (4096 on the NPU), four CPU threads, caches warm. Android
//! and Linux rows are the peak resident set, which counts mapped file pages; Apple's are the physical footprint and
//! Windows' the private usage, which do not.
//!
//! Three rows of E2B on a CPU fitted the packed copy of the CPU rule; nothing else here was tuned on any row. E4B's card
//! states no section sizes, so its sections are E2B's bits per parameter times its own parameters. On a GPU or an NPU the
//! process holds the driver, the program and the rows of the tables that were read; the weights once, the cache and the
//! activations are device memory, which counts where the metric counts device memory.

use crate::leaf::named;
use crate::leaf::units::MIB;
use crate::memory::{Runtime, Scenario};
use crate::model::{Model, Role, Tensor, registry};
use crate::placement::{Component, Kind, Machine, Part, Placement, cached_rows};
use crate::weights::{WeightFormat, WeightPlan};

/// What a GPU's or NPU's driver and compiled programs take in a process: low, expected, high. What users report of
/// drivers on phones and desktops; no row of the cards went into it.
const DRIVER_BYTES: [u64; 3] = [200 * MIB, 350 * MIB, 500 * MIB];

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

named!(Processor { Cpu "CPU", Gpu "GPU", Npu "NPU" });

impl CardRow {
    /// Whether the rule for LiteRT-LM's packed copy was fitted to this row, which then is no test of it.
    pub fn was_fitted(&self) -> bool {
        self.model == "gemma4-e2b"
            && self.processor == Processor::Cpu
            && self.metric == MemoryMetric::Rss
            && !self.device.starts_with("Jetson")
    }

    /// Whether the sizes of the checkpoint's sections are taken from another model's bits per parameter.
    pub fn has_assumed_sections(&self) -> bool {
        registry::model(self.model).is_ok_and(|model| model.architecture.published.decoder_bytes.is_none())
    }

    /// Whether the published figure lies in the predicted interval.
    pub fn is_within(&self) -> bool {
        let published = self.megabytes * 1_000_000;
        self.predicted().is_some_and(|[low, _, high]| (low..=high).contains(&published))
    }

    /// Predicted low end, expected value and high end in bytes; `None` for a model that is not built in.
    pub fn predicted(&self) -> Option<[u64; 3]> {
        let mut model = registry::model(self.model).ok()?;
        if self.has_assumed_sections() {
            assume_sections(&mut model, &registry::model("gemma4-e2b").ok()?)?;
        }
        let scenario = Scenario {
            context_tokens: self.context_tokens,
            weights: WeightFormat::Published,
            runtime: Runtime::LitertLm,
            vision: false,
            audio: false,
            ..Scenario::for_model(&model)
        };
        let plan = WeightPlan::new(&model, scenario.weights).ok()?;
        use Component::{Compute, Decoder, Experts, KvCache, PleTable, TokenEmbedding, UnusedWeights};
        let placement = Placement::of(&model, &plan, &scenario, Machine::X86);
        let sum = |wanted: &dyn Fn(&Part) -> bool| {
            let parts = placement.parts.iter().filter(|part| wanted(part));
            parts.fold([0; 3], |sum, part| plus(sum, [part.size.low, part.size.bytes, part.size.high]))
        };
        let rows = model.architecture.ple.as_ref().map_or(0, |ple| ple.rows);
        let table = placement.bytes(PleTable);
        let cached = cached_rows(rows, plan.ple_row_bytes(&model), table);
        let rows = [cached.low, cached.bytes, cached.high];
        Some(match (self.processor, self.metric) {
            // Both tables are look-ups: of them only the rows that were read are resident.
            (Processor::Cpu, MemoryMetric::Rss) => {
                let looked_up = |component| matches!(component, PleTable | TokenEmbedding | UnusedWeights);
                plus(rows, sum(&|part| !looked_up(part.component)))
            }
            (Processor::Cpu, MemoryMetric::Footprint) => sum(&|part| part.kind == Kind::Anonymous),
            (processor, metric) => {
                let host = plus(DRIVER_BYTES, sum(&|part| part.component == Component::Runtime));
                let device = sum(&|part| matches!(part.component, Decoder | Experts | KvCache | Compute));
                match (processor, metric) {
                    // Clean pages do not count; buffers of a GPU that shares the memory do.
                    (_, MemoryMetric::Footprint) => plus(host, device),
                    // An NPU's buffers are mapped into the process.
                    (Processor::Npu, _) => plus(plus(host, rows), device),
                    // Pages of the weights that were read to fill the GPU's buffers may or may not stay.
                    _ => plus(plus(host, rows), [0, 0, device[1]]),
                }
            }
        })
    }
}

fn plus(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// Give a model the sections of a mobile checkpoint, at another's bits per parameter.
fn assume_sections(model: &mut Model, like: &Model) -> Option<()> {
    let elements = |model: &Model, tables: bool| -> u64 {
        let wanted = |tensor: &&Tensor| match tensor.role {
            Role::TokenEmbedding | Role::PleTable | Role::OutputHead => tables,
            Role::Vision | Role::Audio => false,
            _ => !tables,
        };
        model.tensors.iter().filter(wanted).map(Tensor::elements).sum()
    };
    let scaled = |bytes: u64, tables: bool| {
        let (own, other) = (u128::from(elements(model, tables)), u128::from(elements(like, tables)));
        u64::try_from(u128::from(bytes) * own / other.max(1)).ok()
    };
    let published = &like.architecture.published;
    let decoder = scaled(published.decoder_bytes?, false)?;
    let embedding = scaled(published.embedding_bytes?, true)?;
    model.architecture.published.decoder_bytes = Some(decoder);
    model.architecture.published.embedding_bytes = Some(embedding);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_predicted_and_those_of_arm_processors_within_7_percent() {
        for row in LITERT_CARDS {
            let [low, expected, high] = row.predicted().unwrap();
            assert!(0 < low && low <= expected && expected <= high, "{row:?}");
            let arm = !row.device.starts_with("Jetson") && row.processor == Processor::Cpu;
            if arm && row.metric == MemoryMetric::Rss {
                let error = expected as f64 / 1e6 / row.megabytes as f64 - 1.0;
                assert!(error.abs() < 0.07, "{row:?}: {error}");
            }
        }
        assert_eq!(LITERT_CARDS.iter().filter(|row| row.was_fitted()).count(), 3);
    }

    /// The file that the publisher ships is 3,654 MB; E2B's, 2,583 MB, holds 532 MB beside the two sections.
    #[test]
    fn assumed_sections_add_up_to_the_file_within_6_percent() {
        let (e2b, mut e4b) = (registry::model("gemma4-e2b").unwrap(), registry::model("gemma4-e4b").unwrap());
        assume_sections(&mut e4b, &e2b).unwrap();
        let sections = |model: &Model| {
            let published = &model.architecture.published;
            (published.decoder_bytes.unwrap() + published.embedding_bytes.unwrap()) as f64 / 1e6
        };
        let beside = 2_583.0 - sections(&e2b);
        assert!(((sections(&e4b) + beside) / 3_654.0 - 1.0).abs() < 0.06);
    }
}
