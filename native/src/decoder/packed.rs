//! A matrix that stays in the checkpoint's own blocks, for the CPU.
//!
//! Few tokens are multiplied row by row straight from the mapping, which reads a quarter or less of the bytes that
//! f32 weights take; for many tokens rows are decoded into the cache, a few at a time (`host/product.rs`).

use super::host;
use super::nf4::Nf4Matrix;
use crate::checkpoint::{Checkpoint, StoredRows};
use burn::tensor::{Device, Tensor, TensorData};
use dhurandhar_core::leaf::dequantise::Vectors;
use dhurandhar_core::weights::nf4::Nf4;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Tokens up to which rows are multiplied as they are decoded.
const FEW: usize = 8;
/// Rows that one thread decodes at a time.
const ROWS: usize = 64;
/// Parts of a product for each thread.
const PARTS: usize = 6;
/// Weights of a part, at least: a few microseconds.
const LEAST: usize = 32 << 10;

/// Rows in the mapping, and the order in which they count.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    checkpoint: Arc<Checkpoint>,
    stored: StoredRows,
    rows: usize,
    columns: usize,
    /// Rows of each head of this width are interleaved pairs.
    interleaved: Option<usize>,
    /// The backend is not the CPU: products are its own.
    uploaded: bool,
}

impl Packed {
    pub(super) fn new(
        checkpoint: &Arc<Checkpoint>,
        stored: StoredRows,
        [rows, columns]: [usize; 2],
        interleaved: Option<usize>,
        uploaded: bool,
    ) -> Self {
        Self { checkpoint: checkpoint.clone(), stored, rows, columns, interleaved, uploaded }
    }

    /// Whether this many tokens are multiplied row by row.
    pub(super) fn takes(&self, x: &Tensor<2>) -> bool {
        x.dims()[0] <= FEW && !self.uploaded && !x.device().is_autodiff() && host::is_host(x)
    }

    /// Whether products are the host's.
    pub(super) fn on_host(&self) -> bool {
        !self.uploaded
    }

    /// `x W^T` for `[tokens, columns]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        if self.takes(&x) {
            return host::few(x, self);
        }
        // A constant: the tape keeps it for the inputs' gradient, and asks none for it.
        let device = x.device().inner();
        x.matmul(self.dense(&device).transpose())
    }

    /// The same for numbers.
    pub(super) fn products(&self, x: &[f32], tokens: usize) -> Vec<f32> {
        let vectors = self.stored.decoder.prepare(x.to_vec(), self.columns);
        let (own, rows) = (self.clone(), self.rows_each());
        let parts = host::share(self.rows.div_ceil(rows), move |part| {
            own.products_of(part * rows..((part + 1) * rows).min(own.rows), &vectors, tokens)
        });
        let stored = parts.concat();
        if tokens == 1 && self.interleaved.is_none() {
            return stored;
        }
        let rows = (0..tokens).flat_map(|token| (0..self.rows).map(move |row| (token, row)));
        rows.map(|(token, row)| stored[self.source(row) * tokens + token]).collect()
    }

    /// Rows that one thread takes at a time: few enough for all to end together, with work enough to be worth a look.
    fn rows_each(&self) -> usize {
        let even = self.rows.div_ceil(PARTS * rayon::current_num_threads());
        even.max(LEAST / self.columns.max(1)).max(1)
    }

    /// The products of rows, as they are stored, with each vector.
    fn products_of(&self, rows: Range<usize>, vectors: &Vectors<'_>, tokens: usize) -> Vec<f32> {
        let mut out = vec![0.0; rows.len() * tokens];
        let mut room = vec![0.0; self.columns];
        let bytes = self.checkpoint.rows_bytes(&self.stored, rows);
        self.stored.decoder.products(bytes, &mut room, vectors, &mut out);
        out
    }

    /// The whole matrix, `[rows, columns]`.
    pub(super) fn dense(&self, device: &Device) -> Tensor<2> {
        self.dense_rows(0..self.rows, device)
    }

    /// Some of its rows.
    pub(super) fn dense_rows(&self, rows: Range<usize>, device: &Device) -> Tensor<2> {
        let shape = [rows.len(), self.columns];
        Tensor::from_data(TensorData::new(self.decoded(rows), shape), device)
    }

    fn decoded(&self, rows: Range<usize>) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * self.columns];
        values.par_chunks_mut(self.columns).with_min_len(ROWS).enumerate().for_each(|(row, out)| {
            let row = self.source(rows.start + row);
            self.stored.decoder.decode(self.checkpoint.row_bytes(&self.stored, row), out);
        });
        values
    }

    /// Write some rows into `out`, `stride` apart.
    pub(super) fn decode(&self, rows: Range<usize>, stride: usize, out: &mut [f32]) {
        for (row, out) in rows.zip(out.chunks_mut(stride)) {
            let bytes = self.checkpoint.row_bytes(&self.stored, self.source(row));
            self.stored.decoder.decode(bytes, &mut out[..self.columns]);
        }
    }

    /// The matrix in NF4, rows in the order in which they count.
    pub(super) fn to_nf4(&self, double: bool) -> Nf4Matrix {
        let packed = Nf4::quantise(&self.decoded(0..self.rows), double);
        Nf4Matrix { packed: Arc::new(packed), rows: self.rows, columns: self.columns }
    }

    /// Rows and columns.
    pub(super) fn shape(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// Rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Where the row that counts as `row` is stored: `2i + j` of a head for `i + j d/2`.
    fn source(&self, row: usize) -> usize {
        self.interleaved.map_or(row, |head_dim| {
            let (head, index, half) = (row / head_dim, row % head_dim, head_dim / 2);
            head * head_dim + 2 * (index % half) + index / half
        })
    }
}
