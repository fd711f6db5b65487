//! The choices a prediction is made for.

use super::{KvFormat, Runtime};
use crate::model::Model;
use crate::weights::{WeightFormat, WeightPlan};
use serde::Serialize;

/// How a runtime brings the file's weights into memory (llama.cpp's `--load-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LoadMode {
    /// The file is mapped: clean pages, which the system may drop and read again.
    Mmap,
    /// Read into anonymous memory.
    Copy,
    /// Mapped and locked: pages stay.
    Mlock,
}

/// Whether a table of per-layer embeddings is read row by row instead of being mapped (llama.cpp's `--lazy-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LazyMode {
    /// Tables above 4 GiB only.
    Auto,
    /// Never.
    Off,
    /// Always.
    On,
}

/// Whether the layers run on the device's GPU, where the runtime has a way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Offload {
    /// As the runtime does when nothing is said: every layer on Apple's GPUs, none elsewhere.
    Auto,
    /// Everything on the processor.
    Off,
}

/// One way of running a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scenario {
    /// Tokens of context that one sequence can hold.
    pub context_tokens: u64,
    /// Sequences decoded side by side (llama.cpp's `--parallel`).
    pub slots: u64,
    /// All slots share the cells of one cache (llama.cpp's `--kv-unified`) instead of having `context_tokens` each.
    pub unified_kv: bool,
    /// Storage of the weights.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub weights: WeightFormat,
    /// Storage of keys.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub k: KvFormat,
    /// Storage of values.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub v: KvFormat,
    /// The program.
    pub runtime: Runtime,
    /// The vision tower is loaded.
    pub vision: bool,
    /// The audio tower is loaded.
    pub audio: bool,
    /// Tokens computed at once in prefill (llama.cpp's `n_ubatch`).
    pub ubatch: u64,
    /// Attention without the full score matrix.
    pub flash_attention: bool,
    /// llama.cpp copies matrices into a layout for the processor's vector units.
    pub repack: bool,
    /// How weights come into memory.
    pub load: LoadMode,
    /// Whether the per-layer table is read row by row.
    pub lazy: LazyMode,
    /// Where the layers run.
    pub offload: Offload,
    /// Memory that a server may fill with the states of earlier prompts, in MiB (llama.cpp's `--cache-ram`).
    pub prompt_cache_mib: u64,
    /// Tokens per second below which decoding does not count as running.
    pub target_tokens_per_s: f64,
}

/// A value no scenario can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// Context is zero or beyond the model.
    #[error("context of {tokens} tokens; expected 1 to {max}, the longest that `{model}` declares")]
    Context {
        /// What was asked for.
        tokens: u64,
        /// The model's maximum.
        max: u64,
        /// The model.
        model: String,
    },
    /// Micro-batch is zero or absurd.
    #[error("ubatch of {0} tokens; expected 1 to 65536")]
    Ubatch(u64),
    /// Target speed is not a positive number.
    #[error("target of {0} tok/s; expected a number above 0, at most 1000000")]
    Target(f64),
}

impl Scenario {
    /// What people run who say nothing: 32,768 tokens (or the model's maximum), `q4_k_m` or the file's own types,
    /// f16 cache, llama.cpp, vision loaded, audio stripped, 15 tok/s.
    pub fn for_model(model: &Model) -> Self {
        Self {
            context_tokens: model.architecture.max_context_tokens.min(32_768),
            slots: 1,
            unified_kv: false,
            weights: WeightPlan::default_format(model),
            k: KvFormat::F16,
            v: KvFormat::F16,
            runtime: Runtime::LlamaCpp,
            vision: true,
            audio: false,
            ubatch: 512,
            flash_attention: true,
            repack: true,
            load: LoadMode::Mmap,
            lazy: LazyMode::Auto,
            offload: Offload::Auto,
            prompt_cache_mib: 0,
            target_tokens_per_s: 15.0,
        }
    }

    /// Refuse values outside their range.
    pub fn check(&self, model: &Model) -> Result<(), ScenarioError> {
        let max = model.architecture.max_context_tokens;
        if self.context_tokens == 0 || self.context_tokens > max {
            let model = model.architecture.name.clone();
            return Err(ScenarioError::Context { tokens: self.context_tokens, max, model });
        }
        if !(1..=65_536).contains(&self.ubatch) {
            return Err(ScenarioError::Ubatch(self.ubatch));
        }
        if !(self.target_tokens_per_s > 0.0 && self.target_tokens_per_s <= 1e6) {
            return Err(ScenarioError::Target(self.target_tokens_per_s));
        }
        Ok(())
    }
}
