//! What can be asked of a program that computes with codecs elsewhere (the page's worker), and what it answers.
//!
//! Asking needs nothing of the codecs but their names, so that a page stays small; [`run`] does the work and tells
//! of every row and every per cent as soon as there is one.

use crate::codec::attention::Layer;
use crate::codec::cost::{Operations, operations, published_rotor, published_turbo};
use crate::codec::fingerprint::{Fingerprint, fingerprints};
use crate::codec::kv_cache::{KvCacheConfig, KvGeometry, KvMemory};
use crate::codec::report::AttentionRow;
use crate::codec::sweep::{Progress, Step, Sweep, SweepRequest, SweepRow};
use crate::codec::{CodecError, CodecKind, DEFAULT_SEED, Packed, Source};
use crate::format::tensors::{Tensor, read_tensors};
use crate::leaf::wire::{wire_enum, wire_struct};
use crate::speed::{Lookup, LookupCase};

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

/// Most MiB of a copy: twice as much is taken from a device that may have 2 GiB.
const MOST_COPIED_MIB: usize = 128;

fn copies(mib: usize, times: usize, tell: &mut impl FnMut(Answer)) -> Result<(), String> {
    if !(1..=MOST_COPIED_MIB).contains(&mib) {
        return Err(format!("copies of {mib} MiB; expected 1 to {MOST_COPIED_MIB}"));
    }
    let half = mib << 20;
    let mut memory = Vec::new();
    memory.try_reserve_exact(2 * half).map_err(|_| format!("no {} MiB of memory to copy within", 2 * mib))?;
    memory.resize(2 * half, 1_u8);
    for done in 1..=times {
        memory.copy_within(..half, half);
        std::hint::black_box(&mut memory);
        tell(Answer::Progress(Progress { done, total: times }));
    }
    Ok(())
}

/// Bytes that a copy of so many MiB moves a second, in GB/s, where it took these milliseconds each time: each byte is read and
/// written, and the median is what counts. None without a time.
pub fn copied_gb_per_s(mib: usize, took_ms: &[f64]) -> Option<f64> {
    let mut sorted = took_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().filter(|ms| *ms > 0.0)?;
    Some((2 * (mib << 20)) as f64 / median / 1e6)
}

fn costs(codecs: &[CodecKind], dim: usize) -> Result<Costs, String> {
    let cost =
        |&codec: &CodecKind| operations(codec.rotation(dim), dim).map(|operations| (codec, operations));
    let codecs = codecs.iter().map(cost).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(Costs { codecs, published_turbo: published_turbo(dim), published_rotor: published_rotor(dim) })
}

fn sweeps(vectors: usize, parts: &[Part], file: &[u8], tell: &mut impl FnMut(Answer)) -> Result<(), String> {
    let in_file = parts.iter().any(|part| matches!(part.input, Input::Tensor(_)));
    let tensors = if in_file { read_tensors(file).map_err(|error| error.to_string())? } else { Vec::new() };
    let words = |error: CodecError| error.to_string();
    let mut meter = Meter::new(vectors, parts, &tensors);
    let mut drawn: Option<(Source, u32, usize, Vec<f32>)> = None;
    for (index, Part { request, input }) in parts.iter().enumerate() {
        CodecError::check_dim(request.dim).map_err(words)?;
        let values: &[f32] = match *input {
            Input::Tensor(place) => beginning(&tensors, place, vectors, request.dim)?,
            Input::Source(source, seed) => {
                let kept = drawn.take().filter(|(s, n, d, _)| (*s, *n, *d) == (source, seed, request.dim));
                let make = || (source, seed, request.dim, source.generate(vectors, request.dim, seed));
                &drawn.insert(kept.unwrap_or_else(make)).3
            }
        };
        let head_vectors = match *input {
            Input::Tensor(place) => tensors.get(place).and_then(Tensor::head_vectors),
            Input::Source(..) => request.head_vectors,
        };
        let request = SweepRequest { head_vectors, ..request.clone() };
        let mut sweep = Sweep::new(request, values).map_err(words)?;
        loop {
            match sweep.advance().map_err(words)? {
                Step::Row(row) => tell(Answer::Row(index, row)),
                Step::Chunk => {}
                Step::Done => break,
            }
            meter.at(sweep.progress().done, tell);
        }
        meter.finish(sweep.progress().done);
    }
    Ok(())
}

