//! The tensors of a checkpoint: names, shapes, roles, and the stored type where a file was read.

use crate::leaf::BlockType;
use crate::leaf::wire::{wire_enum, wire_struct};
use serde::Serialize;

/// What a tensor is for; decides its type under a quantiser's rules and when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Token embedding table (also the output head when tied).
    TokenEmbedding,
    /// Output head of its own.
    OutputHead,
    /// Per-layer embedding table.
    PleTable,
    /// Matrices that bring per-layer embeddings into the stream.
    PleProjection,
    /// Query projection.
    AttentionQ,
    /// Key projection.
    AttentionK,
    /// Value projection.
    AttentionV,
    /// Query, key and value projections stored as one matrix.
    AttentionQkv,
    /// Output projection.
    AttentionOutput,
    /// FFN gate.
    FfnGate,
    /// FFN up.
    FfnUp,
    /// FFN gate and up stored as one matrix.
    FfnGateUp,
    /// FFN down.
    FfnDown,
    /// Experts' gate matrices.
    ExpertGate,
    /// Experts' up matrices.
    ExpertUp,
    /// Experts' down matrices.
    ExpertDown,
    /// Expert router.
    Router,
    /// Matrices of a recurrent block.
    Recurrent,
    /// Norm weights, biases, scalars.
    Vector,
    /// Learned scalars that implementations register as buffers, so that published counts leave them out.
    Buffer,
    /// Small matrices that quantisers leave alone (AltUp, LAuReL, convolutions).
    Unquantised,
    /// Vision tower.
    Vision,
    /// Audio tower.
    Audio,
    /// Key and value weights of a layer that reads another's cache: carried, never read.
    Unused,
}

impl Role {
    /// Part of a vision or audio tower.
    pub const fn is_tower(self) -> bool {
        matches!(self, Self::Vision | Self::Audio)
    }

    /// A table that tokens look rows up in.
    pub const fn is_table(self) -> bool {
        matches!(self, Self::TokenEmbedding | Self::PleTable)
    }
}

/// A tensor: `rows` x `row_length`, row by row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// GGUF-style name (or the file's own name for an imported checkpoint).
    pub name: String,
    /// Its purpose.
    pub role: Role,
    /// Layer it belongs to.
    pub layer: Option<usize>,
    /// Rows; experts multiply them.
    pub rows: u64,
    /// Elements in a row: the dimension that quantisation blocks run along.
    pub row_length: u64,
    /// Share of the rows read for one token (1 but for experts and lookups).
    pub active: Active,
    /// Type and exact size in the file this model came from.
    pub stored: Option<Stored>,
}

/// How much of a tensor one decoded token reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Active {
    /// All of it.
    All,
    /// One row (a lookup).
    Row,
    /// `active` of `experts` equal parts.
    Experts {
        /// Parts read.
        active: u64,
        /// Parts there are.
        experts: u64,
    },
    /// Nothing.
    Nothing,
}

/// How a tensor is stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Block type.
    pub block: BlockType,
    /// Bytes in the file, without alignment padding.
    pub bytes: u64,
}

impl Tensor {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.rows.saturating_mul(self.row_length)
    }

    /// Bytes read for one decoded token when the tensor takes `bytes` in all.
    pub fn read_per_token(&self, bytes: u64) -> u64 {
        match self.active {
            Active::All => bytes,
            Active::Row => bytes.checked_div(self.rows).unwrap_or(0),
            Active::Experts { active, experts } => scale(bytes, active, experts),
            Active::Nothing => 0,
        }
    }
}

/// `bytes * part / whole` without overflow, rounded down.
fn scale(bytes: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(bytes) * u128::from(part) / u128::from(whole)).unwrap_or(u64::MAX)
}

wire_struct!(Tensor { name, role, layer, rows, row_length, active, stored });
wire_enum!(Active { 0 All, 1 Row, 2 Experts { active, experts }, 3 Nothing });
wire_struct!(Stored { block, bytes });
wire_enum!(Role {
    0 TokenEmbedding, 1 OutputHead, 2 PleTable, 3 PleProjection, 4 AttentionQ, 5 AttentionK, 6 AttentionV,
    7 AttentionQkv, 8 AttentionOutput, 9 FfnGate, 10 FfnUp, 11 FfnGateUp, 12 FfnDown, 13 ExpertGate, 14 ExpertUp,
    15 ExpertDown, 16 Router, 17 Recurrent, 18 Vector, 19 Buffer, 20 Unquantised, 21 Vision, 22 Audio, 23 Unused,
});
