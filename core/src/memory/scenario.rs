//! The choices a prediction is made for.

use super::{Draft, KvFormat, Refusal, Runtime, refused};
use crate::device::{MAX_CARDS, State};
use crate::leaf::named;
use crate::leaf::wire::{wire_enum, wire_struct};
use crate::model::Model;
use crate::model::architecture::Ffn;
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
/// Most sequences that llama.cpp decodes side by side (`LLAMA_MAX_SEQ`).
const MOST_SLOTS: u64 = 256;
/// Cells that its caches can count.
const MOST_CELLS: u64 = u32::MAX as u64;

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

/// The greatest share of a card, in thousandths.
const MOST_SHARE: u64 = 1_000_000_000;

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
    /// No slot, or more than a runtime opens.
    #[error("{0} slots; expected 1 to {MOST_SLOTS}")]
    Slots(u64),
    /// Slots with caches of their own beyond what a cache can count.
    #[error(
        "{slots} slots of {tokens} tokens each are {cells} cells; expected at most {MOST_CELLS}: fewer slots, a shorter \
         context, or one cache for all of them"
    )]
    Cells {
        /// Slots.
        slots: u64,
        /// Tokens of each.
        tokens: u64,
        /// Their product.
        cells: u64,
    },
    /// A runtime that has no slots or load modes was asked for them.
    #[error("{option} with {runtime}, which has no such choice; expected {expected}")]
    NotOffered {
        /// The choice.
        option: &'static str,
        /// The runtime.
        runtime: Runtime,
        /// Who has it.
        expected: &'static str,
    },
    /// llama.cpp makes no context with it.
    #[error("llama.cpp makes no context: {0}")]
    Refused(#[from] Refusal),
    /// Choices that exclude each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// More layers on the GPU than the model has.
    #[error("{asked} layers on the GPU; expected at most {most}: the {} layers of `{model}` and its output", most - 1)]
    GpuLayers {
        /// What was asked for.
        asked: u64,
        /// Layers and the output.
        most: u64,
        /// The model.
        model: String,
    },
    /// A draft model whose tokens are not the model's.
    #[error(
        "the draft model `{draft}` has {found} tokens of vocabulary, `{model}` has {vocabulary}; expected the same vocabulary: \
         llama.cpp refuses others"
    )]
    DraftVocabulary {
        /// The draft model.
        draft: String,
        /// Its tokens.
        found: u64,
        /// The model.
        model: String,
        /// Its tokens.
        vocabulary: u64,
    },
    /// Experts of more layers kept from the GPU than the model has, or of a model without experts.
    #[error("experts of {asked} layers with the processor; expected at most {most}, which `{model}` has")]
    CpuMoe {
        /// What was asked for.
        asked: u64,
        /// Layers with experts are within these.
        most: u64,
        /// The model.
        model: String,
    },
    /// Shares for several cards that share out nothing.
    #[error("shares {shares:?} for the cards; expected one to 4 numbers up to a million, not all of them 0")]
    CardShares {
        /// What was asked for.
        shares: Vec<u64>,
    },
    /// A turn beyond the context, where one was asked for.
    #[error(
        "a turn of {tokens} tokens ({} cached, {} of the prompt, {} of the answer) in a context of {context}; expected at most that, \
         and a prompt of at least 1", turn.cached_tokens, turn.prompt_tokens, turn.answer_tokens
    )]
    Turn {
        /// What was asked for.
        turn: Turn,
        /// Its tokens.
        tokens: u64,
        /// The context.
        context: u64,
    },
    /// Target speed is not a positive number.
    #[error("target of {} tok/s; expected a number above 0, at most 1000000", crate::leaf::number::plain(*.0))]
    Target(f64),
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

    /// Refuse values outside their range.
    pub fn check(&self, model: &Model) -> Result<(), ScenarioError> {
        let max = model.architecture.max_context_tokens;
        if self.context_tokens == 0 || self.context_tokens > max {
            let model = model.architecture.name.clone();
            return Err(ScenarioError::Context { tokens: self.context_tokens, max, model });
        }
        if let Some(refusal) = refused(&model.architecture, self) {
            return Err(refusal.into());
        }
        self.check_slots()?;
        self.check_choices()?;
        self.check_layers(model)?;
        if !(1..=65_536).contains(&self.ubatch) {
            return Err(ScenarioError::Ubatch(self.ubatch));
        }
        if !(self.target_tokens_per_s > 0.0 && self.target_tokens_per_s <= 1e6) {
            return Err(ScenarioError::Target(self.target_tokens_per_s));
        }
        let (turn, tokens) = (self.turn, self.turn.tokens());
        if turn != Turn::USUAL && (tokens > self.context_tokens || turn.prompt_tokens == 0) {
            return Err(ScenarioError::Turn { turn, tokens, context: self.context_tokens });
        }
        Ok(())
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

    fn check_slots(&self) -> Result<(), ScenarioError> {
        let (slots, tokens) = (self.slots, self.context_tokens);
        if !(1..=MOST_SLOTS).contains(&slots) {
            return Err(ScenarioError::Slots(slots));
        }
        let cells = slots.saturating_mul(tokens);
        if !self.unified_kv && cells > MOST_CELLS {
            return Err(ScenarioError::Cells { slots, tokens, cells });
        }
        Ok(())
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

    fn check_layers(&self, model: &Model) -> Result<(), ScenarioError> {
        let architecture = &model.architecture;
        let (layers, name) = (architecture.layers.len() as u64, || architecture.name.clone());
        if let Offload::Layers(asked) = self.offload
            && asked > layers + 1
        {
            return Err(ScenarioError::GpuLayers { asked, most: layers + 1, model: name() });
        }
        let sparse = architecture.layers.iter().rposition(|layer| matches!(layer.ffn, Ffn::Experts { .. }));
        let most = sparse.map_or(0, |_| layers);
        if self.cpu_moe_layers > most {
            return Err(ScenarioError::CpuMoe { asked: self.cpu_moe_layers, most, model: name() });
        }
        if let Some(draft) = self.draft.as_ref().filter(|draft| !draft.shares_vocabulary(model)) {
            let own = &draft.model().architecture;
            return Err(ScenarioError::DraftVocabulary {
                draft: own.name.clone(),
                found: own.embeddings.vocab_size,
                model: name(),
                vocabulary: architecture.embeddings.vocab_size,
            });
        }
        let by_hand = self.cpu_moe_layers > 0 || !self.kv_offload || !self.tensor_overrides.is_empty();
        if self.offload == Offload::Off && by_hand {
            let text = "what stays with the processor was chosen, but no layer is on the GPU";
            return Err(ScenarioError::Contradiction(text));
        }
        Ok(())
    }

    fn check_choices(&self) -> Result<(), ScenarioError> {
        let runtime = self.runtime;
        if !runtime.is_llama_cpp() {
            for (asked, option) in [
                (self.load != LoadMode::Mmap, "a load mode"),
                (self.lazy != LazyMode::Auto, "a lazy mode"),
                (self.offload != Offload::Auto, "a choice of processor or GPU"),
                (self.cpu_moe_layers > 0, "experts kept with the processor"),
                (!self.kv_offload, "a cache kept with the processor"),
                (!self.tensor_overrides.is_empty(), "tensors placed by hand"),
                (!self.cards.is_usual(), "a choice of shares for several cards"),
                (self.prompt_cache_mib > 0, "a prompt cache"),
                (self.unified_kv, "one cache for all slots"),
                (!self.repack, "a choice of packed copies"),
                (self.draft.is_some(), "a draft model"),
            ] {
                if asked {
                    return Err(ScenarioError::NotOffered { option, runtime, expected: "llama.cpp" });
                }
            }
        }
        let shares = &self.cards.shares;
        let nothing = !shares.is_empty() && shares.iter().all(|share| *share == 0);
        if shares.len() > MAX_CARDS || nothing || shares.iter().any(|share| *share > MOST_SHARE) {
            return Err(ScenarioError::CardShares { shares: shares.clone() });
        }
        if self.lazy == LazyMode::On && self.load == LoadMode::Copy {
            let text = "a table read row by row (lazy mode on) needs the file mapped; expected load mode mmap or mlock";
            return Err(ScenarioError::Contradiction(text));
        }
        let kept = [(self.prompt_cache_mib, "a prompt cache"), (self.checkpoints, "context checkpoints")];
        for (amount, option) in kept {
            if amount > 0 && runtime != Runtime::LlamaServer {
                return Err(ScenarioError::NotOffered { option, runtime, expected: "llama-server" });
            }
        }
        Ok(())
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
