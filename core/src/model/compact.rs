//! Reading a [`Profile`] from YAML: the seed's fields as they are, ours beside them, everything range-checked.

use super::family::{self, Conventions};
use super::profile::{ExpertShape, LayerKind, Profile, RecurrentShape};
use crate::format::document;
use crate::format::document::{DocumentError, Fields, PerLayer};
use crate::leaf::cast::to_u64;
use crate::leaf::units::MIB;

/// Largest width, vocabulary or count that is believed.
const MAX_WIDTH: u64 = 10_000_000;
const MAX_VOCAB: u64 = 100_000_000;
const MAX_LAYERS: u64 = 4_096;
const MAX_CONTEXT: u64 = 1 << 32;

impl Profile {
    /// Read a profile; `source` names the file in messages.
    pub fn parse(source: &str, text: &str) -> Result<Self, DocumentError> {
        let node = document::parse_yaml(source, text)?;
        let fields = Fields::of(source, &node)?;
        let profile = read(&fields)?;
        fields.finish()?;
        Ok(profile)
    }
}

fn read(fields: &Fields<'_>) -> Result<Profile, DocumentError> {
    let name = fields.require_text("name")?.to_owned();
    let family_name = fields.require_text("family")?.to_owned();
    let mut assumptions = Vec::new();
    let conventions = conventions(fields, &family_name, &mut assumptions)?;
    let layers = fields.require_integer("num_hidden_layers", 1..=MAX_LAYERS)?;
    // The seed's count of attention layers changes nothing: every layer states its own kind here.
    fields.integer("num_attention_layers", 0..=MAX_LAYERS)?;
    let heads = layered(fields, "num_attention_heads", 1..=65_536, layers)?;
    let kv_heads = layered(fields, "num_key_value_heads", 0..=65_536, layers)?;
    check_heads(fields, &heads, &kv_heads)?;
    let ratio = fields.integer("local_to_global_ratio", 0..=MAX_LAYERS)?.unwrap_or(0);
    let window = fields.integer("sliding_window", 0..=MAX_CONTEXT)?.unwrap_or(0);
    let recurrent = recurrent(fields)?;
    let layer_kinds = kinds(fields, layers, ratio, recurrent.is_some())?;
    if layer_kinds.contains(&LayerKind::Sliding) && window == 0 && fields.has("layer_pattern") {
        return Err(fields.missing("sliding_window", "the window of the sliding layers, in tokens"));
    }
    let tied = tied(fields, &mut assumptions)?;
    let ple = ple(fields)?;
    let encoder_mb = (
        fields.number("vision_encoder_mb", 0.0..=1e6)?.unwrap_or(0.0),
        fields.number("audio_encoder_mb", 0.0..=1e6)?.unwrap_or(0.0),
    );
    Ok(Profile {
        title: fields.text("title")?.unwrap_or(&name).to_owned(),
        name,
        conventions,
        param_count_b: fields.number("param_count_b", 0.0..=1e5)?.unwrap_or(0.0),
        num_hidden_layers: layers,
        hidden_size: fields.require_integer("hidden_size", 1..=MAX_WIDTH)?,
        intermediate_size: layered(fields, "intermediate_size", 0..=MAX_WIDTH, layers)?,
        shared_kv_intermediate_size: fields.integer("shared_kv_intermediate_size", 1..=MAX_WIDTH)?,
        vocab_size: fields.require_integer("vocab_size", 1..=MAX_VOCAB)?,
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        global_num_key_value_heads: fields.integer("global_num_key_value_heads", 1..=65_536)?,
        head_dim: fields.require_integer("head_dim", 1..=65_536)?,
        global_head_dim: fields.integer("global_head_dim", 1..=65_536)?,
        v_head_dim: fields.integer("v_head_dim", 1..=65_536)?,
        layer_kinds,
        sliding_window: window,
        shared_kv_last_n_layers: fields.integer("shared_kv_last_n_layers", 0..=layers)?.unwrap_or(0),
        ple_hidden_size: ple.0,
        ple_vocab_size: ple.1,
        tie_word_embeddings: tied,
        values_from_keys: fields.flag("values_from_keys")?.unwrap_or(false),
        output_gate: fields.flag("output_gate")?.unwrap_or(false),
        recurrent,
        experts: experts(fields)?,
        altup_streams: fields.integer("altup_streams", 0..=64)?.unwrap_or(0),
        laurel_rank: fields.integer("laurel_rank", 0..=65_536)?.unwrap_or(0),
        vision: tower(fields, "vision_encoder_parameters", encoder_mb.0)?,
        audio: tower(fields, "audio_encoder_parameters", encoder_mb.1)?,
        uncounted: fields.texts("uncounted")?,
        published_parameters: fields.integer("published_parameters", 1..=1 << 50)?,
        published_parameters_note: fields.text("published_parameters_note")?.unwrap_or_default().to_owned(),
        published_decoder_gb: fields.number("published_decoder_gb", 0.0..=1e6)?.unwrap_or(0.0),
        published_embeddings_gb: fields.number("published_embeddings_gb", 0.0..=1e6)?.unwrap_or(0.0),
        weight_dtype_bits: fields.integer("weight_dtype_bits", 1..=64)?.unwrap_or(16),
        kv_dtype_bits: fields.integer("kv_dtype_bits", 1..=64)?.unwrap_or(16),
        max_context_tokens: fields.integer("max_context_tokens", 1..=MAX_CONTEXT)?.unwrap_or(128_000),
        runtime_overhead_mb: fields.number("runtime_overhead_mb", 0.0..=1e6)?.unwrap_or(128.0),
        local_to_global_ratio: ratio,
        encoder_mb,
        sources: fields.texts("sources")?,
        family: family_name,
        assumptions,
    })
}

