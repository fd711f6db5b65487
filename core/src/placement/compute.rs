//! llama.cpp's compute buffer on the CPU: what it reserves for a micro-batch, and how much of it a prompt touches.
//!
//! Read off its graphs and its allocator, and held to `no_alloc` contexts of version 0.5 (`validate-sizes`). A buffer is
//! as large as the widest moment of the graph: the feed-forward block, or the scores of a layer without flash attention, or
//! the logits where every token has some. Masks and indices of the cache stand beside it all the time.

use super::card_graph::{Graphs, card_graph};
use super::case::Case;
use super::constants;
pub use super::moment::Moment;
use super::split::Split;
use crate::leaf::Interval;
use crate::leaf::Provenance;
use crate::memory::{KvFormat, LayerCache, Runtime, Scenario, kv_cache};
use crate::model::architecture::{Architecture, Attention, Ffn, Layer, Order};

/// A compute buffer, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComputeBuffer {
    /// Address space that is allocated.
    pub reserved: u64,
    /// Bytes touched by a prompt of a whole micro-batch.
    pub touched: u64,
    /// How the two are known.
    pub provenance: Provenance,
}

/// The buffer of `architecture` on llama.cpp's CPU back end.
pub fn compute_buffer(architecture: &Architecture, scenario: &Scenario) -> ComputeBuffer {
    let touched = touched(architecture, scenario);
    let reserved = reserved(architecture, scenario);
    ComputeBuffer { reserved, touched: touched.min(reserved), provenance: Provenance::Fitted }
}

/// The buffer on a graphics card, bytes: laid out where the graph is known (`card_graph`). Elsewhere the feed-forward block
/// beside two tensors of the stream, what attention left, and the masks: with every layer on the card read off graphs,
/// otherwise by a rule fitted to 28 models (four of five settings within 20 %), that of long caches to eight more.
///
/// Of several cards each has a graph of its own layers; what the host keeps is brought to the first (`ggml-backend.cpp`).
/// Where all layers are on cards that work by turns, CUDA keeps four copies of what goes into each graph.
pub(super) fn gpu_compute(case: &Case<'_>, split: &Split, kv: &[LayerCache], card: usize) -> Interval {
    gpu_compute_among(case, split, kv, card, &Graphs::default())
}

/// The same, with the graphs of this case that are known already.
pub(super) fn gpu_compute_among<'a>(
    case: &Case<'a>,
    split: &Split,
    kv: &[LayerCache],
    card: usize,
    graphs: &Graphs<'a>,
) -> Interval {
    let (architecture, scenario) = (&case.model.architecture, case.scenario);
    let demand = Demand::new(architecture, scenario);
    let several = split.is_over_cards();
    if several && split.cards[card] == 0 {
        return Interval::exact(0);
    }
    if let Some(size) = card_graph(case, split, kv, graphs) {
        return size;
    }
    if demand.scores > 0 {
        return Interval::percent(reserved(architecture, scenario), 80, 130);
    }
    let mut bytes = card_channels(architecture, demand.caches).saturating_mul(4 * demand.ubatch);
    if scenario.runtime == Runtime::LlamaCppApi && card == split.output_card() {
        let logits = architecture.embeddings.vocab_size + 2 * architecture.hidden_size;
        bytes = bytes.max(logits.saturating_mul(4 * demand.ubatch));
    }
    let beside = demand.beside - 16;
    let has_everything = split.has_everything() && scenario.tensor_overrides.is_empty();
    if has_everything || card > 0 {
        let recurrent = architecture.layers.iter().any(|layer| layer.recurrent().is_some());
        let (low, high) = if recurrent { (80, 130) } else { (95, 105) };
        let mut size = Interval::percent(bytes, low, high) + beside;
        if several && has_everything {
            size.high += 3 * (beside + 4 * demand.ubatch * architecture.hidden_size);
        }
        return size;
    }
    // A large prompt brings a copy of what the host keeps and a layer needs.
    let tensors = case.model.tensors.iter().zip(&case.plan.tensors);
    let kept = tensors.filter(|(tensor, _)| tensor.layer.is_some() && case.card_of(split, tensor).is_none());
    let weight = kept.map(|(_, planned)| planned.bytes).max().unwrap_or(0);
    let cache = kv.iter().filter(|layer| !split.has_cache(layer.layer)).map(|layer| layer.bytes).max();
    let cache = cache.unwrap_or(0);
    let attention = bytes.saturating_add(cache / 10 * 8);
    let block = (bytes / 10 * 7).saturating_add(weight).saturating_add(cache / 10 * 6);
    // The keys of the next layer are brought while those of one are still in use; blocks whose halves run at once have none waiting.
    let is_brought = |layer: &LayerCache| {
        split.kv_offload && !split.has_cache(layer.layer) && layer.bytes >= cache / 10 * 9
    };
    let in_turn = kv.windows(2).any(|two| two[1].layer == two[0].layer + 1 && two.iter().all(is_brought))
        && architecture.conduct.order != Order::Parallel;
    let ahead = if in_turn { (cache / 2 * 3).saturating_add(bytes / 10 * 6) } else { 0 };
    Interval::percent(attention.max(block).max(ahead), 75, 130) + beside
}

