//! The range that each of a scenario's choices may have.

use super::scenario::{LazyMode, LoadMode, Offload, Scenario, Turn};
use super::{Refusal, Runtime, refused};
use crate::device::MAX_CARDS;
use crate::model::Model;
use crate::model::architecture::Ffn;

/// Most sequences that llama.cpp decodes side by side (`LLAMA_MAX_SEQ`).
const MOST_SLOTS: u64 = 256;
/// Cells that its caches can count.
const MOST_CELLS: u64 = u32::MAX as u64;
/// The greatest share of a card, in thousandths.
const MOST_SHARE: u64 = 1_000_000_000;

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
    #[error("{asked} layers on the GPU; expected at most {most}: the {} layers of `{model}` and its output (`all` asks for them)", most - 1)]
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
