//! What `benchmark-kv` and `compare-codecs` share: where vectors come from, tables, sweeps with a progress bar.

mod source;
pub(super) mod text;

pub(super) use source::SourceArgs;

use crate::bad_input;
use crate::cli::progress;
use crate::kv_quality::sweep;
use dhurandhar_core::codec::sweep::{SweepRequest, SweepRow};

/// Rows in table order; progress is shown on a terminal.
pub(super) fn rows(request: &SweepRequest, vectors: &[f32]) -> anyhow::Result<Vec<SweepRow>> {
    let bar = progress::share(sweep::work(request, vectors.len()));
    let rows = sweep::rows(request, vectors, &|more| bar.inc(more));
    bar.finish_and_clear();
    rows.map_err(bad_input)
}
