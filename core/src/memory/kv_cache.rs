//! Bytes of the KV cache, layer by layer, under a runtime's cell policy.

use super::{KvFormat, Runtime, Scenario, state};
use crate::leaf::BlockType;
use crate::model::Architecture;
use crate::model::architecture::{Attention, Expanded};
use serde::Serialize;

/// llama.cpp rounds cells up to this.
const LLAMA_CELLS: u64 = 256;
/// Tokens in a page of vLLM and MLC-LLM.
const PAGE: u64 = 16;
/// Tokens by which a cache of mlx-lm grows (`KVCache.step`).
const MLX_STEP: u64 = 256;

/// The cache of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerCache {
    /// Layer index.
    pub layer: usize,
    /// Tokens there is room for.
    pub cells: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Cache of every layer that keeps one, for all slots together.
///
/// Layers that share another's cache do not appear: they cost nothing.
pub fn layers(model: &Architecture, scenario: &Scenario) -> Vec<LayerCache> {
    let owners =
        model.attention_layers().filter(|(_, attention)| attention.owns_cache() && attention.kv_heads > 0);
    let widest = widest_value(model, scenario);
    let formats = formats(model, scenario);
    let slots = scenario.slots.max(1);
    let copies = if scenario.unified_kv { 1 } else { slots }.saturating_mul(model.passes.max(1));
    owners
        .map(|(layer, attention)| {
            let cells = match attention.cross_tokens {
                Some(tokens) => tokens,
                None => cells(window(model, attention, scenario.runtime), scenario),
            };
            let mut heads = cached(model, attention, scenario.runtime);
            if let Some(widest) = widest {
                heads.v = widest;
            }
            let bytes = bytes(heads, formats, cells).saturating_mul(copies);
            LayerCache { layer, cells, bytes }
        })
        .collect()
}

/// Heads and channels that a runtime caches for a token in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cached {
    /// Key heads and the channels of one.
    pub k: (u64, u64),
    /// Value heads and the channels of one.
    pub v: (u64, u64),
    /// Channels of keys and of values that a sparse-attention indexer caches.
    pub index: (u64, u64),
}

/// What `runtime` caches of a layer. Latent attention is one compressed vector where the runtime computes with it, and whole
/// heads where it does not (transformers as it was up to 5.14; llama.cpp and vLLM by family).
pub fn cached(model: &Architecture, attention: &Attention, runtime: Runtime) -> Cached {
    let expands = |expanded: &&Expanded| match runtime {
        Runtime::Transformers => true,
        Runtime::Vllm => expanded.in_vllm,
        Runtime::LlamaCpp | Runtime::LlamaServer | Runtime::LlamaCppApi => expanded.in_llama_cpp,
        Runtime::LitertLm
        | Runtime::LitertLmGpu
        | Runtime::Mlx
        | Runtime::Executorch
        | Runtime::Mlc
        | Runtime::Ideal => false,
    };
    let indexer = attention.indexer_channels;
    if let Some(whole) = attention.expanded.as_ref().filter(expands) {
        let (k, v) = ((whole.heads, whole.k_head_dim), (whole.heads, whole.v_head_dim));
        return Cached { k, v, index: (indexer, 0) };
    }
    let repeats = runtime == Runtime::Transformers && model.conduct.transformers_repeats_heads;
    let heads = match attention.kv_heads {
        several @ 2.. if repeats => several.max(attention.query_heads),
        heads => heads,
    };
    // The indexer's cache is one of keys and values, as wide as the model's own (`llama-kv-cache-msa.cpp`).
    let valued = indexer > 0 && runtime.is_llama_cpp();
    let index = (indexer, if valued { attention.v_head_dim } else { 0 });
    Cached { k: (heads, attention.k_head_dim), v: (heads, attention.v_head_dim), index }
}

/// Total bytes of the KV cache.
pub fn total(model: &Architecture, scenario: &Scenario) -> u64 {
    layers(model, scenario).iter().map(|layer| layer.bytes).sum()
}

/// Formats of keys and values. transformers has no 16-bit cache for a model that computes in f32: keys and values are kept as they
/// are computed, and the usual f16 stands for that.
pub fn formats(model: &Architecture, scenario: &Scenario) -> (KvFormat, KvFormat) {
    let wide = scenario.runtime == Runtime::Transformers && state::float_bits(model, scenario) == 32;
    let of = |format| if wide && format == KvFormat::F16 { KvFormat::Block(BlockType::F32) } else { format };
    (of(scenario.k), of(scenario.v))
}

/// Bytes read from the cache for one token decoded at the end of the context.
pub fn read_per_token(model: &Architecture, scenario: &Scenario) -> u64 {
    let formats = formats(model, scenario);
    let attending = model.attention_layers();
    attending
        .map(|(_, attention)| {
            let window = window(model, attention, scenario.runtime);
            let seen = window.map_or(scenario.context_tokens, |w| w.min(scenario.context_tokens));
            let seen = attention.cross_tokens.unwrap_or(seen);
            bytes(cached(model, attention, scenario.runtime), formats, seen)
        })
        .sum::<u64>()
        .saturating_mul(model.passes.max(1))
}

/// The window that a runtime applies to a layer, in tokens.
pub fn window(model: &Architecture, attention: &Attention, runtime: Runtime) -> Option<u64> {
    let unknown = runtime.is_llama_cpp() && model.conduct.llama_cpp_ignores_windows;
    attention.window.filter(|_| !unknown)
}

