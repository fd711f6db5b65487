//! Keys or values of one layer: sinks and recent tokens in f16, everything between in packed blocks.

use std::collections::VecDeque;

use half::f16;

use super::memory::KvMemory;
use super::{Coding, KvCacheConfig};
use crate::{Codec, CodecError, Packed};
use dhurandhar_leaf::simd::Isa;
use dhurandhar_leaf::simd::dot_product;

/// Tokens of a full block; appending to an open one rewrites at most this many.
const BLOCK_TOKENS: usize = 256;

#[derive(Debug)]
pub(super) struct Side {
    coding: Coding,
    seed: u64,
    heads: usize,
    dim: usize,
    /// None in f16; one for all heads until something was taken from their vectors, then one for each.
    codecs: Vec<Box<dyn Codec>>,
    pub(super) store: Store,
}

/// What is held, and saved.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Store {
    /// What codecs took from vectors, heads x dim: centres, or marks of the loudest channels.
    pub(super) learned: Option<Vec<f32>>,
    pub(super) sinks: Vec<f16>,
    /// Every block holds a batch for each head.
    pub(super) blocks: VecDeque<Vec<Packed>>,
    pub(super) recent: Vec<f16>,
}

/// What codecs took from vectors, and the codecs.
type Learned = (Vec<f32>, Vec<Box<dyn Codec>>);

/// What an append will do, worked out before anything is changed.
#[derive(Debug)]
pub(super) struct Change {
    learned: Option<Learned>,
    sinks: Vec<f16>,
    packed: Vec<Packed>,
    recent: Vec<f16>,
}

