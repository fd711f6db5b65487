//! Memory of a training run by component, before the run.
//!
//! Layer by layer, one layer's tape and one layer's weights exist at a time; on a full tape every dequantised weight
//! and every activation stays until the backward pass. The loss is computed after the layers' forward pass and
//! before their backward pass, so its buffers and a layer's never meet: the peak takes the larger of the two.
//!
//! On the CPU products decode their weights as they go and a layer's operations keep their inputs only, so no weight is
//! ever whole in f32 and a tape over all layers costs its activations.

use super::AdapterPlan;
use crate::leaf::cast::to_u64;
use crate::model::architecture::Ffn;
use crate::model::{Model, Role, Tensor};
use crate::weights::UniformFormat;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes of a single-precision number.
const F32: u64 = 4;
/// Bytes of logits that the loss keeps at a time; at least one token's.
const LOGITS_BYTES: u64 = 64 << 20;
/// Bytes of the head that the loss has in f32 at a time.
const SHARD_BYTES: u64 = 32 << 20;
/// Pieces of logits, as wide as the head's rows in f32, that the loss has beside the logits.
const LOGIT_PIECES: u64 = 2;
/// The program itself with what its allocator holds ready, and its tokenizer for each token of the vocabulary; fitted on
/// SmolLM2 135M and Gemma 3 270M.
const PROGRAM_BYTES: u64 = 88 << 20;
const TOKENIZER_BYTES: u64 = 300;

/// How frozen weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// In the checkpoint's own blocks, mapped.
    Checkpoint,
    /// NF4 with f32 scales.
    Nf4,
    /// NF4 with double quantisation.
    Nf4Double,
}

impl Base {
    /// Whether a tensor is packed to NF4: the matrices of the layers, as bitsandbytes does.
    pub fn packs(self, tensor: &Tensor) -> bool {
        self != Self::Checkpoint && is_layer_matrix(tensor)
    }

    /// Bits of a weight that is packed; `None` where the checkpoint decides.
    pub fn bits_per_weight(self) -> Option<f64> {
        match self {
            Self::Checkpoint => None,
            Self::Nf4 => Some(UniformFormat::Nf4.bits_per_weight()),
            Self::Nf4Double => Some(UniformFormat::Nf4Double.bits_per_weight()),
        }
    }
}

/// How gradients are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each layer's forward pass is run again for its backward pass.
    LayerWise,
    /// One tape over all layers.
    FullTape,
}

/// Where a component lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// In main memory.
    Host,
    /// In pages of the checkpoint's file, which the system may take back.
    Mapped,
    /// With the backend: a GPU's memory, or main memory when the CPU computes.
    Device,
}

/// When a component exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Throughout.
    Always,
    /// While a layer's gradients are found.
    Layers,
    /// While the loss is computed.
    Loss,
}

/// What the plan depends on beside the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlanInputs {
    /// Frozen weights.
    pub base: Base,
    /// Gradients.
    pub mode: Mode,
    /// Tokens that one pass takes: sequence length times batch.
    pub tokens: u64,
    /// Tokens of the longest sequence.
    pub sequence: u64,
    /// Threads of the CPU when it computes; `None` on a GPU.
    pub cpu_threads: Option<u64>,
}

/// One line of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryComponent {
    /// What it is.
    pub name: Cow<'static, str>,
    /// Its size.
    pub bytes: u64,
    /// Where it lies.
    pub place: Where,
    /// When it exists.
    pub when: When,
}

/// Memory of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryPlan {
    /// Every component.
    pub components: Vec<MemoryComponent>,
    /// Largest sum of device components that exist together.
    pub device_bytes: u64,
    /// Host components.
    pub host_bytes: u64,
    /// Mapped pages that are touched.
    pub mapped_bytes: u64,
}

