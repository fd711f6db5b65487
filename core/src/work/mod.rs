//! What can be asked of a program that computes with codecs elsewhere (the page's worker), and what it answers.
//!
//! Asking needs nothing of the codecs but their names, so that a page stays small; [`run`] does the work and tells
//! of every row and every per cent as soon as there is one.

mod copies;
mod sweeps;

pub use copies::copied_gb_per_s;

use crate::codec::cost::{Operations, operations, published_rotor, published_turbo};
use crate::codec::fingerprint::{Fingerprint, fingerprints};
use crate::codec::kv_cache::{KvCacheConfig, KvGeometry, KvMemory};
use crate::codec::report::AttentionRow;
use crate::codec::sweep::{Progress, SweepRequest, SweepRow};
use crate::codec::{CodecError, CodecKind, DEFAULT_SEED, Packed, Source};
use crate::format::tensors::read_tensors;
use crate::leaf::wire::{wire_enum, wire_struct};
use crate::speed::{Lookup, LookupCase};
use copies::copies;
use sweeps::{attention, sweeps};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Names and shapes of the tensors in the file that comes along.
    Inspect,
    /// Sweeps, one after another.
    Sweep {
        /// Vectors of each part; of a file, the first ones.
        vectors: usize,
        /// The sweeps.
        parts: Vec<Part>,
    },
    /// What codes do to the attention of one layer in the file, `[heads, tokens, channels]` each.
    Attention {
        /// Place of its queries.
        queries: usize,
        /// Place of its keys.
        keys: usize,
        /// Place of its values.
        values: usize,
        /// Codecs of the keys, in table order.
        codecs: Vec<CodecKind>,
        /// Bits of a code, likewise.
        bits: Vec<u32>,
        /// First tokens that stay in f16.
        sinks: usize,
    },
    /// Memory of a cache after `context_tokens` tokens, once a configuration.
    Memory {
        /// The model's layers.
        geometry: KvGeometry,
        /// Tokens in the cache.
        context_tokens: u64,
        /// How it is coded.
        configs: Vec<KvCacheConfig>,
    },
    /// Operations of one vector's rotation.
    Cost {
        /// Codecs, in table order.
        codecs: Vec<CodecKind>,
        /// Channels of a vector.
        dim: usize,
    },
    /// Hashes of every codec's output on this target.
    Fingerprints,
    /// The same batch again and again, for whoever holds a clock.
    Repeat {
        /// The codec.
        codec: CodecKind,
        /// Bits of a channel.
        bits: u32,
        /// Channels of a vector.
        dim: usize,
        /// Vectors of the batch.
        vectors: usize,
        /// Times that it is encoded, after the first.
        encodes: usize,
        /// Times that it is decoded.
        decodes: usize,
    },
    /// What a table on storage costs a token.
    Lookup(LookupCase),
    /// Copies within memory, for whoever holds a clock: progress after each of them.
    Copies {
        /// MiB that a copy reads, and writes.
        mib: usize,
        /// How many; whoever has seen enough ends the worker.
        times: usize,
    },
}

/// One sweep and what it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What to measure.
    pub request: SweepRequest,
    /// On which vectors.
    pub input: Input,
}

/// Where vectors come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A synthetic source and its seed.
    Source(Source, u32),
    /// The tensor at this place in the file that comes along.
    Tensor(usize),
}

/// What is answered, in any number; the last one is `Done` or `Failed`.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The tensors of a file.
    Tensors(Vec<TensorShape>),
    /// How far the sweeps are.
    Progress(Progress),
    /// A finished row of the part at this place.
    Row(usize, Box<SweepRow>),
    /// One memory a configuration, or why there is none.
    Memory(Vec<Result<KvMemory, String>>),
    /// Attention under a codec and a width.
    Attention(Box<AttentionRow>),
    /// Costs of rotations.
    Cost(Costs),
    /// Hashes.
    Fingerprints(Vec<Fingerprint>),
    /// The costs of a table on storage.
    Lookup(Box<Lookup>),
    /// There is nothing more to come.
    Done,
    /// Why there is nothing more to come.
    Failed(String),
}

/// A tensor without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorShape {
    /// Its name in the file; empty in `.npy`.
    pub name: String,
    /// Lengths of its axes, outermost first.
    pub shape: Vec<usize>,
}