/// Tokens a layer has room for in one cache (llama.cpp: `llama-kv-cache-iswa.cpp`; the others as documented by their
/// projects). Slots that share a cache need a window each.
fn cells(window: Option<u64>, scenario: &Scenario) -> u64 {
    let context = scenario.context_tokens;
    let slots = if scenario.unified_kv { scenario.slots.max(1) } else { 1 };
    match (scenario.runtime, window) {
        (Runtime::LlamaCpp | Runtime::LlamaServer, Some(window)) => {
            let needed = window.saturating_mul(slots).saturating_add(scenario.ubatch);
            context.min(needed).next_multiple_of(LLAMA_CELLS)
        }
        (Runtime::LlamaCpp | Runtime::LlamaServer, None) | (Runtime::LlamaCppApi, _) => {
            context.next_multiple_of(LLAMA_CELLS)
        }
        (Runtime::Vllm, _) | (Runtime::Mlc, None) => context.next_multiple_of(PAGE),
        // Windows are kept in a ring of their size only where the exporter asks for it.
        (Runtime::Executorch, _) => context,
        (Runtime::Mlx, None) => context.next_multiple_of(MLX_STEP),
        (_, Some(window)) => context.min(window),
        (_, None) => context,
    }
}

/// Heads and width that every layer's values are padded to: without flash attention llama.cpp stores them transposed, and
/// where layers differ it makes all as wide as the widest (`llama-kv-cache.cpp`, `TAG_V_CACHE_VARIABLE`).
fn widest_value(model: &Architecture, scenario: &Scenario) -> Option<(u64, u64)> {
    if !scenario.runtime.is_llama_cpp() || scenario.flash_attention {
        return None;
    }
    let widths = model.attention_layers().map(|(_, attention)| cached(model, attention, scenario.runtime).v);
    widths.max_by_key(|(heads, width)| heads * width)
}

/// Bytes of the windows of one sequence: what a snapshot of sliding layers holds.
pub fn window_bytes(model: &Architecture, scenario: &Scenario) -> u64 {
    let formats = formats(model, scenario);
    let owners = model.attention_layers().filter(|(_, attention)| attention.owns_cache());
    owners
        .filter_map(|(_, attention)| {
            let cells = window(model, attention, scenario.runtime)?.min(scenario.context_tokens);
            Some(bytes(cached(model, attention, scenario.runtime), formats, cells))
        })
        .sum()
}

/// Bytes of `cells` tokens in one layer; a layer that reads another's cache is counted as if it held it.
fn bytes(heads: Cached, (k, v): (KvFormat, KvFormat), cells: u64) -> u64 {
    let one = |channels: u64| (u64::from(channels > 0), channels);
    let [(index_k, k_channels), (index_v, v_channels)] = [one(heads.index.0), one(heads.index.1)];
    let indexer = k.bits(index_k, k_channels) + v.bits(index_v, v_channels);
    let bits = k.bits(heads.k.0, heads.k.1) + v.bits(heads.v.0, heads.v.1) + indexer;
    let bits = u128::from(cells) * u128::from(bits);
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    use crate::leaf::units::MIB;

    fn scenario(slug: &str, context: u64, runtime: Runtime) -> (Architecture, Scenario) {
        let model = registry::model(slug).unwrap();
        let scenario = Scenario { context_tokens: context, runtime, ..Scenario::for_model(&model) };
        (model.architecture, scenario)
    }

    #[test]
    fn gemma4_e2b_caches_fifteen_layers_not_thirty_five() {
        let (model, scenario) = scenario("gemma4-e2b", 32_768, Runtime::Ideal);
        assert_eq!(layers(&model, &scenario).len(), 15);
        assert_eq!(total(&model, &scenario), 198 * MIB);
    }

    /// Sizes that llama.cpp 0.5 logged: full layers 3 MiB at 512 tokens, window layers 12 MiB at ubatch 512.
    #[test]
    fn llama_cpp_pads_cells_as_logged() {
        let (model, scenario) = scenario("gemma4-e2b", 512, Runtime::LlamaCpp);
        let (full, window): (Vec<_>, Vec<_>) =
            layers(&model, &scenario).into_iter().partition(|l| l.layer % 5 == 4);
        assert_eq!(full.iter().map(|l| l.bytes).sum::<u64>(), 3 * MIB);
        let wide = Scenario { context_tokens: 4096, ..scenario };
        let wide: Vec<_> = layers(&model, &wide).into_iter().filter(|l| l.layer % 5 != 4).collect();
        assert_eq!(wide[0].cells, 1024);
        assert_eq!(wide.iter().map(|l| l.bytes).sum::<u64>(), 12 * MIB);
        assert_eq!(window[0].cells, 512);
    }

    /// llama.cpp 0.5.0, `no_alloc` contexts: window cells for four slots that share a cache, values padded without flash
    /// attention, and no windows for Mistral.
    #[test]
    fn slots_padding_and_ignored_windows_follow_llama_cpp() {
        let (model, one) = scenario("gemma4-e2b", 512, Runtime::LlamaCpp);
        let plain = Scenario { flash_attention: false, ..one };
        assert_eq!(total(&model, &plain), 12 * MIB);
        let (model, one) = scenario("gemma3-1b", 32_768, Runtime::LlamaServer);
        let shared = Scenario { slots: 4, unified_kv: true, ..one.clone() };
        assert!(layers(&model, &shared).iter().any(|layer| layer.cells == 4 * 512 + 512));
        let apart = Scenario { slots: 4, ..one.clone() };
        assert_eq!(total(&model, &apart), 4 * total(&model, &one));
        let (mut model, one) = scenario("llama-3.2-1b", 32_768, Runtime::LlamaCpp);
        assert!(model.conduct.llama_cpp_ignores_windows);
        let whole = total(&model, &one);
        for layer in &mut model.layers {
            layer.attention_mut().unwrap().window = Some(4_096);
        }
        assert_eq!(total(&model, &one), whole);
        assert!(total(&model, &Scenario { runtime: Runtime::Transformers, ..one }) < whole);
    }
}