fn attention(
    places: [usize; 3],
    codecs: &[CodecKind],
    bits: &[u32],
    sinks: usize,
    file: &[u8],
    tell: &mut impl FnMut(Answer),
) -> Result<(), String> {
    let tensors = read_tensors(file).map_err(|error| error.to_string())?;
    let at = |place: usize| {
        let absent = || format!("tensor {place} does not exist; the file has {} tensors", tensors.len());
        tensors.get(place).ok_or_else(absent)
    };
    let [queries, keys, values] = [at(places[0])?, at(places[1])?, at(places[2])?];
    let dim = keys.channels();
    let tokens = keys.head_vectors().unwrap_or(keys.values.len() / dim.max(1));
    let layer = Layer { dim, tokens, queries: &queries.values, keys: &keys.values, values: &values.values };
    for codec in codecs {
        for bits in bits.iter().filter(|bits| codec.bits_range().contains(bits)) {
            let row = AttentionRow::of(&layer, *codec, *bits, sinks, DEFAULT_SEED);
            tell(Answer::Attention(Box::new(row.map_err(|error| error.to_string())?)));
        }
    }
    Ok(())
}

/// The first `vectors` vectors of a tensor that is a whole number of them.
fn beginning(tensors: &[Tensor], place: usize, vectors: usize, dim: usize) -> Result<&[f32], String> {
    let tensor = tensors
        .get(place)
        .ok_or_else(|| format!("tensor {place} does not exist; the file has {} tensors", tensors.len()))?;
    let name =
        if tensor.name.is_empty() { "the tensor".to_owned() } else { format!("tensor `{}`", tensor.name) };
    if tensor.shape.is_empty() {
        return Err(format!("{name} is a single number; expected vectors of {dim} channels"));
    }
    if !tensor.values.len().is_multiple_of(dim) {
        let got = tensor.values.len();
        return Err(format!("{name} holds {got} values; expected a multiple of head dim {dim}"));
    }
    let values = &tensor.values[..tensor.values.len().min(vectors.saturating_mul(dim))];
    // No share of nothing is lost, which is no answer.
    if values.iter().all(|value| *value == 0.0) {
        return Err(format!(
            "{name} holds zeros alone, of which no error can be measured; expected keys or values of a model"
        ));
    }
    Ok(values)
}

/// Counts vectors over all parts, and tells of every per cent.
struct Meter {
    before: usize,
    total: usize,
    percent: usize,
}

impl Meter {
    fn new(vectors: usize, parts: &[Part], tensors: &[Tensor]) -> Self {
        let rows = |part: &Part| {
            let taken = |codec: &CodecKind| {
                part.request.bits.iter().filter(|bits| codec.bits_range().contains(bits)).count()
            };
            part.request.codecs.iter().map(taken).sum::<usize>()
        };
        let count = |part: &Part| match part.input {
            Input::Source(..) => vectors,
            Input::Tensor(place) => {
                let values = tensors.get(place).map_or(0, |tensor| tensor.values.len());
                (values / part.request.dim.max(1)).min(vectors)
            }
        };
        let total = parts.iter().map(|part| rows(part).saturating_mul(count(part))).sum();
        Self { before: 0, total, percent: 0 }
    }

    fn at(&mut self, done: usize, tell: &mut impl FnMut(Answer)) {
        let done = self.before + done;
        let percent = done.saturating_mul(100) / self.total.max(1);
        if percent > self.percent {
            self.percent = percent;
            tell(Answer::Progress(Progress { done, total: self.total }));
        }
    }

