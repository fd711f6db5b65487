//! What codecs do to a real model's keys and values, attention and predictions: the published result of a sweep.

use super::{Note, Tool};
use crate::codec::attention::AttentionError;
use crate::codec::logits::Divergence;
use serde::{Deserialize, Serialize};

/// Family and version of the schema written by this build.
pub const KV_QUALITY_SCHEMA: &str = "dhurandhar/kv-quality/1.0";

/// All settings over one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvQuality {
    /// [`KV_QUALITY_SCHEMA`].
    pub schema: String,
    /// Program.
    pub tool: Tool,
    /// Start, UTC, `YYYY-MM-DDThh:mm:ssZ`.
    pub started: String,
    /// Model name.
    pub model: String,
    /// Checkpoint's file or folder, without the folders above it.
    pub checkpoint: String,
    /// Where it ran.
    pub backend: String,
    /// Name of the text's file.
    pub text: String,
    /// Fingerprint of the tokens that were read.
    pub text_fingerprint: String,
    /// Tokens of a window.
    pub window: usize,
    /// Windows run.
    pub windows: usize,
    /// Tokens at the start of each window that were not scored.
    pub unscored: usize,
    /// Centres come from text that was not scored.
    pub calibrated_on_other_text: bool,
    /// Seed of every rotation.
    pub seed: u64,
    /// Whether the halves of a head's keys were interleaved, as llama.cpp's cache has them in some families; earlier
    /// reports, which do not say, have the halves one after the other.
    #[serde(default)]
    pub keys_interleaved: bool,
    /// Mean norm of keys over that of values: layer, ratio.
    pub key_to_value_norms: Vec<(usize, f64)>,
    /// One entry for each setting.
    pub settings: Vec<SettingQuality>,
    /// What was left out and why.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingQuality {
    /// As written on the command line.
    pub setting: String,
    /// Stored bits per channel of the codes, scales included, mean of keys and values.
    pub code_bits: f64,
    /// The same with sinks and recent window in f16, at this window.
    pub true_bits: f64,
    /// Mean over layers.
    pub key_nmse: f64,
    /// Mean over layers.
    pub value_nmse: f64,
    /// Predictions, with the run's seed.
    pub divergence: Divergence,
    /// Seed and mean divergence, where a setting turns at random and was run with several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_seed: Vec<(u64, f64)>,
    /// Layer by layer.
    pub layers: Vec<LayerQuality>,
}

/// One layer that owns a cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerQuality {
    /// Index.
    pub layer: usize,
    /// Mean of `|x - x'|^2 / |x|^2` over coded keys.
    pub key_nmse: f64,
    /// The same of values.
    pub value_nmse: f64,
    /// What theory expects of isotropic keys.
    pub key_theory: Option<f64>,
    /// The same of values.
    pub value_theory: Option<f64>,
    /// Causal attention on the exact queries.
    pub attention: Option<AttentionError>,
}

impl KvQuality {
    /// Whether `other` asks the same of the same model and text, settings apart, so that settings of both stand together.
    pub fn is_same_run(&self, other: &Self) -> bool {
        let of = |report: &Self| {
            let Self {
                model,
                checkpoint,
                text_fingerprint,
                window,
                windows,
                unscored,
                seed,
                keys_interleaved,
                ..
            } = report;
            (
                model.clone(),
                checkpoint.clone(),
                text_fingerprint.clone(),
                [*window, *windows, *unscored],
                (*seed, *keys_interleaved),
            )
        };
        of(self) == of(other)
    }
}

impl SettingQuality {
    /// A setting with the means over its layers.
    pub fn new(
        setting: String,
        (code_bits, true_bits): (f64, f64),
        layers: Vec<LayerQuality>,
        divergence: Divergence,
    ) -> Self {
        let mean = |part: fn(&LayerQuality) -> f64| {
            layers.iter().map(part).sum::<f64>() / layers.len().max(1) as f64
        };
        Self {
            setting,
            code_bits,
            true_bits,
            key_nmse: mean(|layer| layer.key_nmse),
            value_nmse: mean(|layer| layer.value_nmse),
            divergence,
            by_seed: Vec::new(),
            layers,
        }
    }

    /// Mean, least and most of the mean divergences of all seeds.
    pub fn spread(&self) -> Option<[f64; 3]> {
        let values = self.by_seed.iter().map(|(_, mean)| *mean);
        let (least, most) = (values.clone().reduce(f64::min)?, values.clone().reduce(f64::max)?);
        Some([values.sum::<f64>() / self.by_seed.len() as f64, least, most])
    }

    /// Perplexity with the coded cache over that with the exact one, less one.
    pub fn perplexity_change(&self) -> f64 {
        self.divergence.coded_perplexity / self.divergence.exact_perplexity - 1.0
    }
}
