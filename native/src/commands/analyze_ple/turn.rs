//! The question and answer whose times `analyze-ple` tells.

use clap::Args;
use dhurandhar_core::memory::Turn;

/// Options of a turn.
#[derive(Debug, Args)]
pub(super) struct TurnArgs {
    /// Tokens of a new prompt, for the wait until the first token [default: 512]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    prompt_tokens: Option<u64>,
    /// Tokens of the conversation that are in the cache already [default: 0]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    cached_tokens: Option<u64>,
    /// Tokens of the answer [default: 256]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    answer_tokens: Option<u64>,
}

impl TurnArgs {
    /// The turn that was asked for. In a context that is too short for the usual one, what was not stated gives way.
    pub(super) fn turn(&self, context_tokens: Option<u64>) -> Turn {
        if self.prompt_tokens.is_none() && self.cached_tokens.is_none() && self.answer_tokens.is_none() {
            return Turn::USUAL;
        }
        let cached_tokens = self.cached_tokens.unwrap_or(Turn::USUAL.cached_tokens);
        let left = context_tokens.map_or(u64::MAX, |context| context.saturating_sub(cached_tokens));
        let prompt_tokens = self.prompt_tokens.unwrap_or_else(|| Turn::USUAL.prompt_tokens.min(left));
        let left = left.saturating_sub(prompt_tokens);
        let answer_tokens = self.answer_tokens.unwrap_or_else(|| Turn::USUAL.answer_tokens.min(left));
        Turn { cached_tokens, prompt_tokens, answer_tokens }
    }
}
