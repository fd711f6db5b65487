//! An architecture from names and shapes alone.
//!
//! Shapes give widths, KV channels, experts and recurrent states exactly. They do not give windows, KV sharing or
//! the longest context; those are taken at their most expensive, and `assumptions` says so.

use super::super::draft::{self, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH, UNSTATED_CONTEXT};
use super::super::names::{self, Names, Place};
use super::SafetensorsModelError;
use super::packed;
use crate::format::safetensors::{Header, TensorInfo};
use crate::leaf::BlockType;
use crate::model::architecture::{
    Architecture, Attention, Embeddings, Ffn, KvSource, Layer, Mixer, PerLayerEmbedding,
};
use crate::model::family;
use crate::model::family::Conventions;
use crate::model::recurrent;
use crate::model::recurrent::RecurrentShape;
use crate::model::tensor::Role;
use std::collections::BTreeMap;

/// The tensors of one layer, by what follows its number.
type Parts<'a> = BTreeMap<&'a str, &'a TensorInfo>;

/// Refuse one shard of several.
pub(super) fn check_whole(header: &Header) -> Result<(), SafetensorsModelError> {
    let shard = |what: &str| {
        Err(SafetensorsModelError::Shard { source_name: header.source.clone(), what: what.to_owned() })
    };
    if header
        .tensors
        .iter()
        .any(|tensor| tensor.name.contains(".lora_A.") || tensor.name.contains(".lora_B."))
    {
        return Err(SafetensorsModelError::Adapter { source_name: header.source.clone() });
    }
    let file = draft::stem(&header.source, &[".safetensors"]);
    if file.rsplit_once("-of-").is_some_and(|(_, parts)| parts.parse::<u32>().is_ok_and(|parts| parts > 1)) {
        return shard("one shard of several by its name");
    }
    let names = header.names();
    let mut layers: Vec<usize> =
        header.tensors.iter().filter_map(|tensor| names.place(&tensor.name).layer).collect();
    layers.sort_unstable();
    layers.dedup();
    match layers.iter().enumerate().find(|(index, layer)| index != *layer) {
        _ if layers.is_empty() => {
            Err(SafetensorsModelError::NoDecoder { source_name: header.source.clone() })
        }
        Some((missing, _)) => shard(&format!("layer {missing} is not in it")),
        None => Ok(()),
    }
}

/// Refuse what is no decoder by the names of its tensors, and decoders whose memory no shape tells.
fn check_kind(header: &Header) -> Result<(), SafetensorsModelError> {
    let together = header.names();
    let mut names = Vec::new();
    let mut outside = Vec::new();
    for tensor in &header.tensors {
        let place = together.place(&tensor.name);
        if together.is_beside(&tensor.name) {
            continue;
        }
        names.push(tensor.name.as_str());
        if place.layer.is_none() {
            outside.push(tensor.name.as_str());
        }
    }
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    let source_name = header.source.clone();
    if let Some(what) = family::no_decoder(&has, &|name| outside.contains(&name)) {
        return Err(SafetensorsModelError::OtherKind { source_name, what });
    }
    let beyond = family::beyond_shapes(&has).map(|what| {
        format!("it has {what}: the size of its caches and states does not follow from its shapes")
    });
    let second =
        || together.other.map(|other| format!("names do not tell what its layers under `{other}` are for"));
    match beyond.or_else(second) {
        Some(reason) => Err(SafetensorsModelError::NeedsConfig { source_name, reason }),
        None => Ok(()),
    }
}