/// Channels of a token that stand at once in the graph on a card.
fn card_channels(architecture: &Architecture, caches: u64) -> u64 {
    let hidden = architecture.hidden_size;
    let each = |layer: &Layer| {
        let left = layer.attention().map_or(0, |attention| {
            let queries = attention.query_heads * attention.k_head_dim;
            match architecture.conduct.order {
                // Latent attention.
                _ if attention.kv_heads > 0 && attention.v_head_dim == 0 => hidden,
                Order::Parallel => 2 * queries,
                _ if queries < hidden => 2 * queries,
                Order::Usual | Order::Fused if caches < 2 && queries == hidden => 0,
                _ => queries,
            }
        });
        let (block, outputs) = block_channels(&layer.ffn, hidden);
        if outputs && caches < 2 { block } else { block + left }
    };
    let widest = architecture.layers.iter().map(each).max().unwrap_or(0);
    widest + 2 * hidden + 1 + architecture.ple_row_elements()
}

/// The host's buffer beside a card's, bytes: what goes into the graph and comes out of it.
pub(super) fn host_compute(architecture: &Architecture, scenario: &Scenario) -> Interval {
    let demand = Demand::new(architecture, scenario);
    let channels = 2 * architecture.hidden_size + 2 + architecture.ple_row_elements();
    let bytes = channels.saturating_mul(4 * demand.ubatch).saturating_add(demand.beside + 32);
    Interval::percent(bytes, 95, 110)
}

/// One cache: its cells, and what decides the inputs that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cache {
    windowed: bool,
    cells: u64,
    /// Cells times query heads of the layer that has most.
    scores: u64,
    /// Channels of a key head.
    k_head_dim: u64,
}

/// Bytes reserved: channels of f32 for each token of the micro-batch.
fn reserved(architecture: &Architecture, scenario: &Scenario) -> u64 {
    let demand = Demand::new(architecture, scenario);
    let measured = constants::find(architecture, demand.ubatch / scenario.slots.max(1));
    let channels = |moment: Moment| {
        let measured = measured.as_ref().map(|found| found.of(moment));
        measured.unwrap_or_else(|| channels(architecture, moment, demand.caches))
    };
    let widest = match demand.moment {
        Moment::Plain => channels(Moment::Plain).max(demand.scores + channels(Moment::Scores)),
        moment => channels(moment),
    };
    let bytes = widest.saturating_mul(4 * demand.ubatch).saturating_add(demand.beside);
    if scenario.runtime == Runtime::LlamaCppApi {
        return bytes.max(channels(Moment::Logits).saturating_mul(4 * demand.ubatch));
    }
    bytes
}

/// What a scenario asks of a compute buffer, apart from the model's own channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Tokens of the micro-batch.
    pub ubatch: u64,
    /// The moment that decides before logits are computed; [`Moment::Plain`] together with [`Moment::Scores`].
    pub moment: Moment,
    /// Scores of a token in the widest layer; none with flash attention.
    pub scores: u64,
    /// Caches: one for windows, one for the rest.
    pub caches: u64,
    /// Bytes that stand all the time: masks, indices and rotations.
    pub beside: u64,
}

impl Demand {
    /// What `scenario` asks.
    pub fn new(architecture: &Architecture, scenario: &Scenario) -> Self {
        let ubatch = scenario.ubatch.min(scenario.context_tokens).max(1);
        let caches = caches(architecture, scenario);
        let count = caches.len() as u64;
        let cells: u64 = caches.iter().map(|cache| cache.cells).sum();
        // Latent attention caches no values.
        let cached = |a: &Attention| kv_cache::cached(architecture, a, scenario.runtime);
        let latent = architecture.attention_layers().any(|(_, a)| a.kv_heads > 0 && cached(a).v.1 == 0);
        let quantised = scenario.flash_attention && is_quantised(scenario.k);
        // Masks are f16 for flash attention. Indices of rows are 8 bytes: one for keys and one for values, or one for
        // each channel of values where these are stored transposed.
        let inputs = if scenario.flash_attention {
            cells / 2 + count * if latent { 2 } else { 4 }
        } else {
            let values = architecture.attention_layers().map(|(_, a)| cached(a).v.0 * cached(a).v.1);
            cells + count * (2 + 2 * values.max().unwrap_or(0))
        };
        let mut beside = inputs.saturating_mul(4 * ubatch).saturating_add(32);
        if quantised && !latent {
            // Keys and values are rotated before they are rounded; the matrices are inputs (`llama-kv-cache.cpp`).
            let rotation = |cache: &Cache| 4 * (rotated(cache.k_head_dim).pow(2) + 64 * 64);
            beside = beside.saturating_add(caches.iter().map(rotation).sum());
        }
        let (moment, scores) = match (scenario.flash_attention, quantised) {
            (true, true) => (Moment::Quantised, 0),
            (true, false) => (Moment::Flash, 0),
            (false, _) => (Moment::Plain, caches.iter().map(|cache| cache.scores).max().unwrap_or(0)),
        };
        Self { ubatch, moment, scores, caches: count, beside }
    }
}

