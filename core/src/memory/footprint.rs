//! Memory by component: what a model takes while it runs.

use super::terms;
use super::{LayerCache, Provenance, Scenario, kv_cache};
use crate::model::Model;
use crate::weights::{WeightFormat, WeightPlan};
use serde::Serialize;

/// A part of the footprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Layers, norms, PLE projections.
    Decoder,
    /// Token embedding table; the output head too when tied.
    TokenEmbedding,
    /// Output head of its own.
    OutputHead,
    /// Per-layer embedding table, all of it in memory.
    PleTable,
    /// Pages of the per-layer table that stay cached when it is mapped.
    PleWorkingSet,
    /// Weights that the file carries and nothing reads.
    UnusedWeights,
    /// Keys and values.
    KvCache,
    /// State of recurrent layers.
    RecurrentState,
    /// Vision tower.
    Vision,
    /// Audio tower.
    Audio,
    /// Copies of weights in a CPU-friendly layout.
    PackedWeights,
    /// Buffers for activations.
    Compute,
    /// Vocabulary and merges in memory.
    Tokenizer,
    /// The process itself.
    Runtime,
}

impl Component {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Decoder => "Decoder weights",
            Self::TokenEmbedding => "Token embeddings",
            Self::OutputHead => "Output head",
            Self::PleTable => "PLE table",
            Self::PleWorkingSet => "PLE working set",
            Self::UnusedWeights => "Unused K/V weights",
            Self::KvCache => "KV cache",
            Self::RecurrentState => "Recurrent state",
            Self::Vision => "Vision tower",
            Self::Audio => "Audio tower",
            Self::PackedWeights => "Packed weight copy",
            Self::Compute => "Compute buffers",
            Self::Tokenizer => "Tokenizer",
            Self::Runtime => "Runtime overhead",
        }
    }
}

/// Where bytes live; decides which operating-system limit counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Private memory: counted by every limit, cannot be dropped.
    Private,
    /// Clean pages of a mapped file: counted in RSS, can be dropped and read again.
    Mapped,
}

impl Place {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Mapped => "mapped",
        }
    }
}

/// One component's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Term {
    /// The part.
    pub component: Component,
    /// Bytes expected in memory.
    pub bytes: u64,
    /// Lower end of the interval; equal to `bytes` when exact.
    pub low: u64,
    /// Upper end of the interval; equal to `bytes` when exact.
    pub high: u64,
    /// Bytes reserved, of which `bytes` are touched.
    pub reserved: u64,
    /// How the figure is known.
    pub provenance: Provenance,
    /// Where the bytes live.
    pub place: Place,
    /// The rule with its numbers filled in.
    pub note: String,
}

/// A sum with its interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Total {
    /// Expected bytes.
    pub bytes: u64,
    /// All terms at their lower end.
    pub low: u64,
    /// All terms at their upper end.
    pub high: u64,
    /// The part of `bytes` in private memory.
    pub private: u64,
    /// Private part with all terms at their upper end.
    pub private_high: u64,
}

/// Memory of a model in a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Footprint {
    /// Components, in the order they are shown. Both the PLE table and its working set appear; a total counts one.
    pub terms: Vec<Term>,
    /// Everything in memory, the PLE table included.
    pub resident: Total,
    /// The PLE table left on storage; equal to `resident` for models without one.
    pub mmap: Total,
    /// Address space reserved with the PLE table resident, in bytes.
    pub reserved: u64,
    /// What a decoded token touches again and again: everything but lookup tables and unused weights.
    pub hot: u64,
    /// The part of `hot` in mapped files: what can be dropped and read again.
    pub hot_mapped: u64,
    /// PLE table over decoder weights; 0 without a table.
    pub ple_to_decoder_ratio: f64,
    /// KV cache by layer.
    pub kv_layers: Vec<LayerCache>,
}

