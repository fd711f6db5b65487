//! llama.cpp's compute buffer on the CPU: what it reserves for a micro-batch, and how much of it a prompt touches.
//!
//! Read off its graphs and its allocator, and held to `no_alloc` contexts of version 0.5 (`validate-sizes`). A buffer is
//! as large as the widest moment of the graph: the feed-forward block, or the scores of a layer without flash attention, or
//! the logits where every token has some. Masks and indices of the cache stand beside it all the time.

use super::constants;
use crate::memory::{KvFormat, Provenance, Runtime, Scenario, kv_cache};
use crate::model::architecture::{Architecture, Attention, Ffn, Layer, Mixer};

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
    ComputeBuffer { reserved: reserved.max(touched), touched, provenance: Provenance::Fitted }
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
    let ubatch = scenario.ubatch.min(scenario.context_tokens).max(1);
    let caches = caches(architecture, scenario);
    let count = caches.len() as u64;
    let cells: u64 = caches.iter().map(|cache| cache.cells).sum();
    // Latent attention caches no values.
    let latent = architecture.attention_layers().any(|(_, a)| a.kv_heads > 0 && a.v_head_dim == 0);
    // With one cache, queries are gone by then unless flash attention reads an unquantised cache.
    let lean = count == 1 && (!scenario.flash_attention || is_quantised(scenario.k));
    let widest =
        constants::channels(architecture, scenario, ubatch).unwrap_or_else(|| channels(architecture, lean));
    // Masks are f16 for flash attention. Indices of rows are 8 bytes: one for keys and one for values, or one for each
    // channel of values where these are stored transposed.
    let base = if scenario.flash_attention {
        widest + cells / 2 + count * if latent { 2 } else { 4 }
    } else {
        let values =
            architecture.attention_layers().map(|(_, a)| a.kv_heads * a.v_head_dim).max().unwrap_or(0);
        let scores = caches.iter().map(|cache| cache.scores).max().unwrap_or(0);
        widest.max(scores + attention_channels(architecture)) + cells + count * (2 + 2 * values)
    };
    let mut bytes = base.saturating_mul(4 * ubatch).saturating_add(32);
    if scenario.flash_attention && is_quantised(scenario.k) && !latent {
        // Keys and values are rotated before they are rounded; the matrices are inputs (`llama-kv-cache.cpp`).
        let rotation = |cache: &Cache| 4 * (rotated(cache.k_head_dim).pow(2) + 64 * 64);
        bytes = bytes.saturating_add(caches.iter().map(rotation).sum());
    }
    if scenario.runtime == Runtime::LlamaCppApi {
        let logits = architecture.embeddings.vocab_size + 2 * architecture.hidden_size + 1;
        bytes = bytes.max(logits.saturating_mul(4 * ubatch));
    }
    bytes
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

/// Channels of a token at the widest moment of a layer: its feed-forward block beside what mixes tokens and the stream.
///
/// Exact for dense models with attention; fitted to five mixtures and three hybrids.
fn channels(architecture: &Architecture, lean: bool) -> u64 {
    let hidden = architecture.hidden_size;
    let feed_forward = |layer: &Layer| match layer.ffn {
        Ffn::Dense { width, gated: true } => 3 * width,
        Ffn::Dense { width, gated: false } => 2 * width,
        // Outputs of many experts stand until they are added up, beside what goes into the last product.
        Ffn::Experts { active, width, shared_width, dense_width, .. } => {
            let outputs = if active > 4 { width + 2 * hidden } else { 0 };
            (active * (3 * width).max(outputs)).max(3 * shared_width).max(3 * dense_width)
        }
        Ffn::None => 0,
    };
    let mixed = |layer: &Layer| match &layer.mixer {
        Mixer::Attention(attention) => attention.query_heads * attention.k_head_dim,
        Mixer::Recurrent(recurrent) => {
            let out = recurrent.tensors.iter().find(|tensor| tensor.name == "ssm_out");
            out.map_or(0, |tensor| tensor.row_length)
        }
    };
    let latent = |layer: &Layer| layer.attention().is_some_and(|a| a.kv_heads > 0 && a.v_head_dim == 0);
    let dense = |layer: &Layer| matches!(layer.ffn, Ffn::Dense { gated: true, .. });
    let plain = |layer: &Layer| {
        let as_wide = |a: &Attention| !a.qk_norm && a.query_heads * a.k_head_dim == hidden;
        dense(layer) && layer.attention().is_some_and(as_wide)
    };
    let gone = |layer: &Layer| latent(layer) || (lean && plain(layer));
    let each = |layer: &Layer| feed_forward(layer) + if gone(layer) { 0 } else { mixed(layer) };
    let widest = architecture.layers.iter().map(each).max().unwrap_or(0) + 3 * hidden + 2;
    widest.max(working_channels(architecture)) + architecture.ple_row_elements()
}

/// The same while scores are computed, the scores apart.
fn attention_channels(architecture: &Architecture) -> u64 {
    3 * architecture.hidden_size + 2 * query_channels(architecture) + 2 + architecture.ple_row_elements()
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
    let widest = architecture.layers.iter().map(|layer| ffn_width(&layer.ffn)).max().unwrap_or(0);
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

/// Channels of a token that stand in memory at once in the widest layer: its feed-forward block, or the projections of its
/// recurrence with the convolution's input, joined to its state, and output.
fn working_channels(model: &Architecture) -> u64 {
    let channels = |layer: &Layer| {
        let recurrent = match &layer.mixer {
            Mixer::Attention(_) => 0,
            Mixer::Recurrent(recurrent) => recurrent
                .tensors
                .iter()
                .map(|tensor| match tensor.name {
                    "ssm_conv1d" | "shortconv.conv" => 2 * tensor.rows,
                    "ssm_out" | "shortconv.out_proj" => 0,
                    _ if tensor.row_length == model.hidden_size => tensor.rows,
                    _ => 0,
                })
                .sum(),
        };
        recurrent.max(3 * ffn_width(&layer.ffn)) + 3 * model.hidden_size
    };
    model.layers.iter().map(channels).max().unwrap_or(0)
}

fn ffn_width(ffn: &Ffn) -> u64 {
    match *ffn {
        Ffn::Dense { width, .. } => width,
        Ffn::Experts { width, active, shared_width, dense_width, .. } => {
            (width * active + shared_width).max(dense_width)
        }
        Ffn::None => 0,
    }
}