impl MemoryPlan {
    /// Plan a run.
    pub fn new(model: &Model, adapters: &AdapterPlan, inputs: PlanInputs) -> Self {
        let mut components = Vec::new();
        let mut add = |name: &'static str, bytes: u64, place, when| {
            if bytes > 0 {
                components.push(MemoryComponent { name: name.into(), bytes, place, when });
            }
        };
        let weights = base(model, inputs);
        let rows = inputs.tokens;
        let parameters = adapters.trainable() * F32;
        let vocab = model.architecture.embeddings.vocab_size;
        add("program and tokenizer", PROGRAM_BYTES + TOKENIZER_BYTES * vocab, Where::Host, When::Always);
        add("base weights", weights.packed, Where::Host, When::Always);
        add("base weights, mapped", weights.mapped, Where::Mapped, When::Always);
        add("embeddings and head, mapped", weights.tables, Where::Mapped, When::Always);
        add("per-layer embedding rows, mapped", weights.ple_row * rows, Where::Mapped, When::Always);
        add("norms and small matrices", weights.small, Where::Device, When::Always);
        add("adapters", parameters, Where::Host, When::Always);
        add("gradients", parameters, Where::Host, When::Always);
        add("optimiser (two moments)", 2 * parameters, Where::Host, When::Always);
        add("adapters on the device", parameters, Where::Device, When::Always);
        let layers: Vec<LayerCost> =
            (0..model.architecture.layers.len()).map(|at| LayerCost::of(model, at, inputs)).collect();
        let on_cpu = inputs.cpu_threads.is_some();
        let streams = model.architecture.extras.altup_streams.max(1);
        let kept = rows
            * (streams * model.architecture.hidden_size
                + model.architecture.ple_row_elements() / model.architecture.layers.len().max(1) as u64);
        match inputs.mode {
            Mode::LayerWise => {
                let most = |part: fn(&LayerCost) -> u64| layers.iter().map(part).max().unwrap_or(0);
                add("layer inputs", (layers.len() as u64 + 1) * kept * F32, Where::Device, When::Always);
                if !on_cpu {
                    let weights = most(|layer| layer.weights);
                    add("one layer's weights in f32", weights, Where::Device, When::Layers);
                }
                add("one layer's activations", most(|layer| layer.activations), Where::Device, When::Layers);
                add(
                    "one layer's gradients in flight",
                    most(|layer| layer.flight),
                    Where::Device,
                    When::Layers,
                );
            }
            Mode::FullTape => {
                let sum = |part: fn(&LayerCost) -> u64| layers.iter().map(part).sum::<u64>();
                let most = layers.iter().map(|layer| layer.flight).max().unwrap_or(0);
                if on_cpu {
                    add("gradients on the tape", parameters, Where::Device, When::Layers);
                } else {
                    let weights = sum(|layer| layer.weights);
                    add("all layers' weights in f32", weights, Where::Device, When::Always);
                }
                add("all layers' activations", sum(|layer| layer.activations), Where::Device, When::Always);
                add("gradients in flight", most, Where::Device, When::Layers);
            }
        }
        let together = rows.min(logit_rows(vocab));
        let piece = vocab.min(shard_rows(model.architecture.hidden_size));
        let pieces = if on_cpu { 0 } else { LOGIT_PIECES * piece };
        let head = vocab * model.architecture.hidden_size * F32;
        add("logits", together * (vocab + pieces) * F32, Where::Device, When::Loss);
        match inputs.mode {
            _ if on_cpu => {
                let sums = sum_parts(vocab) * together * model.architecture.hidden_size * F32;
                add("parts of the hidden states' gradient", sums, Where::Device, When::Loss);
            }
            Mode::LayerWise => {
                add("rows of the head in f32", head.min(SHARD_BYTES), Where::Device, When::Loss);
            }
            Mode::FullTape => add("head in f32", head, Where::Device, When::Always),
        }
        add(
            "hidden states and their gradient",
            2 * rows * model.architecture.hidden_size * F32,
            Where::Device,
            When::Loss,
        );
        Self::summed(components)
    }

    fn summed(components: Vec<MemoryComponent>) -> Self {
        let sum = |place, when| -> u64 {
            components.iter().filter(|c| c.place == place && c.when == when).map(|c| c.bytes).sum()
        };
        let device = sum(Where::Device, When::Always)
            + sum(Where::Device, When::Layers).max(sum(Where::Device, When::Loss));
        let host = sum(Where::Host, When::Always);
        let mapped = sum(Where::Mapped, When::Always);
        Self { device_bytes: device, host_bytes: host, mapped_bytes: mapped, components }
    }

    /// Whether the device's peak comes while the loss is computed, rather than with a layer's gradients.
    pub fn peaks_in_loss(&self) -> bool {
        let sum = |when| {
            self.components
                .iter()
                .filter(|c| c.place == Where::Device && c.when == when)
                .map(|c| c.bytes)
                .sum::<u64>()
        };
        sum(When::Loss) > sum(When::Layers)
    }

    /// Bytes when the CPU computes: all of it is main memory.
    pub fn total_bytes(&self) -> u64 {
        self.device_bytes + self.host_bytes + self.mapped_bytes
    }
}

