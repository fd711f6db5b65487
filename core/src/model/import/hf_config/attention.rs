//! Heads: how many, how wide, with which biases and norms.

use super::super::draft::{MAX_HEADS, MAX_LAYERS};
use super::facts::{Facts, Heads, Mixes};
use super::latent;
use super::reader::Reader;
use crate::format::document::{DocumentError, PerLayer};
use crate::model::family::OutputBias;

const HEADS: [&str; 7] = [
    "num_attention_heads_per_layer",
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
    "num_query_heads",
    "attention_heads",
];
const KV_HEADS: [&str; 13] = [
    "num_key_value_heads_per_layer",
    "num_key_value_heads",
    "n_head_kv",
    "num_kv_heads",
    "multi_query_group_num",
    "num_attention_groups",
    "n_kv_heads",
    "kv_n_heads",
    "num_query_groups",
    "n_query_groups",
    "n_kv_head",
    "num_kv_head",
    "kv_heads",
];

/// Fill in heads, their widths, sharing and conventions.
pub(super) fn read(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let layers = facts.layers.len();
    facts.latent = latent::read(reader)?;
    if reader.family.recurs_only {
        // What such a config calls heads are those of its recurrence.
        reader.touch(&HEADS);
        return Ok(());
    }
    facts.heads.query = match heads(reader, &HEADS, layers)? {
        Some(heads) => heads,
        None => return Err(reader.missing(HEADS[1], &format!("a whole number from 1 to {MAX_HEADS}"))),
    };
    facts.heads.kv = match heads(reader, &KV_HEADS, layers)? {
        Some(kv) => kv,
        None if reader.flag("multi_query")? == Some(true) => PerLayer::Same(1),
        None if mapped(reader)?.is_some() => PerLayer::Same(mapped(reader)?.unwrap_or(1)),
        None => {
            if facts.latent.is_none() && facts.heads.query.max() > 0 {
                reader.assume("`num_key_value_heads` not given: as many as query heads".into());
            }
            facts.heads.query.clone()
        }
    };
    check(reader, facts)?;
    let width = head_dim(reader, facts)?;
    (facts.heads.k_dim, facts.heads.v_dim) = (width, width);
    kinds(reader, facts)?;
    if let Some(shares) = reader.flag("use_cla")? {
        // Of so many layers the first computes keys and values, and the others read them.
        let factor = reader.integer(&["cla_share_factor"], 1..=MAX_LAYERS)?.unwrap_or(2);
        facts.share_factor = if shares { factor } else { 1 };
    }
    let most = layers.saturating_sub(1) as u64;
    facts.shared_kv_layers = reader.integer(&["num_kv_shared_layers"], 0..=most.min(MAX_LAYERS))?;
    let biased = reader.flag("attention_bias")?.or(reader.flag("use_bias")?).or(reader.flag("bias")?);
    let conventions = &mut facts.conventions;
    let stated = reader.flag("qkv_bias")?.or(reader.flag("use_qkv_bias")?).or(reader.flag("add_qkv_bias")?);
    conventions.qkv_bias = stated.or(biased).unwrap_or(conventions.qkv_bias);
    let normed = reader.flag("use_qk_norm")?.or(reader.flag("qk_layernorm")?);
    conventions.qk_norm = normed.unwrap_or(conventions.qk_norm);
    facts.output_gate = reader.flag("attn_output_gate")?.unwrap_or(false);
    facts.output_bias = match reader.family.output_bias {
        OutputBias::Never => false,
        OutputBias::Apart => reader.flag("attention_out_bias")?.unwrap_or(false),
        OutputBias::Stated(default) => biased.unwrap_or(default),
    };
    facts.ffn_bias = reader.flag("mlp_bias")?.unwrap_or(false);
    facts.head_bias = reader.flag("lm_head_bias")?.unwrap_or(false);
    Ok(())
}

/// KV heads that stand in a map of attention's own.
fn mapped(reader: &Reader<'_>) -> Result<Option<u64>, DocumentError> {
    match reader.map("attn_config")? {
        Some(attention) => attention.integer("kv_n_heads", 1..=MAX_HEADS),
        None => Ok(None),
    }
}

/// Values of a width of their own, and heads of sliding layers that have names of their own.
fn kinds(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    const VALUES: [&str; 2] = ["v_head_dim", "value_head_dim"];
    let layers = facts.layers.len();
    // Configs that turn latent attention off have a 0 here.
    let least = u64::from(reader.flag("use_mla")? != Some(false));
    if facts.latent.is_none()
        && let Some(value) = reader
            .integer(&VALUES, least..=MAX_HEADS)?
            .or_else(|| reader.left_out(&VALUES))
            .filter(|value| *value > 0)
    {
        facts.heads.v_dim = value;
    }
    let query = reader.layered(&["swa_num_attention_heads"], 1..=MAX_HEADS, layers)?;
    let kv = reader.layered(&["swa_num_key_value_heads"], 1..=MAX_HEADS, layers)?;
    let k_dim = reader.integer(&["swa_head_dim"], 1..=MAX_HEADS)?;
    let v_dim = reader.integer(&["swa_v_head_dim"], 1..=MAX_HEADS)?;
    if query.is_some() || kv.is_some() || k_dim.is_some() || v_dim.is_some() {
        let usual = facts.heads.clone();
        facts.sliding = Some(Heads {
            query: query.unwrap_or(usual.query),
            kv: kv.unwrap_or(usual.kv),
            k_dim: k_dim.unwrap_or(usual.k_dim),
            v_dim: v_dim.or(k_dim).unwrap_or(usual.v_dim),
        });
    }
    Ok(())
}

