//! What the commands that run real models share: opening one, and which errors are the user's.

use crate::bad_input;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cli::args::BackendArg;
use crate::cli::output::note;
use crate::decoder::{Adapters, Backend, BackendChoice, Decoder, DecoderError};
use crate::generate::GenerateError;
use crate::train::{self, TrainError};
use std::path::Path;
use std::sync::Arc;

/// The backend that was asked for.
pub(super) fn backend(asked: BackendArg) -> Result<Backend, DecoderError> {
    Backend::open(match asked {
        BackendArg::Auto => BackendChoice::Auto,
        BackendArg::Wgpu => BackendChoice::Wgpu,
        BackendArg::Cpu => BackendChoice::Cpu,
    })
}

/// Open everything, naming the backend on standard error.
pub(super) fn open(path: &Path, asked: BackendArg) -> anyhow::Result<(Decoder, Tokenizer)> {
    let checkpoint = Arc::new(Checkpoint::open(path).map_err(from_checkpoint)?);
    let tokenizer = Tokenizer::open(&checkpoint).map_err(from_checkpoint)?;
    let backend = backend(asked).map_err(from_decoder)?;
    note(&format!("backend: {}", backend.name));
    let decoder = Decoder::load(&checkpoint, backend).map_err(from_decoder)?;
    Ok((decoder, tokenizer))
}

/// The adapter in a folder, for a decoder.
pub(super) fn adapter(folder: &Path, decoder: &Decoder) -> anyhow::Result<Adapters> {
    train::adapters_for(folder, decoder).map_err(from_train)
}

/// The system's failures are failures; everything else about a checkpoint is bad input.
pub(super) fn from_checkpoint(error: CheckpointError) -> anyhow::Error {
    match error {
        CheckpointError::Io { .. } => error.into(),
        other => bad_input(other),
    }
}

pub(super) fn from_decoder(error: DecoderError) -> anyhow::Error {
    match error {
        DecoderError::Checkpoint(error) => from_checkpoint(error),
        DecoderError::Execution { .. } => error.into(),
        DecoderError::Device(_) => anyhow::anyhow!("{error} (--backend cpu)"),
        DecoderError::Buffer { .. } => bad_input(format!("{error} (--backend cpu)")),
        other => bad_input(other),
    }
}

pub(super) fn from_generate(error: GenerateError) -> anyhow::Error {
    match error {
        GenerateError::Checkpoint(error) => from_checkpoint(error),
        GenerateError::Decoder(error) => from_decoder(error),
        other => bad_input(other),
    }
}

pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    String::from_utf8(bytes)
        .map_err(|error| bad_input(format!("{}: {error}; expected UTF-8 text", path.display())))
}

/// The system's and the numbers' failures are failures; everything else is bad input.
pub(super) fn from_train(error: TrainError) -> anyhow::Error {
    match error {
        TrainError::Checkpoint(error) => from_checkpoint(error),
        TrainError::Decoder(error) => from_decoder(error),
        TrainError::Io { ref problem, .. } if problem.kind() == std::io::ErrorKind::NotFound => {
            bad_input(error)
        }
        TrainError::Io { .. } | TrainError::NotFinite { .. } => error.into(),
        other => bad_input(other),
    }
}