    fn finish(&mut self, done: usize) {
        self.before += done;
    }
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
mod tests {
    use super::*;
    use crate::codec::sweep::sweep_source;
    use crate::leaf::wire;
    use core::ops::ControlFlow;
    use proptest::prelude::*;

    fn answers(job: &Job, file: &[u8]) -> Vec<Answer> {
        let mut all = Vec::new();
        run(job, file, |answer| all.push(answer));
        all
    }

    #[test]
    fn copies_tell_of_each_and_their_median_is_the_speed() {
        let told = answers(&Job::Copies { mib: 1, times: 3 }, &[]);
        assert_eq!(told.len(), 4);
        assert_eq!((&told[2], &told[3]), (&Answer::Progress(Progress { done: 3, total: 3 }), &Answer::Done));
        for mib in [0, 4096] {
            let told = answers(&Job::Copies { mib, times: 1 }, &[]);
            assert!(
                matches!(&told[..], [Answer::Failed(text)] if text.contains("expected 1 to")),
                "{told:?}"
            );
        }
        let speed = copied_gb_per_s(64, &[900.0, 10.0, 12.0]).unwrap();
        assert!((speed - 134_217_728.0 / 12.0 / 1e6).abs() < 1e-9);
        assert_eq!(copied_gb_per_s(64, &[]), None);
    }

    fn part(codec: CodecKind, input: Input) -> Part {
        let request =
            SweepRequest { codecs: vec![codec], bits: vec![2, 4], dim: 16, ..SweepRequest::default() };
        Part { request, input }
    }

    /// A `.npy` file of f32 zeros but for a one in each vector.
    fn npy(vectors: usize, dim: usize) -> Vec<u8> {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({vectors}, {dim}), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(
            (0..vectors * dim).flat_map(|at| if at % dim == 3 { 1.0_f32 } else { 0.0 }.to_le_bytes()),
        );
        bytes
    }

    #[test]
    fn rows_are_those_of_a_sweep_and_progress_ends_at_the_whole() {
        let input = Input::Source(Source::LowRank, 3);
        let parts = vec![part(CodecKind::CentredKeys, input), part(CodecKind::SeedTurbo, input)];
        let all = answers(&Job::Sweep { vectors: 600, parts: parts.clone() }, &[]);
        let rows: Vec<(usize, SweepRow)> = all
            .iter()
            .filter_map(
                |answer| if let Answer::Row(at, row) = answer { Some((*at, *row.clone())) } else { None },
            )
            .collect();
        let direct: Vec<(usize, SweepRow)> = parts
            .into_iter()
            .enumerate()
            .flat_map(|(at, part)| {
                let go = |_| ControlFlow::Continue(());
                let rows = sweep_source(part.request, Source::LowRank, 600, 3, go).unwrap();
                rows.into_iter().map(move |row| (at, row))
            })
            .collect();
        assert_eq!(rows, direct);
        let last = all
            .iter()
            .rev()
            .find_map(|answer| if let Answer::Progress(p) = answer { Some(*p) } else { None });
        assert_eq!(last, Some(Progress { done: 2400, total: 2400 }));
        assert_eq!(all.last(), Some(&Answer::Done));
    }

