//! A safetensors header, alone or beside its `config.json`, and the index of a sharded checkpoint.
//!
//! Format: the safetensors README: eight bytes of length, then JSON with type, shape and extent of every tensor.

mod combine;
mod deduce;
mod header;
mod index;
mod names;
mod packed;

#[cfg(test)]
mod tests;

pub use header::{Header, TensorInfo, parse_header};
pub use index::{Index, parse_index};

use super::draft::Unbelievable;
use crate::document::DocumentError;

/// Why a safetensors header or index cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsError {
    /// The header goes on beyond these bytes: read more and try again.
    #[error("the header continues beyond the bytes at hand; at least {at_least} are needed")]
    NeedMore {
        /// Length of the shortest prefix that can get further, in bytes.
        at_least: u64,
    },
    /// The first eight bytes cannot be a length.
    #[error("byte 0: the header length is {found}; expected at most {most}")]
    Length {
        /// What stands there.
        found: u64,
        /// What the file has room for, or the format allows.
        most: u64,
    },
    /// The header is not the JSON that it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A tensor whose entry does not fit.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// The data end before the header says.
    #[error("tensor `{tensor}` ends at byte {end}, but the file has {file_len}: it is truncated")]
    Truncated {
        /// The tensor that reaches furthest.
        tensor: String,
        /// Where it ends.
        end: u64,
        /// Length of the file.
        file_len: u64,
    },
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
    /// Additions to a model's matrices.
    #[error(
        "{source_name}: a LoRA adapter, whose additions are no model; expected the model that it was trained on"
    )]
    Adapter {
        /// File name.
        source_name: String,
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
