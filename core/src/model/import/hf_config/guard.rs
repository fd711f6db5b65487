//! Fields that could change memory and that nothing has read: named, and where they contradict what was assumed, refused.

use super::ConfigError;
use super::reader::Reader;
use crate::format::document::{Node, Value};

/// Parts of names that speak of memory.
const WORDS: [&str; 22] = [
    "window", "layer", "cache", "kv", "share", "head", "expert", "loop", "recur", "mamba", "linear", "attn",
    "ssm", "conv", "moe", "group", "hybrid", "cross", "latent", "indexer", "memory", "state",
];
/// Parts of names of fields that change no size.
const NOISE: [&str; 47] = [
    "norm_eps",
    "layer_norm",
    "layernorm",
    "renormalize",
    "num_ln",
    "activation",
    "epsilon",
    "dropout",
    "pdrop",
    "init",
    "use_cache",
    "loss",
    "layerdrop",
    "dtype",
    "_impl",
    "layernorm_eps",
    "norm_topk",
    "scoring",
    "scaling_factor",
    "routed_scaling",
    "topk_method",
    "n_group",
    "topk_group",
    "router",
    "temperature",
    "softcap",
    "clamp",
    "alpha",
    "beta",
    "layer_scale_init",
    "pruned_heads",
    "pre_layer",
    "output_hidden_states",
    "scalar",
    "logits",
    "multiplier",
    "token_id",
    "implementation",
    "hidden_act",
    "head_bias",
    "linear_act",
    "lr_",
    "context_window",
    "capacity",
    "aux_free",
    "moe_gate",
    "scale_attn",
];
/// Parts of names that only models have whose layers are not what is assumed for a family that is not listed.
const CONTRADICTIONS: [&str; 17] = [
    "add_cross_attention",
    "mamba",
    "ssm",
    "linear_",
    "recurren",
    "wkv",
    "conv_",
    "attn_type_",
    "layer_group_size",
    "mb_per_layer",
    "hybrid",
    "loop",
    "block_types",
    "cross_attention_layers",
    "kv_share",
    "cla_share",
    "attn_layer_",
];

/// Beginnings of names of fields that bring tensors or caches which a list of layers does not explain.
const UNEXPLAINED: [&str; 13] = [
    "additional_vocab_size",
    "attn_res_",
    "compress_ratios",
    "cross_layer_interval",
    "hc_mult",
    "heads_per_ngram",
    "index_head_dim",
    "index_n_heads",
    "indexer_types",
    "kv_source_layers",
    "moe_hidden_size",
    "per_layer_config",
    "routed_expert_hidden",
];

/// Fields of the whole that bring tensors into the text part's layers.
const BESIDE_TEXT: [&str; 1] = ["audio_dual_ffn_layers"];

/// Fields that say again, or say of parts that a model turns out not to have, what others have said already.
const SAID: [&str; 12] = [
    "max_window_layers",
    "no_rope_layer_interval",
    "no_rope_layers",
    "sliding_window_pattern",
    "_sliding_window_pattern",
    "global_attn_every_n_layers",
    "qk_head_dim",
    "use_expert_bias",
    "moe_layer_end_index",
    "parallel_attn",
    "num_ln_in_parallel_attn",
    "full_attention_interval",
];

/// Name what was not read; refuse what contradicts the assumed layers, unless the config lists what they are.
pub(super) fn check(source: &str, reader: &mut Reader<'_>) -> Result<(), ConfigError> {
    const LISTS: [&str; 3] = ["layer_types", "layers_block_type", "full_attn_idxs"];
    let listed = LISTS.iter().any(|name| reader.has(name));
    reader.touch(&SAID);
    let mut unread = Vec::new();
    let whole = reader.outer.unread().filter(|(name, _)| BESIDE_TEXT.contains(name));
    for (name, node) in reader.text.unread().chain(whole) {
        let lower = name.to_ascii_lowercase();
        let speaks = WORDS.iter().any(|word| lower.contains(word));
        let noise = NOISE.iter().any(|word| lower.contains(word));
        let unexplained = UNEXPLAINED.iter().chain(&BESIDE_TEXT).any(|word| lower.starts_with(word));
        if !unexplained && (!speaks || noise) || says_nothing(node) {
            continue;
        }
        if unexplained || CONTRADICTIONS.iter().any(|word| lower.contains(word)) {
            if listed && !unexplained {
                continue;
            }
            return Err(ConfigError::Contradicted {
                source_name: source.to_owned(),
                field: name.to_owned(),
                found: node.value.describe(),
                family: if reader.known { reader.family.name } else { "a family that is not listed" }
                    .to_owned(),
            });
        }
        unread.push(format!("`{name}`"));
    }
    if !unread.is_empty() {
        unread.truncate(12);
        let list = unread.join(", ");
        reader.assume(format!("not taken into account, though by name it could change memory: {list}"));
    }
    Ok(())
}

/// Off, none, nothing, one or empty.
fn says_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) | Value::Number(_) => true,
        Value::Integer(value) => *value == 0 || *value == 1,
        Value::Text(text) => text.is_empty(),
        // Ones among zeros say which.
        Value::List(items) => items
            .iter()
            .all(|item| says_nothing(item) && items.first().is_some_and(|first| first.value == item.value)),
        Value::Map(entries) => entries.is_empty(),
        Value::Bool(true) => false,
    }
}
