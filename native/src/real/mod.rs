//! The commands that run real models: `generate`, `perplexity` and `benchmark-kv`.

mod benchmark;
mod generate;
mod perplexity;

pub use benchmark::BenchmarkKvArgs;
pub use generate::GenerateArgs;
pub use perplexity::PerplexityArgs;

use crate::bad_input;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::decoder::{Backend, BackendChoice, Decoder, DecoderError};
use crate::generate::GenerateError;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a model is and where it runs.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// GGUF file, safetensors file, or folder with config.json
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    /// auto takes a GPU where one is found; software drivers only when asked for with wgpu
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum BackendArg {
    Auto,
    Wgpu,
    Cpu,
}

impl BackendArg {
    /// The backend that it means.
    pub(crate) fn open(self) -> Result<Backend, DecoderError> {
        Backend::open(match self {
            Self::Auto => BackendChoice::Auto,
            Self::Wgpu => BackendChoice::Wgpu,
            Self::Cpu => BackendChoice::Cpu,
        })
    }
}

impl ModelArgs {
    /// Open everything, naming the backend on standard error.
    fn open(&self) -> anyhow::Result<(Decoder, Tokenizer)> {
        let checkpoint = Arc::new(Checkpoint::open(&self.checkpoint).map_err(from_checkpoint)?);
        let tokenizer = Tokenizer::open(&checkpoint).map_err(from_checkpoint)?;
        let backend = self.backend.open().map_err(from_decoder)?;
        note(&format!("backend: {}", backend.name));
        let decoder = Decoder::load(&checkpoint, backend).map_err(from_decoder)?;
        Ok((decoder, tokenizer))
    }
}

/// A line for people, beside the result.
pub(crate) fn note(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
}

/// The system's failures are failures; everything else about a checkpoint is bad input.
pub(crate) fn from_checkpoint(error: CheckpointError) -> anyhow::Error {
    match error {
        CheckpointError::Io { .. } => error.into(),
        other => bad_input(other),
    }
}

pub(crate) fn from_decoder(error: DecoderError) -> anyhow::Error {
    match error {
        DecoderError::Checkpoint(error) => from_checkpoint(error),
        DecoderError::Execution { .. } | DecoderError::Device(_) => error.into(),
        other => bad_input(other),
    }
}

fn from_generate(error: GenerateError) -> anyhow::Error {
    match error {
        GenerateError::Checkpoint(error) => from_checkpoint(error),
        GenerateError::Decoder(error) => from_decoder(error),
        other => bad_input(other),
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    String::from_utf8(bytes)
        .map_err(|error| bad_input(format!("{}: {error}; expected UTF-8 text", path.display())))
}
