//! Parameter counts by tensor group: sums over the tensor list.

use super::tensor::{Active, Role, Tensor};
use serde::Serialize;

/// Exact parameter counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ParameterCounts {
    /// Decoder layers: attention, FFN, norms, PLE projections, recurrences.
    pub decoder: u64,
    /// Token embedding table (the output head too, when tied).
    pub token_embedding: u64,
    /// Output head of its own.
    pub output_head: u64,
    /// Per-layer embedding table.
    pub ple_table: u64,
    /// Key and value weights of KV-sharing layers that a checkpoint carries but nothing reads.
    pub unused: u64,
    /// Learned scalars stored as buffers.
    pub buffers: u64,
    /// Vision tower.
    pub vision: u64,
    /// Audio tower.
    pub audio: u64,
    /// Text parameters in use: decoder, embeddings, head and PLE table.
    pub text: u64,
    /// Text parameters without the PLE table: what must be computed with ("effective").
    pub effective: u64,
    /// Parameters read for one token (experts by their active share, lookups by their row).
    pub active_per_token: u64,
    /// Everything the checkpoint holds.
    pub total: u64,
}

impl ParameterCounts {
    /// Count a tensor list.
    pub fn of(tensors: &[Tensor]) -> Self {
        let mut counts = Self::default();
        for tensor in tensors {
            let elements = tensor.elements();
            let group = match tensor.role {
                Role::TokenEmbedding => &mut counts.token_embedding,
                Role::OutputHead => &mut counts.output_head,
                Role::PleTable => &mut counts.ple_table,
                Role::Vision => &mut counts.vision,
                Role::Audio => &mut counts.audio,
                Role::Unused => &mut counts.unused,
                Role::Buffer => &mut counts.buffers,
                _ => &mut counts.decoder,
            };
            *group += elements;
            if tensor.active != Active::Nothing {
                counts.active_per_token += tensor.read_per_token(elements);
            }
        }
        counts.effective = counts.decoder + counts.token_embedding + counts.output_head;
        counts.text = counts.effective + counts.ple_table;
        counts.total = counts.text + counts.unused + counts.buffers + counts.vision + counts.audio;
        counts
    }
}
