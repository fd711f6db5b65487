//! Low-rank additions to the projections of the layers (Hu et al., "LoRA", arXiv:2106.09685).

use burn::tensor::{Tensor, TensorData};
use dhurandhar_core::training::{Target, keep_mask};

/// `scale B A`, added to a frozen matrix `[out, in]`.
#[derive(Debug, Clone)]
pub struct LowRank {
    /// `[rank, in]`.
    pub a: Tensor<2>,
    /// `[out, rank]`.
    pub b: Tensor<2>,
    /// `alpha / rank`, or `alpha / sqrt(rank)` in rsLoRA.
    pub scale: f64,
}

/// What is dropped from the inputs of the additions during training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of the inputs, in `[0, 1)`.
    pub share: f64,
    /// Decides which; another for every pass.
    pub key: u64,
}

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

    /// What is added to a projection of `x` (`[tokens, in]`), if anything is.
    pub(super) fn addition(&self, layer: usize, target: Target, x: Tensor<2>) -> Option<Tensor<2>> {
        let pair = self.get(layer, target)?;
        let x = match self.dropout.filter(|dropout| dropout.share > 0.0) {
            Some(dropout) => dropped(x, dropout, (layer * Target::ALL.len() + target.index()) as u64),
            None => x,
        };
        let low = x.matmul(pair.a.clone().transpose());
        Some(low.matmul(pair.b.clone().transpose()) * pair.scale)
    }
}

/// The same mask whenever a layer is run again within a pass.
fn dropped(x: Tensor<2>, dropout: Dropout, place: u64) -> Tensor<2> {
    let shape = x.dims();
    let mut mask = vec![0.0; shape[0] * shape[1]];
    keep_mask(dropout.key ^ (place << 32), dropout.share, &mut mask);
    let mask = Tensor::<2>::from_data(TensorData::new(mask, shape), &x.device().inner());
    x * mask
}
