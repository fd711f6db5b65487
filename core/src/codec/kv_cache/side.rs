//! Keys or values of one layer: sinks and recent tokens in f16, everything between in packed blocks.

use std::collections::VecDeque;

use half::f16;

use super::KvCacheConfig;
use super::memory::KvMemory;
use crate::codec::kernel::dot_product;
use crate::codec::{Codec, CodecError, CodecKind, Isa, Packed, mean_vector};

/// Tokens of a full block; appending to an open one rewrites at most this many.
const BLOCK_TOKENS: usize = 256;

#[derive(Debug)]
pub(super) struct Side {
    codec: Box<dyn Codec>,
    centred: bool,
    heads: usize,
    pub(super) store: Store,
}

/// What is held, and saved.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Store {
    /// heads x dim, once the first tokens are coded.
    pub(super) centre: Option<Vec<f32>>,
    pub(super) sinks: Vec<f16>,
    pub(super) blocks: VecDeque<Packed>,
    pub(super) recent: Vec<f16>,
}

/// What an append will do, worked out before anything is changed.
#[derive(Debug)]
pub(super) struct Change {
    centre: Option<Vec<f32>>,
    sinks: Vec<f16>,
    packed: Packed,
    recent: Vec<f16>,
}

/// The codec behind a kind, and whether vectors are centred first.
pub(super) fn stored_codec(
    kind: CodecKind,
    bits: u32,
    dim: usize,
    seed: u64,
) -> Result<(Box<dyn Codec>, bool), CodecError> {
    let centred = kind == CodecKind::CentredKeys;
    let kind = if centred { CodecKind::TurboquantUnbiased } else { kind };
    Ok((kind.build(dim, bits, &[], seed)?, centred))
}

impl Side {
    pub(super) fn new(
        kind: CodecKind,
        bits: u32,
        heads: usize,
        dim: usize,
        seed: u64,
    ) -> Result<Self, CodecError> {
        if heads == 0 {
            let (value, expected) = ("0".to_owned(), "at least 1".to_owned());
            return Err(CodecError::Parameter { field: "kv_heads", value, expected });
        }
        let (codec, centred) = stored_codec(kind, bits, dim, seed)?;
        Ok(Self { codec, centred, heads, store: Store::default() })
    }

    pub(super) fn heads(&self) -> usize {
        self.heads
    }

    pub(super) fn dim(&self) -> usize {
        self.codec.dim()
    }

    pub(super) fn codec(&self) -> &dyn Codec {
        &*self.codec
    }

    pub(super) fn centred(&self) -> bool {
        self.centred
    }

    /// Values of one token.
    pub(super) fn row(&self) -> usize {
        self.heads * self.dim()
    }

    pub(super) fn tokens(&self) -> usize {
        (self.store.sinks.len() + self.store.recent.len()) / self.row() + self.packed_tokens()
    }

    pub(super) fn packed_tokens(&self) -> usize {
        self.store.blocks.iter().map(Packed::vectors).sum::<usize>() / self.heads
    }

    /// Works out where `rows`, which follow `seen` earlier tokens, will go.
    pub(super) fn prepare(
        &self,
        seen: usize,
        rows: &[f32],
        config: &KvCacheConfig,
    ) -> Result<Change, CodecError> {
        let row = self.row();
        let sinks = config.sinks.saturating_sub(seen).saturating_mul(row).min(rows.len());
        let (sinks, rows) = rows.split_at(sinks);
        let sinks = half_precision(sinks, self.dim())?;
        let mut flowing: Vec<f32> = self.store.recent.iter().map(|x| x.to_f32()).collect();
        flowing.extend_from_slice(rows);
        let coded = flowing.len().saturating_sub(config.recent.saturating_mul(row));
        let recent = half_precision(&flowing[coded..], self.dim())?;
        flowing.truncate(coded);
        let fresh =
            (self.centred && self.store.centre.is_none() && coded > 0).then(|| mean_vector(&flowing, row));
        if let Some(centre) = fresh.as_ref().or(self.store.centre.as_ref()) {
            shift(&mut flowing, centre, -1.0);
        }
        let packed = self.codec.encode(&flowing)?;
        Ok(Change { centre: fresh, sinks, packed, recent })
    }

