//! RMS normalisation over the last dimension.

use super::{host, single};
use burn::tensor::Tensor;
use std::sync::Arc;

/// `x / sqrt(mean(x^2) + eps) * weight`.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    weight: Option<Tensor<1>>,
    /// The same on the host, where the backend is the CPU.
    numbers: Option<Arc<Vec<f32>>>,
    eps: f64,
}

impl Norm {
    /// With a learned weight.
    pub(super) fn new(weight: Tensor<1>, eps: f64) -> Self {
        let numbers = host::is_host(&weight).then(|| weight.to_data().try_into_vec::<f32>().ok());
        Self { weight: Some(weight), numbers: numbers.flatten().map(Arc::new), eps }
    }

    /// Without one.
    pub(super) fn plain(eps: f64) -> Self {
        Self { weight: None, numbers: None, eps }
    }

    /// Normalise the last dimension.
    pub(super) fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        if self.weight.is_some() == self.numbers.is_some() && host::is_host(&x) {
            return host::normed(x, self.numbers.clone(), single(self.eps));
        }
        let square = (x.clone() * x.clone()).mean_dim(D - 1);
        let normed = x * (square + self.eps).sqrt().recip();
        match &self.weight {
            Some(weight) => normed * weight.clone().unsqueeze(),
            None => normed,
        }
    }
}
