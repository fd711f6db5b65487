//! What the model says without and with the adapter, for the card and the report.

use super::TrainError;
use super::config::TemplateChoice;
use super::trainer::Trainer;
use crate::checkpoint::tokenizer::{Message, Tokenizer};
use crate::decoder::Adapters;
use crate::generate::{GenerateError, greedy_with};
use dhurandhar_core::measurement::TrainingSample;

/// Most tokens of a reply.
const LIMIT: usize = 64;

/// Answers to the configured prompts.
pub(crate) fn replies(
    trainer: &Trainer<'_>,
    tokenizer: &Tokenizer,
    say: fn(&str),
) -> Result<Vec<TrainingSample>, TrainError> {
    let prompts = &trainer.config.sample_prompts;
    if prompts.is_empty() {
        return Ok(Vec::new());
    }
    let decoder = trainer.decoder;
    let adapters = trainer.parameters.on_device(decoder).plain(None);
    let sample = |prompt: &String| {
        let before = reply(trainer, tokenizer, prompt, None)?;
        let after = reply(trainer, tokenizer, prompt, Some(&adapters))?;
        say(&format!("{prompt}\n  before: {before}\n  after: {after}"));
        Ok(TrainingSample { prompt: prompt.clone(), before, after })
    };
    prompts.iter().map(sample).collect()
}

fn reply(
    trainer: &Trainer<'_>,
    tokenizer: &Tokenizer,
    prompt: &str,
    adapters: Option<&Adapters>,
) -> Result<String, TrainError> {
    let chat = trainer.config.template != TemplateChoice::Plain && tokenizer.has_template();
    let text = if chat {
        tokenizer.chat(&[Message { role: "user".to_owned(), content: prompt.to_owned() }], true)?
    } else {
        prompt.to_owned()
    };
    let ids = tokenizer.encode(&text, !chat)?;
    let found = greedy_with(trainer.decoder, adapters, Some(tokenizer), &ids, LIMIT);
    let found = found.map_err(|error| match error {
        GenerateError::Checkpoint(error) => TrainError::Checkpoint(error),
        GenerateError::Decoder(error) => TrainError::Decoder(error),
        other => TrainError::Setting(format!("`sample_prompts`: {other}")),
    })?;
    Ok(tokenizer.decode(&found.ids)?.trim().to_owned())
}
