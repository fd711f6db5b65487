//! A GGUF file of a small checkpoint, as llama.cpp's converter would write it: rows of queries and keys interleaved
//! where it does so, norms of Gemma 1 to 3 with their one added.

use crate::checkpoint::{Checkpoint, Facts};
use crate::decoder::{interleaves, word};
use dhurandhar_core::leaf::cast::to_f32;
use dhurandhar_core::model::inventory;
use serde_json::Value;
use std::collections::BTreeMap;

/// A value of the metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Setting {
    Count(u32),
    Number(f32),
    Flag(bool),
    Text(&'static str),
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The file's bytes; `more` replaces or adds keys under the architecture's name, and layers are repeated to make
/// `layers` where that is more than there are.
pub(crate) fn gguf_of(
    checkpoint: &Checkpoint,
    architecture: &str,
    more: &[(&str, Setting)],
    layers: usize,
) -> Vec<u8> {
    let model = checkpoint.architecture();
    let Facts::Config(config) = checkpoint.facts() else { panic!("a GGUF file") };
    let mut tensors = Vec::new();
    for tensor in inventory::tensors(model) {
        let shape = checkpoint.shape(&tensor.name).unwrap_or_else(|| panic!("{}", tensor.name)).to_vec();
        let mut values = checkpoint.read(&tensor.name, &shape).unwrap();
        if architecture.starts_with("gemma")
            && !architecture.ends_with(['n', '4'])
            && tensor.name.contains("norm")
        {
            for value in &mut values {
                *value += 1.0;
            }
        }
        let turned = tensor.name.contains("attn_q.") || tensor.name.contains("attn_k.");
        if interleaves(architecture) && turned {
            let head_dim = word(model.attention_layers().next().unwrap().1.k_head_dim);
            values = interleaved(&values, shape.get(1).copied().unwrap_or(1), head_dim);
        }
        tensors.push((tensor.name, shape, values));
    }
    let own = model.layers.len();
    for layer in own..layers {
        let from = format!("blk.{}.", layer % own);
        let copies: Vec<_> = tensors
            .iter()
            .filter_map(|(name, shape, values)| {
                Some((format!("blk.{layer}.{}", name.strip_prefix(&from)?), shape.clone(), values.clone()))
            })
            .collect();
        tensors.extend(copies);
    }
    let mut keys = settings(model, config, architecture);
    keys.extend(more.iter().map(|(key, value)| ((*key).to_owned(), *value)));
    write(architecture, &keys, &tensors)
}

fn settings(
    model: &dhurandhar_core::model::Architecture,
    config: &Value,
    architecture: &str,
) -> BTreeMap<String, Setting> {
    let count = |count: u64| Setting::Count(u32::try_from(count).unwrap());
    let attention = model.attention_layers().next().unwrap().1;
    let mut keys: BTreeMap<String, Setting> = [
        ("block_count", count(model.layers.len() as u64)),
        ("context_length", count(model.max_context_tokens)),
        ("embedding_length", count(model.hidden_size)),
        ("feed_forward_length", count(config["intermediate_size"].as_u64().unwrap())),
        ("attention.head_count", count(attention.query_heads)),
        ("attention.head_count_kv", count(attention.kv_heads)),
        ("attention.key_length", count(attention.k_head_dim)),
        ("attention.value_length", count(attention.v_head_dim)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let mut number = |key: &str, value: &Value| {
        if let Some(value) = value.as_f64() {
            keys.insert(key.to_owned(), Setting::Number(to_f32(value)));
        }
    };
    number("attention.layer_norm_rms_epsilon", &config["rms_norm_eps"]);
    number("rope.freq_base", &config["rope_parameters"]["rope_theta"]);
    number("rope.freq_base", &config["rope_parameters"]["full_attention"]["rope_theta"]);
    if architecture == "granite" {
        number("attention.scale", &config["attention_multiplier"]);
        number("embedding_scale", &config["embedding_multiplier"]);
        number("residual_scale", &config["residual_multiplier"]);
        number("logit_scale", &config["logits_scaling"]);
    }
    if architecture == "gemma3" {
        number("rope.scaling.factor", &config["rope_parameters"]["full_attention"]["factor"]);
        let window = u32::try_from(config["sliding_window"].as_u64().unwrap()).unwrap();
        keys.insert("attention.sliding_window".into(), Setting::Count(window));
        keys.insert("attention.sliding_window_pattern".into(), Setting::Count(3));
    }
    keys
}

/// Row `i + j d/2` of a head goes to `2i + j`.
fn interleaved(rows: &[f32], columns: usize, head_dim: usize) -> Vec<f32> {
    let row = |at: usize| {
        let (head, index) = (at / head_dim, at % head_dim);
        let from = head * head_dim + (index % 2) * (head_dim / 2) + index / 2;
        &rows[from * columns..(from + 1) * columns]
    };
    (0..rows.len() / columns).flat_map(|at| row(at).iter().copied()).collect()
}

fn write(
    architecture: &str,
    keys: &BTreeMap<String, Setting>,
    tensors: &[(String, Vec<usize>, Vec<f32>)],
) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((keys.len() as u64 + 1).to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend(8_u32.to_le_bytes());
    text(&mut out, architecture);
    for (key, value) in keys {
        text(&mut out, &format!("{architecture}.{key}"));
        match value {
            Setting::Count(count) => out.extend([4_u32.to_le_bytes(), count.to_le_bytes()].concat()),
            Setting::Number(number) => out.extend([6_u32.to_le_bytes(), number.to_le_bytes()].concat()),
            Setting::Flag(flag) => {
                out.extend(7_u32.to_le_bytes());
                out.push(u8::from(*flag));
            }
            Setting::Text(value) => {
                out.extend(8_u32.to_le_bytes());
                text(&mut out, value);
            }
        }
    }
    let mut offset = 0_usize;
    for (name, shape, values) in tensors {
        text(&mut out, name);
        out.extend(u32::try_from(shape.len()).unwrap().to_le_bytes());
        shape.iter().rev().for_each(|side| out.extend((*side as u64).to_le_bytes()));
        out.extend(0_u32.to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        offset += (values.len() * 4).next_multiple_of(32);
    }
    for (.., values) in tensors {
        out.resize(out.len().next_multiple_of(32), 0);
        for value in values {
            out.extend(value.to_le_bytes());
        }
    }
    out.resize(out.len().next_multiple_of(32), 0);
    out
}
