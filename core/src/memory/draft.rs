//! A draft model: a smaller one that proposes tokens, which the model checks several at a time.

use super::{KvFormat, Offload, Scenario};
use crate::leaf::wire::Wire;
use crate::model::architecture::{Architecture, Ffn, KvSource, Mixer};
use crate::model::tensor::{Active, Role, Tensor};
use crate::model::{Model, inventory};
use crate::weights::{PlanError, WeightFormat, WeightPlan};
use serde::Serialize;
use serde::ser::SerializeStruct;
use std::sync::Arc;

/// A draft model with its weights laid out.
#[derive(Debug, Clone)]
pub struct Draft {
    model: Arc<Model>,
    plan: Arc<WeightPlan>,
    speculation: Option<Speculation>,
    /// They are layers of the model itself, which share its table and its head.
    is_own: bool,
}

impl Draft {
    /// A draft model in a format; in its own, or `q4_k_m`, where none is asked for.
    ///
    /// # Errors
    /// The format does not apply to the model.
    pub fn new(model: Model, weights: Option<WeightFormat>) -> Result<Self, PlanError> {
        let weights = weights.unwrap_or_else(|| WeightPlan::default_format(&model));
        let plan = WeightPlan::new(&model, weights)?;
        Ok(Self { model: Arc::new(model), plan: Arc::new(plan), speculation: None, is_own: false })
    }

    /// A model's own layers for further tokens (llama.cpp's `--spec-type draft-mtp`), which share its table, its head and its
    /// vocabulary: as its file stores them, or each like the last layer that attends, with a projection of two streams to
    /// one and three norms. None where it has none.
    ///
    /// # Errors
    /// The format does not apply to the model.
    pub fn own_layers(model: &Model, weights: WeightFormat) -> Result<Option<Self>, PlanError> {
        let mut architecture = model.architecture.clone();
        let count = usize::try_from(architecture.published.mtp_layers).unwrap_or(0);
        let last = architecture.layers.iter().rfind(|layer| layer.attention().is_some()).cloned();
        let Some(mut layer) = last.filter(|_| count > 0) else { return Ok(None) };
        if let Mixer::Attention(attention) | Mixer::Both(attention, _) = &mut layer.mixer {
            attention.kv = KvSource::Own;
        }
        let decoder = architecture.layers.len();
        architecture.layers = vec![layer; count];
        (architecture.ple, architecture.vision, architecture.audio) = (None, None, None);
        architecture.name += "-mtp";
        let stored: Vec<Tensor> = model
            .tensors
            .iter()
            .filter(|tensor| tensor.layer.is_some_and(|layer| layer >= decoder))
            .cloned()
            .collect();
        let tensors =
            if stored.is_empty() { like_layers(&architecture) } else { used(stored, &architecture, decoder) };
        let own = Model { architecture, tensors, origin: model.origin.clone(), profile: None };
        Ok(Some(Self { is_own: true, ..Self::new(own, Some(weights))? }))
    }

    /// Whether the drafts come from the model's own layers.
    pub const fn is_own(&self) -> bool {
        self.is_own
    }

    /// The same with what is known of its proposals, from which a speed follows.
    #[must_use]
    pub fn with(self, speculation: Speculation) -> Self {
        Self { speculation: Some(speculation), ..self }
    }

    /// What is known of its proposals.
    pub const fn speculation(&self) -> Option<Speculation> {
        self.speculation
    }

    /// What it runs in beside a model that runs as `main` says: the model's slots and context, as far as its own reaches, an
    /// f16 cache, and all its layers where the model has layers (llama.cpp's `--gpu-layers-draft`).
    pub fn scenario(&self, main: &Scenario) -> Scenario {
        Scenario {
            draft: None,
            context_tokens: main.context_tokens.min(self.model.architecture.max_context_tokens),
            weights: self.plan.format,
            k: KvFormat::F16,
            v: KvFormat::F16,
            vision: false,
            audio: false,
            offload: if main.offload == Offload::Off { Offload::Off } else { Offload::All },
            cpu_moe_layers: 0,
            tensor_overrides: Vec::new(),
            ubatch_steps: Vec::new(),
            kv_offload: true,
            prompt_cache_mib: 0,
            checkpoints: 0,
            ..main.clone()
        }
    }

    /// Whether its tokens can be those of `model`: llama.cpp takes vocabularies of one kind that differ by 128 entries at most
    /// (`common_speculative_are_compatible`), and compares their texts, which are not known here.
    pub fn shares_vocabulary(&self, model: &Model) -> bool {
        let [own, other] = [&self.model.architecture, &model.architecture];
        let apart = own.embeddings.vocab_size.abs_diff(other.embeddings.vocab_size);
        own.conduct.tokenizer == other.conduct.tokenizer && apart <= 128
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its weights.
    pub fn plan(&self) -> &WeightPlan {
        &self.plan
    }
}

/// The tensors of layers of an architecture, and what joins the stream and the next token's embedding before them.
fn like_layers(architecture: &Architecture) -> Vec<Tensor> {
    let mut tensors = inventory::tensors(architecture);
    tensors.retain(|tensor| tensor.layer.is_some());
    let hidden = architecture.hidden_size;
    for layer in 0..architecture.layers.len() {
        let joins = [
            ("eh_proj", hidden, 2 * hidden),
            ("enorm", 1, hidden),
            ("hnorm", 1, hidden),
            ("norm", 1, hidden),
        ];
        for (name, rows, row_length) in joins {
            // Quantised as most matrices are.
            let role = if rows > 1 { Role::AttentionQ } else { Role::Vector };
            let name = format!("blk.{layer}.nextn.{name}");
            tensors.push(Tensor {
                name,
                role,
                layer: Some(layer),
                rows,
                row_length,
                active: Active::All,
                stored: None,
            });
        }
    }
    tensors
}

/// Stored tensors that a file's other programs leave alone, put to use.
fn used(mut tensors: Vec<Tensor>, architecture: &Architecture, decoder: usize) -> Vec<Tensor> {
    let experts = architecture.layers.iter().find_map(|layer| match layer.ffn {
        Ffn::Experts { experts, active, .. } => Some(Active::Experts { active, experts }),
        _ => None,
    });
    for tensor in &mut tensors {
        tensor.layer = tensor.layer.map(|layer| layer - decoder);
        // In another format than the file's, quantised as most matrices are.
        tensor.role = if tensor.rows > 1 { Role::AttentionQ } else { Role::Vector };
        tensor.active = experts.filter(|_| tensor.name.contains("_exps")).unwrap_or(Active::All);
    }
    tensors
}

/// How proposals are made and taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speculation {
    draft_tokens: u64,
    acceptance: f64,
}