/// Heads of every layer; a list may hold 0 for a layer without attention.
fn heads(
    reader: &mut Reader<'_>,
    names: &[&'static str],
    layers: usize,
) -> Result<Option<PerLayer>, DocumentError> {
    match reader.layered(names, 0..=MAX_HEADS, layers)? {
        Some(PerLayer::Same(0)) => {
            let name = names.iter().find(|name| reader.has(name)).unwrap_or(&"");
            Err(reader.wrong(name, "0", &format!("a whole number from 1 to {MAX_HEADS}")))
        }
        Some(found) => Ok(Some(found)),
        None => Ok(reader.stated_or_default(names, 1..=MAX_HEADS)?.map(PerLayer::Same)),
    }
}

fn check(reader: &Reader<'_>, facts: &Facts) -> Result<(), DocumentError> {
    let (q, kv) = (&facts.heads.query, &facts.heads.kv);
    let layers = q.list_length().or(kv.list_length()).unwrap_or(1);
    let wrong = (0..layers)
        .map(|layer| (q.at(layer), kv.at(layer)))
        .find(|(q, kv)| *q > 0 && *kv > 0 && (kv > q || q % kv != 0));
    match wrong {
        None => Ok(()),
        Some((q, kv)) => {
            let expected = format!("a divisor of num_attention_heads ({q})");
            Err(reader.wrong("num_key_value_heads", &kv.to_string(), &expected))
        }
    }
}

fn head_dim(reader: &mut Reader<'_>, facts: &Facts) -> Result<u64, DocumentError> {
    const NAMES: [&str; 4] = ["head_dim", "kv_channels", "attention_head_dim", "d_kv"];
    if let Some(latent) = &facts.latent {
        reader.touch(&NAMES);
        return Ok(latent.nope + latent.rope);
    }
    if let Some(width) = reader.stated_or_default(&NAMES, 1..=MAX_HEADS)? {
        return Ok(width);
    }
    let (hidden, heads) = (facts.hidden, facts.heads.query.max());
    if heads == 0 {
        return Ok(1);
    }
    let derived = hidden / heads;
    if derived == 0 || !hidden.is_multiple_of(heads) {
        return Err(reader.missing(
            "head_dim",
            &format!("the channels of a head: hidden_size {hidden} is not a multiple of {heads} heads"),
        ));
    }
    Ok(derived)
}

/// `per_layer_config`, by which newer transformers state what differs from layer to layer: the heads of the full
/// layers, which are put into `full`. Anything finer is refused.
pub(in crate::model) fn one_by_one(
    reader: &Reader<'_>,
    facts: &Facts,
    full: &mut Heads,
) -> Result<(), DocumentError> {
    const NAME: &str = "per_layer_config";
    let layers = reader.text.named_maps(NAME)?;
    let count = facts.layers.len();
    let (mut widths, mut kv_heads) = (vec![None; count], vec![None; count]);
    for (key, fields) in &layers {
        let Some(layer) = key.parse::<usize>().ok().filter(|layer| *layer < count) else {
            let expected = format!("layers 0 to {}", count.saturating_sub(1));
            return Err(reader.wrong(NAME, &format!("{key:?}"), &expected));
        };
        widths[layer] = fields.integer("head_dim", 1..=MAX_HEADS)?;
        kv_heads[layer] = fields.integer("num_key_value_heads", 1..=MAX_HEADS)?;
        fields.finish()?;
    }
    let is_full = |layer: usize| facts.layers[layer].mixes == Mixes::Full;
    let common = |values: &[Option<u64>], what: &str, usual: u64| -> Result<Option<u64>, DocumentError> {
        let stated = (0..count).find(|&layer| is_full(layer)).and_then(|layer| values[layer]);
        let fits = (0..count).all(|layer| {
            let expected = if is_full(layer) { stated.unwrap_or(usual) } else { usual };
            values[layer].unwrap_or(usual) == expected
        });
        if fits {
            return Ok(stated);
        }
        let found = format!("a {what} that differs by more than full and sliding layers");
        Err(reader.wrong(NAME, &found, "one value for all full layers, none for the others"))
    };
    if let Some(width) = common(&widths, "head_dim", facts.heads.k_dim)? {
        (full.k_dim, full.v_dim) = (width, width);
    }
    if let Some(heads) = common(&kv_heads, "num_key_value_heads", facts.heads.kv.max())? {
        full.kv = PerLayer::Same(heads);
    }
    Ok(())
}