/// The architecture that names and shapes show.
pub(super) fn architecture(header: &Header) -> Result<Architecture, SafetensorsModelError> {
    check_kind(header)?;
    check_whole(header)?;
    let needs_config =
        |reason: String| SafetensorsModelError::NeedsConfig { source_name: header.source.clone(), reason };
    if let Some(matrix) = packed::fold(header).iter().find(|matrix| matrix.packed) {
        return Err(needs_config(format!(
            "`{}` is quantised, and nothing says into how many bits",
            matrix.info.name
        )));
    }
    let together = header.names();
    let (layers, outside) = sort(header, &together);
    if layers.len() as u64 > MAX_LAYERS {
        return Err(needs_config(format!("{} layers are more than any model has", layers.len())));
    }
    let named = |ending: &str| outside.iter().find(|tensor| tensor.name.ends_with(ending)).copied();
    let embedding = [
        "embed_tokens.weight",
        "wte.weight",
        "embed_in.weight",
        "word_embeddings.weight",
        "tok_embeddings.weight",
    ];
    let embedding = embedding.iter().find_map(|name| named(name)).filter(|tensor| tensor.shape.len() == 2);
    let Some(embedding) = embedding else {
        return Err(SafetensorsModelError::Shard {
            source_name: header.source.clone(),
            what: "no token embedding in it under a name that is known here".into(),
        });
    };
    if embedding.row_length() > MAX_WIDTH || embedding.rows() > MAX_VOCAB {
        return Err(needs_config(format!("`{}` is larger than any embedding", embedding.name)));
    }
    let family_name = guess_family(&layers);
    let known = family::family(family_name).unwrap_or(family::FALLBACK);
    let conventions = &known.conventions;
    let title = draft::stem(&header.source, &[".safetensors"]);
    let mut model = draft::architecture(title, title, family_name);
    let has_head =
        outside.iter().any(|tensor| names::role(&together.place(&tensor.name), 2) == Role::OutputHead);
    model.hidden_size = embedding.row_length();
    model.float_bits = if embedding.block == BlockType::F32 { 32 } else { 16 };
    let width = embedding.row_length();
    model.embeddings = Embeddings { vocab_size: embedding.rows(), width, tied: !has_head };
    model.conduct = known.conduct(embedding.rows(), layers.len());
    model.extras.layer_scalar = conventions.layer_scalar;
    (model.extras.fused, model.extras.head_gate) = (conventions.fused, conventions.head_gate);
    model.sources = vec![format!("safetensors header of {title}")];
    if let Some(table) = named("embed_tokens_per_layer.weight") {
        let width = table.row_length() / layers.len() as u64;
        model.ple =
            (width > 0).then(|| PerLayerEmbedding { rows: table.rows(), width, gated: known.gated_table() });
    }
    model.assumptions = vec![
        format!(
            "read from names and shapes alone: taken for a decoder of the family {family_name} (an encoder may have the same tensors, and would cache nothing)"
        ),
        format!(
            "longest context assumed {UNSTATED_CONTEXT} tokens; every layer assumed to attend to all of it and to keep its own cache"
        ),
    ];
    let mut guessed_heads = false;
    for parts in &layers {
        let mixer = match recurrence(parts) {
            Some(_) if part(parts, &["k_proj.weight", "qkv_proj.weight"]).is_some() => {
                let reason = "a layer has both attention and a recurrence, whose states no shape tells";
                return Err(needs_config(reason.to_owned()));
            }
            Some(shape) => {
                assume_shape(&mut model.assumptions, shape);
                Mixer::Recurrent(recurrent::block(shape, model.hidden_size))
            }
            None if parts.keys().any(|name| name.contains("conv")) => {
                let reason = "a layer has a convolution, and no shape tells what is kept for it";
                return Err(needs_config(reason.to_owned()));
            }
            None => Mixer::Attention(attention(parts, conventions, &mut guessed_heads).ok_or_else(|| {
                needs_config("a layer has no projections that this reader knows".to_owned())
            })?),
        };
        model.layers.push(Layer { mixer, ffn: ffn(parts), norms: conventions.norms, more: Vec::new() });
    }
    if guessed_heads {
        model.assumptions.push(
            "head_dim not in the shapes: assumed 64 or 128; the cache's size does not depend on it".into(),
        );
    }
    if model.layers.iter().any(|layer| matches!(layer.ffn, Ffn::Experts { .. })) {
        model.assumptions.push("experts read per token not in the shapes: assumed one".into());
    }
    Ok(model)
}

fn sort<'a>(header: &'a Header, names: &Names<'_>) -> (Vec<Parts<'a>>, Vec<&'a TensorInfo>) {
    let mut layers: BTreeMap<usize, Parts<'a>> = BTreeMap::new();
    let mut outside = Vec::new();
    for tensor in &header.tensors {
        match names.place(&tensor.name) {
            Place { layer: Some(layer), rest, .. } => {
                layers.entry(layer).or_default().insert(rest, tensor);
            }
            Place { tower: None, drafts: false, .. } => outside.push(tensor),
            _ => {}
        }
    }
    (layers.into_values().collect(), outside)
}

