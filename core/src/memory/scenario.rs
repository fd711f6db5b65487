//! The choices a prediction is made for.

use super::{Draft, KvFormat, Runtime};
use crate::device::State;
use crate::leaf::named;
use crate::leaf::wire::{wire_enum, wire_struct};
use crate::model::Model;
use crate::weights::{WeightFormat, WeightPlan};
use serde::Serialize;

/// Tokens of context on phones and boards when nothing is said.
const USUAL_CONTEXT: u64 = 4096;
/// Slots that `llama-server` opens when nothing is said (`--parallel`, tools/server).
const SERVER_SLOTS: u64 = 4;
/// MiB that it may fill with states of earlier prompts (`--cache-ram`, common/common.h).
const SERVER_PROMPT_CACHE_MIB: u64 = 8192;
/// Checkpoints that it keeps for each slot (`--ctx-checkpoints`).
const SERVER_CHECKPOINTS: u64 = 32;

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

/// How many layers run on the device's GPU, where the runtime has a way to it (llama.cpp's `--n-gpu-layers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Offload {
    /// As the runtime does when nothing is said: every layer on Apple's GPUs, what fits on a card.
    Auto,
    /// Everything on the processor.
    Off,
    /// Every layer and the output.
    All,
    /// The output and this many layers less one, the last ones; a card without any still has buffers.
    Layers(u64),
}

named!(LoadMode { Mmap "mmap", Copy "copy", Mlock "mlock" });

named!(LazyMode { Auto "auto", Off "off", On "on" });

impl Offload {
    /// A choice by its name on the command line and in links: `auto`, `off`, `all` or a number of layers.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            "all" => Self::All,
            number => Self::Layers(number.parse().ok()?),
        })
    }
}

impl std::fmt::Display for Offload {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Off => out.write_str("off"),
            Self::All => out.write_str("all"),
            Self::Layers(layers) => write!(out, "{layers}"),
        }
    }
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
    /// Micro-batches that the program chooses by the context, in the order of their contexts; empty where it keeps one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ubatch_steps: Vec<UbatchStep>,
    /// llama.cpp copies matrices into a layout for the processor's vector units.
    pub repack: bool,
    /// How weights come into memory.
    pub load: LoadMode,
    /// Whether the per-layer table is read row by row.
    pub lazy: LazyMode,
    /// Where the layers run.
    pub offload: Offload,
    /// Layers whose experts stay with the processor, the first ones (llama.cpp's `--n-cpu-moe`).
    pub cpu_moe_layers: u64,
    /// Tensors that are placed by hand, in the order of their names (llama.cpp's `--override-tensor`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tensor_overrides: Vec<TensorOverride>,
    /// How several cards share the work.
    #[serde(skip_serializing_if = "CardShares::is_usual")]
    pub cards: CardShares,
    /// Keys, values and states lie where their layer runs, not with the processor (llama.cpp's `--no-kv-offload`).
    pub kv_offload: bool,
    /// Memory that a server may fill with the states of earlier prompts, in MiB (llama.cpp's `--cache-ram`).
    pub prompt_cache_mib: u64,
    /// Snapshots of windows and recurrent states that a server keeps for each slot (llama.cpp's `--ctx-checkpoints`).
    pub checkpoints: u64,
    /// A smaller model that proposes tokens (llama.cpp's `--model-draft`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Draft>,
    /// What the process is to the system: some limits allow less off the screen.
    pub state: State,
    /// Tokens per second below which decoding does not count as running.
    pub target_tokens_per_s: f64,
    /// A question and its answer, for which times are told.
    pub turn: Turn,
}

/// A micro-batch that a program takes from some context on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UbatchStep {
    /// The least context, in tokens.
    pub from_tokens: u64,
    /// Tokens computed at once.
    pub ubatch: u64,
}

/// Where a tensor lies, whatever its layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TensorOverride {
    /// The tensor's name.
    pub tensor: String,
    /// Its card, counted from 0; none for the processor.
    pub card: Option<u64>,
}

/// How several cards share the work (llama.cpp's `--tensor-split` and `--split-mode`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardShares {
    /// Shares of the layers, in the cards' order and in thousandths; none where their memory decides.
    pub shares: Vec<u64>,
    /// Each matrix is divided by rows, not the layers.
    pub by_rows: bool,
}

impl CardShares {
    /// Nothing was asked for.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Turn {
    /// Tokens that are in the cache already.
    pub cached_tokens: u64,
    /// Tokens of the new prompt.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub answer_tokens: u64,
}

impl Turn {
    /// What is told when nothing is asked for: a prompt of 512 tokens, an answer of 256.
    pub const USUAL: Self = Self { cached_tokens: 0, prompt_tokens: 512, answer_tokens: 256 };

    /// All tokens that it ends with.
    pub const fn tokens(&self) -> u64 {
        self.cached_tokens.saturating_add(self.prompt_tokens).saturating_add(self.answer_tokens)
    }

