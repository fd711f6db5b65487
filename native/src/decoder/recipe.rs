//! What a family computes beyond its shapes: activations, scales, norms, caps. Shapes come from `Architecture`.

use super::settings::Settings;
use super::{DecoderError, keys, kinds};
use crate::checkpoint::{Checkpoint, GgufValues};
use dhurandhar_core::model::Architecture;

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
    /// Layers that turn at the base of sliding ones.
    pub local: Vec<bool>,
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
        match settings.config() {
            Some(config) => keys::check_config(family, config)?,
            None => settings.gguf().map_or(Ok(()), keys::check_gguf)?,
        }
        if let Some(values) = settings.gguf() {
            required(values, layers)?;
        }
        if let Some((index, attention)) =
            architecture.attention_layers().find(|(_, attention)| attention.k_head_dim % 2 == 1)
        {
            let found = format!("{} in layer {index}", attention.k_head_dim);
            return Err(DecoderError::setting(
                "head_dim",
                found,
                "an even number, since channels turn in pairs".into(),
            ));
        }
        // llama.cpp leaves a factor of 0 away.
        let factor = |config: &str, gguf: &str| {
            let stated = settings.number(config, gguf)?;
            Ok::<_, DecoderError>(stated.filter(|value| !settings.is_gguf() || *value != 0.0))
        };
        Ok(Self {
            activation: activation(family, settings)?,
            norm_eps: settings.number("rms_norm_eps", "attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6),
            norm_offset: !settings.is_gguf() && gemma && !newer_gemma,
            embedding_scale: match family {
                "granite" => factor("embedding_multiplier", "embedding_scale")?.unwrap_or(1.0),
                _ if gemma => hidden.sqrt(),
                _ => 1.0,
            },
            attention_scale: attention_scale(family, architecture, settings)?,
            residual_scale: match family {
                "granite" => factor("residual_multiplier", "residual_scale")?.unwrap_or(1.0),
                _ => 1.0,
            },
            logit_divisor: match family {
                "granite" => factor("logits_scaling", "logit_scale")?.unwrap_or(1.0),
                _ => 1.0,
            },
            logit_cap: cap(settings, "final_logit_softcapping", gemma && family != "gemma", || {
                matches!(family, "gemma2" | "gemma3n").then_some(30.0)
            })?,
            // Gemma 3 has the key and no implementation looks at it.
            score_cap: cap(settings, "attn_logit_softcapping", family == "gemma2", || Some(50.0))?,
            value_norm: newer_gemma,
            local: kinds::local(checkpoint, settings)?,
            unrotated: unrotated(family, settings, layers)?,
            sparsity: sparsity(family, settings, layers)?,
            active_stream: settings.count("altup_active_idx", "altup.active_idx")?.unwrap_or(0),
            interleaved: settings.is_gguf() && interleaves(family),
        })
    }
}

/// Keys without which llama.cpp loads no file, and a model that it turns otherwise than its kin.
fn required(values: &GgufValues, layers: usize) -> Result<(), DecoderError> {
    let prefix = values.prefix();
    let mut keys = vec!["attention.layer_norm_rms_epsilon"];
    keys.extend((prefix == "granite").then_some("logit_scale"));
    if let Some(key) = keys.into_iter().find(|key| values.get(key).is_none()) {
        let expected = "a number, without which llama.cpp does not load the file".to_owned();
        return Err(DecoderError::setting(&format!("{prefix}.{key}"), "missing".into(), expected));
    }
    // Its 13B has slopes in place of positions (llama.cpp, `models/baichuan.cpp`).
    if prefix == "baichuan" && layers != 32 {
        let expected = "32, as in the 7B: the larger one's positions are not read here".to_owned();
        return Err(DecoderError::setting("baichuan.block_count", layers.to_string(), expected));
    }
    Ok(())
}

/// Whether llama.cpp turns neighbouring channels of this family, for which its converters reorder queries and keys.
pub(crate) fn interleaves(family: &str) -> bool {
    matches!(family, "llama" | "mistral" | "granite" | "smollm3")
}

