//! A sweep over all cores: one task for every codec and width.

use crate::bad_input;
use dhurandhar_core::codec::attention::Layer;
use dhurandhar_core::codec::report::AttentionRow;
use dhurandhar_core::codec::sweep::{SweepRequest, SweepRow, sweep};
use dhurandhar_core::codec::{CodecError, CodecKind};
use dhurandhar_core::format::tensors::Tensor;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// A codec at one width.
type Cell = (CodecKind, u32);

fn cells(request: &SweepRequest) -> Vec<Cell> {
    let widths = |codec: &CodecKind| request.bits.iter().map(|bits| (*codec, *bits)).collect::<Vec<Cell>>();
    let all = request.codecs.iter().flat_map(widths);
    all.filter(|(codec, bits)| codec.bits_range().contains(bits)).collect()
}

/// Vectors one after another.
#[derive(Debug)]
pub(crate) struct Vectors {
    pub(crate) dim: usize,
    /// Vectors of a head, where there are several heads.
    pub(crate) head: Option<usize>,
    pub(crate) values: Vec<f32>,
    pub(crate) name: String,
}

/// Vectors that a sweep over `elements` numbers codes.
pub(crate) fn work(request: &SweepRequest, elements: usize) -> u64 {
    (cells(request).len() * (elements / request.dim.max(1))) as u64
}

/// Rows in table order; `coded` hears how many more vectors are done.
pub(crate) fn rows(
    request: &SweepRequest,
    vectors: &[f32],
    coded: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SweepRow>, CodecError> {
    let run = |(codec, bits): &Cell| -> Result<Vec<SweepRow>, CodecError> {
        let request = SweepRequest { codecs: vec![*codec], bits: vec![*bits], ..request.clone() };
        let mut seen = 0;
        sweep(request, vectors, |progress| {
            coded((progress.done - seen) as u64);
            seen = progress.done;
            ControlFlow::Continue(())
        })
    };
    let rows: Result<Vec<Vec<SweepRow>>, CodecError> = cells(request).par_iter().map(run).collect();
    Ok(rows?.into_iter().flatten().collect())
}

/// Attention with keys under each codec and width; values likewise, plainly where the codec is one for keys.
pub(crate) fn attention(
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
    let row = |(codec, bits): &Cell| AttentionRow::of(&layer, *codec, *bits, request.sinks, request.seed);
    let rows: Result<Vec<AttentionRow>, CodecError> = cells(request).par_iter().map(row).collect();
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