impl Footprint {
    /// Predict the memory of `model` with its weights laid out as `plan`.
    pub fn of(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> Self {
        let kv_layers = kv_cache::layers(&model.architecture, scenario);
        let terms = terms::all(model, plan, scenario, &kv_layers);
        let has_table = terms.iter().any(|term| term.component == Component::PleTable);
        let resident = total(&terms, |component| component != Component::PleWorkingSet);
        // In the publisher's mobile checkpoint the head is in the decoder section, and both tables are lookups.
        let tables_apart = plan.format == WeightFormat::Published;
        let mmap = if has_table {
            total(&terms, |c| match c {
                Component::PleTable | Component::UnusedWeights => false,
                Component::TokenEmbedding => !tables_apart,
                _ => true,
            })
        } else {
            resident
        };
        let cold = |c| matches!(c, Component::PleTable | Component::PleWorkingSet | Component::UnusedWeights);
        let looked_up = tables_apart || !model.architecture.embeddings.tied;
        let lookup = |c| c == Component::TokenEmbedding && looked_up;
        let touched = || terms.iter().filter(|t| !cold(t.component) && !lookup(t.component));
        let hot = touched().map(|t| t.bytes).sum();
        let hot_mapped = touched().filter(|t| t.place == Place::Mapped).map(|t| t.bytes).sum();
        let of = |component| terms.iter().find(|t| t.component == component).map_or(0, |t| t.bytes);
        let decoder = of(Component::Decoder);
        let ratio = if decoder == 0 { 0.0 } else { of(Component::PleTable) as f64 / decoder as f64 };
        let counted = terms.iter().filter(|t| t.component != Component::PleWorkingSet);
        let reserved = counted.map(|t| t.reserved).sum();
        Self { resident, mmap, reserved, hot, hot_mapped, ple_to_decoder_ratio: ratio, kv_layers, terms }
    }

    /// The term of a component, when it is there.
    pub fn term(&self, component: Component) -> Option<&Term> {
        self.terms.iter().find(|term| term.component == component)
    }
}

fn total(terms: &[Term], counts: impl Fn(Component) -> bool) -> Total {
    let mut total = Total::default();
    for term in terms.iter().filter(|term| counts(term.component)) {
        total.bytes += term.bytes;
        total.low += term.low;
        total.high += term.high;
        if term.place == Place::Private {
            total.private += term.bytes;
            total.private_high += term.high;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    const MIB: f64 = 1_048_576.0;

    fn footprint(slug: &str, weights: &str, change: impl Fn(&mut Scenario)) -> Footprint {
        let model = registry::model(slug).unwrap();
        let mut scenario = Scenario::for_model(&model);
        scenario.weights = WeightFormat::parse(weights).unwrap();
        scenario.vision = false;
        change(&mut scenario);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        Footprint::of(&model, &plan, &scenario)
    }

    fn mib(footprint: &Footprint, component: Component) -> f64 {
        footprint.term(component).map_or(0.0, |term| term.bytes as f64) / MIB
    }

    /// llama.cpp 0.5 on a file of Gemma 4 E2B's shapes, Q4_K_M, context 512, ubatch 128, table read eagerly:
    /// mapped 3,254.00 MiB, repacked 868.64 MiB, peak RSS 4,219 MiB.
    #[test]
    fn gemma4_e2b_reproduces_a_measured_run() {
        let e2b = footprint("gemma4-e2b", "q4_k_m", |s| {
            s.context_tokens = 512;
            s.ubatch = 128;
        });
        assert!((mib(&e2b, Component::PackedWeights) - 868.64).abs() < 0.01);
        assert!((mib(&e2b, Component::PleTable) - 1837.50).abs() < 0.01);
        let mapped = (e2b.resident.bytes - e2b.resident.private) as f64 / MIB;
        assert!((mapped - 3254.0).abs() < 0.2, "{mapped}");
        let total = e2b.resident.bytes as f64 / MIB;
        assert!((total / 4218.7 - 1.0).abs() < 0.05, "{total}");
        assert!(e2b.resident.low <= e2b.resident.bytes && e2b.resident.bytes <= e2b.resident.high);
    }

    /// Memory that the model card states for LiteRT-LM on the CPU of three Arm systems, in MB: 1733, 1628 and 1546.
    #[test]
    fn litert_on_the_cpu_brackets_the_published_runs() {
        let e2b = footprint("gemma4-e2b", "published", |s| {
            s.context_tokens = 2048;
            s.runtime = crate::memory::Runtime::LitertLm;
        });
        for published in [1733e6, 1628e6, 1546e6] {
            assert!((e2b.mmap.low as f64) < published && published < e2b.mmap.high as f64, "{:?}", e2b.mmap);
        }
        assert!((e2b.mmap.bytes as f64 / 1636e6 - 1.0).abs() < 0.05, "{:?}", e2b.mmap);
    }

    #[test]
    fn totals_never_shrink_with_context_and_mapping_never_costs() {
        for model in registry::models() {
            let plan = WeightPlan::new(&model, WeightPlan::default_format(&model)).unwrap();
            let mut last = 0;
            for context_tokens in [1, 511, 512, 4096, 8192, model.architecture.max_context_tokens] {
                let scenario = Scenario { context_tokens, ..Scenario::for_model(&model) };
                let footprint = Footprint::of(&model, &plan, &scenario);
                assert!(footprint.resident.bytes >= last, "{}", model.architecture.name);
                assert!(footprint.mmap.bytes <= footprint.resident.bytes);
                last = footprint.resident.bytes;
            }
        }
    }
}
