//! Low-rank adapters for a frozen model, trained on the decoder that everything else runs on.
//!
//! Arithmetic about models is `dhurandhar_core::training`; this reads data, runs passes and writes files.

pub(crate) mod allocator;
pub(crate) mod config;
pub(crate) mod data;
mod error;
pub(crate) mod gguf_lora;
mod gradients;
mod identity;
pub(crate) mod merge;
pub(crate) mod merge_gguf;
mod optimiser;
mod overrides;
mod params;
mod peft;
pub(crate) mod planned;
pub(crate) mod report;
pub(crate) mod sample;
pub(crate) mod saved;
pub(crate) mod targets;
mod tensors;
pub(crate) mod trainer;

#[cfg(test)]
mod tests;

pub(crate) use error::TrainError;

use crate::decoder::{Adapters, Decoder};
use dhurandhar_core::Model;
use dhurandhar_core::model::Origin;
use std::path::Path;

/// The adapter in a folder, for a decoder.
pub(crate) fn adapters_for(folder: &Path, decoder: &Decoder) -> Result<Adapters, TrainError> {
    let architecture = decoder.checkpoint().architecture().clone();
    let model = Model::new(architecture, Origin::Config, None);
    peft::adapters(folder, &model, decoder)
}

/// Write a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    crate::cli::files::write(path, bytes).map_err(TrainError::io(path))
}
