//! A matrix in NF4, unpacked on the host whenever it is used.

use burn::tensor::{Device, Tensor, TensorData};
use dhurandhar_core::weights::nf4::{BLOCK, Nf4};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Elements that one thread takes at a time: whole blocks.
const RUN: usize = 512 * BLOCK;

/// Codes and scales of a matrix `[rows, columns]`.
#[derive(Debug, Clone)]
pub(super) struct Nf4Matrix {
    pub(super) packed: Arc<Nf4>,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Nf4Matrix {
    /// `x W^T` for `[tokens, columns]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = self.dense(&x.device().inner());
        x.matmul(weight.transpose())
    }

    /// Write some rows into `out`: `stride` apart where rows are whole blocks, else one after the other. Gives how far
    /// apart they are.
    pub(super) fn decode(&self, rows: Range<usize>, stride: usize, out: &mut [f32]) -> usize {
        let (width, start) = (self.columns, rows.start * self.columns);
        if width.is_multiple_of(BLOCK) {
            for (row, out) in rows.zip(out.chunks_mut(stride)) {
                self.packed.dequantise(row * width / BLOCK, &mut out[..width]);
            }
            return stride;
        }
        let before = start % BLOCK;
        let mut whole = vec![0.0; before + rows.len() * width];
        self.packed.dequantise(start / BLOCK, &mut whole);
        out[..rows.len() * width].copy_from_slice(&whole[before..]);
        width
    }

    /// Bytes of codes and scales.
    pub(super) fn bytes(&self) -> usize {
        self.packed.bytes()
    }

    /// In f32.
    pub(super) fn dense(&self, device: &Device) -> Tensor<2> {
        let mut values = vec![0.0; self.rows * self.columns];
        values
            .par_chunks_mut(RUN)
            .enumerate()
            .for_each(|(run, out)| self.packed.dequantise(run * RUN / BLOCK, out));
        Tensor::from_data(TensorData::new(values, [self.rows, self.columns]), device)
    }
}
