//! Channels at the widest moment of the graph, for built-in models whose graphs the general rule does not follow.
//!
//! Measured once with llama.cpp 0.5.0 (`no_alloc` contexts of `validate-sizes`): the compute buffer less masks and indices,
//! over 4 bytes and the micro-batch. Where layers are scanned or read from a table it depends on the micro-batch.

use crate::memory::Scenario;
use crate::model::architecture::Architecture;

/// Micro-batches that were measured, in tokens.
const MEASURED: [u64; 3] = [128, 512, 2_048];

/// A built-in model: channels with flash attention at each of [`MEASURED`].
const TABLE: &[(&str, [u64; 3])] = &[("gemma4-26b-a4b", [49_154, 49_154, 49_154])];

/// Channels for `ubatch` tokens, between those measured in proportion; nothing for other models.
pub(super) fn channels(architecture: &Architecture, _scenario: &Scenario, ubatch: u64) -> Option<u64> {
    let (_, found) = TABLE.iter().find(|(name, _)| *name == architecture.name)?;
    let upper = MEASURED.iter().position(|measured| *measured >= ubatch).unwrap_or(MEASURED.len() - 1).max(1);
    let (low, high) = (MEASURED[upper - 1], MEASURED[upper]);
    let (from, to) = (found[upper - 1] as f64, found[upper] as f64);
    let share = (ubatch.clamp(low, high) - low) as f64 / (high - low) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two channel counts")]
    let between = (from + share * (to - from)).round() as u64;
    Some(between)
}
