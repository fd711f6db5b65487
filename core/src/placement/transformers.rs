//! Hugging Face transformers on the processor: weights in anonymous memory, a cache that grows with the text.

use super::case::Case;
use super::common;
use super::part::{Kind, Part};
use super::weights;
use crate::memory::{LayerCache, kv_cache};

/// Every tensor is a parameter in anonymous memory.
pub(super) fn weights(case: &Case<'_>) -> Vec<Part> {
    weights::all_of(case, Kind::Anonymous)
}

/// Everything else.
pub(super) fn rest(case: &Case<'_>, kv: &[LayerCache]) -> Vec<Part> {
    let mut cache = common::kv(case, kv);
    let more = behind_windows(case, kv);
    if more > 0 {
        cache.size.high += more;
        cache.note += "; sliding layers hold a whole prompt until the second token";
    }
    if case.model.architecture.attention_layers().any(|(_, attention)| attention.expanded.is_some()) {
        cache.note += "; latent attention with whole heads, as up to version 5.14: later ones keep the compressed vector";
    }
    common::rest(case, cache, common::process(545, (90, 140), "Python and PyTorch, as measured"))
}

/// What sliding layers hold of a prompt that is longer than their window: the cache is a view of the tensor with all of it, whose
/// memory stays until the next token makes a new one (`DynamicSlidingWindowLayer`, `cache_utils.py`).
fn behind_windows(case: &Case<'_>, kv: &[LayerCache]) -> u64 {
    let (architecture, scenario) = (&case.model.architecture, case.scenario);
    let turn = scenario.turn;
    let of_layer = |cache: &LayerCache| {
        let attention = architecture.layers.get(cache.layer)?.attention()?;
        let window = kv_cache::window(architecture, attention, scenario.runtime)?;
        let before = turn.cached_tokens.min(window.saturating_sub(1));
        let tokens = before.saturating_add(turn.prompt_tokens).min(scenario.context_tokens);
        let cell = cache.bytes.checked_div(cache.cells)?;
        Some(tokens.saturating_sub(cache.cells).saturating_mul(cell))
    };
    kv.iter().filter_map(of_layer).sum()
}
