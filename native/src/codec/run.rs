//! A sweep over all cores: one task for every codec and width.

use super::attention::Layer;
use super::source::Vectors;
use crate::bad_input;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use dhurandhar_core::codec::report::AttentionRow;
use dhurandhar_core::codec::sweep::{SweepRequest, SweepRow, coded_head, sweep};
use dhurandhar_core::codec::{CodecError, CodecKind};
use dhurandhar_core::format::tensors::Tensor;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::ops::ControlFlow;

/// A codec at one width.
type Cell = (CodecKind, u32);

fn cells(request: &SweepRequest) -> Vec<Cell> {
    let widths = |codec: &CodecKind| request.bits.iter().map(|bits| (*codec, *bits)).collect::<Vec<Cell>>();
    let all = request.codecs.iter().flat_map(widths);
    all.filter(|(codec, bits)| codec.bits_range().contains(bits)).collect()
}

/// Rows in table order; progress is shown on a terminal.
pub(super) fn rows(request: &SweepRequest, vectors: &[f32]) -> anyhow::Result<Vec<SweepRow>> {
    let cells = cells(request);
    let count = vectors.len() / request.dim.max(1);
    let bar = ProgressBar::new((cells.len() * count) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {percent:>3} %, {eta} left")?);
    let run = |(codec, bits): &Cell| -> Result<Vec<SweepRow>, CodecError> {
        let request = SweepRequest { codecs: vec![*codec], bits: vec![*bits], ..request.clone() };
        let mut seen = 0;
        sweep(request, vectors, |progress| {
            bar.inc((progress.done - seen) as u64);
            seen = progress.done;
            ControlFlow::Continue(())
        })
    };
    let rows: Result<Vec<Vec<SweepRow>>, CodecError> = cells.par_iter().map(run).collect();
    bar.finish_and_clear();
    Ok(rows.map_err(bad_input)?.into_iter().flatten().collect())
}

/// Attention with keys under each codec and width; values likewise, plainly where the codec is one for keys.
pub(super) fn attention(
    request: &SweepRequest,
    keys: &Vectors,
    queries: &Tensor,
    values: &Tensor,
) -> anyhow::Result<Vec<AttentionRow>> {
    let dim = keys.dim;
    let tokens = keys.head.unwrap_or(keys.values.len() / dim);
    check_shape("values", values, keys.values.len() / dim / tokens, tokens, dim, "as the keys")?;
    let heads = queries.values.len() / (tokens * dim).max(1);
    let kv_heads = keys.values.len() / (tokens * dim);
    let whole = heads.max(1).next_multiple_of(kv_heads);
    check_shape("queries", queries, whole, tokens, dim, "a multiple of the heads of the keys")?;
    if tokens < 2 {
        return Err(bad_input(format!("keys of {tokens} token; attention needs at least 2")));
    }
    let layer = Layer { dim, tokens, queries: &queries.values, keys: &keys.values, values: &values.values };
    let row = |&(codec, bits): &Cell| -> Result<AttentionRow, CodecError> {
        let coded = |codec: CodecKind, tensor: &[f32]| -> Result<Vec<f32>, CodecError> {
            let heads = tensor.chunks(tokens * dim);
            let heads = heads.map(|head| coded_head(codec, bits, dim, head, request.sinks, request.seed));
            Ok(heads.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let values = coded(codec.for_values(), &values.values)?;
        Ok(AttentionRow { codec, bits, attention: layer.compare(&coded(codec, &keys.values)?, &values)? })
    };
    let rows: Result<Vec<AttentionRow>, CodecError> = cells(request).iter().map(row).collect();
    rows.map_err(bad_input)
}

fn check_shape(
    what: &str,
    tensor: &Tensor,
    heads: usize,
    tokens: usize,
    dim: usize,
    why: &str,
) -> anyhow::Result<()> {
    if tensor.shape == [heads, tokens, dim] || (heads == 1 && tensor.shape == [tokens, dim]) {
        return Ok(());
    }
    let (name, got) = (&tensor.name, &tensor.shape);
    let expected = format!("[{heads}, {tokens}, {dim}] ({why})");
    Err(bad_input(format!("{what}: tensor `{name}` has shape {got:?}; expected {expected}")))
}

/// Widths from a list such as `2,3,4`.
pub(super) fn parse_bits(text: &str) -> Result<Vec<u32>, String> {
    let bit = |part: &str| {
        let bits = part.trim().parse().ok().filter(|bits| (1..=8).contains(bits));
        bits.ok_or_else(|| format!("`{}` is not a width; expected whole numbers from 1 to 8", part.trim()))
    };
    text.split(',').map(bit).collect()
}

/// Reads a codec's name; help and completions list them all.
pub(super) fn codec_parser() -> impl TypedValueParser<Value = CodecKind> {
    PossibleValuesParser::new(CodecKind::ALL.map(CodecKind::name)).try_map(|name| name.parse::<CodecKind>())
}