fn conventions(
    fields: &Fields<'_>,
    family_name: &str,
    assumptions: &mut Vec<String>,
) -> Result<Conventions, DocumentError> {
    let known = family::family(family_name);
    if known.is_none() {
        assumptions.push(format!(
            "family `{family_name}` is not listed: assumed llama's norms, no projection biases, a gated FFN"
        ));
    }
    let base = known.unwrap_or(family::FALLBACK).conventions;
    Ok(Conventions {
        qkv_bias: fields.flag("qkv_bias")?.unwrap_or(base.qkv_bias),
        qk_norm: fields.flag("qk_norm")?.unwrap_or(base.qk_norm),
        norms: fields.integer("norms_per_layer", 0..=16)?.unwrap_or(base.norms),
        gated_ffn: fields.flag("gated_ffn")?.unwrap_or(base.gated_ffn),
        unused_kv_weights: fields.flag("unused_kv_weights")?.unwrap_or(base.unused_kv_weights),
        layer_scalar: fields.flag("layer_scalar")?.unwrap_or(base.layer_scalar),
        ..base
    })
}

fn tied(fields: &Fields<'_>, assumptions: &mut Vec<String>) -> Result<bool, DocumentError> {
    if let Some(tied) = fields.flag("tie_word_embeddings")? {
        return Ok(tied);
    }
    // The seed's form has no such field and counts one table.
    assumptions
        .push("output head assumed tied to the token embedding (`tie_word_embeddings` not given)".into());
    Ok(true)
}

fn layered(
    fields: &Fields<'_>,
    name: &'static str,
    range: std::ops::RangeInclusive<u64>,
    layers: u64,
) -> Result<PerLayer, DocumentError> {
    let expected = format!("a whole number from {} to {}, or a list of {layers}", range.start(), range.end());
    let value = fields.per_layer(name, range)?.ok_or_else(|| fields.missing(name, &expected))?;
    match value.list_length() {
        Some(length) if length as u64 != layers => Err(fields.wrong_value(
            name,
            &format!("a list of {length}"),
            &format!("one entry for each of {layers} layers"),
        )),
        _ => Ok(value),
    }
}

fn check_heads(fields: &Fields<'_>, heads: &PerLayer, kv_heads: &PerLayer) -> Result<(), DocumentError> {
    let layers = heads.list_length().or(kv_heads.list_length()).unwrap_or(1);
    match (0..layers).map(|layer| (heads.at(layer), kv_heads.at(layer))).find(|(q, kv)| kv > q) {
        None => Ok(()),
        Some((q, kv)) => {
            let expected = format!("at most num_attention_heads ({q})");
            Err(fields.wrong_value("num_key_value_heads", &kv.to_string(), &expected))
        }
    }
}

const KINDS: &[(&str, LayerKind)] =
    &[("full", LayerKind::Full), ("sliding", LayerKind::Sliding), ("recurrent", LayerKind::Recurrent)];

