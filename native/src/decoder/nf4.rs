//! A matrix in NF4, unpacked on the host whenever it is used.

use burn::tensor::{Device, Tensor, TensorData};
use dhurandhar_core::weights::nf4::{BLOCK, Nf4};
use rayon::prelude::*;
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
