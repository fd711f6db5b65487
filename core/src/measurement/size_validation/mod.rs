//! Sizes that llama.cpp itself states for a model, beside what the rules here say.
//!
//! Two of its own answers are taken, neither of which needs weights. Its quantiser, in a dry run over a file in f16, names the
//! type of every tensor in a mix. And a context made without allocating (`no_alloc`) states the bytes of weights, caches and
//! compute buffers, by kind of buffer. The files hold a header and a hole; their shapes are the model's, their types those
//! that the quantiser chose.

mod card;
mod compare;

pub use card::{CardChoices, CardSetting, CardSizes, CardTallies, card_grid};
pub use compare::{CacheSetting, MeasuredModel, MeasuredSizes, Setting, compare, grid};

use super::Tool;
use crate::device::Processor;
use serde::{Deserialize, Serialize};

/// Family and version of the schema written by this build.
pub const SIZE_VALIDATION_SCHEMA: &str = "dhurandhar/size-validation/1.0";

/// Everything compared in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SizeValidation {
    /// [`SIZE_VALIDATION_SCHEMA`].
    pub schema: String,
    /// Program.
    pub tool: Tool,
    /// The runtime and its version, as it states it.
    pub runtime: String,
    /// One entry a model.
    pub models: Vec<SizedModel>,
}

/// One model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SizedModel {
    /// Slug, or the name of the config.
    pub model: String,
    /// A profile of this project; otherwise read from a published `config.json` that no rule was made for.
    pub built_in: bool,
    /// Why nothing could be compared; empty where something was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub left_out: String,
    /// Weights, mix by mix.
    #[serde(default)]
    pub weights: Vec<MixSizes>,
    /// Keys, values and recurrent state together, byte for byte.
    #[serde(default)]
    pub caches: Tally,
    /// The compute buffer as reserved.
    #[serde(default)]
    pub compute: Tally,
    /// What lies on a graphics card.
    #[serde(default, skip_serializing_if = "CardTallies::is_empty")]
    pub card: CardTallies,
    /// Copies in a processor's layout.
    #[serde(default)]
    pub packed: Vec<PackedSizes>,
}

/// A mix: tensor data of the file, without padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MixSizes {
    /// The mix.
    pub mix: String,
    /// As predicted, bytes.
    pub predicted_bytes: u64,
    /// With the quantiser's types, bytes.
    pub measured_bytes: u64,
    /// Tensors whose type is another.
    pub other_types: usize,
}

/// Packed copies of one mix on one kind of processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackedSizes {
    /// Instruction set, by its name in device files.
    pub processor: String,
    /// The mix.
    pub mix: String,
    /// As predicted, bytes.
    pub predicted_bytes: u64,
    /// As llama.cpp states it, bytes.
    pub measured_bytes: u64,
}

/// How many settings agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Settings compared.
    pub settings: usize,
    /// Equal to the byte.
    pub exact: usize,
    /// Within 5 %, the exact ones included.
    pub within_5_percent: usize,
    /// Lowest error: predicted over measured, less one.
    pub lowest: f64,
    /// Highest error.
    pub highest: f64,
    /// Settings that disagree: caches by a byte, compute buffers by more than 5 %.
    #[serde(default)]
    pub disagreeing: Vec<Disagreement>,
}

/// A setting in which a prediction is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Disagreement {
    /// Context, micro-batch, storage, attention and slots, in words.
    pub setting: String,
    /// As predicted, bytes.
    pub predicted_bytes: u64,
    /// As llama.cpp states it, bytes.
    pub measured_bytes: u64,
}

impl SizedModel {
    /// Every mix has the quantiser's size and types.
    pub fn weights_are_exact(&self) -> bool {
        !self.weights.is_empty()
            && self
                .weights
                .iter()
                .all(|mix| mix.other_types == 0 && mix.predicted_bytes == mix.measured_bytes)
    }
}