/// Rows of logits that the loss computes at a time for a vocabulary of `vocab`.
pub fn logit_rows(vocab: u64) -> u64 {
    (LOGITS_BYTES / (vocab.max(1) * F32)).max(1)
}

/// Rows of a head of width `hidden` that are in f32 at a time.
pub fn shard_rows(hidden: u64) -> u64 {
    (SHARD_BYTES / (hidden.max(1) * F32)).max(1)
}

/// Parts in which the CPU sums over a matrix' rows on the way back: always the same, so that a run is the same bits on any
/// number of threads.
pub fn sum_parts(rows: u64) -> u64 {
    // Beyond so many rows further parts cost nothing beside the product; a part below 48 rows would.
    if rows >= 16_384 { 16 } else { (rows / 48).clamp(1, 4) }
}

struct BaseBytes {
    packed: u64,
    mapped: u64,
    tables: u64,
    ple_row: u64,
    small: u64,
}

fn base(model: &Model, PlanInputs { base, mode, cpu_threads, .. }: PlanInputs) -> BaseBytes {
    let in_f32 = mode == Mode::FullTape && cpu_threads.is_none();
    let mut bytes = BaseBytes { packed: 0, mapped: 0, tables: 0, ple_row: 0, small: 0 };
    for tensor in &model.tensors {
        // Profiles state no storage: checkpoints come in 16 bits.
        let stored = tensor.stored.map_or(tensor.elements() * 2, |stored| stored.bytes);
        match (tensor.role, base.bits_per_weight()) {
            (Role::Vision | Role::Audio | Role::Unused, _) => {}
            // A tape over all layers keeps the head in f32; the table's pages are given back.
            (Role::TokenEmbedding | Role::OutputHead, _) if in_f32 => {}
            (Role::TokenEmbedding | Role::OutputHead, _) => bytes.tables += stored,
            (Role::PleTable, _) => bytes.ple_row += stored.checked_div(tensor.rows).unwrap_or(0),
            // Counted with the tape, in f32.
            (..) if in_f32 && is_layer_matrix(tensor) => {}
            (_, Some(bits)) if is_layer_matrix(tensor) => bytes.packed += packed(tensor.elements(), bits),
            (_, None) if is_layer_matrix(tensor) => bytes.mapped += stored,
            (_, _) if tensor.rows == 1 => bytes.small += tensor.elements() * F32,
            (..) => bytes.mapped += stored,
        }
    }
    bytes
}

fn packed(elements: u64, bits: f64) -> u64 {
    to_u64((elements as f64 * bits / 8.0).ceil())
}

/// A matrix within a layer that a decoder multiplies by.
fn is_layer_matrix(tensor: &Tensor) -> bool {
    tensor.layer.is_some()
        && tensor.rows > 1
        && !matches!(
            tensor.role,
            Role::Unused | Role::Buffer | Role::Vector | Role::Router | Role::Unquantised
        )
}

/// What one layer costs while its gradients are found.
struct LayerCost {
    /// Its matrices in f32.
    weights: u64,
    /// What its tape keeps.
    activations: u64,
    /// What its backward pass has in hand.
    flight: u64,
}

impl LayerCost {
    fn of(model: &Model, at: usize, inputs: PlanInputs) -> Self {
        let weights: u64 = model
            .tensors
            .iter()
            .filter(|tensor| tensor.layer == Some(at) && !matches!(tensor.role, Role::Unused))
            .map(|tensor| tensor.elements() * F32)
            .sum();
        let layer = &model.architecture.layers[at];
        let hidden = model.architecture.hidden_size * model.architecture.extras.altup_streams.max(1);
        let (heads, queries, keys) = layer.attention().map_or((0, 0, 0), |attention| {
            let keys = attention.kv_heads * (attention.k_head_dim + attention.v_head_dim);
            (attention.query_heads, attention.query_heads * attention.k_head_dim, keys)
        });
        let width = kept_width(&layer.ffn);
        if let Some(threads) = inputs.cpu_threads {
            // Kept: inputs of norms and of adapted products, rotated queries, keys and values, gate and up. In hand: either
            // the FFN's gradients with the parts that are summed up, or attention's by head and a head's scores, weights
            // and their gradient on each thread.
            let per_token = 4 * hidden + 2 * queries + keys + 3 * width;
            let ffn = inputs.tokens * ((3 + sum_parts(hidden)) * width + queries);
            let attention =
                inputs.tokens * 5 * queries + 3 * threads.min(heads) * inputs.sequence * inputs.sequence;
            return Self {
                weights,
                activations: inputs.tokens * per_token * F32,
                flight: (inputs.tokens * 2 * hidden + ffn.max(attention)) * F32,
            };
        }
        // Saved by the tape: inputs and outputs of norms, rotated queries and keys, the attention's result, and in
        // the FFN gate, sigmoid, activation, up and product; scores are kept as exponentials and probabilities.
        let per_token = 6 * hidden + 2 * queries + 2 * keys + 5 * width;
        let scores = heads * inputs.tokens * inputs.sequence;
        Self {
            weights,
            activations: (inputs.tokens * per_token + 3 * scores) * F32,
            flight: (inputs.tokens * (2 * hidden + 2 * width + queries) + 2 * scores) * F32,
        }
    }
}