/// The caches that llama.cpp makes: one for windows, one for the rest.
fn caches(architecture: &Architecture, scenario: &Scenario) -> Vec<Cache> {
    let mut found: Vec<Cache> = Vec::new();
    for layer in kv_cache::layers(architecture, scenario) {
        let Some(attention) = architecture.layers.get(layer.layer).and_then(Layer::attention) else {
            continue;
        };
        let windowed = kv_cache::window(architecture, attention, scenario.runtime).is_some();
        let (scores, k_head_dim) = (layer.cells * attention.query_heads, attention.k_head_dim);
        match found.iter_mut().find(|cache| cache.windowed == windowed) {
            Some(cache) => cache.scores = cache.scores.max(scores),
            None => found.push(Cache { windowed, cells: layer.cells, scores, k_head_dim }),
        }
    }
    found
}

const fn is_quantised(format: KvFormat) -> bool {
    matches!(format, KvFormat::Block(block) if block.elements() > 1)
}

/// The largest power of two that divides a key head, at least 64.
fn rotated(head: u64) -> u64 {
    let mut width = 64;
    while head > 0 && head.is_multiple_of(width * 2) {
        width *= 2;
    }
    width
}

/// Channels of a token at a moment, for models that were not measured.
fn channels(architecture: &Architecture, moment: Moment, caches: u64) -> u64 {
    match moment {
        Moment::Flash | Moment::Quantised | Moment::Plain => layer_channels(architecture, moment, caches),
        Moment::Scores => attention_channels(architecture),
        Moment::Logits => architecture.embeddings.vocab_size + 2 * architecture.hidden_size + 1,
    }
}

/// Channels of a token at the widest moment of a layer: its feed-forward block beside what mixes tokens and the stream.
///
/// Exact for most dense models with attention; fitted to seven mixtures and four hybrids.
fn layer_channels(architecture: &Architecture, moment: Moment, caches: u64) -> u64 {
    let hidden = architecture.hidden_size;
    let recurrent = architecture.layers.iter().any(|layer| layer.recurrent().is_some());
    let each = |layer: &Layer| {
        let (block, outputs) = block_channels(&layer.ffn, hidden);
        let mixed = match (layer.recurrent(), layer.attention()) {
            // Where outputs of experts are the widest, they are laid over what attention left.
            _ if outputs => 0,
            (Some(recurrent), _) => {
                let out = recurrent.tensors.iter().find(|tensor| tensor.name == "ssm_out");
                out.map_or(0, |tensor| tensor.row_length)
            }
            (None, Some(attention)) if !recurrent => {
                left_by_attention(architecture, attention, moment, caches)
            }
            (None, _) => 0,
        };
        // Gate, or gate and product, fit in what attention left when they are narrow.
        let narrow = match layer.ffn {
            Ffn::Dense { width, gated: true } if caches == 1 && !recurrent => {
                (width <= 2 * query_channels(architecture)).then_some(2 * width)
            }
            _ => None,
        };
        narrow.map_or(block + mixed + 3 * hidden + 2, |width| attention_channels(architecture) + width)
    };
    let widest = architecture.layers.iter().map(each).max().unwrap_or(0);
    widest.max(recurrent_channels(architecture)) + architecture.ple_row_elements()
}

/// Channels of a feed-forward block, and whether they are its experts' outputs.
fn block_channels(ffn: &Ffn, hidden: u64) -> (u64, bool) {
    match *ffn {
        Ffn::Dense { width, gated: true } => (3 * width, false),
        // The activation is computed in place.
        Ffn::Dense { width, gated: false } => (width, false),
        // Outputs of many experts stand until they are added up, beside what goes into the last product.
        // Those of fewer stand beside the shared expert.
        Ffn::Experts { experts, active, width, shared_width, dense_width, .. } => {
            let outputs = match (active, shared_width) {
                (5.., _) => active * (width + 2 * hidden),
                (_, 0) => 0,
                _ => 2 * shared_width + (active + 1) * hidden + 2 * experts,
            };
            let gates = (3 * active * width).max(3 * dense_width);
            (gates.max(outputs), outputs > gates)
        }
        Ffn::None => (0, false),
    }
}

