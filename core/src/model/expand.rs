//! From the compact form to one entry per layer.

use super::architecture::{
    Architecture, Attention, Embeddings, Encoder, Extras, Ffn, KvSource, Layer, Mixer, PerLayerEmbedding,
    Published,
};
use super::family;
use super::profile::{LayerKind, Profile};
use super::recurrent;
use crate::leaf::cast::to_u64;
use crate::leaf::units::{GIB, MIB};

impl Profile {
    /// Spell out every layer.
    ///
    /// Layers that share KV read the last earlier layer of their own kind that keeps a cache (llama.cpp's rule).
    pub fn expand(&self) -> Architecture {
        let first_shared = self.num_hidden_layers.saturating_sub(self.shared_kv_last_n_layers);
        let layers = (0u64..)
            .zip(&self.layer_kinds)
            .map(|(index, kind)| self.layer(index, *kind, first_shared))
            .collect();
        let bytes = |gib: f64| (gib > 0.0).then(|| whole(gib * GIB as f64));
        let tower =
            |tower: Option<(u64, u64)>| tower.map(|(parameters, bytes)| Encoder { parameters, bytes });
        let family = family::family(&self.family).unwrap_or(family::FALLBACK);
        let mut architecture = Architecture {
            name: self.name.clone(),
            title: self.title.clone(),
            family: self.family.clone(),
            hidden_size: self.hidden_size,
            max_context_tokens: self.max_context_tokens,
            embeddings: Embeddings {
                vocab_size: self.vocab_size,
                width: self.hidden_size,
                tied: self.tie_word_embeddings,
            },
            layers,
            ple: (self.ple_hidden_size > 0).then(|| PerLayerEmbedding {
                rows: self.ple_vocab_size,
                width: self.ple_hidden_size,
                gated: family.gated_table(),
            }),
            extras: Extras {
                altup_streams: self.altup_streams,
                laurel_rank: self.laurel_rank,
                layer_scalar: self.conventions.layer_scalar,
                fused: self.conventions.fused,
                head_gate: self.conventions.head_gate,
                bare_output_norm: false,
            },
            float_bits: 16,
            more: Vec::new(),
            passes: 1,
            conduct: family.conduct(self.vocab_size, self.layer_kinds.len()),
            vision: tower(self.vision),
            audio: tower(self.audio),
            published: Published {
                parameters: self.published_parameters,
                parameters_note: self.published_parameters_note.clone(),
                decoder_bytes: bytes(self.published_decoder_gb),
                embedding_bytes: bytes(self.published_embeddings_gb),
                checkpoint: None,
                checkpoint_own: Vec::new(),
                mtp_layers: 0,
            },
            stated_overhead_bytes: whole(self.runtime_overhead_mb * MIB as f64),
            sources: self.sources.clone(),
            assumptions: self.assumptions.clone(),
            uncounted: self.uncounted.clone(),
        };
        if let Some(own) = family.own {
            own(&mut architecture);
        }
        architecture
    }

    fn layer(&self, index: u64, kind: LayerKind, first_shared: u64) -> Layer {
        let mixer = match (kind, &self.recurrent) {
            (LayerKind::Recurrent, Some(shape)) => {
                Mixer::Recurrent(recurrent::block(*shape, self.hidden_size))
            }
            _ => Mixer::Attention(self.attention(index, kind, first_shared)),
        };
        Layer { mixer, ffn: self.ffn(index, first_shared), norms: self.conventions.norms, more: Vec::new() }
    }

    fn attention(&self, index: u64, kind: LayerKind, first_shared: u64) -> Attention {
        let layer = usize::try_from(index).unwrap_or(usize::MAX);
        let full = kind == LayerKind::Full;
        let k_head_dim = self.global_head_dim.filter(|_| full).unwrap_or(self.head_dim);
        let donor = || {
            let mut fresh = self.layer_kinds.iter().take(usize::try_from(first_shared).unwrap_or(0));
            fresh.rposition(|other| *other == kind)
        };
        let kv = match donor().filter(|_| index >= first_shared) {
            Some(donor) => KvSource::Shared { donor, unused_weights: self.conventions.unused_kv_weights },
            None => KvSource::Own,
        };
        Attention {
            window: (kind == LayerKind::Sliding && self.sliding_window > 0).then_some(self.sliding_window),
            query_heads: self.num_attention_heads.at(layer),
            kv_heads: self
                .global_num_key_value_heads
                .filter(|_| full)
                .unwrap_or(self.num_key_value_heads.at(layer)),
            k_head_dim,
            v_head_dim: self.v_head_dim.unwrap_or(k_head_dim),
            kv,
            qkv_bias: self.conventions.qkv_bias,
            output_bias: false,
            qk_norm: self.conventions.qk_norm,
            values_from_keys: self.values_from_keys && full,
            output_gate: self.output_gate,
            listed: false,
            expanded: None,
            indexer_channels: 0,
            cross_tokens: None,
        }
    }

    fn ffn(&self, index: u64, first_shared: u64) -> Ffn {
        let layer = usize::try_from(index).unwrap_or(usize::MAX);
        let dense = self.shared_kv_intermediate_size.filter(|_| index >= first_shared);
        let dense = dense.unwrap_or(self.intermediate_size.at(layer));
        match &self.experts {
            Some(shape) if index >= shape.first_dense_layers => Ffn::Experts {
                experts: shape.count,
                active: shape.active,
                width: shape.width,
                shared_width: shape.shared_width,
                dense_width: if shape.beside_dense { dense } else { 0 },
                router_extras: shape.router_extras,
                gated: self.conventions.gated_ffn,
            },
            _ if dense == 0 => Ffn::None,
            _ => Ffn::Dense { width: dense, gated: self.conventions.gated_ffn },
        }
    }
}

/// A non-negative size in bytes, rounded to the nearest.
fn whole(bytes: f64) -> u64 {
    to_u64(bytes.round())
}