/// Values that no proposal has.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SpeculationError {
    /// Nothing or too much is proposed.
    #[error("{0} tokens proposed at a time; expected 1 to {MOST_PROPOSED}")]
    Tokens(u64),
    /// No share.
    #[error("{0} of the proposals are taken; expected a share from 0 to 1")]
    Acceptance(f64),
}

/// Tokens that may be proposed at a time.
const MOST_PROPOSED: u64 = 256;

impl Speculation {
    /// Tokens that llama.cpp proposes at a time unless told otherwise (`--spec-draft-n-max`).
    pub const USUAL_TOKENS: u64 = 3;

    /// `draft_tokens` are proposed at a time, each of which the model takes with probability `acceptance`.
    ///
    /// # Errors
    /// A value that no proposal has.
    pub fn new(draft_tokens: u64, acceptance: f64) -> Result<Self, SpeculationError> {
        if !(1..=MOST_PROPOSED).contains(&draft_tokens) {
            return Err(SpeculationError::Tokens(draft_tokens));
        }
        if !(0.0..=1.0).contains(&acceptance) {
            return Err(SpeculationError::Acceptance(acceptance));
        }
        Ok(Self { draft_tokens, acceptance })
    }

    /// Tokens proposed at a time.
    pub const fn draft_tokens(&self) -> u64 {
        self.draft_tokens
    }

    /// Probability that a proposal is taken.
    pub const fn acceptance(&self) -> f64 {
        self.acceptance
    }

    /// Tokens that a step yields on average: `(1 - a^(n + 1)) / (1 - a)` (Leviathan and others, arXiv 2211.17192, equation 1).
    pub fn tokens_per_step(&self) -> f64 {
        let mut left = 1.0;
        (0..self.draft_tokens).fold(1.0, |sum, _| {
            left *= self.acceptance;
            sum + left
        })
    }
}

impl PartialEq for Draft {
    fn eq(&self, other: &Self) -> bool {
        let name = |draft: &Self| (draft.model.architecture.name.clone(), draft.plan.format);
        self.speculation == other.speculation
            && self.is_own == other.is_own
            && (Arc::ptr_eq(&self.model, &other.model) || name(self) == name(other))
    }
}

impl Serialize for Draft {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Draft", 2)?;
        fields.serialize_field("model", &self.model.architecture.name)?;
        fields.serialize_field("weights", &self.plan.format)?;
        if let Some(speculation) = self.speculation {
            fields.serialize_field("draft_tokens", &speculation.draft_tokens)?;
            fields.serialize_field("acceptance", &speculation.acceptance)?;
        }
        fields.end()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Draft {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Draft".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "model": { "type": "string" },
                "weights": { "type": "string" },
                "draft_tokens": { "type": "integer" },
                "acceptance": { "type": "number" }
            },
            "required": ["model", "weights"]
        })
    }
}

impl Wire for Draft {
    fn put(&self, out: &mut Vec<u8>) {
        self.model().put(out);
        self.plan().format.put(out);
        self.speculation.map(|known| (known.draft_tokens, known.acceptance)).put(out);
        self.is_own.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (model, weights) = (Model::take(from)?, WeightFormat::take(from)?);
        let draft = Self::new(model, Some(weights)).ok()?;
        let speculation = <Option<(u64, f64)> as Wire>::take(from)?;
        let is_own = bool::take(from)?;
        Some(Self {
            is_own,
            speculation: speculation.and_then(|(tokens, share)| Speculation::new(tokens, share).ok()),
            ..draft
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_yields_one_token_at_least_and_all_of_them_at_most() {
        let yields = |tokens, acceptance| Speculation::new(tokens, acceptance).unwrap().tokens_per_step();
        assert!((yields(16, 0.0) - 1.0).abs() < 1e-12 && (yields(16, 1.0) - 17.0).abs() < 1e-12);
        // (1 - 0.8^5) / (1 - 0.8)
        assert!((yields(4, 0.8) - 3.3616).abs() < 1e-9);
        assert_eq!(
            Speculation::new(0, 0.5).unwrap_err().to_string(),
            "0 tokens proposed at a time; expected 1 to 256"
        );
        assert!(Speculation::new(4, 1.5).is_err() && Speculation::new(4, f64::NAN).is_err());
    }
}
