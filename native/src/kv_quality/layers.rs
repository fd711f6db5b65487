//! Errors layer by layer, on keys and values as the exact model computes them.

use super::hook::{CodecHook, Recorder, Rows};
use crate::decoder::{Decoder, KvHook, Site};
use dhurandhar_core::codec::CodecError;
use dhurandhar_core::codec::attention::{AttentionError, Layer};
use dhurandhar_core::codec::kv_cache::{Coding, KvCacheConfig, KvCacheError};
use dhurandhar_core::codec::quality::compare;
use dhurandhar_core::leaf::cast::to_f32;
use dhurandhar_core::measurement::LayerQuality;
use rayon::prelude::*;

/// Code the recorded window and compare.
pub(super) fn measure(
    decoder: &Decoder,
    window: &Recorder,
    calibration: &Recorder,
    setting: &KvCacheConfig,
) -> Result<Vec<LayerQuality>, KvCacheError> {
    // Recent tokens are exact by definition, so layers are measured without them.
    let mut hook = CodecHook::new(KvCacheConfig { recent: 0, ..*setting }, calibration, decoder)?;
    let mut layers = Vec::new();
    let owners = window.keys.len();
    for (rank, (&layer, keys)) in window.keys.iter().enumerate() {
        let Some(values) = window.values.get(&layer) else { continue };
        let (mut coded_keys, mut coded_values) = (keys.clone(), values.clone());
        let site = Site { layer, start: 0, heads: keys.heads, key_dim: keys.dim, value_dim: values.dim };
        hook.write(site, &mut coded_keys.elements, &mut coded_values.elements);
        hook.finish()?;
        let sinks = setting.sinks;
        let scale = decoder.attention_scale(layer);
        let queries = window.queries.get(&layer);
        let attention = queries
            .map(|queries| compare_attention(queries, scale, (keys, values), (&coded_keys, &coded_values)))
            .transpose()
            .map_err(|source| KvCacheError::Codec { layer, side: "attention", source })?;
        let edge = setting.protects(rank, owners);
        let theory = |coding: Coding, dim| if edge { None } else { coding.theory_nmse(dim) };
        layers.push(LayerQuality {
            layer,
            key_nmse: error(keys, &coded_keys, sinks),
            value_nmse: error(values, &coded_values, sinks),
            key_theory: theory(setting.keys, keys.dim),
            value_theory: theory(setting.values, values.dim),
            attention,
        });
    }
    Ok(layers)
}

/// Normalised error of the tokens that are coded.
fn error(exact: &Rows, coded: &Rows, sinks: usize) -> f64 {
    let mut sum = 0.0;
    for head in 0..exact.heads {
        let skip = (sinks * exact.dim).min(exact.head(head).len());
        sum += compare(&exact.head(head)[skip..], &coded.head(head)[skip..], exact.dim).nmse;
    }
    sum / exact.heads.max(1) as f64
}

/// Causal attention of every query head at some positions, averaged.
fn compare_attention(
    queries: &[f32],
    scale: f64,
    (keys, values): (&Rows, &Rows),
    (coded_keys, coded_values): (&Rows, &Rows),
) -> Result<AttentionError, CodecError> {
    let dim = keys.dim;
    // The comparison divides by the root of the width; bring the family's own scale to that.
    let factor = to_f32(scale * (dim as f64).sqrt());
    let queries: Vec<f32> = queries.iter().map(|value| value * factor).collect();
    let tokens = keys.head(0).len() / dim;
    let layer = Layer { dim, tokens, queries: &queries, keys: &keys.elements, values: &values.elements };
    let heads = (0..layer.query_heads()).into_par_iter();
    let errors = heads.map(|head| layer.of_head(head, &coded_keys.elements, &coded_values.elements));
    Ok(AttentionError::mean(&errors.collect::<Result<Vec<_>, _>>()?))
}
