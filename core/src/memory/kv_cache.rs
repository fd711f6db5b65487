//! Bytes of the KV cache, layer by layer, under a runtime's cell policy.

use super::{Runtime, Scenario};
use crate::model::Architecture;
use crate::model::architecture::Attention;
use serde::Serialize;

/// llama.cpp rounds cells up to this.
const LLAMA_CELLS: u64 = 256;
/// Tokens in a vLLM page.
const VLLM_PAGE: u64 = 16;

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

/// Cache of every layer that keeps one.
///
/// Layers that share another's cache do not appear: they cost nothing.
pub fn layers(model: &Architecture, scenario: &Scenario) -> Vec<LayerCache> {
    let owners = model.attention_layers().filter(|(_, attention)| attention.owns_cache());
    owners
        .map(|(layer, attention)| {
            let cells = cells(attention, scenario);
            LayerCache { layer, cells, bytes: bytes(attention, scenario, cells) }
        })
        .collect()
}

/// Total bytes of the KV cache.
pub fn total(model: &Architecture, scenario: &Scenario) -> u64 {
    layers(model, scenario).iter().map(|layer| layer.bytes).sum()
}

/// Bytes read from the cache for one token decoded at the end of the context.
pub fn read_per_token(model: &Architecture, scenario: &Scenario) -> u64 {
    let attending = model.attention_layers();
    attending
        .map(|(_, attention)| {
            let seen = attention.window.map_or(scenario.context_tokens, |w| w.min(scenario.context_tokens));
            bytes(attention, scenario, seen)
        })
        .sum()
}

/// Tokens a layer has room for (llama.cpp: `llama-kv-cache.cpp`; the others as documented by their projects).
fn cells(attention: &Attention, scenario: &Scenario) -> u64 {
    let context = scenario.context_tokens;
    match (scenario.runtime, attention.window) {
        (Runtime::LlamaCpp | Runtime::LlamaServer, Some(window)) => {
            context.min(window.saturating_add(scenario.ubatch)).next_multiple_of(LLAMA_CELLS)
        }
        (Runtime::LlamaCpp | Runtime::LlamaServer, None) | (Runtime::LlamaCppApi, _) => {
            context.next_multiple_of(LLAMA_CELLS)
        }
        (Runtime::Vllm, _) => context.next_multiple_of(VLLM_PAGE),
        (_, Some(window)) => context.min(window),
        (_, None) => context,
    }
}

/// Bytes of `cells` tokens in one layer; a layer that reads another's cache is counted as if it held it.
fn bytes(attention: &Attention, scenario: &Scenario, cells: u64) -> u64 {
    let bits = scenario.k.bits(attention.kv_heads, attention.k_head_dim)
        + scenario.v.bits(attention.kv_heads, attention.v_head_dim);
    let bits = u128::from(cells) * u128::from(bits);
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    const MIB: u64 = 1 << 20;

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
}
