//! A safetensors header, alone or beside its `config.json`, and the index of a sharded checkpoint.

mod combine;
mod deduce;
mod index;
mod packed;

#[cfg(test)]
mod tests;

pub use crate::format::safetensors::{Header, SafetensorsError, TensorInfo, parse_header};
pub use index::{Index, parse_index};

use super::draft::Unbelievable;
use crate::format::document::DocumentError;

/// Why a safetensors header or index gives no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsModelError {
    /// The header itself cannot be used.
    #[error(transparent)]
    File(#[from] SafetensorsError),
    /// The index is not the JSON that it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Names and shapes alone do not say enough.
    #[error("{source_name}: {reason}; import it together with its config.json")]
    NeedsConfig {
        /// File name.
        source_name: String,
        /// What is missing.
        reason: String,
    },
    /// One shard of several.
    #[error("{source_name}: {what}; import model.safetensors.index.json together with config.json instead")]
    Shard {
        /// File name.
        source_name: String,
        /// What shows it.
        what: String,
    },
    /// An index that does not list all layers.
    #[error(
        "{source_name}: it lists no tensor of layer {missing}, which the config has; expected the whole index"
    )]
    Incomplete {
        /// File name.
        source_name: String,
        /// The first such layer.
        missing: usize,
    },
    /// Additions to a model's matrices.
    #[error(
        "{source_name}: a LoRA adapter, whose additions are no model; expected the model that it was trained on"
    )]
    Adapter {
        /// File name.
        source_name: String,
    },
    /// Another kind of model, or no model.
    #[error("{source_name}: {what}, by the names of its tensors; expected a decoder-only language model")]
    OtherKind {
        /// File name.
        source_name: String,
        /// What it is.
        what: &'static str,
    },
    /// No language model in it.
    #[error(
        "{source_name}: no decoder layers found; expected names such as `model.layers.0.self_attn.q_proj.weight`"
    )]
    NoDecoder {
        /// File name.
        source_name: String,
    },
    /// Header and config speak of different models.
    #[error("the header has {found} {what}, the config {expected}")]
    Mismatch {
        /// Which figure.
        what: &'static str,
        /// By the header.
        found: u64,
        /// By the config.
        expected: u64,
    },
    /// Sums beyond any model.
    #[error(transparent)]
    Unbelievable(#[from] Unbelievable),
}
