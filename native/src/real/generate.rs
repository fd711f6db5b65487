//! `dhurandhar generate`: to see that a model speaks.

use super::{ModelArgs, from_checkpoint, from_generate, note};
use crate::checkpoint::tokenizer::Message;
use crate::generate::greedy;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Continue a text, always with the likeliest token
#[derive(Debug, Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Text to continue
    #[arg(long)]
    prompt: String,
    /// Put the prompt through the model's chat template, as a user's turn
    #[arg(long)]
    chat: bool,
    /// Folder of a LoRA adapter in PEFT's layout
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Most tokens to add
    #[arg(long, default_value_t = 64, value_name = "TOKENS")]
    limit: usize,
}

impl GenerateArgs {
    /// Run the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (mut decoder, tokenizer) = self.model.open()?;
        if let Some(folder) = &self.adapter {
            decoder.attach(crate::train::adapters_for(folder, &decoder)?);
        }
        let turn = || Message { role: "user".to_owned(), content: self.prompt.clone() };
        let text = if self.chat {
            tokenizer.chat(&[turn()], true).map_err(from_checkpoint)?
        } else {
            self.prompt.clone()
        };
        let ids = tokenizer.encode(&text, !self.chat).map_err(from_checkpoint)?;
        let started = Instant::now();
        let (mut shown, mut so_far) = (String::new(), Vec::new());
        let mut out = std::io::stdout();
        let found = greedy(&decoder, Some(&tokenizer), &ids, self.limit, None, |id| {
            so_far.push(id);
            let whole = tokenizer.decode(&so_far).unwrap_or_default();
            // A character may still lack bytes: wait for them.
            if let Some(new) = whole.strip_prefix(&shown).filter(|new| !new.ends_with('\u{fffd}')) {
                let _ = out.write_all(new.as_bytes()).and_then(|()| out.flush());
                shown = whole;
            }
        })
        .map_err(from_generate)?;
        writeln!(out)?;
        let seconds = started.elapsed().as_secs_f64();
        let count = found.ids.len();
        note(&format!(
            "{} + {count} tokens in {seconds:.1} s ({:.1} tok/s)",
            ids.len(),
            count as f64 / seconds
        ));
        Ok(ExitCode::SUCCESS)
    }
}