/// Operations of one vector's rotation, and what is published for the seed's codecs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// Codecs with their operations.
    pub codecs: Vec<(CodecKind, Operations)>,
    /// The "FMA" figure published for the seed's TurboQuant.
    pub published_turbo: u64,
    /// The FMA figure published for the seed's RotorQuant.
    pub published_rotor: u64,
}

/// Does `job`, with the bytes of a file where it needs one; every answer goes to `tell`.
pub fn run(job: &Job, file: &[u8], mut tell: impl FnMut(Answer)) {
    let end = match job {
        Job::Inspect => inspect(file).map(|shapes| tell(Answer::Tensors(shapes))),
        Job::Sweep { vectors, parts } => sweeps(*vectors, parts, file, &mut tell),
        Job::Attention { queries, keys, values, codecs, bits, sinks } => {
            attention([*queries, *keys, *values], codecs, bits, *sinks, file, &mut tell)
        }
        Job::Memory { geometry, context_tokens, configs } => {
            let memory = |config: &KvCacheConfig| {
                KvMemory::of(geometry, config, *context_tokens).map_err(|error| error.to_string())
            };
            tell(Answer::Memory(configs.iter().map(memory).collect()));
            Ok(())
        }
        Job::Cost { codecs, dim } => costs(codecs, *dim).map(|costs| tell(Answer::Cost(costs))),
        Job::Fingerprints => {
            fingerprints().map(|hashes| tell(Answer::Fingerprints(hashes))).map_err(|error| error.to_string())
        }
        Job::Repeat { codec, bits, dim, vectors, encodes, decodes } => {
            repeat(*codec, *bits, *dim, *vectors, *encodes, *decodes).map_err(|error| error.to_string())
        }
        Job::Copies { mib, times } => copies(*mib, *times, &mut tell),
        Job::Lookup(case) => case
            .answer()
            .map(|lookup| tell(Answer::Lookup(Box::new(lookup))))
            .map_err(|error| error.to_string()),
    };
    tell(end.map_or_else(Answer::Failed, |()| Answer::Done));
}

fn inspect(file: &[u8]) -> Result<Vec<TensorShape>, String> {
    let tensors = read_tensors(file).map_err(|error| error.to_string())?;
    Ok(tensors.into_iter().map(|tensor| TensorShape { name: tensor.name, shape: tensor.shape }).collect())
}

fn repeat(
    codec: CodecKind,
    bits: u32,
    dim: usize,
    vectors: usize,
    encodes: usize,
    decodes: usize,
) -> Result<(), CodecError> {
    CodecError::check_dim(dim)?;
    let mut values = Source::Gaussian.generate(vectors, dim, 1);
    let codec = codec.build(dim, bits, &values, DEFAULT_SEED)?;
    let mut packed = Packed::zeroed(codec.layout(), vectors);
    for _ in 0..=encodes {
        codec.encode_into(&values, packed.planes_mut())?;
    }
    for _ in 0..decodes {
        codec.decode_into(packed.planes(), &mut values)?;
    }
    Ok(())
}

fn costs(codecs: &[CodecKind], dim: usize) -> Result<Costs, String> {
    let cost =
        |&codec: &CodecKind| operations(codec.rotation(dim), dim).map(|operations| (codec, operations));
    let codecs = codecs.iter().map(cost).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(Costs { codecs, published_turbo: published_turbo(dim), published_rotor: published_rotor(dim) })
}

wire_enum!(Job {
    0 Inspect,
    1 Sweep { vectors, parts },
    2 Memory { geometry, context_tokens, configs },
    3 Cost { codecs, dim },
    4 Fingerprints,
    5 Repeat { codec, bits, dim, vectors, encodes, decodes },
    6 Lookup(case),
    7 Copies { mib, times },
    8 Attention { queries, keys, values, codecs, bits, sinks },
});
wire_struct!(Part { request, input });
wire_enum!(Input { 0 Source(source, seed), 1 Tensor(place) });
wire_enum!(Answer {
    0 Tensors(tensors),
    1 Progress(progress),
    2 Row(part, row),
    3 Memory(memory),
    4 Cost(costs),
    5 Fingerprints(hashes),
    6 Done,
    7 Failed(why),
    8 Lookup(lookup),
    9 Attention(row),
});
wire_struct!(TensorShape { name, shape });
wire_struct!(Costs { codecs, published_turbo, published_rotor });

#[cfg(test)]
mod tests;
