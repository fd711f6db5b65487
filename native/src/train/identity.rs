//! What must be the same when a run goes on.

use super::config::Config;
use crate::decoder::Decoder;
use dhurandhar_core::training::{Schedule, ScheduleKind};
use std::collections::BTreeMap;

/// What a run is; another one is not gone on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Base, adapters and seed in words.
    pub(crate) run: String,
    /// Digest of the training examples.
    pub(crate) data: u64,
    /// Fingerprint of the base's weights.
    pub(crate) base: u64,
    /// Settings that change what a step does, by their names in the configuration.
    pub(crate) settings: BTreeMap<String, String>,
}

impl Identity {
    /// Of a run on this decoder.
    pub(crate) fn new(
        run: String,
        data: u64,
        config: &Config,
        schedule: Schedule,
        decoder: &Decoder,
    ) -> Self {
        let training = &config.training;
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
        set("lora.dropout", config.lora.dropout.to_string());
        set("lora.use_rslora", config.lora.use_rslora.to_string());
        set("quantization", format!("{:?}", config.base));
        set("training.per_device_train_batch_size", training.batch.to_string());
        set("training.gradient_accumulation_steps", training.accumulation.to_string());
        set("training.max_seq_length", training.max_seq_length.to_string());
        set("training.packing", training.packing.to_string());
        set("training.learning_rate", training.learning_rate.to_string());
        set("training.lr_scheduler_type", format!("{:?}", training.schedule).to_lowercase());
        set("training.warmup_steps", schedule.warmup.to_string());
        // At a constant rate a run may be made longer.
        if training.schedule != ScheduleKind::Constant {
            set("training.max_steps", schedule.steps.to_string());
        }
        set("training.weight_decay", training.weight_decay.to_string());
        set("training.adam_beta1", training.betas.0.to_string());
        set("training.adam_beta2", training.betas.1.to_string());
        set("training.adam_epsilon", training.eps.to_string());
        set("training.max_grad_norm", training.max_grad_norm.to_string());
        let format = decoder.backend().half.map_or("f32".to_owned(), |format| format!("{format:?}"));
        set("products", format);
        Self { run, data, base: decoder.checkpoint().fingerprint(), settings }
    }

    /// What differs from a checkpoint's, in words.
    pub(crate) fn difference(&self, stored: &Self) -> Option<String> {
        if stored.run != self.run {
            return Some(format!("the checkpoint is of {}; this run is {}", stored.run, self.run));
        }
        if stored.base != self.base {
            return Some("the base has other weights than the one that the checkpoint was trained on".into());
        }
        if stored.data != self.data {
            return Some("the training data have changed since the checkpoint; start a new run".into());
        }
        let of = |settings: &BTreeMap<String, String>, name: &str| {
            settings.get(name).cloned().unwrap_or_else(|| "not stated".to_owned())
        };
        let mut names = self.settings.keys().chain(stored.settings.keys());
        let changed = names.find(|name| self.settings.get(*name) != stored.settings.get(*name))?;
        let (began, now) = (of(&stored.settings, changed), of(&self.settings, changed));
        Some(format!("`{changed}` is {now}; expected {began}, with which the run began"))
    }
}
