//! The compute buffer on a graphics card with some or all layers on it, laid out as llama.cpp's allocator does.
//!
//! The graph is written layer by layer (`write`), its operations are given to the card or the host (`schedule`), and the
//! card's tensors are placed one after the other, each freed after its last use (`layout`). To the byte what llama.cpp 0.5
//! allocates on Vulkan, which runs operations in an order of its own (`order`); other back ends keep the graph's.

mod blocks;
mod layout;
mod order;
mod schedule;
mod tensors;
mod write;

use super::{Case, Split};
use crate::leaf::Interval;
use crate::memory::LayerCache;
use crate::model::architecture::Order;
use std::cell::RefCell;
use tensors::Side;

/// How the buffer is found.
type Rule = for<'a> fn(&Case<'a>, &Split, &[LayerCache], &Graphs<'a>) -> Option<Interval>;

/// Graphs of one case that were laid out: splits that differ in how many layers are alike have the same.
#[derive(Debug, Default)]
pub(super) struct Graphs<'a> {
    /// Only the expected size is asked for, as a search does: intervals are exact, which takes half as long.
    is_search: bool,
    known: RefCell<Vec<(write::Size, Vec<blocks::Block<'a>>, Interval)>>,
}

impl Graphs<'_> {
    pub(super) fn of_a_search() -> Self {
        Self { is_search: true, ..Self::default() }
    }
}

/// The page's, which loads it with what its first answer does not need: it takes 10 KB of 230.
#[cfg(target_arch = "wasm32")]
static LOADED: std::sync::OnceLock<Rule> = std::sync::OnceLock::new();

/// Lets the page lay graphs out from now on; elsewhere they always are.
pub fn load_card_graphs() {
    let rule: Rule = laid_out;
    #[cfg(target_arch = "wasm32")]
    let _ = LOADED.set(rule);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = rule;
}

/// The buffer, if the model's kind of graph is known here.
pub(super) fn card_graph<'a>(
    case: &Case<'a>,
    split: &Split,
    kv: &[LayerCache],
    graphs: &Graphs<'a>,
) -> Option<Interval> {
    #[cfg(target_arch = "wasm32")]
    return LOADED.get().and_then(|rule| rule(case, split, kv, graphs));
    #[cfg(not(target_arch = "wasm32"))]
    laid_out(case, split, kv, graphs)
}

fn laid_out<'a>(case: &Case<'a>, split: &Split, kv: &[LayerCache], graphs: &Graphs<'a>) -> Option<Interval> {
    if split.is_over_cards() || split.by_rows(0).len() > 1 {
        return None;
    }
    let (architecture, scenario) = (&case.model.architecture, case.scenario);
    let mut blocks = blocks::blocks(case, split, kv)?;
    // In Gemma 4 copies of caches stay for the layers that share them, and holes differ from layer to layer.
    if !architecture.extras.layer_scalar {
        blocks = blocks::without_repeats(blocks);
    }
    let find = |name: &str| {
        let mut tensors = case.model.tensors.iter().zip(&case.plan.tensors);
        let (tensor, planned) = tensors.find(|(tensor, _)| tensor.name == name)?;
        Some((planned.bytes, if case.card_of(split, tensor).is_some() { Side::Card } else { Side::Host }))
    };
    let ple = architecture.ple.as_ref().and_then(|ple| {
        let [projection, norm] = [find("per_layer_model_proj.weight"), find("per_layer_proj_norm.weight")];
        let row = architecture.ple_row_elements();
        Some(write::Ple { width: ple.width, row, projection: projection?, norm: norm? })
    });
    let output = if split.gpu_layers > 0 { Side::Card } else { Side::Host };
    let size = write::Size {
        hidden: architecture.hidden_size,
        vocabulary: architecture.embeddings.vocab_size,
        tokens: scenario.ubatch.min(scenario.context_tokens).max(1),
        outputs: scenario.slots.max(1),
        is_fused: architecture.conduct.order == Order::Fused,
        output,
        output_norm: find("output_norm.weight").map(|(bytes, _)| bytes),
        norms_values: architecture.extras.layer_scalar,
        ple,
    };
    let is_same = |(of, written, _): &&(write::Size, Vec<blocks::Block<'a>>, Interval)| {
        *of == size && *written == blocks
    };
    if let Some((_, _, found)) = graphs.known.borrow().iter().find(is_same) {
        return Some(*found);
    }
    let found = interval(&blocks, size, graphs.is_search);
    graphs.known.borrow_mut().push((size, blocks, found));
    Some(found)
}

fn interval(blocks: &[blocks::Block<'_>], size: write::Size, is_search: bool) -> Interval {
    let mut graph = write::write(blocks, size);
    let (runs, sides) = schedule::schedule(&mut graph);
    let bytes = layout::layout(&graph, &runs, &sides, true);
    if is_search {
        return Interval::exact(bytes);
    }
    let in_order = layout::layout(&graph, &runs, &sides, false);
    let (low, high) = (bytes.min(in_order), bytes.max(in_order));
    // The holes that Gemma 4's layers leave are not known to the byte.
    let apart = if size.norms_values { 10 } else { 2 };
    Interval { low: low / 100 * (100 - apart), bytes, high: high.saturating_add(high / 100 * apart) }
}