/// The gate's activation by the key that the family's class reads; GGUF files have none.
fn activation(family: &str, settings: Settings<'_>) -> Result<Activation, DecoderError> {
    let gemma = family.starts_with("gemma");
    let key = if gemma && family != "gemma" { "hidden_activation" } else { "hidden_act" };
    let Some(name) = settings.text(key)? else {
        return Ok(if gemma { Activation::GeluTanh } else { Activation::Silu });
    };
    // Gemma 1 was published with the exact form's name and means the tanh form.
    let name = if (family, name.as_str()) == ("gemma", "gelu") { "gelu_pytorch_tanh" } else { &name };
    Activation::named(name).ok_or_else(|| {
        let expected = "silu, gelu, gelu_pytorch_tanh, quick_gelu, relu or relu2".to_owned();
        DecoderError::setting(key, format!("{name:?}"), expected)
    })
}

/// What attention scores are multiplied by, where it is not `head_dim^-1/2`.
fn attention_scale(
    family: &str,
    architecture: &Architecture,
    settings: Settings<'_>,
) -> Result<Option<f64>, DecoderError> {
    /// Layers of the 27B models, by which llama.cpp tells them.
    const LARGEST: [(&str, usize); 2] = [("gemma2", 46), ("gemma3", 62)];
    Ok(match family {
        "granite" => {
            let stated = settings.number("attention_multiplier", "attention.scale")?;
            stated.filter(|value| !settings.is_gguf() || *value != 0.0)
        }
        "gemma2" | "gemma3" if settings.is_gguf() => {
            let heads = architecture.layers.first().and_then(|layer| layer.attention());
            let heads = heads.map_or(1, |attention| attention.query_heads).max(1);
            let largest = LARGEST.contains(&(family, architecture.layers.len()));
            largest.then(|| ((architecture.hidden_size / heads) as f64).powf(-0.5))
        }
        "gemma2" | "gemma3" => {
            let scalar = settings.number("query_pre_attn_scalar", "")?;
            scalar.map(|scalar| scalar.powf(-0.5))
        }
        "gemma3n" | "gemma4" => Some(1.0),
        _ => None,
    })
}

/// A soft cap of the families that have one. Where a GGUF file does not say, llama.cpp takes its own; 0 is none there.
fn cap(
    settings: Settings<'_>,
    key: &str,
    capped: bool,
    of_llama_cpp: impl Fn() -> Option<f64>,
) -> Result<Option<f64>, DecoderError> {
    let stated = if capped { settings.number(key, key)? } else { None };
    match stated {
        None if capped && settings.is_gguf() => Ok(of_llama_cpp()),
        Some(cap) if settings.is_gguf() && cap == 0.0 => Ok(None),
        Some(cap) if cap <= 0.0 => {
            Err(DecoderError::setting(key, cap.to_string(), "a number above 0, or null".into()))
        }
        stated => Ok(stated),
    }
}

/// SmolLM3 leaves every n-th layer unrotated.
fn unrotated(family: &str, settings: Settings<'_>, layers: usize) -> Result<Vec<bool>, DecoderError> {
    if family != "smollm3" {
        return Ok(vec![false; layers]);
    }
    if let Some(rotated) = settings.per_layer("no_rope_layers", layers)? {
        return Ok(rotated.iter().map(|flag| *flag == 0.0).collect());
    }
    const KEY: &str = "no_rope_layer_interval";
    let interval = match settings.config().and_then(|config| config.get(KEY)) {
        None => 4,
        Some(_) => settings
            .count(KEY, "")?
            .filter(|interval| *interval > 0)
            .ok_or_else(|| DecoderError::setting(KEY, "null or 0".into(), "a whole number above 0".into()))?,
    };
    Ok((1..=layers).map(|layer| layer.is_multiple_of(interval)).collect())
}

/// Layers of Gemma 3n that keep the largest twentieth of their gate: the first ten, of a model of more than ten (of any,
/// where llama.cpp runs it).
fn sparsity(family: &str, settings: Settings<'_>, layers: usize) -> Result<Vec<f64>, DecoderError> {
    let mut list = vec![0.0; layers];
    if family == "gemma3n" {
        match settings.per_layer("activation_sparsity_pattern", layers)? {
            Some(stated) => list = stated,
            None if settings.is_gguf() || layers > 10 => {
                list.iter_mut().take(10).for_each(|share| *share = 0.95);
            }
            None => {}
        }
    }
    Ok(list)
}
