//! A linear map with frozen weights.

use super::packed::Packed;
use burn::tensor::Tensor;

/// `y = x W^T + b`.
#[derive(Debug, Clone)]
pub(super) struct Projection {
    weight: Weight,
    bias: Option<Tensor<1>>,
}

/// A matrix `[out, in]`, as checkpoints store it.
#[derive(Debug, Clone)]
pub(super) enum Weight {
    /// On the device, in pieces of whole rows.
    Dense(Vec<Tensor<2>>),
    /// In the checkpoint's mapping.
    Packed(Packed),
}

impl Projection {
    /// From `[out, in]` and an optional `[out]`.
    pub(super) fn new(weight: Weight, bias: Option<Tensor<1>>) -> Self {
        Self { weight, bias }
    }

    /// `[tokens, in]` to `[tokens, out]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let y = self.weight.apply(x);
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        }
    }
}

impl Weight {
    /// `[tokens, in]` to `[tokens, out]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Packed(packed) => packed.apply(x),
            Self::Dense(pieces) if pieces.len() == 1 => x.matmul(pieces[0].clone().transpose()),
            Self::Dense(pieces) => {
                let parts = pieces.iter().map(|piece| x.clone().matmul(piece.clone().transpose()));
                Tensor::cat(parts.collect(), 1)
            }
        }
    }
}
