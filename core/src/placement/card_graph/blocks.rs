//! What of a layer decides its part of the graph.

use super::tensors::Side;
use crate::leaf::BlockType;
use crate::memory::{KvFormat, LayerCache, Runtime, kv_cache};
use crate::model::Role;
use crate::model::architecture::{Attention, Ffn, KvSource, Mixer, Order};
use crate::placement::{Case, Split};

/// Weights of layers that are laid out here; a layer with others is not.
const KNOWN: [&str; 25] = [
    "attn_norm.weight",
    "attn_q.weight",
    "attn_k.weight",
    "attn_v.weight",
    "attn_q.bias",
    "attn_k.bias",
    "attn_v.bias",
    "attn_qkv.weight",
    "attn_q_norm.weight",
    "attn_k_norm.weight",
    "attn_output.weight",
    "post_attention_norm.weight",
    "ffn_norm.weight",
    "ffn_gate.weight",
    "ffn_up.weight",
    "ffn_down.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_exps.weight",
    "ffn_up_exps.weight",
    "ffn_down_exps.weight",
    "post_ffw_norm.weight",
    "inp_gate.weight",
    "proj.weight",
    "post_norm.weight",
    "layer_output_scale.weight",
];

/// Experts of a token, each of which is an operation.
const MOST: u64 = 256;

/// The longest sequence of different layers that is looked for.
const LONGEST: usize = 12;

/// A layer: layers that are equal have equal parts of the graph.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block<'a> {
    pub(super) attention: &'a Attention,
    pub(super) ffn: &'a Ffn,
    pub(super) cache: Cache,
    weights: Vec<Weight<'a>>,
}

/// Keys and values of a layer, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cache {
    pub(super) side: Side,
    pub(super) cells: u64,
    pub(super) keys: u64,
    pub(super) values: u64,
    pub(super) is_windowed: bool,
    /// It is the one of the layer before it of the same kind.
    pub(super) is_shared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weight<'a> {
    name: &'a str,
    side: Side,
    /// Of what the host has; what lies on the card is not copied.
    bytes: u64,
}

impl Block<'_> {
    /// Bytes and side of a weight.
    pub(super) fn weight(&self, name: &str, kind: &str) -> Option<(u64, Side)> {
        let is_named = |weight: &&Weight<'_>| {
            weight.name.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) == Some(kind)
        };
        self.weights.iter().find(is_named).map(|weight| (weight.bytes, weight.side))
    }
}

/// A tensor's name after `blk.` and its layer.
fn name_in_layer(name: &str, layer: usize) -> Option<&str> {
    let digits = layer.checked_ilog10().unwrap_or(0) as usize + 1;
    name.strip_prefix("blk.")?.get(digits..)?.strip_prefix('.')
}

/// Whether a layer with this weight is laid out here; most lengths are those of one or two names.
fn is_known_weight(name: &str) -> bool {
    KNOWN.iter().any(|known| known.len() == name.len() && *known == name)
}

/// The layers of a model whose graph is laid out here: attention with norms before it (and after it, in Gemma), dense gated
/// blocks or mixtures without a shared expert, a table for each layer as Gemma 4 has it, a cache in f16 and flash attention.
pub(super) fn blocks<'a>(case: &Case<'a>, split: &Split, kv: &[LayerCache]) -> Option<Vec<Block<'a>>> {
    let (architecture, scenario) = (&case.model.architecture, case.scenario);
    let half = KvFormat::Block(BlockType::F16);
    let is_known = scenario.flash_attention
        && (scenario.k, scenario.v) == (half, half)
        && matches!(scenario.runtime, Runtime::LlamaCpp | Runtime::LlamaServer)
        && (scenario.slots <= 1 || scenario.unified_kv)
        && architecture.passes <= 1
        // Only Gemma 4 has a scalar in each layer.
        && architecture.ple.as_ref().is_none_or(|ple| ple.gated && architecture.extras.layer_scalar)
        && matches!(architecture.conduct.order, Order::Usual | Order::Fused);
    let mut weights = vec![Vec::new(); architecture.layers.len()];
    for (tensor, planned) in case.model.tensors.iter().zip(&case.plan.tensors).filter(|_| is_known) {
        let Some(layer) = tensor.layer.filter(|_| !tensor.role.is_tower() && tensor.role != Role::Unused)
        else {
            continue;
        };
        let name = name_in_layer(&tensor.name, layer)?;
        if !is_known_weight(name) {
            return None;
        }
        let (side, bytes) = match case.card_of(split, tensor) {
            Some(_) => (Side::Card, 0),
            None => (Side::Host, planned.bytes),
        };
        weights.get_mut(layer)?.push(Weight { name, side, bytes });
    }
    let layers = architecture.layers.iter().zip(weights).enumerate().filter(|_| is_known);
    let found: Option<Vec<Block<'a>>> = layers
        .map(|(index, (layer, weights))| {
            let Mixer::Attention(attention) = &layer.mixer else { return None };
            let is_dense = matches!(layer.ffn, Ffn::Dense { gated: true, .. });
            let is_mixture = matches!(
                layer.ffn,
                Ffn::Experts { gated: true, shared_width: 0, dense_width: 0, active: ..=MOST, .. }
            );
            let is_usual = !(attention.output_gate || attention.listed)
                && (attention.cross_tokens, attention.indexer_channels) == (None, 0)
                && attention.expanded.is_none();
            let (owner, is_shared) = match attention.kv {
                KvSource::Own => (index, false),
                KvSource::Shared { donor, .. } => (donor, true),
            };
            let held = kv.iter().find(|held| held.layer == owner)?;
            let [keys, values] =
                [attention.k_head_dim, attention.v_head_dim].map(|each| each * attention.kv_heads);
            let side = if split.has_cache(owner) { Side::Card } else { Side::Host };
            let cache = Cache {
                side,
                cells: held.cells,
                keys: held.bytes / (keys + values).max(1) * keys,
                values: held.bytes / (keys + values).max(1) * values,
                is_shared,
                is_windowed: kv_cache::window(architecture, attention, scenario.runtime).is_some(),
            };
            let block = Block { attention, ffn: &layer.ffn, cache, weights };
            (is_usual && (is_dense || is_mixture)).then_some(block)
        })
        .collect();
    found.filter(|found| !found.is_empty())
}

/// Of layers that repeat twice are left: more of them find the same places. The last stays, as less of it is computed.
pub(super) fn without_repeats(mut blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    let last = blocks.pop();
    let mut kept: Vec<Block<'_>> = Vec::new();
    for block in blocks {
        kept.push(block);
        let repeats = |length: &usize| {
            let mut parts = kept.rchunks_exact(*length);
            let three = [parts.next(), parts.next(), parts.next()];
            three[2].is_some() && three[0] == three[1] && three[1] == three[2]
        };
        if let Some(length) = (1..=LONGEST).find(repeats) {
            kept.truncate(kept.len() - length);
        }
    }
    kept.extend(last);
    kept
}
