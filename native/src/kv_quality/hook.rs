//! Codecs in the place of the cache, and a recorder of what passes.

use super::order::KeyOrder;
use super::setting::{Coding, Setting};
use crate::decoder::{Decoder, KvHook, Part, Site};
use dhurandhar_core::codec::{Codec, CodecError};
use half::f16;
use rayon::prelude::*;
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
    fn write(&mut self, site: Site, rows: &mut [f32]) {
        let part = if site.part == Part::Keys { &mut self.keys } else { &mut self.values };
        part.insert(site.layer, Rows { heads: site.heads, dim: site.head_dim, elements: rows.to_vec() });
    }

    fn wants_queries(&self) -> bool {
        true
    }

    fn queries(&mut self, layer: usize, _start: usize, rows: &[f32]) {
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

/// The codec of one head, or none where rows stay in half precision.
type HeadCodec = Option<Box<dyn Codec>>;

/// Codes and decodes every row that enters the cache.
#[derive(Debug)]
pub struct CodecHook<'a> {
    setting: Setting,
    seed: u64,
    calibration: &'a Recorder,
    layers: usize,
    order: KeyOrder,
    codecs: BTreeMap<(usize, Part), Vec<HeadCodec>>,
    failure: Option<CodecError>,
}

impl<'a> CodecHook<'a> {
    /// With centres from a recorded pass.
    pub fn new(setting: Setting, seed: u64, calibration: &'a Recorder, decoder: &Decoder) -> Self {
        let architecture = decoder.checkpoint().architecture();
        let (layers, order) = (architecture.layers.len(), KeyOrder::of(&architecture.family));
        Self { setting, seed, calibration, layers, order, codecs: BTreeMap::new(), failure: None }
    }

    /// The first thing that went wrong.
    pub fn finish(&mut self) -> Result<(), CodecError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Stored bits per channel of codes alone, and with what stays in f16 at a context of `tokens`.
    pub fn bits(&self, tokens: usize) -> (f64, f64) {
        let stored = |codec: &HeadCodec| codec.as_ref().map_or(16.0, |c| c.bits_per_channel());
        let all: Vec<f64> = self.codecs.values().flatten().map(stored).collect();
        let codes = all.iter().sum::<f64>() / all.len().max(1) as f64;
        let plain = (self.setting.sinks + self.setting.recent).min(tokens) as f64 / tokens.max(1) as f64;
        (codes, codes * (1.0 - plain) + 16.0 * plain)
    }

    fn coding(&self, layer: usize, part: Part) -> Coding {
        let coding = if part == Part::Keys { self.setting.keys } else { self.setting.values };
        let edge = layer < self.setting.protected || layer + self.setting.protected >= self.layers;
        if edge { coding.protected() } else { coding }
    }

    fn build(&self, site: Site) -> Result<Vec<HeadCodec>, CodecError> {
        let Coding::Code { codec, bits } = self.coding(site.layer, site.part) else {
            return Ok((0..site.heads).map(|_| None).collect());
        };
        let recorded =
            if site.part == Part::Keys { &self.calibration.keys } else { &self.calibration.values };
        let sample = recorded.get(&site.layer);
        (0..site.heads)
            .map(|head| {
                let rows = sample.map_or(&[][..], |rows| rows.head(head));
                // Sinks lie far from the centre of the rest.
                let rows = rows.get(self.setting.sinks * site.head_dim..).unwrap_or_default();
                let mut rows = rows.to_vec();
                self.order_of(site).to_cache(&mut rows, site.head_dim);
                codec.build(site.head_dim, bits, &rows, self.seed).map(Some)
            })
            .collect()
    }

    /// Values are held as they are.
    fn order_of(&self, site: Site) -> KeyOrder {
        if site.part == Part::Keys { self.order } else { KeyOrder::Halves }
    }

    fn code(&mut self, site: Site, rows: &mut [f32]) -> Result<(), CodecError> {
        let known = self.codecs.remove(&(site.layer, site.part));
        let codecs = known.map_or_else(|| self.build(site), Ok)?;
        let tokens = rows.len() / (site.heads * site.head_dim).max(1);
        let plain = self.setting.sinks.saturating_sub(site.start).min(tokens) * site.head_dim;
        let order = self.order_of(site);
        let heads = rows.par_chunks_mut(tokens * site.head_dim).zip(&codecs);
        let done = heads.try_for_each(|(rows, codec)| {
            let (sinks, coded) = rows.split_at_mut(plain);
            halve(sinks);
            let Some(codec) = codec else {
                halve(coded);
                return Ok(());
            };
            if coded.is_empty() {
                return Ok(());
            }
            order.to_cache(coded, site.head_dim);
            let packed = codec.encode(coded)?;
            codec.decode_into(packed.planes(), coded)?;
            order.to_decoder(coded, site.head_dim);
            Ok(())
        });
        self.codecs.insert((site.layer, site.part), codecs);
        done
    }
}

/// Round to half precision.
fn halve(rows: &mut [f32]) {
    for value in rows {
        *value = f16::from_f32(*value).to_f32();
    }
}

impl KvHook for CodecHook<'_> {
    fn write(&mut self, site: Site, rows: &mut [f32]) {
        if let (Err(problem), None) = (self.code(site, rows), self.failure.as_ref()) {
            self.failure = Some(problem);
        }
    }

    fn recent_window(&self) -> usize {
        self.setting.recent
    }
}
