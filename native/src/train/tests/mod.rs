//! Training on tiny random models: against PyTorch and PEFT, against itself, and across interruptions.

mod config;
mod parity;
mod run;

use super::gradients::{Batch, How, Sums, accumulate};
use super::params::Parameters;
use super::tensors::TensorFile;
use crate::checkpoint::Checkpoint;
use crate::decoder::{Backend, Decoder, Keep};
use dhurandhar_core::Model;
use dhurandhar_core::model::Origin;
use dhurandhar_core::training::{AdapterPlan, Mode};
use std::path::PathBuf;
use std::sync::Arc;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

fn decoder(name: &str, backend: Backend, keep: Keep) -> Decoder {
    let checkpoint = Arc::new(Checkpoint::open(&fixtures().join("parity").join(name)).unwrap());
    Decoder::load_keeping(&checkpoint, backend, keep).unwrap()
}

fn model(decoder: &Decoder) -> Model {
    Model::new(decoder.checkpoint().architecture().clone(), Origin::Config, None)
}

fn adapters(decoder: &Decoder, rank: u64) -> AdapterPlan {
    AdapterPlan::new(&model(decoder), rank, |_, _| true).unwrap()
}

/// Gradients of the mean loss, and that loss.
fn gradients(decoder: &Decoder, parameters: &Parameters, batches: &[Batch], mode: Mode) -> (Sums, f64) {
    let count: usize = batches.iter().map(|batch| batch.targets.len()).sum();
    let on_device = parameters.on_device(decoder);
    let (mut sums, mut nll) = (parameters.zeros(), 0.0);
    let how = How { mode, dropout: None, weight: 1.0 / count as f64 };
    for batch in batches {
        let losses = accumulate(decoder, &on_device, batch, how, &mut sums).unwrap();
        nll += losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
    }
    (sums, nll / count as f64)
}

/// Largest distance of two lists of factors, relative to the norm of the second, factor by factor.
fn distance(left: &Sums, right: &Sums) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let relative = |(left, right): (&Vec<f32>, &Vec<f32>)| {
        let apart = norm(&mut left.iter().zip(right).map(|(a, b)| f64::from(a - b)));
        apart / norm(&mut right.iter().map(|value| f64::from(*value))).max(1e-12)
    };
    let factors = left.iter().flatten().zip(right.iter().flatten()).filter(|(left, _)| !left.is_empty());
    factors.map(relative).fold(0.0, f64::max)
}