impl Side {
    pub(super) fn new(coding: Coding, heads: usize, dim: usize, seed: u64) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        if heads == 0 {
            let (value, expected) = ("0".to_owned(), "at least 1".to_owned());
            return Err(CodecError::Parameter { field: "kv_heads", value, expected });
        }
        let codecs = match coding {
            Coding::F16 => Vec::new(),
            Coding::Code { codec, bits } => vec![codec.build(dim, bits, &[], seed)?],
        };
        Ok(Self { coding, seed, heads, dim, codecs, store: Store::default() })
    }

    pub(super) fn heads(&self) -> usize {
        self.heads
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// The codec of a head; none in f16.
    pub(super) fn codec(&self, head: usize) -> Option<&dyn Codec> {
        codec_of(&self.codecs, head)
    }

    /// Whether the codec takes something from vectors.
    pub(super) fn learns(&self) -> bool {
        matches!(self.coding, Coding::Code { codec, .. } if codec.takes_sample())
    }

    /// Values of one token.
    pub(super) fn row(&self) -> usize {
        self.heads * self.dim
    }

    pub(super) fn tokens(&self) -> usize {
        (self.store.sinks.len() + self.store.recent.len()) / self.row() + self.packed_tokens()
    }

    pub(super) fn packed_tokens(&self) -> usize {
        self.store.blocks.iter().map(|block| block_tokens(block)).sum()
    }

    /// Forgets every token, not what was taken from vectors.
    pub(super) fn clear(&mut self) {
        let learned = self.store.learned.take();
        self.store = Store { learned, ..Store::default() };
    }

    /// What codecs take from `rows`, tokens x heads x dim; nothing of codecs that do not look.
    pub(super) fn learn(&self, rows: &[f32]) -> Result<Option<Learned>, CodecError> {
        let Coding::Code { codec, .. } = self.coding else { return Ok(None) };
        if !codec.takes_sample() {
            return Ok(None);
        }
        let sample = |head| codec.summary(self.dim, &self.of_head(rows, head));
        let learned: Vec<f32> = (0..self.heads).flat_map(sample).collect();
        let codecs = self.rebuilt(&learned)?;
        Ok(Some((learned, codecs)))
    }

    /// The codecs behind what was taken from vectors.
    pub(super) fn rebuilt(&self, learned: &[f32]) -> Result<Vec<Box<dyn Codec>>, CodecError> {
        let Coding::Code { codec, bits } = self.coding else { return Ok(Vec::new()) };
        learned.chunks_exact(self.dim).map(|sample| codec.build(self.dim, bits, sample, self.seed)).collect()
    }

    pub(super) fn take_up(&mut self, learned: Option<Learned>) {
        if let Some((learned, codecs)) = learned {
            (self.store.learned, self.codecs) = (Some(learned), codecs);
        }
    }

    /// The vectors of one head.
    fn of_head(&self, rows: &[f32], head: usize) -> Vec<f32> {
        let own = head * self.dim..(head + 1) * self.dim;
        rows.chunks_exact(self.row()).flat_map(|row| row[own.clone()].iter().copied()).collect()
    }

    /// Works out where `rows`, which follow `seen` earlier tokens, will go.
    pub(super) fn prepare(
        &self,
        seen: usize,
        rows: &[f32],
        config: &KvCacheConfig,
    ) -> Result<Change, CodecError> {
        let row = self.row();
        let sinks = config.sinks_of(self.coding).saturating_sub(seen).saturating_mul(row).min(rows.len());
        let (sinks, rows) = rows.split_at(sinks);
        let sinks = half_precision(sinks, self.dim)?;
        let mut flowing: Vec<f32> = self.store.recent.iter().map(|x| x.to_f32()).collect();
        flowing.extend_from_slice(rows);
        let coded = flowing.len().saturating_sub(config.recent.saturating_mul(row));
        let within_call = |error: CodecError| {
            let [first, earlier] = [sinks.len(), self.store.recent.len()].map(|values| values / self.dim);
            error.moved(|vector| (vector + first).saturating_sub(earlier))
        };
        let recent = half_precision(&flowing[coded..], self.dim)
            .map_err(|error| within_call(error.in_chunk(coded / self.dim)))?;
        flowing.truncate(coded);
        let fresh = self.store.learned.is_none() && coded > 0;
        let learned = if fresh { self.learn(&flowing).map_err(within_call)? } else { None };
        let codecs = learned.as_ref().map_or(&self.codecs, |(_, codecs)| codecs);
        let heads = (0..self.heads).filter_map(|head| Some((head, codec_of(codecs, head)?)));
        let packed = heads.map(|(head, codec)| {
            let in_batch = |error: CodecError| error.moved(|vector| vector * self.heads + head);
            codec.encode(&self.of_head(&flowing, head)).map_err(|error| within_call(in_batch(error)))
        });
        let packed = packed.collect::<Result<_, _>>()?;
        Ok(Change { learned, sinks, packed, recent })
    }

    pub(super) fn commit(&mut self, change: Change) {
        self.take_up(change.learned);
        let store = &mut self.store;
        store.sinks.extend(change.sinks);
        store.recent = change.recent;
        let mut rest = change.packed;
        while block_tokens(&rest) > 0 {
            let open = store.blocks.back().map_or(BLOCK_TOKENS, |last| block_tokens(last));
            if open >= BLOCK_TOKENS {
                let empty = |head: &Packed| Packed::zeroed(head.layout(), 0);
                store.blocks.push_back(rest.iter().map(empty).collect());
            }
            let Some(last) = store.blocks.back_mut() else { return };
            let room = BLOCK_TOKENS - block_tokens(last);
            let (fitting, tails): (Vec<_>, Vec<_>) = rest.into_iter().map(|head| head.split(room)).unzip();
            for (held, more) in last.iter_mut().zip(&fitting) {
                *held = held.joined(more);
            }
            rest = tails;
        }
    }

    /// Forgets the oldest `tokens` tokens.
    pub(super) fn drop_first(&mut self, tokens: usize) {
        let row = self.row();
        let mut left = tokens;
        let sinks = left.min(self.store.sinks.len() / row);
        self.store.sinks.drain(..sinks * row);
        left -= sinks;
        while left > 0 {
            let Some(first) = self.store.blocks.front_mut() else { break };
            let held = block_tokens(first);
            if held > left {
                for head in first {
                    let empty = Packed::zeroed(head.layout(), 0);
                    *head = core::mem::replace(head, empty).split(left).1;
                }
                return;
            }
            self.store.blocks.pop_front();
            left -= held;
        }
        let recent = left.min(self.store.recent.len() / row);
        self.store.recent.drain(..recent * row);
    }

    /// What is held from token `first` on, tokens x heads x dim.
    pub(super) fn decode(&self, first: usize) -> Result<Vec<f32>, CodecError> {
        let (row, dim) = (self.row(), self.dim);
        let mut out = Vec::with_capacity(self.tokens().saturating_sub(first) * row);
        let mut passed = first;
        let kept = |rows: &[f16], passed: &mut usize, out: &mut Vec<f32>| {
            let skipped = (*passed).min(rows.len() / row);
            *passed -= skipped;
            out.extend(rows[skipped * row..].iter().map(|x| x.to_f32()));
        };
        kept(&self.store.sinks, &mut passed, &mut out);
        for block in &self.store.blocks {
            let skipped = passed.min(block_tokens(block));
            passed -= skipped;
            let start = out.len();
            out.resize(start + (block_tokens(block) - skipped) * row, 0.0);
            let mut vectors = vec![0.0; (block_tokens(block) - skipped) * dim];
            for (head, packed) in block.iter().enumerate() {
                let Some(codec) = self.codec(head) else { continue };
                codec.decode_into(packed.planes().split_at(skipped).1, &mut vectors)?;
                for (row, vector) in out[start..].chunks_exact_mut(row).zip(vectors.chunks_exact(dim)) {
                    row[head * dim..][..dim].copy_from_slice(vector);
                }
            }
        }
        kept(&self.store.recent, &mut passed, &mut out);
        Ok(out)
    }

    /// Appends the products of `query` with every key of `head`, oldest first.
    pub(super) fn scores(&self, query: &[f32], head: usize, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let (dim, store) = (self.dim, &self.store);
        let kept = |rows: &[f16], out: &mut Vec<f32>| {
            let mut key = vec![0.0; dim];
            for row in rows.chunks_exact(self.row()) {
                key.iter_mut().zip(&row[head * dim..]).for_each(|(key, x)| *key = x.to_f32());
                out.push(dot_product(Isa::detect(), query, &key));
            }
        };
        kept(&store.sinks, out);
        for packed in store.blocks.iter().filter_map(|block| block.get(head)) {
            let Some(codec) = self.codec(head) else { continue };
            let first = out.len();
            out.resize(first + packed.vectors(), 0.0);
            codec.inner_products(query, packed.planes(), &mut out[first..])?;
        }
        kept(&store.recent, out);
        Ok(())
    }

    pub(super) fn memory(&self) -> KvMemory {
        let store = &self.store;
        KvMemory {
            packed_bytes: store.blocks.iter().flatten().map(|packed| packed.bytes().len() as u64).sum(),
            full_precision_bytes: 2 * (store.sinks.len() + store.recent.len()) as u64,
            centre_bytes: 4 * store.learned.as_ref().map_or(0, Vec::len) as u64,
            bf16_bytes: 2 * (self.tokens() * self.row()) as u64,
        }
    }
}

fn codec_of(codecs: &[Box<dyn Codec>], head: usize) -> Option<&dyn Codec> {
    codecs.get(head).or(codecs.first()).map(|codec| &**codec)
}

/// Tokens of a block, or of batches on their way into one.
pub(super) fn block_tokens(block: &[Packed]) -> usize {
    block.first().map_or(0, Packed::vectors)
}

/// Values as f16, which has none beyond 65504.
fn half_precision(values: &[f32], dim: usize) -> Result<Vec<f16>, CodecError> {
    let convert = |(at, &value): (usize, &f32)| {
        let half = f16::from_f32(value);
        if half.is_finite() {
            return Ok(half);
        }
        let (vector, channel) = (at / dim, at % dim);
        if value.is_finite() {
            let scale = f64::from(value);
            return Err(CodecError::ScaleOverflow { vector, scale, format: "f16", max: 65504.0 });
        }
        Err(CodecError::NotFinite { vector, channel, value })
    };
    values.iter().enumerate().map(convert).collect()
}
