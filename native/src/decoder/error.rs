//! Why a decoder cannot be built or run.

use crate::checkpoint::CheckpointError;
use std::path::{Path, PathBuf};

/// Anything wrong between a checkpoint and its logits.
#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    /// The checkpoint's files or tensors.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A family that is not run here.
    #[error("family `{found}` is not run by this decoder; expected one of {known}")]
    Family {
        /// The checkpoint's family.
        found: String,
        /// Families that are.
        known: String,
    },
    /// A layer of a kind that is not run here.
    #[error("layer {layer} has {found}; expected softmax attention and a dense gated FFN")]
    Layer {
        /// Index of the layer.
        layer: usize,
        /// What it has.
        found: &'static str,
    },
    /// A hyperparameter that does not fit.
    #[error("`{field}` is {found}; expected {expected}")]
    Setting {
        /// Its name.
        field: String,
        /// What the checkpoint states.
        found: String,
        /// What it should state.
        expected: String,
    },
    /// A hyperparameter that does not fit, and where it stands.
    #[error("{}: {problem}", .path.display())]
    Stated {
        /// File.
        path: PathBuf,
        /// What is wrong.
        problem: Box<DecoderError>,
    },
    /// A token id beyond the vocabulary.
    #[error("token {token} is not in the vocabulary of {vocab}")]
    Token {
        /// The id.
        token: u32,
        /// Rows of the embedding table.
        vocab: usize,
    },
    /// More tokens than the model was made for.
    #[error("position {position} is beyond the context of {limit} tokens that the model declares")]
    Context {
        /// First position that does not fit.
        position: usize,
        /// Longest context.
        limit: usize,
    },
    /// No device of the kind asked for.
    #[error("{0}")]
    Device(String),
    /// A tensor larger than the adapter's buffers.
    #[error(
        "`{tensor}` takes {bytes} bytes, but adapter {adapter} takes buffers of at most {limit}; compute on the CPU"
    )]
    Buffer {
        /// Tensor.
        tensor: String,
        /// Its size in f32.
        bytes: u64,
        /// Adapter name.
        adapter: String,
        /// `max_storage_buffer_binding_size`.
        limit: u64,
    },
    /// The backend failed: lost, or out of memory.
    #[error("the {backend} backend failed: {problem}")]
    Execution {
        /// Backend name.
        backend: String,
        /// Its word.
        problem: String,
    },
}

impl DecoderError {
    /// A hyperparameter that does not fit.
    pub(super) fn setting(field: &str, found: String, expected: String) -> Self {
        Self::Setting { field: field.to_owned(), found, expected }
    }

    /// With the file that a hyperparameter stands in.
    pub(super) fn of(self, path: &Path) -> Self {
        match self {
            Self::Setting { .. } | Self::Layer { .. } | Self::Family { .. } => {
                Self::Stated { path: path.to_owned(), problem: Box::new(self) }
            }
            other => other,
        }
    }
}
