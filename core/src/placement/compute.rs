//! llama.cpp's compute buffer on the CPU: what it reserves for a micro-batch, and how much of it a prompt touches.

use crate::memory::{Provenance, Scenario};
use crate::model::architecture::{Architecture, Ffn, Layer, Mixer};

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
///
/// Both rules follow llama.cpp's graph and allocator (`llama-graph.cpp`, `ggml-alloc.c`). Reserved: the logits of a whole
/// micro-batch stand beside the last norm and the unused input embeddings. Touched: the gated unit is not computed in
/// place, so gate, up and product stand beside three tensors of the stream; the matrix product then packs its input
/// in 8 bits. Logits are touched for one token only, and of the mask what the prompt needs.
pub fn compute_buffer(architecture: &Architecture, scenario: &Scenario) -> ComputeBuffer {
    let hidden = architecture.hidden_size;
    let ubatch = scenario.ubatch.min(scenario.context_tokens);
    let widest = architecture.layers.iter().map(|layer| ffn_width(&layer.ffn)).max().unwrap_or(0);
    let one_layer = ubatch * working_channels(architecture) * 4;
    let mut touched = one_layer + ubatch * widest * 9 / 8;
    // The mask's place falls free after the last layer that attends to everything; what comes later is laid into it
    // rather than over pages that are touched already.
    let ends =
        architecture.layers.iter().rposition(|layer| layer.attention().is_some_and(|a| a.window.is_none()));
    if scenario.flash_attention && ends.is_some_and(|last| last + 1 < architecture.layers.len()) {
        let mask = scenario.context_tokens.next_multiple_of(256) * ubatch * 2;
        touched += mask.min(one_layer);
    }
    let vocab = architecture.embeddings.vocab_size;
    let mut reserved = (vocab + 2 * hidden + architecture.ple_row_elements()) * ubatch * 4;
    let mut bytes = touched;
    if !scenario.flash_attention {
        let heads = architecture.attention_layers().map(|(_, a)| a.query_heads).max().unwrap_or(0);
        let cells = scenario.context_tokens.next_multiple_of(256);
        let scores = (heads + 1) * cells * ubatch * 4;
        reserved = reserved.max(scores + 25 * hidden * ubatch);
        bytes = bytes.max(scores);
    }
    ComputeBuffer { reserved: reserved.max(bytes), touched: bytes, provenance: Provenance::Fitted }
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