/// Channels that attention leaves in use, or as a hole that is too small, when the feed-forward block begins.
fn left_by_attention(architecture: &Architecture, attention: &Attention, moment: Moment, caches: u64) -> u64 {
    let hidden = architecture.hidden_size;
    let queries = attention.query_heads * attention.k_head_dim;
    if attention.kv_heads > 0 && attention.v_head_dim == 0 {
        // Latent attention; one product less of the stream.
        return queries.saturating_sub(hidden);
    }
    match (architecture.conduct.order, moment) {
        (Order::Fused, _) => 0,
        (Order::Parallel, Moment::Flash) if caches == 1 => queries,
        (Order::Parallel, _) => 2 * queries,
        (_, Moment::Flash) => queries,
        (_, _) if queries < hidden => 2 * queries,
        (Order::Usual, Moment::Quantised) if queries == hidden => 0,
        (_, Moment::Quantised) => queries,
        _ => 0,
    }
}

/// Channels while scores are computed, the scores apart.
fn attention_channels(architecture: &Architecture) -> u64 {
    let hidden = architecture.hidden_size;
    let gated = architecture.attention_layers().any(|(_, attention)| attention.output_gate);
    let stream = match architecture.conduct.order {
        Order::Usual | Order::Parallel => 3 * hidden,
        Order::NormsAfter => 2 * hidden,
        Order::Fused => hidden,
    };
    let queries = if gated { 3 } else { 2 } * query_channels(architecture);
    stream + queries + 2 + architecture.ple_row_elements()
}

fn query_channels(architecture: &Architecture) -> u64 {
    let wide = |attention: &Attention| attention.query_heads * attention.k_head_dim;
    architecture.attention_layers().map(|(_, attention)| wide(attention)).max().unwrap_or(0)
}

/// Bytes touched by a prompt of a whole micro-batch.
///
/// The gated unit is not computed in place, so gate, up and product stand beside three tensors of the stream; the matrix
/// product then packs its input in 8 bits. Logits are touched for one token only, and of the mask what the prompt needs.
fn touched(architecture: &Architecture, scenario: &Scenario) -> u64 {
    let ubatch = scenario.ubatch.min(scenario.context_tokens);
    let widest = architecture.layers.iter().map(|layer| layer.ffn.width_of_token()).max().unwrap_or(0);
    let one_layer = ubatch * working_channels(architecture) * 4;
    let mut touched = one_layer + ubatch * widest * 9 / 8;
    // The mask's place falls free after the last layer that attends to everything; what comes later is laid into it
    // rather than over pages that are touched already.
    let full = |layer: &Layer| {
        let attention = layer.attention();
        attention.is_some_and(|found| kv_cache::window(architecture, found, scenario.runtime).is_none())
    };
    let ends = architecture.layers.iter().rposition(full);
    if scenario.flash_attention && ends.is_some_and(|last| last + 1 < architecture.layers.len()) {
        let mask = scenario.context_tokens.next_multiple_of(256) * ubatch * 2;
        touched += mask.min(one_layer);
    }
    if scenario.flash_attention {
        return touched;
    }
    let heads = architecture.attention_layers().map(|(_, a)| a.query_heads).max().unwrap_or(0);
    // Without attention there are no scores.
    let beside = if heads == 0 { 0 } else { heads + 1 };
    touched.max(beside * scenario.context_tokens.next_multiple_of(256) * ubatch * 4)
}

/// Channels of a token that stand in memory at once in the widest layer: its feed-forward block, or its recurrence.
fn working_channels(model: &Architecture) -> u64 {
    let block = model.layers.iter().map(|layer| 3 * layer.ffn.width_of_token()).max().unwrap_or(0);
    recurrent_channels(model).max(block + 3 * model.hidden_size)
}

/// The projections of a recurrence with the convolution's input, joined to its state, and output, beside the stream.
fn recurrent_channels(model: &Architecture) -> u64 {
    let channels = |layer: &Layer| -> u64 {
        let tensors = layer.recurrent().map(|recurrent| &recurrent.tensors);
        tensors
            .into_iter()
            .flatten()
            .map(|tensor| match tensor.name {
                "ssm_conv1d" | "shortconv.conv" => 2 * tensor.rows,
                "ssm_out" | "shortconv.out_proj" => 0,
                _ if tensor.row_length == model.hidden_size => tensor.rows,
                _ => 0,
            })
            .sum()
    };
    model.layers.iter().map(channels).max().unwrap_or(0) + 3 * model.hidden_size
}