fn guess_family(layers: &[Parts<'_>]) -> &'static str {
    family::by_parts(&|part| layers.iter().any(|parts| parts.keys().any(|name| name.contains(part))))
}

/// The tensor of a layer whose name ends so.
fn part<'a>(parts: &Parts<'a>, endings: &[&str]) -> Option<&'a TensorInfo> {
    endings
        .iter()
        .find_map(|ending| parts.iter().find(|(name, _)| name.ends_with(ending)).map(|(_, tensor)| *tensor))
}

fn attention(parts: &Parts<'_>, conventions: &Conventions, guessed: &mut bool) -> Option<Attention> {
    let mut attention = Attention {
        window: None,
        query_heads: 1,
        kv_heads: 1,
        k_head_dim: 1,
        v_head_dim: 1,
        kv: KvSource::Own,
        qkv_bias: false,
        output_bias: false,
        qk_norm: conventions.qk_norm,
        values_from_keys: false,
        output_gate: false,
        listed: false,
        expanded: None,
        indexer_channels: 0,
        cross_tokens: None,
    };
    let output = part(
        parts,
        &[
            "self_attn.o_proj.weight",
            "self_attn.out_proj.weight",
            "attn.out_proj.weight",
            "attention.dense.weight",
            "attn.c_proj.weight",
            "attention.wo.weight",
        ],
    )?;
    let inner = output.row_length();
    attention.output_bias = part(parts, &["self_attn.o_proj.bias", "self_attn.out_proj.bias"]).is_some();
    attention.qkv_bias = part(parts, &["q_proj.bias", "qkv_proj.bias", "query_key_value.bias"]).is_some();
    if let Some(latent) = part(parts, &["kv_a_proj_with_mqa.weight"]) {
        (attention.query_heads, attention.kv_heads) = ((inner / 128).max(1), 1);
        (attention.k_head_dim, attention.v_head_dim) = (latent.rows(), 0);
        // An indexer keeps a key of its own for every token.
        attention.indexer_channels = part(parts, &["indexer.wk.weight"]).map_or(0, TensorInfo::rows);
        return Some(attention);
    }
    let fused = part(parts, &["qkv_proj.weight", "query_key_value.weight", "Wqkv.weight"]);
    let k_rows = match (part(parts, &["k_proj.weight", "attention.wk.weight"]), fused) {
        (Some(key), _) => key.rows(),
        (None, Some(fused)) => fused.rows().checked_sub(inner)? / 2,
        (None, None) => return None,
    };
    let stated = part(parts, &["q_norm.weight", "q_layernorm.weight"]).map(TensorInfo::elements);
    let fits = |width: &u64| *width > 0 && inner.is_multiple_of(*width) && k_rows.is_multiple_of(*width);
    *guessed |= !stated.as_ref().is_some_and(fits);
    let width = stated.filter(fits).or([128, 64].into_iter().find(fits)).unwrap_or(k_rows.max(1));
    (attention.query_heads, attention.kv_heads) = ((inner / width).max(1), k_rows / width);
    (attention.k_head_dim, attention.v_head_dim) = (width, width);
    // The fused projection's name ends like that of values.
    let value = part(parts, &["v_proj.weight", "attention.wv.weight"]).filter(|_| fused.is_none());
    attention.values_from_keys = fused.is_none() && value.is_none();
    if let Some(v_rows) = value.map(TensorInfo::rows).filter(|rows| *rows > 0 && *rows != k_rows) {
        // Values of a width of their own, which is that of the output's input, too.
        let fits = |width: &u64| {
            let heads = v_rows / width;
            inner.is_multiple_of(*width)
                && v_rows.is_multiple_of(*width)
                && k_rows.is_multiple_of(heads.max(1))
        };
        let width = [128, 64].into_iter().find(fits).unwrap_or(v_rows);
        (attention.query_heads, attention.kv_heads) = ((inner / width).max(1), v_rows / width);
        (attention.k_head_dim, attention.v_head_dim) = (k_rows / attention.kv_heads, width);
    }
    // A query projection twice as wide as the output's input carries a gate.
    attention.output_gate =
        part(parts, &["q_proj.weight"]).is_some_and(|query| query.rows() == inner.saturating_mul(2));
    Some(attention)
}

