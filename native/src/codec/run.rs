//! A sweep over all cores: one task for every codec and width.

use crate::bad_input;
use dhurandhar_core::codec::sweep::{SweepRequest, SweepRow, sweep};
use dhurandhar_core::codec::{CodecError, CodecKind};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Rows in table order; progress is shown on a terminal.
pub(super) fn rows(request: &SweepRequest, vectors: &[f32]) -> anyhow::Result<Vec<SweepRow>> {
    let cells: Vec<(CodecKind, u32)> = request
        .codecs
        .iter()
        .flat_map(|codec| request.bits.iter().map(|bits| (*codec, *bits)))
        .filter(|(codec, bits)| codec.bits_range().contains(bits))
        .collect();
    let count = vectors.len() / request.dim.max(1);
    let bar = ProgressBar::new((cells.len() * count) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {percent:>3} %, {eta} left")?);
    let run = |(codec, bits): &(CodecKind, u32)| -> Result<Vec<SweepRow>, CodecError> {
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

/// Widths from a list such as `2,3,4`.
pub(super) fn parse_bits(text: &str) -> Result<Vec<u32>, String> {
    let bit = |part: &str| {
        let bits = part.trim().parse().ok().filter(|bits| (1..=8).contains(bits));
        bits.ok_or_else(|| format!("`{}` is not a width; expected whole numbers from 1 to 8", part.trim()))
    };
    text.split(',').map(bit).collect()
}

/// Codecs from a list of names.
pub(super) fn parse_codecs(names: &[String]) -> anyhow::Result<Vec<CodecKind>> {
    names.iter().map(|name| name.parse().map_err(|error| bad_input(format!("{error}")))).collect()
}
