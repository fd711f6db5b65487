//! What a config says of its layers, kind by kind, and the layers that follow from it.

use super::latent::Latent;
use crate::format::document::PerLayer;
use crate::model::architecture::{
    Architecture, Attention, Expanded, ExtraTensor, Ffn, KvSource, Layer, Mixer,
};
use crate::model::family::{Conventions, Family, RouterExtras};
use crate::model::recurrent;
use crate::model::recurrent::RecurrentShape;

/// What mixes tokens in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Mixes {
    /// Attention over the whole context.
    Full,
    /// Attention within the window.
    Sliding,
    /// A recurrence.
    Recurrent,
    /// Attention and a recurrence side by side.
    Both,
    /// Attention over another modality's tokens.
    Cross,
    /// Nothing.
    Nothing,
}

/// A layer: what mixes tokens, and whether a feed-forward block follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) struct Slot {
    pub(in crate::model) mixes: Mixes,
    pub(in crate::model) ffn: bool,
}

/// Heads of one kind of layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct Heads {
    pub(in crate::model) query: PerLayer,
    pub(in crate::model) kv: PerLayer,
    /// Channels of a key head.
    pub(in crate::model) k_dim: u64,
    /// Channels of a value head.
    pub(in crate::model) v_dim: u64,
}

/// Experts, layer by layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct Experts {
    pub(in crate::model) count: PerLayer,
    pub(in crate::model) active: PerLayer,
    pub(in crate::model) width: PerLayer,
    /// Inner width of what every token uses; 0 without.
    pub(in crate::model) shared: PerLayer,
    /// Gate, up and down, or up and down.
    pub(in crate::model) gated: bool,
}

/// Everything that decides layers and their tensors.
#[derive(Debug, Clone)]
pub(in crate::model) struct Facts {
    /// Channels of the stream.
    pub(in crate::model) hidden: u64,
    pub(in crate::model) layers: Vec<Slot>,
    /// Tokens; 0 without a window.
    pub(in crate::model) window: u64,
    pub(in crate::model) heads: Heads,
    /// Heads of sliding layers, where they differ.
    pub(in crate::model) sliding: Option<Heads>,
    pub(in crate::model) conventions: Conventions,
    /// Bias on attention's output projection.
    pub(in crate::model) output_bias: bool,
    /// Biases on the FFN's matrices.
    pub(in crate::model) ffn_bias: bool,
    /// Bias on the output head.
    pub(in crate::model) head_bias: bool,
    /// The output head is the table, where the family has a field of its own for that.
    pub(in crate::model) tied: Option<bool>,
    /// Channels of a row of the table of tokens, where they are not the stream's.
    pub(in crate::model) table_width: Option<u64>,
    /// No norm with weights stands at the end.
    pub(in crate::model) bare_output_norm: bool,
    /// Dense widths; 0 where none is stated.
    pub(in crate::model) dense: PerLayer,
    /// Dense width of layers that read another's cache, when it differs.
    pub(in crate::model) shared_kv_dense: Option<u64>,
    /// A dense block stands beside the experts.
    pub(in crate::model) dense_beside: bool,
    pub(in crate::model) experts: Option<Experts>,
    /// Per layer: experts stand here. Empty without experts.
    pub(in crate::model) sparse: Vec<bool>,
    /// Last layers that read the cache of an earlier layer of their kind.
    pub(in crate::model) shared_kv_layers: Option<u64>,
    /// Of so many consecutive layers the first has the cache of all; 1 without sharing.
    pub(in crate::model) share_factor: u64,
    /// Full layers take values from keys.
    pub(in crate::model) values_from_keys: bool,
    /// The query projection is doubled by a gate.
    pub(in crate::model) output_gate: bool,
    /// Attention's projections are all listed in `more`.
    pub(in crate::model) listed_attention: bool,
    pub(in crate::model) latent: Option<Latent>,
    /// The indexer's key channels, and which layers compute an index.
    pub(in crate::model) indexer: Option<(u64, Vec<bool>)>,
    pub(in crate::model) recurrent: Option<RecurrentShape>,
    /// The first layer's recurrence, where it differs.
    pub(in crate::model) first_recurrent: Option<RecurrentShape>,
    /// Tokens that cross-attention layers cache.
    pub(in crate::model) cross_tokens: u64,
    /// How often a token passes through all layers.
    pub(in crate::model) passes: u64,
    /// One norm for each part a layer has, not two for every layer.
    pub(in crate::model) norms_by_parts: bool,
    pub(in crate::model) ple_width: u64,
    pub(in crate::model) ple_rows: u64,
    pub(in crate::model) altup_streams: u64,
    pub(in crate::model) laurel_rank: u64,
    /// Tensors that nothing else implies, with their layer.
    pub(in crate::model) more: Vec<(Option<usize>, ExtraTensor)>,
}

