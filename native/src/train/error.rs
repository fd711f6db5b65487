//! Why a training run cannot start or go on.

use crate::checkpoint::CheckpointError;
use crate::decoder::DecoderError;
use dhurandhar_core::format::document::DocumentError;
use dhurandhar_core::training::AdapterError;
use std::path::PathBuf;

/// Anything wrong between a configuration and an adapter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] DocumentError),
    /// Targets or rank.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// The base.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The forward or backward pass.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// The operating system refused.
    #[error("{}: {problem}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// The system's word.
        problem: std::io::Error,
    },
    /// A line of the data.
    #[error("{}:{line}: {problem}", .path.display())]
    Line {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong, with what was expected.
        problem: String,
    },
    /// Data that cannot be used as a whole.
    #[error("{}: {problem}", .path.display())]
    Data {
        /// File or folder.
        path: PathBuf,
        /// What is wrong, with what was expected.
        problem: String,
    },
    /// A setting that does not fit.
    #[error("{0}")]
    Setting(String),
    /// An adapter file that does not fit the base.
    #[error("{}: {problem}", .path.display())]
    AdapterFile {
        /// File or folder.
        path: PathBuf,
        /// What is wrong, with what was expected.
        problem: String,
    },
    /// A checkpoint of another run.
    #[error("{}: {problem}", .path.display())]
    OtherRun {
        /// File.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The loss or its gradient is no number.
    #[error("step {step}: the {what} is {value}; {last}")]
    NotFinite {
        /// Step.
        step: u64,
        /// Loss or gradient norm.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Where the last good state is.
        last: String,
    },
}

impl TrainError {
    /// The system's word about a path.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |problem| Self::Io { path, problem }
    }
}
