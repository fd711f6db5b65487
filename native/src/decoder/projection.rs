//! A linear map with frozen weights.

use burn::tensor::Tensor;

/// `y = x W^T + b`.
#[derive(Debug, Clone)]
pub(super) struct Projection {
    /// `[out, in]`, as checkpoints store it.
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Projection {
    /// From `[out, in]` and an optional `[out]`.
    pub(super) fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self { weight, bias }
    }

    /// `[tokens, in]` to `[tokens, out]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let y = x.matmul(self.weight.clone().transpose());
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        }
    }
}