/// Inner width of all that a token passes through: gradients need every part of it, not the widest alone.
fn kept_width(ffn: &Ffn) -> u64 {
    match *ffn {
        Ffn::Dense { width, .. } => width,
        Ffn::Experts { active, width, shared_width, dense_width, .. } => {
            active * width + shared_width + dense_width
        }
        Ffn::None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    fn plan(name: &str, base: Base, mode: Mode, tokens: u64) -> MemoryPlan {
        let model = registry::model(name).unwrap();
        let adapters = AdapterPlan::new(&model, 16, |_, _| true).unwrap();
        let inputs = PlanInputs { base, mode, tokens, sequence: tokens, cpu_threads: None };
        MemoryPlan::new(&model, &adapters, inputs)
    }

    #[test]
    fn on_the_cpu_a_full_tape_costs_its_activations_alone() {
        let model = registry::model("smollm2-135m").unwrap();
        let adapters = AdapterPlan::new(&model, 16, |_, _| true).unwrap();
        let plan = |mode| {
            let (base, cpu_threads) = (Base::Nf4Double, Some(2));
            let inputs = PlanInputs { base, mode, tokens: 128, sequence: 128, cpu_threads };
            MemoryPlan::new(&model, &adapters, inputs)
        };
        let (full, by_layer) = (plan(Mode::FullTape), plan(Mode::LayerWise));
        assert_eq!(full.mapped_bytes, by_layer.mapped_bytes);
        assert_eq!(full.host_bytes, by_layer.host_bytes);
        assert!(full.components.iter().chain(&by_layer.components).all(|c| !c.name.contains("in f32")));
        assert!(full.device_bytes > by_layer.device_bytes);
        assert!(full.device_bytes < by_layer.device_bytes + (256 << 20));
    }

    #[test]
    fn a_full_tape_costs_more_and_nf4_saves_nothing_on_it() {
        let tokens = 512;
        let full = plan("smollm2-135m", Base::Nf4Double, Mode::FullTape, tokens);
        let plain = plan("smollm2-135m", Base::Checkpoint, Mode::FullTape, tokens);
        let by_layer = plan("smollm2-135m", Base::Nf4Double, Mode::LayerWise, tokens);
        assert!(full.device_bytes > 3 * by_layer.device_bytes);
        assert_eq!(full.device_bytes, plain.device_bytes);
        assert!(by_layer.host_bytes < 256 << 20, "{}", by_layer.host_bytes);
    }

    #[test]
    fn tables_stay_in_the_file_and_only_rows_of_the_per_layer_table_are_touched() {
        let plan = plan("gemma4-e2b", Base::Nf4Double, Mode::LayerWise, 1024);
        let of = |name: &str| plan.components.iter().find(|c| c.name == name).unwrap().bytes;
        assert_eq!(of("per-layer embedding rows, mapped"), 1024 * 35 * 256 * 2);
        assert_eq!(of("embeddings and head, mapped"), 262_144 * 1536 * 2);
    }

    #[test]
    fn the_peak_takes_the_larger_of_loss_and_layers() {
        let plan = plan("gemma4-e2b", Base::Nf4Double, Mode::LayerWise, 64);
        let sum = |when| -> u64 {
            let of = plan.components.iter().filter(|c| c.place == Where::Device && c.when == when);
            of.map(|c| c.bytes).sum()
        };
        let (layers, loss) = (sum(When::Layers), sum(When::Loss));
        assert_eq!(plan.device_bytes, sum(When::Always) + layers.max(loss));
    }

    #[test]
    fn the_loss_works_in_pieces() {
        assert_eq!(logit_rows(262_144), 64);
        assert_eq!(shard_rows(1536), 5461);
        assert_eq!(logit_rows(u64::MAX / 8), 1);
    }
}
