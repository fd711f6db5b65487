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
    /// What takes longest of a token, where that is neither reading memory nor storage; not looked for while a slider moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beyond_bandwidth: Option<&'static str>,
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
    /// What a token's time is made of, at the end of the context; filled for a device that is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<TokenTimes>,
    /// What measured speeds narrow; filled for a device that is looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<Narrowing>,
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

/// The expected time of a token by its terms, which add up.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenTimes {
    /// Of each processor that has layers.
    pub units: Vec<UnitTimes>,
    /// Milliseconds that storage is waited for: rows of tables, and weights that are read again.
    pub storage_ms: f64,
    /// Milliseconds on the way to cards in other machines and back.
    pub network_ms: f64,
}

/// The expected time of a token on one processor, milliseconds a term; corrected by measured speeds as the whole is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnitTimes {
    /// The class of processor.
    pub processor: &'static str,
    /// Peak bandwidth of the memory that it reads, GB/s (1e9).
    pub bandwidth_gb_per_s: f64,
    /// The share of that peak at which it reads weights; above one where reading overlaps with arithmetic.
    pub bandwidth_share: f64,
    /// Reading weights and recurrent state.
    pub weights_ms: f64,
    /// Reading keys and values.
    pub cache_ms: f64,
    /// Starting layers.
    pub layers_ms: f64,
    /// Products.
    pub products_ms: f64,
    /// Unpacking weights.
    pub unpacking_ms: f64,
    /// The connection of an NPU.
    pub connection_ms: f64,
    /// Handing the token over and choosing the next.
    pub handing_ms: f64,
}

impl UnitTimes {
    /// All terms with their names.
    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("weights", self.weights_ms),
            ("cache", self.cache_ms),
            ("layers", self.layers_ms),
            ("products", self.products_ms),
            ("unpacking", self.unpacking_ms),
            ("connection", self.connection_ms),
            ("handing over", self.handing_ms),
        ]
    }

    /// All of them, milliseconds.
    pub fn sum_ms(&self) -> f64 {
        self.named().iter().map(|(_, ms)| ms).sum()
    }
}

impl TokenTimes {
    /// The whole token, milliseconds.
    pub fn sum_ms(&self) -> f64 {
        self.units.iter().map(UnitTimes::sum_ms).sum::<f64>() + self.storage_ms + self.network_ms
    }
}

/// Speeds that measured ones narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Narrowing {
    /// The class of processor.
    pub processor: &'static str,
    /// Those of prompts, not of decoding.
    pub of_prompt: bool,
    /// Measured speeds that count.
    pub rows: usize,
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
