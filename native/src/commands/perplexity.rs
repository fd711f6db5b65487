//! `perplexity`: how well a model predicts a text.

use super::real_model::{adapter, from_checkpoint, from_generate, open, read_text};
use crate::cli::args::ModelArgs;
use crate::cli::output::note;
use crate::generate::perplexity;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure how well a real model predicts a text
#[derive(Debug, Args)]
pub(crate) struct PerplexityArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Text file in UTF-8
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Folder of a LoRA adapter in the layout of PEFT
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Tokens of a window; the second half of each window is scored, as llama.cpp does
    #[arg(long, default_value_t = 512, value_name = "TOKENS")]
    window: usize,
}

impl PerplexityArgs {
    /// Run the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let text = read_text(&self.text)?;
        let (mut decoder, tokenizer) = open(&self.model.model, self.model.backend)?;
        if let Some(folder) = &self.adapter {
            decoder.attach(adapter(folder, &decoder)?);
        }
        let ids = tokenizer.encode(&text, false).map_err(from_checkpoint)?;
        let found = perplexity(&decoder, &ids, self.window, self.window / 2, None, |so_far| {
            note(&format!("window {}: {:.4}", so_far.windows, so_far.value));
        })
        .map_err(from_generate)?;
        writeln!(std::io::stdout(), "perplexity {:.4} over {} tokens", found.value, found.tokens)?;
        Ok(ExitCode::SUCCESS)
    }
}
