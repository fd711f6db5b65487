//! A model from a GGUF file's header and tensor table.

mod blocks;
mod keys;
mod model;
mod role;
mod state;
mod windows;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use crate::format::gguf::{Gguf, GgufError, Metadata, TensorInfo, Value, quantisation, siblings};

use super::draft::Unbelievable;
use crate::format::gguf::read;
use crate::model::family;

/// Why a GGUF file gives no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufModelError {
    /// The file itself cannot be used.
    #[error(transparent)]
    File(#[from] GgufError),
    /// Not a language model that decodes.
    #[error("`{architecture}` is {what}; expected a decoder-only language model")]
    NotDecoderOnly {
        /// `general.architecture`.
        architecture: String,
        /// What it is.
        what: String,
    },
    /// A decoder with blocks that are not described here.
    #[error("`{architecture}` has {what}, whose memory is not described here")]
    Undescribed {
        /// `general.architecture`.
        architecture: String,
        /// The blocks.
        what: String,
    },
    /// One part of a split model.
    #[error(
        "this is part {part} of {parts} of a split model; expected all parts in one folder, or dropped together"
    )]
    Split {
        /// From 1.
        part: u64,
        /// Parts in all.
        parts: u64,
    },
    /// Sums beyond any model.
    #[error(transparent)]
    Unbelievable(#[from] Unbelievable),
}

/// Read the header and tensor table from the first `bytes` of a file of `file_len` bytes.
///
/// An incomplete prefix gives [`GgufError::NeedMore`]; everything else that is wrong names its byte offset.
pub fn parse_gguf(bytes: &[u8], file_len: Option<u64>) -> Result<Gguf, GgufError> {
    read(bytes, file_len, family::block_of_code)
}
