//! The figures, as JSON holds them.

use super::setting::Setting;
use dhurandhar_core::codec::attention::AttentionError;
use dhurandhar_core::codec::logits::Divergence;
use serde::Serialize;

/// All settings over one text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KvQuality {
    /// Model name.
    pub model: String,
    /// Where it ran.
    pub backend: String,
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
    /// Mean norm of keys over that of values: layer, ratio.
    pub key_to_value_norms: Vec<(usize, f64)>,
    /// One entry for each setting.
    pub settings: Vec<SettingQuality>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Predictions.
    pub divergence: Divergence,
    /// Layer by layer.
    pub layers: Vec<LayerQuality>,
}

/// One layer that owns a cache.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

impl SettingQuality {
    pub(super) fn new(
        setting: &Setting,
        (code_bits, true_bits): (f64, f64),
        layers: Vec<LayerQuality>,
        divergence: Divergence,
    ) -> Self {
        let mean = |part: fn(&LayerQuality) -> f64| {
            layers.iter().map(part).sum::<f64>() / layers.len().max(1) as f64
        };
        Self {
            setting: setting.to_string(),
            code_bits,
            true_bits,
            key_nmse: mean(|layer| layer.key_nmse),
            value_nmse: mean(|layer| layer.value_nmse),
            divergence,
            layers,
        }
    }
}
