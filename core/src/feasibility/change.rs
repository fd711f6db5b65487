//! Changes to a scenario that may make it fit, and what they are called.

use crate::leaf::number::grouped;
use crate::memory::{KvFormat, LoadMode, Offload, Runtime, Scenario};
use crate::weights::{StockType, WeightFormat, quality};
use serde::Serialize;

/// A single change to a scenario, cheapest kind first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Do not load the audio tower.
    DropAudio,
    /// Do not load the vision tower.
    DropVision,
    /// Map the file instead of reading it into anonymous memory or locking it.
    MapWeights,
    /// Keep no states of earlier prompts.
    NoPromptCache,
    /// Compute attention in one step, without a buffer for its scores.
    FlashAttention,
    /// As many layers on the card as the runtime finds room for.
    LayersThatFit,
    /// Keep weights as they are in the file: slower prefill, same answers.
    NoRepack,
    /// All slots share the cells of one cache.
    SharedCache,
    /// Compute fewer tokens at once.
    SmallerUbatch {
        /// Tokens.
        tokens: u64,
    },
    /// Window layers keep their window only.
    WindowedCaches,
    /// One sequence at a time.
    OneSlot,
    /// Keys and values in 8-bit blocks.
    KvQ8,
    /// A shorter context.
    ShorterContext {
        /// Tokens.
        tokens: u64,
    },
    /// Keys and values in 8-bit blocks, and the context that is possible with them.
    KvQ8AtContext {
        /// Tokens.
        tokens: u64,
    },
    /// Keys and values in 4-bit blocks.
    KvQ4,
    /// No layers on the GPU.
    OnProcessor,
    /// Smaller weights.
    SmallerWeights {
        /// Format name.
        #[serde(serialize_with = "name")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        format: StockType,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn name<S: serde::Serializer>(format: &StockType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

impl Change {
    /// The scenario after the change.
    pub fn applied(&self, scenario: &Scenario) -> Scenario {
        let mut after = scenario.clone();
        match *self {
            Self::DropAudio => after.audio = false,
            Self::DropVision => after.vision = false,
            Self::MapWeights => after.load = LoadMode::Mmap,
            Self::NoPromptCache => (after.prompt_cache_mib, after.checkpoints) = (0, 0),
            Self::FlashAttention => after.flash_attention = true,
            Self::LayersThatFit => {
                (after.offload, after.cpu_moe_layers, after.kv_offload) = (Offload::Auto, 0, true);
                after.tensor_overrides = Vec::new();
            }
            Self::NoRepack => after.repack = false,
            Self::SharedCache => after.unified_kv = true,
            Self::OneSlot => after.slots = 1,
            Self::SmallerUbatch { tokens } => after.ubatch = tokens,
            Self::WindowedCaches => after.runtime = Runtime::LlamaCpp,
            Self::KvQ8 => (after.k, after.v) = (KvFormat::Q8_0, KvFormat::Q8_0),
            Self::KvQ8AtContext { tokens } => {
                after = after.at_context(tokens);
                (after.k, after.v) = (KvFormat::Q8_0, KvFormat::Q8_0);
            }
            Self::KvQ4 => (after.k, after.v) = (KvFormat::Q4_0, KvFormat::Q4_0),
            Self::ShorterContext { tokens } => after = after.at_context(tokens),
            Self::OnProcessor => {
                (after.offload, after.cpu_moe_layers, after.kv_offload) = (Offload::Off, 0, true);
            }
            Self::SmallerWeights { format } => after.weights = WeightFormat::Stock(format),
        }
        after
    }

    /// The change in words.
    pub fn describe(&self) -> String {
        match self {
            Self::DropAudio => "leave out the audio tower".into(),
            Self::DropVision => "leave out the vision tower".into(),
            Self::MapWeights => "map the file, without copying or locking it".into(),
            Self::NoPromptCache => "keep no states of earlier prompts and no checkpoints".into(),
            Self::FlashAttention => "turn flash attention on".into(),
            Self::LayersThatFit => "let llama.cpp choose how much of the model the card takes".into(),
            Self::NoRepack => "turn weight repacking off (slower prefill, same output)".into(),
            Self::SharedCache => "let all slots share one cache".into(),
            Self::OneSlot => "serve one conversation at a time".into(),
            Self::SmallerUbatch { tokens } => format!("compute {tokens} tokens at once"),
            Self::WindowedCaches => "keep only the window in sliding layers".into(),
            Self::KvQ8 => "store keys and values as q8_0".into(),
            Self::ShorterContext { tokens } => format!("limit the context to {} tokens", grouped(*tokens)),
            Self::KvQ8AtContext { tokens } => {
                format!("store keys and values as q8_0 and limit the context to {} tokens", grouped(*tokens))
            }
            Self::KvQ4 => "store keys and values as q4_0".into(),
            Self::OnProcessor => "run all layers on the processor".into(),
            Self::SmallerWeights { format } => {
                format!("quantise the weights to {}{}", format.name(), quality::warning(*format))
            }
        }
    }
}

/// The scenario after all of these changes.
pub(super) fn after(scenario: &Scenario, changes: &[Change]) -> Scenario {
    changes.iter().fold(scenario.clone(), |scenario, change| change.applied(&scenario))
}
