//! `generate`: greedy text, mainly to see that a model works.

use super::real_model::{adapter, from_checkpoint, from_generate, open};
use crate::checkpoint::tokenizer::Message;
use crate::cli::args::ModelArgs;
use crate::cli::output::note;
use crate::generate::greedy;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Continue a text with a real model, always by the likeliest token
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Text to continue
    #[arg(long)]
    prompt: String,
    /// Format the prompt with the model's chat template, as a user's message
    #[arg(long)]
    chat: bool,
    /// Folder of a LoRA adapter in the layout of PEFT
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Most tokens to add
    #[arg(long, default_value_t = 64, value_name = "TOKENS")]
    limit: usize,
}

impl GenerateArgs {
    /// Run the command, on a thread of the pool: from outside, every parallel loop would put this thread to sleep and wake it.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        rayon::scope(|_| self.speak())
    }

    fn speak(self) -> anyhow::Result<ExitCode> {
        let (mut decoder, tokenizer) = open(&self.model.model, self.model.backend)?;
        if let Some(folder) = &self.adapter {
            decoder.attach(adapter(folder, &decoder)?);
        }
        let turn = || Message { role: "user".to_owned(), content: self.prompt.clone() };
        let text = if self.chat {
            tokenizer.chat(&[turn()], true).map_err(from_checkpoint)?
        } else {
            self.prompt.clone()
        };
        let ids = tokenizer.encode(&text, !self.chat).map_err(from_checkpoint)?;
        let started = Instant::now();
        let (mut shown, mut so_far, mut first) = (String::new(), Vec::new(), None);
        let mut out = std::io::stdout();
        let found = greedy(&decoder, Some(&tokenizer), &ids, self.limit, None, |id| {
            so_far.push(id);
            first.get_or_insert_with(Instant::now);
            let whole = tokenizer.decode(&so_far).unwrap_or_default();
            // A character may still lack bytes: wait for them.
            if let Some(new) = whole.strip_prefix(&shown).filter(|new| !new.ends_with('\u{fffd}')) {
                let _ = out.write_all(new.as_bytes()).and_then(|()| out.flush());
                shown = whole;
            }
        })
        .map_err(from_generate)?;
        writeln!(out)?;
        let (count, end) = (found.ids.len(), Instant::now());
        let first = first.unwrap_or(end);
        // The first token comes with the prompt's pass.
        let (reading, writing) = ((first - started).as_secs_f64(), (end - first).as_secs_f64());
        let speed = count.saturating_sub(1) as f64 / writing;
        let speed = if speed.is_finite() { format!(" ({speed:.1} tok/s)") } else { String::new() };
        note(&format!(
            "{} tokens read in {reading:.1} s, {count} written in {writing:.1} s{speed}",
            ids.len()
        ));
        Ok(ExitCode::SUCCESS)
    }
}
