//! A compressed cache as bytes: magic, version, a JSON header, the data, a checksum.
//!
//! All numbers are little-endian. The checksum is FNV-1a over everything before it, so that a flipped,
//! missing or added byte is an error and never a different cache.

use core::mem::size_of;
use std::collections::VecDeque;

use half::f16;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::config::KvLayer;
use super::side::{Side, Store, block_tokens};
use super::{KvCacheCompressor, KvCacheConfig, KvCacheError, codec_error};
use crate::fingerprint::fnv1a;
use crate::{Codec, Packed};

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 2;

const MAGIC: [u8; 8] = *b"DHKVCACH";
const FIXED: usize = MAGIC.len() + 2 * size_of::<u32>();

/// Why bytes are not a saved cache.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum KvFileError {
    /// Not written by this library.
    #[error("not a saved KV cache: the magic bytes are missing")]
    Magic,
    /// Another version of the format.
    #[error("saved KV cache of version {found}; expected {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// Truncated or altered.
    #[error("saved KV cache is damaged: {problem}")]
    Damaged {
        /// What does not add up.
        problem: String,
    },
    /// The header describes a cache that cannot be built.
    #[error("saved KV cache: {0}")]
    Cache(#[from] KvCacheError),
}

#[derive(Serialize, Deserialize)]
struct Header {
    config: KvCacheConfig,
    layers: Vec<LayerHeader>,
}

#[derive(Serialize, Deserialize)]
struct LayerHeader {
    shape: KvLayer,
    seen: usize,
    /// Keys and values; empty where the layer has no cache.
    sides: Vec<SideHeader>,
}

/// Tokens of each part, and of each block.
#[derive(Serialize, Deserialize)]
struct SideHeader {
    learned: bool,
    sinks: usize,
    blocks: Vec<usize>,
    recent: usize,
}