impl Facts {
    /// Nothing known but the stream's width and the number of layers, all of them attending to everything.
    pub(super) fn new(hidden: u64, layers: usize, conventions: Conventions) -> Self {
        let none = PerLayer::Same(0);
        Self {
            hidden,
            layers: vec![Slot { mixes: Mixes::Full, ffn: true }; layers],
            window: 0,
            heads: Heads { query: none.clone(), kv: none.clone(), k_dim: 0, v_dim: 0 },
            sliding: None,
            conventions,
            output_bias: false,
            ffn_bias: false,
            head_bias: false,
            tied: None,
            table_width: None,
            bare_output_norm: false,
            dense: none,
            shared_kv_dense: None,
            dense_beside: false,
            experts: None,
            sparse: Vec::new(),
            shared_kv_layers: None,
            share_factor: 1,
            values_from_keys: false,
            output_gate: false,
            listed_attention: false,
            latent: None,
            indexer: None,
            recurrent: None,
            first_recurrent: None,
            cross_tokens: 0,
            passes: 1,
            norms_by_parts: false,
            ple_width: 0,
            ple_rows: 0,
            altup_streams: 0,
            laurel_rank: 0,
            more: Vec::new(),
        }
    }

    /// Every `interval`-th layer full, the others `between`.
    pub(in crate::model) fn every(&mut self, interval: u64, between: Mixes) {
        for (number, slot) in (1_u64..).zip(&mut self.layers) {
            slot.mixes = if number.is_multiple_of(interval) { Mixes::Full } else { between };
        }
    }

    /// Whether a layer computes an index of its own.
    pub(in crate::model) fn indexes(&self, layer: usize) -> bool {
        let attends = self.layers.get(layer).is_some_and(|slot| slot.mixes != Mixes::Recurrent);
        attends && self.indexer.as_ref().is_some_and(|(_, layers)| layers.get(layer) == Some(&true))
    }

    /// Put the layers and what else the facts imply into `architecture`.
    pub(super) fn fill(&self, family: &Family, architecture: &mut Architecture) {
        architecture.layers = (0..self.layers.len()).map(|index| self.layer(index, family)).collect();
        if let Some(latent) = &self.latent {
            for (index, layer) in architecture.layers.iter_mut().enumerate() {
                let plain = self.layers[index].mixes;
                if matches!(plain, Mixes::Full | Mixes::Sliding) && layer.attention().is_some() {
                    latent.push(layer, self.hidden, self.heads.query.at(index));
                }
            }
        }
        if self.head_bias {
            let length = architecture.embeddings.vocab_size;
            architecture.more.push(super::vector("output.bias", length));
        }
        for (layer, tensor) in &self.more {
            match layer {
                Some(layer) => {
                    if let Some(layer) = architecture.layers.get_mut(*layer) {
                        layer.more.push(tensor.clone());
                    }
                }
                None => architecture.more.push(tensor.clone()),
            }
        }
    }

    fn layer(&self, index: usize, family: &Family) -> Layer {
        let slot = self.layers[index];
        let recurrence = || {
            let first = self.first_recurrent.filter(|_| index == 0);
            first.or(self.recurrent).map(|shape| recurrent::block(shape, self.hidden))
        };
        let attention = || self.attention(index, slot.mixes, family);
        let mixer = match slot.mixes {
            Mixes::Nothing => Mixer::None,
            Mixes::Recurrent => recurrence().map_or(Mixer::None, Mixer::Recurrent),
            Mixes::Both => match recurrence() {
                Some(recurrence) => Mixer::Both(attention(), recurrence),
                None => Mixer::Attention(attention()),
            },
            Mixes::Full | Mixes::Sliding | Mixes::Cross => Mixer::Attention(attention()),
        };
        let ffn = self.ffn(index, family);
        let norms = if self.norms_by_parts {
            u64::from(mixer != Mixer::None) + u64::from(ffn != Ffn::None)
        } else {
            self.conventions.norms
        };
        Layer { mixer, ffn, norms, more: Vec::new() }
    }

