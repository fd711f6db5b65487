//! The numbers that are trained: two factors for each adapted matrix, on the host in f32.

use crate::decoder::{Adapters, Decoder, DecoderError, Dropout, LowRank, Magnitude, word};
use burn::tensor::{Device, Tensor, TensorData};
use dhurandhar_core::leaf::cast::to_f32;
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::training::{AdapterPlan, AdapterShape, Target};

/// Numbers of one adapted matrix, factor by factor: `A`, `B` and DoRA's magnitudes, which may be none.
pub(crate) type Factors = [Vec<f32>; 3];

/// What PEFT calls the factors.
pub(crate) const FACTORS: [&str; 3] = ["lora_A", "lora_B", "lora_magnitude_vector"];

/// What is trained on one matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub(crate) layer: usize,
    pub(crate) target: Target,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) rank: usize,
    /// What the product is multiplied by.
    pub(crate) scale: f64,
    /// `[rank, inputs]`, `[outputs, rank]`, and `[outputs]` or nothing.
    pub(crate) factors: Factors,
}

/// All pairs, layer by layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) pairs: Vec<Pair>,
}

/// The pairs as tensors, for the passes of one step.
#[derive(Debug)]
pub(crate) struct OnDevice {
    pairs: Vec<(usize, Target, LowRank)>,
    layers: usize,
}

impl Pair {
    /// Zeros.
    pub(crate) fn new(shape: &AdapterShape, rank: u64, scale: f64, dora: bool) -> Self {
        let (inputs, outputs, rank) = (word(shape.inputs), word(shape.outputs), word(rank));
        let lengths = if dora { outputs } else { 0 };
        let factors = [vec![0.0; rank * inputs], vec![0.0; outputs * rank], vec![0.0; lengths]];
        Self { layer: shape.layer, target: shape.target, inputs, outputs, rank, scale, factors }
    }

    /// Whether rows have learnt lengths.
    pub(crate) fn is_dora(&self) -> bool {
        !self.factors[2].is_empty()
    }

    /// Shape of each factor; DoRA's comes last and only where there is one.
    pub(crate) fn shapes(&self) -> Vec<Vec<usize>> {
        let mut shapes = vec![vec![self.rank, self.inputs], vec![self.outputs, self.rank]];
        if self.is_dora() {
            shapes.push(vec![self.outputs]);
        }
        shapes
    }
}

impl Parameters {
    /// As PEFT begins: `A` uniform in `±1/sqrt(inputs)` (Kaiming with `a = sqrt 5`), `B` zero, magnitudes zero until
    /// [`Self::measure`] gives them the lengths of the base's rows.
    pub(crate) fn initial(plan: &AdapterPlan, scale: f64, seed: u64) -> Self {
        let pairs = plan.shapes.iter().map(|shape| {
            let mut pair = Pair::new(shape, plan.rank, scale, plan.dora);
            let key = mix64(seed ^ mix64((shape.layer * Target::ALL.len() + shape.target.index()) as u64));
            for (place, value) in (0_u64..).zip(&mut pair.factors[0]) {
                *value = uniform(key, place, pair.inputs);
            }
            pair
        });
        Self { pairs: pairs.collect() }
    }

    /// Give DoRA's magnitudes the lengths of the base's rows, as at the start, where `B` is zero.
    pub(crate) fn measure(&mut self, decoder: &Decoder) -> Result<(), DecoderError> {
        for pair in self.pairs.iter_mut().filter(|pair| pair.is_dora()) {
            if let Some(squares) = decoder.row_squares(pair.layer, pair.target) {
                pair.factors[2] = decoder.backend().host(squares.sqrt())?;
            }
        }
        Ok(())
    }

    /// All pairs with zeros in place of their numbers: gradients, moments.
    pub(crate) fn zeros(&self) -> Vec<Factors> {
        let zeros = |pair: &Pair| pair.factors.each_ref().map(|factor| vec![0.0; factor.len()]);
        self.pairs.iter().map(zeros).collect()
    }

    /// Bring the pairs to the decoder's device.
    pub(crate) fn on_device(&self, decoder: &Decoder) -> OnDevice {
        let device = &decoder.backend().device;
        let pairs = self.pairs.iter().map(|pair| {
            let [a, b, lengths] = &pair.factors;
            let squares = decoder.row_squares(pair.layer, pair.target).filter(|_| pair.is_dora());
            let magnitude = squares.map(|squares| Magnitude {
                lengths: Tensor::from_data(TensorData::new(lengths.clone(), [pair.outputs]), device),
                squares,
            });
            let a = matrix(a, [pair.rank, pair.inputs], device);
            let b = matrix(b, [pair.outputs, pair.rank], device);
            (pair.layer, pair.target, LowRank { a, b, scale: pair.scale, magnitude })
        });
        OnDevice { pairs: pairs.collect(), layers: decoder.layers() }
    }
}

fn matrix(values: &[f32], shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

impl OnDevice {
    /// Adapters without a tape.
    pub(crate) fn plain(&self, dropout: Option<Dropout>) -> Adapters {
        self.adapters(dropout, |_| true, Clone::clone)
    }

    /// Adapters whose gradients are wanted: those of one layer, or of all.
    pub(crate) fn tracked(&self, dropout: Option<Dropout>, layer: Option<usize>) -> Adapters {
        let wanted = |at| layer.is_none_or(|layer| layer == at);
        self.adapters(dropout, wanted, |pair| {
            let magnitude = pair.magnitude.clone().map(|magnitude| Magnitude {
                lengths: magnitude.lengths.autodiff().require_grad(),
                squares: magnitude.squares.autodiff(),
            });
            let track = |factor: &Tensor<2>| factor.clone().autodiff().require_grad();
            LowRank { a: track(&pair.a), b: track(&pair.b), scale: pair.scale, magnitude }
        })
    }

    /// Index, layer and target of every pair.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, usize, Target)> {
        self.pairs.iter().enumerate().map(|(index, (layer, target, ..))| (index, *layer, *target))
    }

    fn adapters(
        &self,
        dropout: Option<Dropout>,
        wanted: impl Fn(usize) -> bool,
        prepare: impl Fn(&LowRank) -> LowRank,
    ) -> Adapters {
        let mut adapters = Adapters::new(self.layers, dropout);
        for (layer, target, pair) in self.pairs.iter().filter(|(layer, ..)| wanted(*layer)) {
            adapters.set(*layer, *target, prepare(pair));
        }
        adapters
    }
}

/// Uniform in `±1/sqrt(inputs)`, from the place alone.
fn uniform(key: u64, place: u64, inputs: usize) -> f32 {
    let unit = (mix64(key ^ mix64(place)) >> 11) as f64 / (1_u64 << 53) as f64;
    to_f32((2.0 * unit - 1.0) / (inputs as f64).sqrt())
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
        assert!(query.factors[1].iter().all(|value| *value == 0.0));
        let bound = 1.0 / 24.0;
        assert!(query.factors[0].iter().all(|value| value.abs() <= bound));
        // The standard deviation of a uniform law is its half width over sqrt 3.
        let square = query.factors[0].iter().map(|value| f64::from(value * value)).sum::<f64>()
            / query.factors[0].len() as f64;
        assert!((square.sqrt() - f64::from(bound) / 3.0_f64.sqrt()).abs() < 0.001, "{square}");
        assert_ne!(query.factors[0], parameters.pairs[1].factors[0]);
        assert_eq!(parameters, Parameters::initial(&plan, 2.0, 1));
    }
}