    pub(super) fn commit(&mut self, change: Change) {
        let store = &mut self.store;
        store.centre = change.centre.or(store.centre.take());
        store.sinks.extend(change.sinks);
        store.recent = change.recent;
        let mut rest = change.packed;
        while rest.vectors() > 0 {
            let room = match store.blocks.back() {
                Some(last) if last.vectors() < BLOCK_TOKENS * self.heads => {
                    BLOCK_TOKENS * self.heads - last.vectors()
                }
                _ => {
                    store.blocks.push_back(Packed::zeroed(self.codec.layout(), 0));
                    BLOCK_TOKENS * self.heads
                }
            };
            let (head, tail) = rest.split(room);
            if let Some(last) = store.blocks.back_mut() {
                *last = last.joined(&head);
            }
            rest = tail;
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
            let held = first.vectors() / self.heads;
            if held > left {
                *first = core::mem::replace(first, Packed::zeroed(self.codec.layout(), 0))
                    .split(left * self.heads)
                    .1;
                return;
            }
            self.store.blocks.pop_front();
            left -= held;
        }
        let recent = left.min(self.store.recent.len() / row);
        self.store.recent.drain(..recent * row);
    }

    pub(super) fn decode(&self) -> Result<Vec<f32>, CodecError> {
        let mut out: Vec<f32> = self.store.sinks.iter().map(|x| x.to_f32()).collect();
        for block in &self.store.blocks {
            let mut rows = self.codec.decode(block)?;
            if let Some(centre) = &self.store.centre {
                shift(&mut rows, centre, 1.0);
            }
            out.extend(rows);
        }
        out.extend(self.store.recent.iter().map(|x| x.to_f32()));
        Ok(out)
    }

    /// Appends the products of `query` with every key of `head`, oldest first.
    pub(super) fn scores(&self, query: &[f32], head: usize, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let (dim, store) = (self.dim(), &self.store);
        let kept = |rows: &[f16], out: &mut Vec<f32>| {
            let mut key = vec![0.0; dim];
            for row in rows.chunks_exact(self.row()) {
                key.iter_mut().zip(&row[head * dim..]).for_each(|(key, x)| *key = x.to_f32());
                out.push(dot_product(Isa::detect(), query, &key));
            }
        };
        kept(&store.sinks, out);
        let centre = store.centre.as_ref();
        let shift = centre.map_or(0.0, |rows| dot_product(Isa::detect(), query, &rows[head * dim..][..dim]));
        for block in &store.blocks {
            let planes = block.planes().every(head, self.heads);
            let first = out.len();
            out.resize(first + planes.vectors(), 0.0);
            self.codec.inner_products(query, planes, &mut out[first..])?;
            out[first..].iter_mut().for_each(|score| *score += shift);
        }
        kept(&store.recent, out);
        Ok(())
    }

    pub(super) fn memory(&self) -> KvMemory {
        let store = &self.store;
        KvMemory {
            packed_bytes: store.blocks.iter().map(|block| block.bytes().len() as u64).sum(),
            full_precision_bytes: 2 * (store.sinks.len() + store.recent.len()) as u64,
            centre_bytes: 4 * store.centre.as_ref().map_or(0, Vec::len) as u64,
            bf16_bytes: 2 * (self.tokens() * self.row()) as u64,
        }
    }
}

fn shift(rows: &mut [f32], centre: &[f32], sign: f32) {
    for row in rows.chunks_exact_mut(centre.len()) {
        row.iter_mut().zip(centre).for_each(|(x, centre)| *x += sign * centre);
    }
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