    /// Cut to a context: the answer gives way first, then the prompt.
    #[must_use]
    pub fn within(self, context_tokens: u64) -> Self {
        let cached_tokens = self.cached_tokens.min(context_tokens.saturating_sub(1));
        let prompt_tokens = self.prompt_tokens.min(context_tokens - cached_tokens);
        let answer_tokens = self.answer_tokens.min(context_tokens - cached_tokens - prompt_tokens);
        Self { cached_tokens, prompt_tokens, answer_tokens }
    }
}

impl Scenario {
    /// What people run who say nothing: 4,096 tokens (or the model's maximum; a computer's usual 8,192 are asked for by
    /// [`crate::device::Form`]), `q4_k_m` (MXFP4 where it is published so) or the file's own types, f16 cache, llama.cpp's command line, text only,
    /// 15 tok/s.
    pub fn for_model(model: &Model) -> Self {
        Self {
            context_tokens: model.architecture.max_context_tokens.min(USUAL_CONTEXT),
            slots: 1,
            unified_kv: false,
            weights: WeightPlan::default_format(model),
            k: KvFormat::F16,
            v: KvFormat::F16,
            runtime: Runtime::LlamaCpp,
            vision: false,
            audio: false,
            ubatch: 512,
            ubatch_steps: Vec::new(),
            flash_attention: true,
            repack: true,
            load: LoadMode::Mmap,
            lazy: LazyMode::Auto,
            offload: Offload::Auto,
            cpu_moe_layers: 0,
            kv_offload: true,
            tensor_overrides: Vec::new(),
            cards: CardShares::default(),
            prompt_cache_mib: 0,
            checkpoints: 0,
            draft: None,
            state: State::Foreground,
            target_tokens_per_s: 15.0,
            turn: Turn::USUAL,
        }
    }

    /// What people run with a program who say nothing: a quantised checkpoint that the config speaks of, where the program
    /// reads it.
    pub fn for_runtime(model: &Model, runtime: Runtime) -> Self {
        let scenario = Self::for_model(model).run_by(runtime);
        let weights = runtime.own_format(model).unwrap_or(scenario.weights);
        Self { weights, ..scenario }
    }

    /// The same with another program, and what that program does when nothing is said: a server's slots and prompt cache.
    #[must_use]
    pub fn run_by(mut self, runtime: Runtime) -> Self {
        self.runtime = runtime;
        let server = runtime == Runtime::LlamaServer;
        self.slots = if server { SERVER_SLOTS } else { 1 };
        self.unified_kv = server;
        self.prompt_cache_mib = if server { SERVER_PROMPT_CACHE_MIB } else { 0 };
        self.checkpoints = if server { SERVER_CHECKPOINTS } else { 0 };
        if !runtime.is_llama_cpp() {
            (self.load, self.lazy, self.offload) = (LoadMode::Mmap, LazyMode::Auto, Offload::Auto);
            (self.cpu_moe_layers, self.kv_offload) = (0, true);
            self.repack = true;
        }
        self
    }

    /// The same with another context, and with the micro-batch that the program takes for it unless another was asked for.
    #[must_use]
    pub fn at_context(&self, tokens: u64) -> Self {
        let chosen = |context: u64| {
            let reached = self.ubatch_steps.iter().rev().find(|step| step.from_tokens <= context);
            reached.map(|step| step.ubatch)
        };
        let mut after = self.clone();
        if chosen(self.context_tokens) == Some(self.ubatch) {
            after.ubatch = chosen(tokens).unwrap_or(self.ubatch);
        }
        after.context_tokens = tokens;
        after
    }

    /// llama.cpp itself chooses how much of the model a GPU takes.
    pub fn leaves_layers_to_the_runtime(&self) -> bool {
        self.offload == Offload::Auto && self.cpu_moe_layers == 0 && self.tensor_overrides.is_empty()
    }
}

wire_struct!(Scenario {
    context_tokens,
    slots,
    unified_kv,
    weights,
    k,
    v,
    runtime,
    vision,
    audio,
    ubatch,
    ubatch_steps,
    flash_attention,
    repack,
    load,
    lazy,
    offload,
    cpu_moe_layers,
    kv_offload,
    tensor_overrides,
    cards,
    prompt_cache_mib,
    checkpoints,
    draft,
    state,
    target_tokens_per_s,
    turn,
});
wire_struct!(UbatchStep { from_tokens, ubatch });
wire_struct!(TensorOverride { tensor, card });
wire_struct!(CardShares { shares, by_rows });
wire_struct!(Turn { cached_tokens, prompt_tokens, answer_tokens });
wire_enum!(LoadMode { 0 Mmap, 1 Copy, 2 Mlock });
wire_enum!(LazyMode { 0 Auto, 1 Off, 2 On });
wire_enum!(Offload { 0 Auto, 1 Off, 2 All, 3 Layers(layers) });