impl Tally {
    /// Count a setting; errors above `tolerance` are kept.
    pub fn add(&mut self, setting: impl FnOnce() -> String, predicted: u64, measured: u64, tolerance: f64) {
        let error = match (predicted, measured) {
            (0, 0) => 0.0,
            _ => predicted as f64 / measured.max(1) as f64 - 1.0,
        };
        self.settings += 1;
        self.exact += usize::from(predicted == measured);
        self.within_5_percent += usize::from(error.abs() <= 0.05);
        self.lowest = self.lowest.min(error);
        self.highest = self.highest.max(error);
        if predicted != measured && error.abs() > tolerance {
            let (predicted_bytes, measured_bytes) = (predicted, measured);
            self.disagreeing.push(Disagreement { setting: setting(), predicted_bytes, measured_bytes });
        }
    }
}

/// A processor by its name in a [`PackedSizes`].
pub fn processor(name: &str) -> Option<Processor> {
    Processor::NAMES.iter().find(|(known, _)| *known == name).map(|(_, processor)| *processor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;
    use crate::weights::{WeightFormat, WeightPlan};

    const SUMMARY: &str = include_str!("../../../../content/measurements/sizes/llama-cpp-0.5.0.json");

    /// What was reached when the summary was written; the models in it say what was left out.
    #[test]
    fn the_committed_summary_holds_its_bars() {
        let summary: SizeValidation = serde_json::from_str(SUMMARY).unwrap();
        assert_eq!(summary.schema, SIZE_VALIDATION_SCHEMA);
        let models = || summary.models.iter();
        assert!(models().all(|model| model.caches.exact == model.caches.settings));
        assert!(models().all(|model| model.weights.is_empty() || model.weights_are_exact()));
        let packed = || models().flat_map(|model| &model.packed);
        assert!(packed().all(|packed| packed.predicted_bytes == packed.measured_bytes));
        // Built-in models have channels of their own; configs follow the rule, which was fitted to some of them.
        for (built_in, weighed, placed, share) in [(true, 39, 36, 0.98), (false, 30, 27, 0.93)] {
            let group: Vec<&SizedModel> = models().filter(|model| model.built_in == built_in).collect();
            assert!(group.iter().filter(|model| model.weights_are_exact()).count() >= weighed);
            assert!(group.iter().filter(|model| model.caches.settings > 0).count() >= placed);
            let settings: usize = group.iter().map(|model| model.compute.settings).sum();
            let within: usize = group.iter().map(|model| model.compute.within_5_percent).sum();
            assert!(within as f64 >= share * settings as f64, "{within} of {settings}");
        }
    }

    /// Settings on a graphics card: weights and caches on it, then its graph with everything there and with something left.
    #[test]
    fn the_committed_summary_holds_on_a_card() {
        let summary: SizeValidation = serde_json::from_str(SUMMARY).unwrap();
        let cards: Vec<&CardTallies> =
            summary.models.iter().map(|model| &model.card).filter(|card| !card.is_empty()).collect();
        assert!(cards.len() >= 30, "{}", cards.len());
        let sum = |of: fn(&CardTallies) -> &Tally, right: fn(&Tally) -> usize| {
            let tallies = cards.iter().map(|card| of(card));
            tallies.fold((0, 0), |sum, tally| (sum.0 + right(tally), sum.1 + tally.settings))
        };
        let (exact, all) = sum(|card| &card.weights, |tally| tally.exact);
        // Scales of experts that the inventory holds with the router's: 14 KB of 10 GB.
        assert!(all >= 550 && all - exact <= 3, "{exact} of {all}");
        let (exact, all) = sum(|card| &card.caches, |tally| tally.exact);
        assert_eq!(exact, all);
        let (within, all) = sum(|card| &card.compute, |tally| tally.within_5_percent);
        assert!(within * 100 >= all * 87, "{within} of {all}");
        let (within, all) = sum(|card| &card.split_compute, |tally| tally.within_5_percent);
        assert!(within * 100 >= all * 79, "{within} of {all}");
    }

    /// A built-in model's prediction is still the one in the summary.
    #[test]
    fn the_summary_speaks_of_todays_rules() {
        let summary: SizeValidation = serde_json::from_str(SUMMARY).unwrap();
        for sized in summary.models.iter().filter(|model| model.built_in) {
            let model = registry::model(&sized.model).unwrap();
            for mix in &sized.weights {
                let plan = WeightPlan::new(&model, WeightFormat::parse(&mix.mix).unwrap()).unwrap();
                assert_eq!(plan.text_bytes(&model), mix.predicted_bytes, "{} {}", sized.model, mix.mix);
            }
        }
    }
}