/// Kinds by `layer_pattern` (repeated over the layers), or by the seed's ratio, or all full.
fn kinds(
    fields: &Fields<'_>,
    layers: u64,
    ratio: u64,
    recurrent: bool,
) -> Result<Vec<LayerKind>, DocumentError> {
    let names = fields.texts("layer_pattern")?;
    let mut pattern = Vec::with_capacity(names.len());
    for name in &names {
        let kind = KINDS.iter().find(|(key, _)| key == name).map(|(_, kind)| *kind);
        let expected = "a list of full, sliding, recurrent";
        pattern
            .push(kind.ok_or_else(|| fields.wrong_value("layer_pattern", &format!("{name:?}"), expected))?);
    }
    if pattern.contains(&LayerKind::Recurrent) && !recurrent {
        return Err(fields.missing("recurrent", "the recurrent blocks' dimensions"));
    }
    let cycled = |index: u64| {
        let length = pattern.len() as u64;
        usize::try_from(index % length.max(1)).ok().and_then(|at| pattern.get(at)).copied()
    };
    Ok((0..layers)
        .map(|index| match cycled(index) {
            Some(kind) => kind,
            // The seed's rule: every (ratio + 1)-th layer is global, and the last.
            None if ratio > 0 && (index + 1) % (ratio + 1) != 0 && index + 1 != layers => LayerKind::Sliding,
            None => LayerKind::Full,
        })
        .collect())
}

fn ple(fields: &Fields<'_>) -> Result<(u64, u64), DocumentError> {
    let stated = fields.flag("has_ple")?;
    let width = fields.integer("ple_hidden_size", 0..=MAX_WIDTH)?.unwrap_or(0);
    let rows = fields.integer("ple_vocab_size", 0..=MAX_VOCAB)?.unwrap_or(0);
    let has = stated.unwrap_or(width > 0 && rows > 0);
    if !has {
        return Ok((0, 0));
    }
    if width == 0 {
        return Err(fields.missing("ple_hidden_size", "the table's channels per layer"));
    }
    if rows == 0 {
        return Err(fields.missing("ple_vocab_size", "the table's rows"));
    }
    Ok((width, rows))
}

/// A tower by exact parameters (shipped in bf16) or by the seed's size in MiB.
fn tower(fields: &Fields<'_>, name: &'static str, mib: f64) -> Result<Option<(u64, u64)>, DocumentError> {
    let stated = to_u64((mib * MIB as f64).round());
    Ok(match fields.integer(name, 0..=1 << 50)?.filter(|parameters| *parameters > 0) {
        Some(parameters) => Some((parameters, if stated > 0 { stated } else { parameters * 2 })),
        None => (stated > 0).then_some((0, stated)),
    })
}

fn experts(fields: &Fields<'_>) -> Result<Option<ExpertShape>, DocumentError> {
    let Some(map) = fields.map("experts")? else { return Ok(None) };
    let count = map.require_integer("count", 1..=65_536)?;
    let shape = ExpertShape {
        count,
        active: map.require_integer("active", 1..=count)?,
        width: map.require_integer("width", 1..=MAX_WIDTH)?,
        shared_width: map.integer("shared_width", 0..=MAX_WIDTH)?.unwrap_or(0),
        beside_dense: map.flag("beside_dense")?.unwrap_or(false),
        first_dense_layers: map.integer("first_dense_layers", 0..=MAX_LAYERS)?.unwrap_or(0),
        router_extras: map.integer("router_extras", 0..=MAX_WIDTH)?.unwrap_or(0),
    };
    map.finish()?;
    Ok(Some(shape))
}

fn recurrent(fields: &Fields<'_>) -> Result<Option<RecurrentShape>, DocumentError> {
    let Some(map) = fields.map("recurrent")? else { return Ok(None) };
    let size = |name| map.require_integer(name, 1..=MAX_WIDTH);
    #[derive(Clone, Copy)]
    enum Kind {
        Conv,
        Delta,
        Mamba,
    }
    let kinds = [("short_conv", Kind::Conv), ("gated_delta_net", Kind::Delta), ("mamba2", Kind::Mamba)];
    let kind = map.choice("kind", &kinds)?;
    let shape = match kind.ok_or_else(|| map.missing("kind", "short_conv, gated_delta_net or mamba2"))? {
        Kind::Conv => RecurrentShape::ShortConv { kernel: size("kernel")? },
        Kind::Delta => RecurrentShape::GatedDeltaNet {
            key_heads: size("key_heads")?,
            value_heads: size("value_heads")?,
            key_head_dim: size("key_head_dim")?,
            value_head_dim: size("value_head_dim")?,
            kernel: size("kernel")?,
        },
        Kind::Mamba => RecurrentShape::Mamba2 {
            heads: size("heads")?,
            head_dim: size("head_dim")?,
            state_size: size("state_size")?,
            groups: size("groups")?,
            kernel: size("kernel")?,
            normed: true,
        },
    };
    map.finish()?;
    Ok(Some(shape))
}
