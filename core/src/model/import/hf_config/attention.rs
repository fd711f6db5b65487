//! Heads: how many, how wide, with which biases and norms.

use super::super::super::architecture::{Architecture, Mixer};
use super::super::super::profile::{LayerKind, Profile};
use super::super::draft::{MAX_HEADS, MAX_LAYERS};
use super::dialect::OutputBias;
use super::reader::Reader;
use crate::document::{DocumentError, PerLayer};

const HEADS: [&str; 4] = ["num_attention_heads", "n_head", "n_heads", "num_heads"];
const KV_HEADS: [&str; 3] = ["num_key_value_heads", "n_head_kv", "num_kv_heads"];

/// Fill in heads, their widths, sharing and conventions.
pub(super) fn read(reader: &mut Reader<'_>, profile: &mut Profile) -> Result<(), DocumentError> {
    let layers = profile.num_hidden_layers;
    profile.num_attention_heads = match heads(reader, &HEADS, layers)? {
        Some(heads) => heads,
        None if reader.leaves_widths_out() => PerLayer::Same(reader.class_default(HEADS[0], 8)),
        None => return Err(reader.text.missing(HEADS[0], &format!("a whole number from 1 to {MAX_HEADS}"))),
    };
    profile.num_key_value_heads = match heads(reader, &KV_HEADS, layers)? {
        // Falcon's older form writes a number of KV heads that its class ignores.
        Some(_) if reader.is("falcon") && !falcon_groups(reader)? && multi_query(reader)? == Some(true) => {
            PerLayer::Same(1)
        }
        Some(kv) => kv,
        None if reader.leaves_widths_out() => PerLayer::Same(reader.class_default(KV_HEADS[0], 4)),
        None if multi_query(reader)? == Some(true) => PerLayer::Same(1),
        None => {
            reader.assume("`num_key_value_heads` not given: as many as query heads".into());
            profile.num_attention_heads.clone()
        }
    };
    check(reader, profile)?;
    if falcon_groups(reader)? {
        profile.conventions.norms = 2;
    }
    let (heads, hidden) = (profile.num_attention_heads.max(), profile.hidden_size);
    profile.head_dim = head_dim(reader, hidden, heads)?;
    if reader.is("gemma4") {
        gemma4(reader, profile)?;
    }
    profile.shared_kv_last_n_layers = shared_layers(reader, layers)?;
    let biased = reader.flag("attention_bias")?.or(reader.flag("use_bias")?);
    // Llama 4 normalises queries and keys without weights.
    let normed = if reader.is("llama4") { None } else { reader.flag("use_qk_norm")? };
    let family = &mut profile.conventions;
    family.qkv_bias =
        reader.flag("qkv_bias")?.or(reader.flag("use_qkv_bias")?).or(biased).unwrap_or(family.qkv_bias);
    family.qk_norm = normed.or(reader.flag("qk_layernorm")?).unwrap_or(family.qk_norm);
    profile.output_gate = reader.is("qwen3_5") || reader.is("qwen3_next");
    if let Some(gate) = reader.flag("attn_output_gate")? {
        profile.output_gate = gate;
    }
    Ok(())
}

/// One KV head for all queries; the default of Falcon and GPT-BigCode.
fn multi_query(reader: &Reader<'_>) -> Result<Option<bool>, DocumentError> {
    let default = (reader.is("falcon") || reader.is("gpt_bigcode")).then_some(true);
    Ok(reader.flag("multi_query")?.or(default))
}

/// Falcon's newer form: groups of queries, and a norm for attention and FFN each.
fn falcon_groups(reader: &Reader<'_>) -> Result<bool, DocumentError> {
    Ok(reader.is("falcon") && reader.flag("new_decoder_architecture")? == Some(true))
}