impl KvCacheCompressor {
    /// The whole cache as bytes.
    pub fn save(&self) -> Vec<u8> {
        let sides = |layer: &super::LayerCache| -> Vec<SideHeader> {
            layer.sides.iter().map(SideHeader::of).collect()
        };
        let layers = self
            .layers
            .iter()
            .map(|layer| LayerHeader { shape: layer.shape, seen: layer.seen, sides: sides(layer) })
            .collect();
        // Numbers and names always serialise; were they not to, the empty header would be refused on load.
        let header = serde_json::to_vec(&Header { config: self.config, layers }).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        for side in self.layers.iter().flat_map(|layer| &layer.sides) {
            write_store(&side.store, &mut bytes);
        }
        let checksum = fnv1a(bytes.iter().copied());
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// The cache that [`save`](Self::save) wrote.
    pub fn load(bytes: &[u8]) -> Result<Self, KvFileError> {
        let damaged = |problem: &str| KvFileError::Damaged { problem: problem.to_owned() };
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(KvFileError::Magic)?;
        if *magic != MAGIC {
            return Err(KvFileError::Magic);
        }
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("it ends early"))?;
        let found = u32::from_le_bytes(*version);
        if found != VERSION {
            return Err(KvFileError::Version { found });
        }
        let (body, checksum) = rest.split_last_chunk::<8>().ok_or_else(|| damaged("it ends early"))?;
        if fnv1a(bytes[..bytes.len() - 8].iter().copied()) != u64::from_le_bytes(*checksum) {
            return Err(damaged("the checksum does not match"));
        }
        let (length, body) = body.split_first_chunk::<4>().ok_or_else(|| damaged("it ends early"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let header = body.get(..length).ok_or_else(|| damaged("the header ends early"))?;
        let header: Header = serde_json::from_slice(header).map_err(|e| damaged(&e.to_string()))?;
        let mut reader = Reader { rest: &body[length..], from: FIXED + length };
        let shapes = header.layers.iter().map(|layer| layer.shape).collect();
        let mut cache = Self::from_shapes(shapes, header.config)?;
        for (index, (layer, described)) in cache.layers.iter_mut().zip(&header.layers).enumerate() {
            layer.seen = described.seen;
            if layer.sides.len() != described.sides.len() {
                return Err(damaged("a layer has another number of sides than its shape"));
            }
            for (at, (side, described)) in layer.sides.iter_mut().zip(&described.sides).enumerate() {
                side.store = reader.store(side, described)?;
                if let Some(learned) = side.store.learned.take() {
                    let codecs = side.rebuilt(&learned).map_err(codec_error(index, at))?;
                    side.take_up(Some((learned, codecs)));
                }
            }
            let tokens = layer.sides.first().map_or(0, Side::tokens);
            if layer.sides.iter().any(|side| side.tokens() != tokens || tokens > layer.seen) {
                return Err(damaged("keys and values hold different tokens"));
            }
        }
        if reader.rest.is_empty() { Ok(cache) } else { Err(damaged("there are bytes after the last layer")) }
    }
}

impl SideHeader {
    fn of(side: &Side) -> Self {
        Self {
            learned: side.store.learned.is_some(),
            sinks: side.store.sinks.len() / side.row(),
            blocks: side.store.blocks.iter().map(|block| block_tokens(block)).collect(),
            recent: side.store.recent.len() / side.row(),
        }
    }
}

fn write_store(store: &Store, bytes: &mut Vec<u8>) {
    bytes.extend(store.learned.iter().flatten().flat_map(|x| x.to_le_bytes()));
    bytes.extend(store.sinks.iter().flat_map(|x| x.to_le_bytes()));
    for packed in store.blocks.iter().flatten() {
        bytes.extend(packed.bytes());
    }
    bytes.extend(store.recent.iter().flat_map(|x| x.to_le_bytes()));
}

struct Reader<'a> {
    rest: &'a [u8],
    from: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, each: usize) -> Result<&'a [u8], KvFileError> {
        let part = count.checked_mul(each).and_then(|bytes| self.rest.split_at_checked(bytes));
        let Some((head, tail)) = part else {
            let problem = format!("{count} x {each} bytes from byte {} are not there", self.from);
            return Err(KvFileError::Damaged { problem });
        };
        (self.rest, self.from) = (tail, self.from + head.len());
        Ok(head)
    }

    fn halves(&mut self, tokens: usize, row: usize) -> Result<Vec<f16>, KvFileError> {
        let bytes = self.take(tokens, 2 * row)?;
        let halves: Vec<f16> = bytes.as_chunks().0.iter().map(|&two| f16::from_le_bytes(two)).collect();
        finite(halves.iter().all(|x| x.is_finite()))?;
        Ok(halves)
    }

    fn store(&mut self, side: &Side, described: &SideHeader) -> Result<Store, KvFileError> {
        let row = side.row();
        let learned = if described.learned {
            finite(side.learns())?;
            let bytes = self.take(row, 4)?;
            let learned: Vec<f32> =
                bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
            finite(learned.iter().all(|x| x.is_finite()))?;
            Some(learned)
        } else {
            None
        };
        let sinks = self.halves(described.sinks, row)?;
        let mut blocks = VecDeque::new();
        for &tokens in &described.blocks {
            let layout = side.codec(0).map(Codec::layout).ok_or_else(not_of_a_cache)?;
            let mut block = Vec::with_capacity(side.heads());
            for _ in 0..side.heads() {
                let bytes = self.take(tokens, layout.bytes_per_vector())?.to_vec();
                let packed = Packed::from_bytes(layout, tokens, bytes);
                block.push(packed.map_err(|error| KvFileError::Damaged { problem: error.to_string() })?);
            }
            blocks.push_back(block);
        }
        let recent = self.halves(described.recent, row)?;
        Ok(Store { learned, sinks, blocks, recent })
    }
}

fn finite(holds: bool) -> Result<(), KvFileError> {
    if holds { Ok(()) } else { Err(not_of_a_cache()) }
}

fn not_of_a_cache() -> KvFileError {
    KvFileError::Damaged { problem: "it holds values no cache has".to_owned() }
}
