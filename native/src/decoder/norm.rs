//! RMS normalisation over the last dimension.

use burn::tensor::Tensor;

/// `x / sqrt(mean(x^2) + eps) * weight`.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    weight: Option<Tensor<1>>,
    eps: f64,
}

impl Norm {
    /// With a learned weight.
    pub(super) fn new(weight: Tensor<1>, eps: f64) -> Self {
        Self { weight: Some(weight), eps }
    }

    /// Without one.
    pub(super) fn plain(eps: f64) -> Self {
        Self { weight: None, eps }
    }

    /// Normalise the last dimension.
    pub(super) fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let square = (x.clone() * x.clone()).mean_dim(D - 1);
        let normed = x * (square + self.eps).sqrt().recip();
        match &self.weight {
            Some(weight) => normed * weight.clone().unsqueeze(),
            None => normed,
        }
    }
}