/// What a recurrence's shapes leave open, said once.
fn assume_shape(assumptions: &mut Vec<String>, shape: RecurrentShape) {
    let sentence = match shape {
        RecurrentShape::GatedDeltaNet { .. } => {
            "linear attention: heads of keys not in the shapes, assumed as wide as those of values"
        }
        RecurrentShape::Mamba2 { .. } => "Mamba-2: groups of states not in the shapes, assumed one",
        _ => return,
    };
    if !assumptions.iter().any(|said| said == sentence) {
        assumptions.push(sentence.to_owned());
    }
}

/// A recurrence by its tensors: short convolution, Gated DeltaNet, Mamba or Mamba-2.
fn recurrence(parts: &Parts<'_>) -> Option<RecurrentShape> {
    const MOST: u64 = 65_536;
    if let Some(conv) = part(parts, &["conv.conv.weight"]) {
        return Some(RecurrentShape::ShortConv { kernel: conv.row_length().min(MOST) });
    }
    let conv = part(parts, &["linear_attn.conv1d.weight", "mamba.conv1d.weight"])?;
    if let Some(step) = part(parts, &["mamba.dt_proj.weight"]) {
        let scalars = part(parts, &["mamba.A_log"]).filter(|scalars| scalars.shape.len() == 2)?;
        return Some(RecurrentShape::Mamba {
            inner: scalars.rows().clamp(1, MOST),
            state_size: scalars.row_length().clamp(1, MOST),
            rank: step.row_length().clamp(1, MOST),
            kernel: conv.row_length().min(MOST),
            normed: part(parts, &["mamba.dt_layernorm.weight"]).is_some(),
        });
    }
    let heads = part(parts, &["linear_attn.A_log", "mamba.A_log"])?.elements().clamp(1, MOST);
    let inner = part(parts, &["linear_attn.out_proj.weight", "mamba.out_proj.weight"])?.row_length();
    let head_dim = (inner / heads).clamp(1, MOST);
    let kernel = conv.row_length().min(MOST);
    let beside = conv.elements().checked_div(conv.row_length())?.checked_sub(inner)? / 2;
    if conv.name.contains("mamba") {
        return Some(RecurrentShape::Mamba2 {
            heads,
            head_dim,
            state_size: beside.clamp(1, MOST),
            groups: 1,
            kernel,
            normed: true,
        });
    }
    let key_heads = (beside / head_dim).clamp(1, MOST);
    // Keys of another width than values, of which no shape tells.
    if key_heads.saturating_mul(head_dim) != beside || !heads.is_multiple_of(key_heads) {
        return None;
    }
    Some(RecurrentShape::GatedDeltaNet {
        key_heads,
        value_heads: heads,
        key_head_dim: head_dim,
        value_head_dim: head_dim,
        kernel,
    })
}

fn ffn(parts: &Parts<'_>) -> Ffn {
    let shared_name = |name: &str| name.contains("shared_expert") || name.contains("shared_mlp");
    let dense = |shared: bool| {
        let down = parts.iter().find(|(name, tensor)| {
            names::role(&names::place(&tensor.name), tensor.shape.len()) == Role::FfnDown
                && shared_name(name) == shared
        });
        down.map_or(0, |(_, tensor)| tensor.row_length())
    };
    let downs: Vec<&&TensorInfo> = parts
        .values()
        .filter(|tensor| names::role(&names::place(&tensor.name), tensor.shape.len()) == Role::ExpertDown)
        .collect();
    let width = dense(false);
    if let Some(first) = downs.first() {
        let stacked = first.shape.len() == 3;
        let experts = if stacked { first.shape.first().copied().unwrap_or(1) } else { downs.len() as u64 };
        return Ffn::Experts {
            experts,
            active: 1,
            width: first.row_length(),
            shared_width: dense(true),
            dense_width: width,
            router_extras: 0,
            gated: true,
        };
    }
    match width {
        // A hybrid's only block may be called shared.
        0 if dense(true) > 0 => Ffn::Dense { width: dense(true), gated: true },
        0 => Ffn::None,
        width => Ffn::Dense {
            width,
            gated: parts.keys().any(|name| {
                ["gate_proj", "gate_up_proj", "w1.", "input_linear"].iter().any(|gate| name.contains(gate))
            }),
        },
    }
}
