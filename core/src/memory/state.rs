//! Bytes of recurrent state, by what a runtime keeps of it.

use super::{Runtime, Scenario};
use crate::leaf::BlockType;
use crate::model::Architecture;
use crate::model::architecture::Recurrent;
use crate::weights::{StockType, WeightFormat};

/// Bytes of an f32 sum.
const F32_BYTES: u64 = 4;

/// State of one layer and sequence.
///
/// transformers keeps as many columns as a convolution has taps, in the type that the model computes in (`LinearAttentionLayer`,
/// `cache_utils.py`); llama.cpp keeps one less, in f32, and is followed for the others.
pub fn of_layer(model: &Architecture, block: &Recurrent, scenario: &Scenario) -> u64 {
    if scenario.runtime != Runtime::Transformers {
        return block.state_bytes;
    }
    let own = float_bits(model, scenario) / 8;
    let (channels, taps) = block.convolved();
    let sums = block.sums() * if block.f32_sums { F32_BYTES } else { own };
    sums.saturating_add(channels.saturating_mul(taps).saturating_mul(own))
}

/// State of one sequence in all layers.
pub fn of_sequence(model: &Architecture, scenario: &Scenario) -> u64 {
    let blocks = model.layers.iter().filter_map(|layer| layer.recurrent());
    let once: u64 = blocks.map(|block| of_layer(model, block, scenario)).sum();
    once.saturating_mul(model.passes.max(1))
}

/// State of all sequences of the scenario.
pub fn bytes(model: &Architecture, scenario: &Scenario) -> u64 {
    of_sequence(model, scenario).saturating_mul(scenario.slots.max(1))
}

/// Bits of a number that transformers computes in: those of the weights where they are floats, else those of the checkpoint.
pub(super) fn float_bits(model: &Architecture, scenario: &Scenario) -> u64 {
    match scenario.weights {
        WeightFormat::Bits(32) | WeightFormat::Stock(StockType::F32) => 32,
        WeightFormat::Bits(16) | WeightFormat::Stock(StockType::F16 | StockType::Bf16) => 16,
        _ => model.float_bits,
    }
}

/// In words, for the part that holds it.
pub fn types(model: &Architecture, scenario: &Scenario) -> String {
    if scenario.runtime != Runtime::Transformers {
        return BlockType::F32.name().to_owned();
    }
    let own = format!("{}-bit", float_bits(model, scenario));
    let mut blocks = model.layers.iter().filter_map(|layer| layer.recurrent());
    if blocks.any(|block| block.f32_sums && block.sums() > 0) {
        format!("sums in f32, columns of convolutions in the model's {own} floats")
    } else {
        format!("the model's {own} floats")
    }
}
