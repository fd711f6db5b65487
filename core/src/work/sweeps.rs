//! Sweeps of codecs over drawn vectors, or those of a file, and what codes do to its attention.

use super::{Answer, Input, Part};
use crate::codec::attention::Layer;
use crate::codec::report::AttentionRow;
use crate::codec::sweep::{Progress, Step, Sweep, SweepRequest};
use crate::codec::{CodecError, CodecKind, DEFAULT_SEED, Source};
use crate::format::tensors::{Tensor, read_tensors};

pub(super) fn sweeps(
    vectors: usize,
    parts: &[Part],
    file: &[u8],
    tell: &mut impl FnMut(Answer),
) -> Result<(), String> {
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

pub(super) fn attention(
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
