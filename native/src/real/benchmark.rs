//! `dhurandhar benchmark-kv --checkpoint`.

use super::{BackendArg, ModelArgs, from_generate, note, read_text};
use crate::bad_input;
use crate::codec::BenchmarkArgs;
use crate::kv_quality::{KvQualityError, Request, Setting, measure};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Settings that tell the codecs apart, when none are given.
const USUAL: [&str; 6] = [
    "k=turboquant:4,v=turboquant:4",
    "k=centred-keys:4,v=turboquant:4,sinks=4",
    "k=rotorquant:4,v=rotorquant:4",
    "k=turboquant-prod:4,v=turboquant:4",
    "k=turboquant:3,v=turboquant:3",
    "k=centred-keys:3,v=turboquant:3,sinks=4",
];

/// Options of `benchmark-kv`: with a checkpoint the real model is run, without one given or synthetic tensors are coded.
#[derive(Debug, Args)]
pub struct BenchmarkKvArgs {
    #[command(flatten)]
    tensors: BenchmarkArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Run this model: GGUF file, safetensors file, or folder with config.json
    #[arg(long, value_name = "PATH", requires = "text")]
    checkpoint: Option<PathBuf>,
    /// Where it runs; auto takes a GPU where one is found
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendArg,
    /// UTF-8 text of at least one window, for --checkpoint
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    text: Option<PathBuf>,
    /// Codecs and bits, as k=centred-keys:4,v=turboquant:3,sinks=4,recent=128,protect=2; may be repeated
    #[arg(long = "setting", value_name = "SETTING")]
    settings: Vec<Setting>,
    /// Tokens of a window
    #[arg(long, default_value_t = 1024, value_name = "TOKENS")]
    window: usize,
    /// Windows to run
    #[arg(long, default_value_t = 1)]
    windows: usize,
    /// Tokens at the start of each window that are not scored
    #[arg(long, default_value_t = 64, value_name = "TOKENS")]
    unscored: usize,
    /// Seed of every rotation in a run with --checkpoint
    #[arg(long, default_value_t = 42)]
    rotation_seed: u64,
    /// Write the run's JSON here rather than to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl BenchmarkKvArgs {
    /// Run the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match (self.run.checkpoint.clone(), self.run.text.clone()) {
            (Some(checkpoint), Some(text)) => self.run.run(checkpoint, &text),
            _ => self.tensors.run(),
        }
    }
}

impl RunArgs {
    fn run(self, checkpoint: PathBuf, text: &Path) -> anyhow::Result<ExitCode> {
        let text = read_text(text)?;
        let usual =
            || USUAL.iter().map(|text| text.parse::<Setting>().map_err(bad_input)).collect::<Result<_, _>>();
        let settings = if self.settings.is_empty() { usual()? } else { self.settings };
        let (decoder, tokenizer) = ModelArgs { checkpoint, backend: self.backend }.open()?;
        let request = Request {
            settings,
            window: self.window,
            windows: self.windows,
            unscored: self.unscored,
            seed: self.rotation_seed,
        };
        let found = measure(&decoder, &tokenizer, &text, &request, note).map_err(|error| match error {
            KvQualityError::Generate(error) => from_generate(error),
            codec @ KvQualityError::Codec { .. } => bad_input(codec),
        })?;
        let mut json = serde_json::to_string_pretty(&found)?;
        json.push('\n');
        match &self.output {
            None => std::io::stdout().write_all(json.as_bytes())?,
            Some(path) => {
                // Under another name first, so that nothing half-written is left.
                let partial = path.with_extension("json.partial");
                std::fs::write(&partial, json)?;
                std::fs::rename(&partial, path)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
