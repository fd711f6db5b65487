//! The coded cache in the place of the decoder's own, and a recorder of what passes.

use super::order::KeyOrder;
use crate::decoder::{Decoder, KvHook, Site};
use dhurandhar_core::codec::kv_cache::{
    KvCacheCompressor, KvCacheConfig, KvCacheError, KvGeometry, KvMemory,
};
use std::collections::BTreeMap;

/// Keys, values and queries of a pass, by layer: `[heads, tokens, head_dim]`.
#[derive(Debug, Default)]
pub struct Recorder {
    pub(super) keys: BTreeMap<usize, Rows>,
    pub(super) values: BTreeMap<usize, Rows>,
    pub(super) queries: BTreeMap<usize, Vec<f32>>,
}

/// Rows of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) heads: usize,
    pub(super) dim: usize,
    pub(super) elements: Vec<f32>,
}

impl Rows {
    /// The rows of one head.
    pub(super) fn head(&self, head: usize) -> &[f32] {
        let length = self.elements.len() / self.heads.max(1);
        &self.elements[head * length..(head + 1) * length]
    }
}

impl KvHook for Recorder {
    fn write(&mut self, site: Site, keys: &mut [f32], values: &mut [f32]) {
        let rows = |dim, elements: &[f32]| Rows { heads: site.heads, dim, elements: elements.to_vec() };
        self.keys.insert(site.layer, rows(site.key_dim, keys));
        self.values.insert(site.layer, rows(site.value_dim, values));
    }

    fn wants_queries(&self) -> bool {
        true
    }

    fn queries(&mut self, layer: usize, _start: usize, _dim: usize, rows: &mut [f32]) {
        self.queries.insert(layer, rows.to_vec());
    }
}

impl Recorder {
    /// Mean norm of keys over mean norm of values, by layer that owns a cache.
    pub(super) fn norm_ratios(&self) -> Vec<(usize, f64)> {
        let mean = |rows: &Rows| {
            let norms = rows.elements.chunks_exact(rows.dim.max(1)).map(norm);
            norms.clone().sum::<f64>() / norms.count().max(1) as f64
        };
        let pairs =
            self.keys.iter().filter_map(|(layer, keys)| Some((*layer, keys, self.values.get(layer)?)));
        pairs.map(|(layer, keys, values)| (layer, mean(keys) / mean(values))).collect()
    }
}

fn norm(row: &[f32]) -> f64 {
    row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

/// Puts every key and value that the decoder caches through a [`KvCacheCompressor`].
#[derive(Debug)]
pub struct CodecHook {
    cache: KvCacheCompressor,
    recent: usize,
    order: KeyOrder,
    failure: Option<KvCacheError>,
}

impl CodecHook {
    /// With centres and loud channels from a recorded pass.
    pub fn new(
        config: KvCacheConfig,
        calibration: &Recorder,
        decoder: &Decoder,
    ) -> Result<Self, KvCacheError> {
        let order = KeyOrder::of(&decoder.checkpoint().architecture().family);
        // A pass asks for all positions at once, each with its own window and its own recent tokens, which the decoder
        // keeps track of; so the cache codes all tokens and drops none.
        let all = KvCacheConfig { recent: 0, ..config };
        let mut cache = KvCacheCompressor::new(&geometry(decoder), all)?;
        for (layer, keys) in &calibration.keys {
            let Some(values) = calibration.values.get(layer) else { continue };
            // Sinks lie far from the centre of the rest.
            let rest = |order: KeyOrder, rows: &Rows| {
                let coded = order.to_cache(&rows.elements, rows.heads, rows.dim);
                let sinks = (config.sinks * rows.heads * rows.dim).min(coded.len());
                coded[sinks..].to_vec()
            };
            cache.calibrate(*layer, &rest(order, keys), &rest(KeyOrder::Halves, values))?;
        }
        Ok(Self { cache, recent: config.recent, order, failure: None })
    }

    /// The first thing that went wrong.
    pub fn finish(&mut self) -> Result<(), KvCacheError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn code(&mut self, site: Site, keys: &mut [f32], values: &mut [f32]) -> Result<(), KvCacheError> {
        let Site { layer, start, heads, key_dim, value_dim } = site;
        if start == 0 {
            self.cache.clear(layer)?;
        }
        let held = self.cache.tokens(layer)?;
        // Values are held as they are.
        let (order, plain) = (self.order, KeyOrder::Halves);
        let rows = [order.to_cache(keys, heads, key_dim), plain.to_cache(values, heads, value_dim)];
        self.cache.append(layer, &rows[0], &rows[1])?;
        keys.copy_from_slice(&order.to_decoder(&self.cache.keys_from(layer, held)?, heads, key_dim));
        values.copy_from_slice(&plain.to_decoder(&self.cache.values_from(layer, held)?, heads, value_dim));
        Ok(())
    }
}

/// The decoder's layers, with windows that never close.
fn geometry(decoder: &Decoder) -> KvGeometry {
    decoder.checkpoint().architecture().kv_geometry().without_windows()
}

/// Stored bits per channel of codes alone, and with what stays in f16 at a context of `tokens`.
pub(super) fn bits(
    config: KvCacheConfig,
    decoder: &Decoder,
    tokens: usize,
) -> Result<(f64, f64), KvCacheError> {
    let stored = |config| {
        let memory = KvMemory::of(&geometry(decoder), &config, tokens as u64)?;
        Ok(memory.token_bits_per_channel())
    };
    Ok((stored(KvCacheConfig { sinks: 0, recent: 0, ..config })?, stored(config)?))
}

impl KvHook for CodecHook {
    fn write(&mut self, site: Site, keys: &mut [f32], values: &mut [f32]) {
        if self.failure.is_none() {
            self.failure = self.code(site, keys, values).err();
        }
    }

    fn recent_window(&self) -> usize {
        self.recent
    }

    fn wants_queries(&self) -> bool {
        self.cache.config().queries.is_some()
    }

    fn queries(&mut self, layer: usize, _start: usize, dim: usize, rows: &mut [f32]) {
        // Every head's rows lie together, and each is rounded alone, so heads and tokens need no other order.
        let inward = self.order.to_cache(rows, 1, dim);
        match self.cache.config().rounded_queries(&inward, dim) {
            Ok(rounded) => rows.copy_from_slice(&self.order.to_decoder(&rounded, 1, dim)),
            Err(source) => {
                self.failure.get_or_insert(KvCacheError::Codec { layer, side: "queries", source });
            }
        }
    }
}
