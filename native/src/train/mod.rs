//! `dhurandhar train-lora`: low-rank adapters for a frozen model, on the decoder that everything else runs on.
//!
//! Arithmetic about models is `dhurandhar_core::training`; this reads data, runs passes and writes files.

mod allocator;
mod args;
pub mod config;
mod data;
mod dry_run;
mod error;
mod gguf_lora;
mod gradients;
mod identity;
mod merge;
mod merge_gguf;
mod optimiser;
mod output;
mod overrides;
mod params;
mod peft;
mod sample;
mod saved;
mod targets;
mod tensors;
mod trainer;

#[cfg(test)]
mod tests;

pub use args::TrainArgs;
pub use error::TrainError;

use crate::bad_input;
use crate::decoder::{Adapters, Decoder};
use crate::real::{from_checkpoint, from_decoder};
use dhurandhar_core::Model;
use dhurandhar_core::model::Origin;
use std::path::Path;

/// The adapter in a folder, for a decoder.
pub(crate) fn adapters_for(folder: &Path, decoder: &Decoder) -> anyhow::Result<Adapters> {
    let architecture = decoder.checkpoint().architecture().clone();
    let model = Model::new(architecture, Origin::Config, None);
    peft::adapters(folder, &model, decoder).map_err(from_train)
}

/// The system's and the numbers' failures are failures; everything else is bad input.
pub(crate) fn from_train(error: TrainError) -> anyhow::Error {
    match error {
        TrainError::Checkpoint(error) => from_checkpoint(error),
        TrainError::Decoder(error) => from_decoder(error),
        TrainError::Io { ref problem, .. } if problem.kind() == std::io::ErrorKind::NotFound => {
            bad_input(error)
        }
        TrainError::Io { .. } | TrainError::NotFinite { .. } => error.into(),
        other => bad_input(other),
    }
}
