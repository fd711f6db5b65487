//! `benchmark-kv` with a real model: what a coded cache does to its attention and predictions.

use crate::bad_input;
use crate::cli;
use crate::cli::args::BackendArg;
use crate::cli::files;
use crate::cli::output::note;
use crate::commands::real_model::{from_generate, open, read_text};
use crate::kv_quality::{DumpChoice, DumpError, KvCacheConfig, KvQualityError, Request, measure};
use anyhow::Context;
use clap::Args;
use dhurandhar_core::measurement::{KvQuality, Measurement};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Settings that tell the codecs apart, with what a stock runtime offers as lines to compare with.
const USUAL: [&str; 10] = [
    "k=q8_0,v=q8_0",
    "k=q8_0-hadamard,v=q8_0-hadamard",
    "k=q4_0,v=q4_0",
    "k=q4_0-hadamard,v=q4_0-hadamard",
    "k=turboquant:4,v=turboquant:4",
    "k=centred-keys:4,v=turboquant:4,sinks=4",
    "k=rotorquant:4,v=rotorquant:4",
    "k=turboquant-prod:4,v=turboquant:4",
    "k=turboquant:3,v=turboquant:3",
    "k=centred-keys:3,v=turboquant:3,sinks=4",
];

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Where the model runs; auto takes a GPU where one is found
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendArg,
    /// Text file in UTF-8 of at least one window: runs the real weights of --model on it
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(super) text: Option<PathBuf>,
    /// Codecs and bits, as k=centred-keys:4,v=turboquant:3,sinks=4,recent=128,protect=2, or k=f16,v=q4_0; q=q8_0 rounds
    /// queries, too; may be repeated
    #[arg(long = "setting", value_name = "SETTING")]
    settings: Vec<KvCacheConfig>,
    /// Tokens of a window
    #[arg(long, default_value_t = 1024, value_name = "TOKENS")]
    window: usize,
    /// Windows to run
    #[arg(long, default_value_t = 1)]
    windows: usize,
    /// Tokens at the start of each window that are not scored
    #[arg(long, default_value_t = 64, value_name = "TOKENS")]
    unscored: usize,
    /// Seed of the random generator for rotations in a run of a real model
    #[arg(long, default_value_t = 42)]
    rotation_seed: u64,
    /// Number of seeds, from --rotation-seed on, for settings that rotate at random
    #[arg(long, default_value_t = 1, value_name = "SEEDS", value_parser = clap::value_parser!(u64).range(1..=1000))]
    rotation_seeds: u64,
    /// Write keys, values and queries of the first window to this file, as f16 safetensors
    #[arg(long, value_name = "FILE", requires = "text")]
    dump_kv: Option<PathBuf>,
    /// Layers in --dump-kv, several with commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LAYERS", requires = "dump_kv")]
    dump_layers: Vec<usize>,
    /// Tokens in --dump-kv [default: all]
    #[arg(long, value_name = "TOKENS", requires = "dump_kv")]
    dump_tokens: Option<usize>,
}

impl RunArgs {
    pub(super) fn run(self, model: &Path, text: &Path, output: Option<&Path>) -> anyhow::Result<ExitCode> {
        let name = text.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = read_text(text)?;
        let earlier = output.map(earlier).transpose()?.flatten();
        let usual = || {
            USUAL
                .iter()
                .map(|text| text.parse::<KvCacheConfig>().map_err(bad_input))
                .collect::<Result<_, _>>()
        };
        let settings = if self.settings.is_empty() { usual()? } else { self.settings };
        let (decoder, tokenizer) = open(model, self.backend)?;
        let choice = DumpChoice { layers: self.dump_layers, tokens: self.dump_tokens };
        let request = Request {
            settings,
            window: self.window,
            windows: self.windows,
            unscored: self.unscored,
            seed: self.rotation_seed,
            seeds: self.rotation_seeds,
            text: name,
            dump: self.dump_kv.map(|path| (path, choice)),
        };
        let mut unsaved = None;
        let done = |report: &KvQuality| {
            if let Some(last) = report.settings.last() {
                note(&format!("{}: KL divergence {:.5}", last.setting, last.divergence.mean));
            }
            if let Some(path) = output {
                unsaved = save(path, report).err();
            }
        };
        let found = measure(&decoder, &tokenizer, &text, &request, earlier, done).map_err(unusable)?;
        match (output, unsaved) {
            (_, Some(error)) => return Err(error),
            (Some(path), None) => save(path, &found)?,
            (None, None) => cli::output::print(&(serde_json::to_string_pretty(&found)? + "\n"))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn save(path: &Path, report: &KvQuality) -> anyhow::Result<()> {
    files::save(path, &(serde_json::to_string(report)? + "\n"))
}

/// What an interrupted run left.
fn earlier(path: &Path) -> anyhow::Result<Option<KvQuality>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = KvQuality::read(&text).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    Ok(Some(report))
}

fn unusable(error: KvQualityError) -> anyhow::Error {
    match error {
        KvQualityError::Generate(error) => from_generate(error),
        KvQualityError::Dump(error @ DumpError::Io { .. }) => error.into(),
        other => bad_input(other),
    }
}
