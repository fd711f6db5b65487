//! Channels at the widest moments of built-in models' graphs, measured rather than reckoned.
//!
//! `profiles/compute/llama-cpp-0.5.0.txt` holds them; the README beside it says how they were measured.

use super::moment::Moment;
use crate::model::architecture::Architecture;

const TABLE: &str = include_str!("../../../profiles/compute/llama-cpp-0.5.0.txt");

/// A model's channels, by moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channels([u64; Moment::ALL.len()]);

impl Channels {
    /// Those of one moment.
    pub(super) const fn of(&self, moment: Moment) -> u64 {
        self.0[moment as usize]
    }
}

/// Channels for micro-batches with so many tokens of a sequence, between those measured in proportion; nothing for models that are not in the table.
pub(super) fn find(architecture: &Architecture, tokens: u64) -> Option<Channels> {
    let mut below: Option<(u64, Channels)> = None;
    for line in TABLE.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some(architecture.name.as_str()) {
            continue;
        }
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        let [hidden, layers, measured, channels @ ..] = numbers.as_slice() else { continue };
        // A config of that name may be of another shape.
        if (*hidden, *layers) != (architecture.hidden_size, architecture.layers.len() as u64) {
            continue;
        }
        let channels = Channels(channels.try_into().ok()?);
        if *measured >= tokens {
            return Some(below.map_or(channels, |below| between(below, (*measured, channels), tokens)));
        }
        below = Some((*measured, channels));
    }
    below.map(|(_, channels)| channels)
}

fn between((low, from): (u64, Channels), (high, to): (u64, Channels), tokens: u64) -> Channels {
    let mix = |index: usize| {
        let sum = from.0[index] * (high - tokens) + to.0[index] * (tokens - low);
        (sum + (high - low) / 2) / (high - low)
    };
    Channels(std::array::from_fn(mix))
}