    #[test]
    fn a_file_is_listed_and_its_first_vectors_are_swept() {
        let file = npy(5, 16);
        let listed = answers(&Job::Inspect, &file);
        assert_eq!(listed[0], Answer::Tensors(vec![TensorShape { name: String::new(), shape: vec![5, 16] }]));
        let job = |dim: usize, place: usize| {
            let mut part = part(CodecKind::Turboquant, Input::Tensor(place));
            part.request.dim = dim;
            Job::Sweep { vectors: 3, parts: vec![part] }
        };
        let all = answers(&job(16, 0), &file);
        assert!(all.iter().any(|answer| matches!(answer, Answer::Row(0, row) if row.quality.vectors == 3)));
        for (job, part) in
            [(job(7, 0), "multiple of head dim 7"), (job(16, 1), "has 1 tensors"), (job(0, 0), "dim is 0")]
        {
            let all = answers(&job, &file);
            assert!(matches!(all.last(), Some(Answer::Failed(text)) if text.contains(part)), "{all:?}");
        }
        let layer = Job::Attention {
            queries: 0,
            keys: 0,
            values: 0,
            codecs: vec![CodecKind::Turboquant],
            bits: vec![2, 8],
            sinks: 0,
        };
        let all = answers(&layer, &file);
        let lost: Vec<f64> = all
            .iter()
            .filter_map(|answer| match answer {
                Answer::Attention(row) => Some(row.attention.output_relative_error),
                _ => None,
            })
            .collect();
        assert!(matches!(lost[..], [two, eight] if two > eight && eight < 1e-3), "{all:?}");
        let mut zeros = file.clone();
        let data = zeros.len() - 5 * 16 * 4;
        zeros[data..].fill(0);
        let all = answers(&job(16, 0), &zeros);
        assert!(matches!(all.last(), Some(Answer::Failed(text)) if text.contains("zeros alone")), "{all:?}");
        assert!(matches!(answers(&Job::Inspect, b"PK").as_slice(), [Answer::Failed(_)]));
    }

    #[test]
    fn a_batch_is_repeated_or_refused() {
        let job = |dim, bits| Job::Repeat {
            codec: CodecKind::Turboquant,
            bits,
            dim,
            vectors: 3,
            encodes: 1,
            decodes: 2,
        };
        assert_eq!(answers(&job(16, 4), &[]), [Answer::Done]);
        for (job, part) in [(job(0, 4), "dim is 0"), (job(16, 9), "9")] {
            let all = answers(&job, &[]);
            assert!(matches!(all.as_slice(), [Answer::Failed(text)] if text.contains(part)), "{all:?}");
        }
    }

    #[test]
    fn jobs_and_answers_come_back_from_the_wire() {
        let model = crate::model::registry::model("gemma4-e2b").unwrap();
        let geometry = model.architecture.kv_geometry();
        assert_eq!(geometry.widest_head(), Some(512));
        let configs =
            vec![KvCacheConfig::recommended(4, 4), KvCacheConfig::plain(CodecKind::TurboquantMixed, 8, 8)];
        let jobs = [
            Job::Memory { geometry, context_tokens: 8192, configs: configs.clone() },
            Job::Cost { codecs: CodecKind::ALL.to_vec(), dim: 128 },
        ];
        for job in jobs {
            assert_eq!(wire::decode::<Job>(&wire::encode(&job)).as_ref(), Some(&job));
            let all = answers(&job, &[]);
            assert_eq!(wire::decode::<Vec<Answer>>(&wire::encode(&all)).as_ref(), Some(&all));
            if let Answer::Memory(memory) = &all[0] {
                let direct = KvMemory::of(&model.architecture.kv_geometry(), &configs[0], 8192).unwrap();
                assert_eq!(memory[0], Ok(direct));
                assert!(memory[1].is_err());
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = wire::decode::<Job>(&bytes);
            let _ = wire::decode::<Answer>(&bytes);
        }

        #[test]
        fn jobs_come_back(vectors in any::<usize>(), dim in any::<usize>(), seed in any::<u64>(), correlation in any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()), place in any::<usize>()) {
            let request = SweepRequest { codecs: CodecKind::ALL.to_vec(), bits: (1..9).collect(), dim, head_vectors: Some(dim), sinks: 4, correlation, seed };
            let parts = [Input::Tensor(place), Input::Source(Source::LowRank, 7)].map(|input| Part { request: request.clone(), input });
            let job = Job::Sweep { vectors, parts: parts.to_vec() };
            prop_assert_eq!(wire::decode::<Job>(&wire::encode(&job)), Some(job));
        }
    }
}
