//! What a family computes beyond its shapes: activations, scales, norms, caps. Shapes come from `Architecture`.

use super::DecoderError;
use super::settings::Settings;
use crate::checkpoint::Checkpoint;

pub use dhurandhar_core::layer::Activation;

/// How one family differs from the plain Llama block.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Gate activation.
    pub activation: Activation,
    /// Epsilon of every RMS norm.
    pub norm_eps: f64,
    /// Stored norm weights are offsets from one (Hugging Face files of Gemma 1 to 3).
    pub norm_offset: bool,
    /// Token embeddings are multiplied by this.
    pub embedding_scale: f64,
    /// Attention scores are multiplied by this; `None` is `head_dim^-1/2`.
    pub attention_scale: Option<f64>,
    /// Each block's output is multiplied by this before it joins the stream.
    pub residual_scale: f64,
    /// Logits are divided by this.
    pub logit_divisor: f64,
    /// `cap tanh(logits / cap)`.
    pub logit_cap: Option<f64>,
    /// The same on attention scores (Gemma 2).
    pub score_cap: Option<f64>,
    /// Values pass an RMS norm without weights (Gemma 3n and 4).
    pub value_norm: bool,
    /// Layers that carry no rotary embedding (SmolLM3).
    pub unrotated: Vec<bool>,
    /// Share of gate channels set to zero, by layer (Gemma 3n).
    pub sparsity: Vec<f64>,
    /// AltUp stream that the layers compute (Gemma 3n).
    pub active_stream: usize,
    /// Query and key rows are interleaved for llama.cpp's rotation and have to be put back.
    pub interleaved: bool,
}

/// Families that this decoder runs.
pub const FAMILIES: &[&str] = &[
    "llama", "mistral", "qwen2", "qwen3", "granite", "smollm3", "gemma", "gemma2", "gemma3", "gemma3n",
    "gemma4",
];

impl Recipe {
    /// The recipe of a checkpoint's family, with the numbers it states.
    pub(super) fn new(checkpoint: &Checkpoint, settings: Settings<'_>) -> Result<Self, DecoderError> {
        let architecture = checkpoint.architecture();
        let family = architecture.family.as_str();
        if !FAMILIES.contains(&family) {
            return Err(DecoderError::Family { found: family.to_owned(), known: FAMILIES.join(", ") });
        }
        let layers = architecture.layers.len();
        let gemma = family.starts_with("gemma");
        let newer_gemma = matches!(family, "gemma3n" | "gemma4");
        let hidden = architecture.hidden_size as f64;
        let stated_scale = match family {
            "granite" => settings.number("attention_multiplier", "attention.scale")?,
            "gemma2" | "gemma3" => {
                let scalar = settings.number("query_pre_attn_scalar", "attention.query_pre_attn_scalar")?;
                scalar.map(|scalar| scalar.powf(-0.5))
            }
            _ if newer_gemma => Some(1.0),
            _ => None,
        };
        Ok(Self {
            activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
            norm_eps: settings.number("rms_norm_eps", "attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6),
            norm_offset: !settings.is_gguf() && gemma && !newer_gemma,
            embedding_scale: match family {
                "granite" => settings.number("embedding_multiplier", "embedding_scale")?.unwrap_or(1.0),
                _ if gemma => hidden.sqrt(),
                _ => 1.0,
            },
            attention_scale: stated_scale,
            residual_scale: match family {
                "granite" => settings.number("residual_multiplier", "residual_scale")?.unwrap_or(1.0),
                _ => 1.0,
            },
            logit_divisor: match family {
                "granite" => settings.number("logits_scaling", "logit_scale")?.unwrap_or(1.0),
                _ => 1.0,
            },
            logit_cap: settings.number("final_logit_softcapping", "final_logit_softcapping")?,
            score_cap: match family {
                "gemma2" | "gemma3" => settings.number("attn_logit_softcapping", "attn_logit_softcapping")?,
                _ => None,
            },
            value_norm: newer_gemma,
            unrotated: unrotated(family, settings, layers),
            sparsity: sparsity(family, settings, layers)?,
            active_stream: settings.count("altup_active_idx", "altup.active_idx")?.unwrap_or(0),
            interleaved: settings.is_gguf() && matches!(family, "llama" | "mistral" | "granite"),
        })
    }
}

/// SmolLM3 leaves every fourth layer unrotated.
fn unrotated(family: &str, settings: Settings<'_>, layers: usize) -> Vec<bool> {
    if family != "smollm3" {
        return vec![false; layers];
    }
    let stated = settings.numbers("no_rope_layers");
    (0..layers)
        .map(|layer| match &stated {
            Some(rotated) => rotated.get(layer) == Some(&0.0),
            None => (layer + 1).is_multiple_of(4),
        })
        .collect()
}

/// Gemma 3n's first ten layers keep the largest twentieth of their gate.
fn sparsity(family: &str, settings: Settings<'_>, layers: usize) -> Result<Vec<f64>, DecoderError> {
    let mut list = vec![0.0; layers];
    if family == "gemma3n" {
        match settings.numbers("activation_sparsity_pattern") {
            Some(stated) if stated.len() == layers => list = stated,
            Some(stated) => {
                let found = format!("{} entries", stated.len());
                return Err(DecoderError::setting("activation_sparsity_pattern", found, format!("{layers}")));
            }
            None => list.iter_mut().take(10).for_each(|share| *share = 0.95),
        }
    }
    Ok(list)
}
