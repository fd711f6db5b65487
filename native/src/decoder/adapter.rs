//! Low-rank additions to the projections of the layers (Hu et al., "LoRA", arXiv:2106.09685).

use super::host::Addition;
use super::projection::Projection;
use burn::tensor::{Tensor, TensorData};
use dhurandhar_core::training::{Target, keep_mask};
use rayon::prelude::*;

/// `scale B A`, added to a frozen matrix `[out, in]`.
#[derive(Debug, Clone)]
pub struct LowRank {
    /// `[rank, in]`.
    pub a: Tensor<2>,
    /// `[out, rank]`.
    pub b: Tensor<2>,
    /// `alpha / rank`, or `alpha / sqrt(rank)` in rsLoRA.
    pub scale: f64,
    /// DoRA: the sum's rows are brought to these lengths.
    pub magnitude: Option<Magnitude>,
}

/// Lengths of the rows of a matrix, apart from their directions (Liu et al., "DoRA", arXiv:2402.09353).
#[derive(Debug, Clone)]
pub struct Magnitude {
    /// Learnt lengths, `[out]`.
    pub lengths: Tensor<1>,
    /// Squared lengths of the frozen matrix' rows, `[out]`.
    pub squares: Tensor<1>,
}

impl LowRank {
    /// `scale B A x`.
    fn product(&self, x: Tensor<2>) -> Tensor<2> {
        let low = x.matmul(self.a.clone().transpose());
        low.matmul(self.b.clone().transpose()) * self.scale
    }

    /// Learnt over actual lengths of the rows of `W + scale B A`, `[1, out]`; no gradient flows through the latter.
    fn stretch(&self, magnitude: &Magnitude, projection: &Projection) -> Tensor<2> {
        let (a, b) = (self.a.clone().detach(), self.b.clone().detach());
        // |w + s b A|^2 = |w|^2 + 2 s b (A w) + s^2 b (A A^T) b^T, row by row.
        let cross = projection.product(a.clone()).transpose() * b.clone();
        let own = b.clone().matmul(a.clone().matmul(a.transpose())) * b;
        let added = (cross * (2.0 * self.scale) + own * (self.scale * self.scale)).sum_dim(1).transpose();
        let squares = magnitude.squares.clone().unsqueeze::<2>() + added;
        magnitude.lengths.clone().unsqueeze::<2>() / squares.sqrt().detach()
    }
}

/// What is dropped from the inputs of the additions during training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of the inputs, in `[0, 1)`.
    pub share: f64,
    /// Decides which; another for every pass.
    pub key: u64,
}

/// Numbers of a mask that one thread draws at a time.
const RUN: usize = 1 << 14;

/// The additions of a whole decoder, by layer and projection.
#[derive(Debug, Clone, Default)]
pub struct Adapters {
    layers: Vec<[Option<LowRank>; Target::ALL.len()]>,
    dropout: Option<Dropout>,
}

impl Adapters {
    /// None yet, for so many layers.
    pub fn new(layers: usize, dropout: Option<Dropout>) -> Self {
        let none = || std::array::from_fn(|_| None);
        Self { layers: (0..layers).map(|_| none()).collect(), dropout }
    }

    /// Put an addition in its place; a layer beyond the last is ignored.
    pub fn set(&mut self, layer: usize, target: Target, addition: LowRank) {
        if let Some(layer) = self.layers.get_mut(layer) {
            layer[target.index()] = Some(addition);
        }
    }

    /// The addition to a projection.
    pub fn get(&self, layer: usize, target: Target) -> Option<&LowRank> {
        self.layers.get(layer)?[target.index()].as_ref()
    }

    /// A projection of `x` (`[tokens, in]`) with what is added to it.
    pub(super) fn project(
        &self,
        layer: usize,
        target: Target,
        projection: &Projection,
        x: Tensor<2>,
    ) -> Tensor<2> {
        let Some(pair) = self.get(layer, target) else { return projection.apply(x) };
        let place = (layer * Target::ALL.len() + target.index()) as u64;
        let dropout = self.dropout.filter(|dropout| dropout.share > 0.0);
        let dropout = dropout.map(|dropout| Dropout { key: dropout.key ^ (place << 32), ..dropout });
        if pair.magnitude.is_none() {
            let addition = Addition { a: &pair.a, b: &pair.b, scale: pair.scale, dropout };
            if let Some(sum) = projection.adapted(&x, addition) {
                return sum;
            }
        }
        let thinned = match dropout {
            Some(dropout) => dropped(&x, dropout),
            None => x.clone(),
        };
        let Some(magnitude) = &pair.magnitude else { return projection.apply(x) + pair.product(thinned) };
        let stretch = pair.stretch(magnitude, projection);
        // As PEFT: with dropout, what stretching changes sees the thinned input alone.
        if dropout.is_some() {
            let added = projection.product(thinned.clone()) * (stretch.clone() - 1.0)
                + pair.product(thinned) * stretch;
            return projection.apply(x) + added;
        }
        projection.biased((projection.product(x) + pair.product(thinned)) * stretch)
    }
}

impl Dropout {
    /// Zero for what is dropped, `1 / (1 - share)` for what stays: the same whenever a layer is run again within a pass.
    pub(super) fn mask(self, length: usize) -> Vec<f32> {
        let mut mask = vec![0.0; length];
        let runs = mask.par_chunks_mut(RUN).enumerate();
        runs.for_each(|(run, mask)| keep_mask(self.key, self.share, (run * RUN) as u64, mask));
        mask
    }
}

fn dropped(x: &Tensor<2>, dropout: Dropout) -> Tensor<2> {
    let shape = x.dims();
    let mask = dropout.mask(shape[0] * shape[1]);
    x.clone() * Tensor::<2>::from_data(TensorData::new(mask, shape), &x.device().inner())
}