/// Heads of every layer; a list may hold 0 for a layer without attention (LFM2 writes one).
fn heads(
    reader: &Reader<'_>,
    names: &[&'static str],
    layers: u64,
) -> Result<Option<PerLayer>, DocumentError> {
    let Some(name) = names.iter().find(|name| reader.text.has(name)) else { return Ok(None) };
    let least = u64::from(reader.text.integer(name, 1..=MAX_HEADS).is_ok());
    let value = reader.text.per_layer(name, least..=MAX_HEADS)?;
    match value.as_ref().and_then(PerLayer::list_length) {
        Some(length) if length as u64 != layers => {
            let expected = format!("one entry for each of {layers} layers");
            Err(reader.text.wrong_value(name, &format!("a list of {length}"), &expected))
        }
        None if least == 0 => {
            Err(reader.text.wrong_value(name, "0", &format!("a whole number from 1 to {MAX_HEADS}")))
        }
        _ => Ok(value),
    }
}

fn check(reader: &Reader<'_>, profile: &Profile) -> Result<(), DocumentError> {
    let (q, kv) = (&profile.num_attention_heads, &profile.num_key_value_heads);
    let layers = q.list_length().or(kv.list_length()).unwrap_or(1);
    let wrong = (0..layers)
        .map(|layer| (q.at(layer), kv.at(layer)))
        .find(|(q, kv)| *kv > 0 && (kv > q || q % kv != 0));
    match wrong {
        None => Ok(()),
        Some((q, kv)) => {
            let expected = format!("a divisor of num_attention_heads ({q})");
            Err(reader.text.wrong_value(KV_HEADS[0], &kv.to_string(), &expected))
        }
    }
}

fn head_dim(reader: &mut Reader<'_>, hidden: u64, heads: u64) -> Result<u64, DocumentError> {
    if let Some(stated) = reader.integer(&["head_dim", "kv_channels", "attention_head_dim"], 1..=MAX_HEADS)? {
        return Ok(stated);
    }
    if reader.dialect.head_dim > 0 {
        return Ok(reader.class_default("head_dim", reader.dialect.head_dim));
    }
    let derived = hidden / heads.max(1);
    if derived == 0 || !hidden.is_multiple_of(heads) {
        return Err(reader.text.missing(
            "head_dim",
            &format!("the channels of a head: hidden_size {hidden} is not a multiple of {heads} heads"),
        ));
    }
    Ok(derived)
}

/// Gemma 4's full-attention layers: wider heads, fewer KV heads, values taken from keys.
fn gemma4(reader: &mut Reader<'_>, profile: &mut Profile) -> Result<(), DocumentError> {
    profile.global_head_dim = match reader.integer(&["global_head_dim"], 1..=MAX_HEADS)? {
        None if reader.text.has("per_layer_config") => None,
        None => Some(reader.class_default("global_head_dim", 512)),
        stated => stated,
    };
    profile.values_from_keys = reader.flag("attention_k_eq_v")?.unwrap_or(false);
    let kv = reader.integer(&["num_global_key_value_heads"], 1..=MAX_HEADS)?;
    // transformers applies the override only together with `attention_k_eq_v`.
    profile.global_num_key_value_heads = kv.filter(|_| profile.values_from_keys);
    Ok(())
}

/// `per_layer_config`, by which newer transformers state what differs from layer to layer: the heads of the full
/// layers. Anything finer has no place in the compact form and is refused.
pub(super) fn overrides(reader: &mut Reader<'_>, profile: &mut Profile) -> Result<(), DocumentError> {
    const NAME: &str = "per_layer_config";
    let layers = reader.text.named_maps(NAME)?;
    if layers.is_empty() {
        return Ok(());
    }
    let count = profile.layer_kinds.len();
    let (mut widths, mut kv_heads) = (vec![None; count], vec![None; count]);
    for (key, fields) in &layers {
        let Some(layer) = key.parse::<usize>().ok().filter(|layer| *layer < count) else {
            let expected = format!("layers 0 to {}", count.saturating_sub(1));
            return Err(reader.text.wrong_value(NAME, &format!("{key:?}"), &expected));
        };
        widths[layer] = fields.integer("head_dim", 1..=MAX_HEADS)?;
        kv_heads[layer] = fields.integer("num_key_value_heads", 1..=MAX_HEADS)?;
        fields.finish()?;
    }
    let full = |layer: usize| profile.layer_kinds[layer] == LayerKind::Full;
    let common = |values: &[Option<u64>], what: &str, usual: u64| -> Result<Option<u64>, DocumentError> {
        let stated = (0..count).find(|&layer| full(layer)).and_then(|layer| values[layer]);
        let fits = (0..count).all(|layer| {
            let expected = if full(layer) { stated.unwrap_or(usual) } else { usual };
            values[layer].unwrap_or(usual) == expected
        });
        if fits {
            return Ok(stated);
        }
        let found = format!("a {what} that differs by more than full and sliding layers");
        Err(reader.text.wrong_value(NAME, &found, "one value for all full layers, none for the others"))
    };
    if let Some(width) = common(&widths, "head_dim", profile.head_dim)? {
        profile.global_head_dim = Some(width);
    }
    if let Some(heads) = common(&kv_heads, "num_key_value_heads", profile.num_key_value_heads.max())? {
        profile.global_num_key_value_heads = Some(heads);
    }
    Ok(())
}

fn shared_layers(reader: &mut Reader<'_>, layers: u64) -> Result<u64, DocumentError> {
    match reader.integer(&["num_kv_shared_layers"], 0..=layers.saturating_sub(1))? {
        Some(shared) => Ok(shared),
        None if reader.is("gemma3n") && layers <= MAX_LAYERS => {
            Ok(reader.class_default("num_kv_shared_layers", 15.min(layers.saturating_sub(1))))
        }
        None => Ok(0),
    }
}

/// Bias on the output projections, which the compact form cannot say.
pub(super) fn bias_output(reader: &Reader<'_>, architecture: &mut Architecture) -> Result<(), DocumentError> {
    let biased = match reader.dialect.output_bias {
        OutputBias::Never => false,
        OutputBias::Apart => reader.flag("attention_out_bias")?.unwrap_or(false),
        OutputBias::Stated(default) => {
            reader.flag("attention_bias")?.or(reader.flag("use_bias")?).unwrap_or(default)
        }
    };
    for layer in &mut architecture.layers {
        if let Mixer::Attention(attention) = &mut layer.mixer {
            attention.output_bias = biased;
        }
    }
    Ok(())
}
