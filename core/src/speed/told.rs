//! What is told of a speed.

use super::{Estimate, Standing, Suitability, Sustained, standing};
use serde::Serialize;

/// How fast a model runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Speed {
    /// What computes.
    pub processors: Vec<&'static str>,
    /// What the intervals stand on, by processor.
    pub standings: Vec<Standing>,
    /// Tokens a second at the end of the context.
    pub decode_tokens_per_s: Estimate,
    /// The turn's times.
    pub turn: TurnSpeed,
    /// Speed by depth; filled for a device that is looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_depth: Vec<DepthSpeed>,
    /// What the speed is good for; filled for a device that is looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Suitability>,
    /// With the scenario's draft model, where its acceptance is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speculative: Option<Speculative>,
    /// After ten minutes of decoding, where something is known of it; filled for a device that is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sustained: Option<Sustained>,
    /// Why intervals are wider than usual.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wide_because: Vec<&'static str>,
}

impl Speed {
    /// How many published speeds such intervals hold, as the end of a sentence.
    pub fn standing(&self) -> String {
        standing::sentence(&self.standings)
    }
}

/// Times of a question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TurnSpeed {
    /// Tokens of the prompt that are timed: those asked for, or what the context has room for.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub answer_tokens: u64,
    /// Tokens a second of the prompt.
    pub prompt_tokens_per_s: Estimate,
    /// Seconds until the first token of the answer.
    pub first_token_s: Estimate,
    /// Tokens a second of the answer.
    pub answer_tokens_per_s: Estimate,
    /// Seconds until the last token.
    pub whole_s: Estimate,
    /// Seconds more when the file is not in memory yet: its bytes at the storage's rate.
    pub cold_start_s: f64,
}

/// Speed with so many tokens in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DepthSpeed {
    /// Tokens in the cache.
    pub depth_tokens: u64,
    /// Tokens a second.
    pub tokens_per_s: Estimate,
}

/// A speed with a draft model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Speculative {
    /// Tokens proposed at a time.
    pub draft_tokens: u64,
    /// Probability that a proposal is taken, as stated.
    pub acceptance: f64,
    /// Tokens that a step yields on average.
    pub tokens_per_step: f64,
    /// Tokens a second at the end of the context. No published run of that is among those that the law is fitted to.
    pub decode_tokens_per_s: Estimate,
    /// Times as fast as without the draft model, expected; below one it slows decoding down.
    pub gain: f64,
}
