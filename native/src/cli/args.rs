//! Arguments that several commands share.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dhurandhar_core::codec::CodecKind;
use dhurandhar_core::device::State;
#[cfg(feature = "burn")]
use std::path::PathBuf;

/// Reads `foreground`, `service` or `background`.
pub(crate) fn state(text: &str) -> Result<State, String> {
    let found = State::RUNNING.iter().find(|(name, _)| *name == text);
    found.map(|(_, state)| *state).ok_or_else(|| "expected foreground, service or background".to_owned())
}

/// Reads a codec's name; help and completions list them all.
pub(crate) fn codec() -> impl TypedValueParser<Value = CodecKind> {
    PossibleValuesParser::new(CodecKind::ALL.map(CodecKind::name)).try_map(|name| name.parse::<CodecKind>())
}

/// Where a model is and where it runs.
#[cfg(feature = "burn")]
#[derive(Debug, clap::Args)]
pub(crate) struct ModelArgs {
    /// GGUF file, safetensors file, or folder with config.json
    #[arg(long, alias = "checkpoint", value_name = "PATH")]
    pub(crate) model: PathBuf,
    /// Where the model runs; auto takes a GPU where one is found, and software drivers only run with wgpu
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) backend: BackendArg,
}

/// Where a real model is computed.
#[cfg(feature = "burn")]
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum BackendArg {
    Auto,
    Wgpu,
    Cpu,
}