    fn attention(&self, index: usize, mixes: Mixes, family: &Family) -> Attention {
        let sliding = mixes == Mixes::Sliding;
        let heads = self.sliding.as_ref().filter(|_| sliding).unwrap_or(&self.heads);
        let full = mixes == Mixes::Full;
        let query_heads = heads.query.at(index);
        let mut attention = Attention {
            window: (sliding && self.window > 0).then_some(self.window),
            query_heads,
            kv_heads: heads.kv.at(index),
            k_head_dim: heads.k_dim,
            v_head_dim: heads.v_dim,
            kv: self.source(index, mixes),
            qkv_bias: self.conventions.qkv_bias,
            output_bias: self.output_bias,
            qk_norm: self.conventions.qk_norm,
            values_from_keys: self.values_from_keys && full,
            output_gate: self.output_gate,
            listed: self.listed_attention,
            expanded: None,
            indexer_channels: 0,
            cross_tokens: (mixes == Mixes::Cross).then_some(self.cross_tokens),
        };
        if mixes == Mixes::Cross {
            // Its norms are listed with its gates.
            attention.qk_norm = false;
        }
        if let Some(latent) = &self.latent {
            attention.kv_heads = 1;
            (attention.k_head_dim, attention.v_head_dim) = (latent.kv_rank + latent.rope, 0);
            (attention.qkv_bias, attention.qk_norm, attention.listed) = (false, false, true);
            attention.expanded = Some(Expanded {
                heads: query_heads,
                k_head_dim: latent.nope + latent.rope,
                v_head_dim: latent.value,
                in_llama_cpp: family.llama_cpp_expands,
                in_vllm: family.vllm_expands,
            });
        }
        if self.indexes(index) {
            attention.indexer_channels = self.indexer.as_ref().map_or(0, |(channels, _)| *channels);
        }
        attention
    }

    /// Layers that share read the last earlier layer of their own kind that keeps a cache (llama.cpp's rule), or the first
    /// of their group.
    fn source(&self, index: usize, mixes: Mixes) -> KvSource {
        let factor = usize::try_from(self.share_factor.max(1)).unwrap_or(1);
        if !index.is_multiple_of(factor) {
            return KvSource::Shared { donor: index - index % factor, unused_weights: false };
        }
        let shared = usize::try_from(self.shared_kv_layers.unwrap_or(0)).unwrap_or(0);
        let first = self.layers.len().saturating_sub(shared);
        let donor = || self.layers.iter().take(first).rposition(|other| other.mixes == mixes);
        match donor().filter(|_| index >= first) {
            Some(donor) => KvSource::Shared { donor, unused_weights: self.conventions.unused_kv_weights },
            None => KvSource::Own,
        }
    }

    fn ffn(&self, index: usize, family: &Family) -> Ffn {
        let slot = self.layers[index];
        if !slot.ffn {
            return Ffn::None;
        }
        let shared = usize::try_from(self.shared_kv_layers.unwrap_or(0)).unwrap_or(0);
        let shares = index >= self.layers.len().saturating_sub(shared);
        let dense = self.shared_kv_dense.filter(|_| shares).unwrap_or(self.dense.at(index));
        match &self.experts {
            Some(shape) if self.sparse.get(index) == Some(&true) => {
                let (count, shared) = (shape.count.at(index), shape.shared.at(index));
                let router_extras = match family.router {
                    RouterExtras::Scales => self.hidden + count,
                    RouterExtras::Bias => count,
                    RouterExtras::SharedGate if shared > 0 => self.hidden,
                    RouterExtras::SharedGate | RouterExtras::None => 0,
                };
                Ffn::Experts {
                    experts: count,
                    active: shape.active.at(index).min(count),
                    width: shape.width.at(index),
                    shared_width: shared,
                    dense_width: if self.dense_beside { dense } else { 0 },
                    router_extras,
                    gated: shape.gated,
                }
            }
            _ if dense == 0 => Ffn::None,
            _ => Ffn::Dense { width: dense, gated: self.conventions.gated_ffn },
        }
    }
}
