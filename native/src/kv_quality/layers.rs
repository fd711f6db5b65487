//! Errors layer by layer, on keys and values as the exact model computes them.

use super::hook::{CodecHook, Recorder, Rows};
use super::setting::Setting;
use crate::decoder::{Decoder, KvHook, Part, Site};
use dhurandhar_core::codec::CodecError;
use dhurandhar_core::codec::attention::{AttentionError, Head, attention_error};
use dhurandhar_core::codec::quality::compare;
use dhurandhar_core::measurement::LayerQuality;
use rayon::prelude::*;

/// Every so many positions a query is compared.
const QUERY_STRIDE: usize = 16;
/// Heaviest tokens compared.
const TOP: usize = 5;

/// Code the recorded window and compare.
pub(super) fn measure(
    decoder: &Decoder,
    window: &Recorder,
    calibration: &Recorder,
    setting: &Setting,
    seed: u64,
) -> Result<Vec<LayerQuality>, CodecError> {
    // Recent tokens are exact by definition, so layers are measured without them.
    let mut hook = CodecHook::new(Setting { recent: 0, ..*setting }, seed, calibration, decoder);
    let mut layers = Vec::new();
    for (&layer, keys) in &window.keys {
        let Some(values) = window.values.get(&layer) else { continue };
        let mut coded = |part: Part, rows: &Rows| {
            let site = Site { layer, part, start: 0, heads: rows.heads, head_dim: rows.dim };
            let mut out = rows.clone();
            hook.write(site, &mut out.elements);
            out
        };
        let (coded_keys, coded_values) = (coded(Part::Keys, keys), coded(Part::Values, values));
        hook.finish()?;
        let sinks = setting.sinks;
        let scale = decoder.attention_scale(layer);
        let queries = window.queries.get(&layer);
        let attention = queries
            .map(|queries| compare_attention(queries, scale, (keys, values), (&coded_keys, &coded_values)))
            .transpose()?;
        let edge = layer < setting.protected || layer + setting.protected >= decoder.layers();
        let theory =
            |codec: super::Coding, dim| if edge { None } else { codec.codec.theory_nmse(dim, codec.bits) };
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
    let tokens = keys.head(0).len() / dim;
    let query_heads = queries.len() / (tokens * dim);
    let group = query_heads / keys.heads;
    // `attention_error` divides by the root of the width; bring the family's own scale to that.
    #[expect(clippy::cast_possible_truncation, reason = "a factor near one")]
    let factor = (scale * (dim as f64).sqrt()) as f32;
    let places: Vec<(usize, usize)> = (0..query_heads)
        .flat_map(|head| (QUERY_STRIDE..tokens).step_by(QUERY_STRIDE).map(move |at| (head, at)))
        .collect();
    let errors: Result<Vec<AttentionError>, CodecError> = places
        .par_iter()
        .map(|&(head, at)| {
            let kv = head / group;
            let query: Vec<f32> =
                queries[(head * tokens + at) * dim..][..dim].iter().map(|value| value * factor).collect();
            let seen = (at + 1) * dim;
            let exact =
                Head { dim, queries: &query, keys: &keys.head(kv)[..seen], values: &values.head(kv)[..seen] };
            attention_error(exact, &coded_keys.head(kv)[..seen], &coded_values.head(kv)[..seen], TOP)
        })
        .collect();
    Ok(mean(&errors?))
}

fn mean(errors: &[AttentionError]) -> AttentionError {
    let average =
        |part: fn(&AttentionError) -> f64| errors.iter().map(part).sum::<f64>() / errors.len().max(1) as f64;
    AttentionError {
        kl: average(|error| error.kl),
        top1: average(|error| error.top1),
        top_k: average(|error| error.top_k),
        output_relative_error: average(|error| error.output_relative_error),
        output_cosine: average(|error| error.output_cosine),
    }
}
