//! `dhurandhar benchmark-kv --checkpoint`.

use super::{ModelArgs, from_generate, note, read_text};
use crate::bad_input;
use crate::kv_quality::{KvQualityError, Request, Setting, measure};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
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

/// What codecs do to a real model's keys and values, to attention and to its predictions
#[derive(Debug, Args)]
pub struct BenchmarkKvArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// UTF-8 text of at least one window
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
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
    /// Seed of every rotation
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Write the JSON here rather than to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl BenchmarkKvArgs {
    /// Run the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let text = read_text(&self.text)?;
        let usual = || USUAL.iter().map(|text| text.parse::<Setting>().map_err(bad_input)).collect();
        let settings = if self.settings.is_empty() { usual()? } else { self.settings };
        let (decoder, tokenizer) = self.model.open()?;
        let request = Request {
            settings,
            window: self.window,
            windows: self.windows,
            unscored: self.unscored,
            seed: self.seed,
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
