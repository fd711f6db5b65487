//! The numbers that are trained: two factors for each adapted matrix, on the host in f32.

use crate::decoder::{Adapters, Dropout, LowRank, word};
use burn::tensor::{Device, Tensor, TensorData};
use dhurandhar_core::storage::mix64;
use dhurandhar_core::training::{AdapterPlan, Target};

/// The two factors of one adapted matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub(crate) layer: usize,
    pub(crate) target: Target,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// `[rank, inputs]`.
    pub(crate) a: Vec<f32>,
    /// `[outputs, rank]`.
    pub(crate) b: Vec<f32>,
}

/// All pairs, layer by layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) rank: usize,
    /// What the product of a pair is multiplied by.
    pub(crate) scale: f64,
    pub(crate) pairs: Vec<Pair>,
}

/// The pairs as tensors, for the passes of one step.
#[derive(Debug)]
pub(crate) struct OnDevice {
    pairs: Vec<(usize, Target, Tensor<2>, Tensor<2>)>,
    scale: f64,
    layers: usize,
}

impl Parameters {
    /// As PEFT begins: `A` uniform in `±1/sqrt(inputs)` (Kaiming with `a = sqrt 5`), `B` zero.
    pub(crate) fn initial(plan: &AdapterPlan, scale: f64, seed: u64) -> Self {
        let rank = word(plan.rank);
        let pairs = plan.shapes.iter().map(|shape| {
            let (inputs, outputs) = (word(shape.inputs), word(shape.outputs));
            let key = mix64(seed ^ mix64((shape.layer * Target::ALL.len() + shape.target.index()) as u64));
            let a = (0..(rank * inputs) as u64).map(|place| uniform(key, place, inputs)).collect();
            let (layer, target, b) = (shape.layer, shape.target, vec![0.0; outputs * rank]);
            Pair { layer, target, inputs, outputs, a, b }
        });
        Self { rank, scale, pairs: pairs.collect() }
    }

    /// All pairs with zeros in place of their numbers: gradients, moments.
    pub(crate) fn zeros(&self) -> Vec<(Vec<f32>, Vec<f32>)> {
        self.pairs.iter().map(|pair| (vec![0.0; pair.a.len()], vec![0.0; pair.b.len()])).collect()
    }

    /// Bring the pairs to a device, for a decoder of so many layers.
    pub(crate) fn on_device(&self, layers: usize, device: &Device) -> OnDevice {
        let tensor = |values: &[f32], shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device)
        };
        let pairs = self.pairs.iter().map(|pair| {
            let a = tensor(&pair.a, [self.rank, pair.inputs]);
            (pair.layer, pair.target, a, tensor(&pair.b, [pair.outputs, self.rank]))
        });
        OnDevice { pairs: pairs.collect(), scale: self.scale, layers }
    }
}

impl OnDevice {
    /// Adapters without a tape.
    pub(crate) fn plain(&self, dropout: Option<Dropout>) -> Adapters {
        self.adapters(dropout, |_| true, |tensor| tensor)
    }

    /// Adapters whose gradients are wanted: those of one layer, or of all.
    pub(crate) fn tracked(&self, dropout: Option<Dropout>, layer: Option<usize>) -> Adapters {
        let wanted = |at| layer.is_none_or(|layer| layer == at);
        self.adapters(dropout, wanted, |tensor| tensor.autodiff().require_grad())
    }

    /// Index, layer and target of every pair.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, usize, Target)> {
        self.pairs.iter().enumerate().map(|(index, (layer, target, ..))| (index, *layer, *target))
    }

    fn adapters(
        &self,
        dropout: Option<Dropout>,
        wanted: impl Fn(usize) -> bool,
        prepare: impl Fn(Tensor<2>) -> Tensor<2>,
    ) -> Adapters {
        let mut adapters = Adapters::new(self.layers, dropout);
        for (layer, target, a, b) in self.pairs.iter().filter(|(layer, ..)| wanted(*layer)) {
            let (a, b) = (prepare(a.clone()), prepare(b.clone()));
            adapters.set(*layer, *target, LowRank { a, b, scale: self.scale });
        }
        adapters
    }
}

/// Uniform in `±1/sqrt(inputs)`, from the place alone.
#[expect(clippy::cast_possible_truncation, reason = "factors are single precision")]
fn uniform(key: u64, place: u64, inputs: usize) -> f32 {
    let unit = (mix64(key ^ mix64(place)) >> 11) as f64 / (1_u64 << 53) as f64;
    ((2.0 * unit - 1.0) / (inputs as f64).sqrt()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::model::registry;

    #[test]
    fn factors_start_as_peft_does() {
        let plan =
            AdapterPlan::new(&registry::model("smollm2-135m").unwrap(), 4, |layer, _| layer == 0).unwrap();
        let parameters = Parameters::initial(&plan, 2.0, 1);
        let query = &parameters.pairs[0];
        assert!(query.b.iter().all(|value| *value == 0.0));
        let bound = 1.0 / 24.0;
        assert!(query.a.iter().all(|value| value.abs() <= bound));
        // The standard deviation of a uniform law is its half width over sqrt 3.
        let square = query.a.iter().map(|value| f64::from(value * value)).sum::<f64>() / query.a.len() as f64;
        assert!((square.sqrt() - f64::from(bound) / 3.0_f64.sqrt()).abs() < 0.001, "{square}");
        assert_ne!(query.a, parameters.pairs[1].a);
        assert_eq!(parameters, Parameters::initial(&plan, 2.0, 1));
    }
}
