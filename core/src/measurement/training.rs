//! What a fine-tuning run was and did: the published result of `train-lora`.

use super::{Device, Note, Tool};
use crate::training::{Base, MemoryPlan, Mode, Schedule};
use serde::{Deserialize, Serialize};

/// Family and version of the schema written by this build.
pub const TRAINING_SCHEMA: &str = "dhurandhar/train-lora/1.0";

/// One run, from its settings to its losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainingRun {
    /// [`TRAINING_SCHEMA`].
    pub schema: String,
    /// Program.
    pub tool: Tool,
    /// Start, UTC, `YYYY-MM-DDThh:mm:ssZ`; that of the last part of a resumed run.
    pub started: String,
    /// Command line, files by their names alone.
    pub arguments: Vec<String>,
    /// Machine.
    pub device: Device,
    /// Model name.
    pub model: String,
    /// Checkpoint's file or folder, without the folders above it.
    pub checkpoint: String,
    /// Where it ran.
    pub backend: String,
    /// Threads that the processor's kernels may use.
    pub threads: u64,
    /// How it ended.
    pub ending: Ending,
    /// Settings.
    pub settings: TrainingSettings,
    /// Examples.
    pub data: TrainingData,
    /// What was trained.
    pub parameters: TrainedParameters,
    /// Planned and measured.
    pub memory: TrainingMemory,
    /// Tokens that went through the decoder in training steps.
    pub tokens: u64,
    /// Time of the training steps, without evaluations and checkpoints, seconds.
    pub seconds: f64,
    /// Every step.
    pub steps: Vec<TrainingStep>,
    /// Every evaluation; step 0 is the base alone.
    pub evaluations: Vec<Evaluation>,
    /// Prompts answered without and with the adapter.
    #[serde(default)]
    pub samples: Vec<TrainingSample>,
    /// What was left out and why.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were made.
    Complete,
    /// The evaluation loss stopped falling.
    EarlyStop,
    /// The user asked for it.
    Interrupted,
}

/// The settings that decide a run's course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainingSettings {
    /// How frozen weights were kept.
    pub base: Base,
    /// How gradients were found.
    pub mode: Mode,
    /// Rank.
    pub r: u64,
    /// Numerator of the scale.
    pub alpha: f64,
    /// Share of inputs dropped.
    pub dropout: f64,
    /// Scale `alpha / sqrt(r)` instead of `alpha / r`.
    pub use_rslora: bool,
    /// Magnitude and direction apart.
    #[serde(default)]
    pub use_dora: bool,
    /// Sequences of one pass.
    pub batch: u64,
    /// Passes of one step.
    pub accumulation: u64,
    /// Longest sequence, tokens.
    pub max_seq_length: u64,
    /// Several examples in one row.
    pub packing: bool,
    /// Learning rate by step.
    pub schedule: Schedule,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest global gradient norm; 0 clips nothing.
    pub max_grad_norm: f64,
    /// Everything drawn follows from it.
    pub seed: u64,
}

/// The examples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainingData {
    /// Name of the file or folder.
    pub name: String,
    /// Fingerprint of the training tokens.
    pub fingerprint: String,
    /// Examples that were trained on.
    pub train_examples: u64,
    /// Examples that were kept for evaluation.
    pub eval_examples: u64,
}

/// Counts of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainedParameters {
    /// Adapted matrices.
    pub matrices: u64,
    /// Trained.
    pub trainable: u64,
    /// Of the text model, as they were.
    pub frozen: u64,
    /// Trained share of both together, percent.
    pub trainable_percent: f64,
}

/// Memory before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainingMemory {
    /// By component.
    pub planned: MemoryPlan,
    /// Largest resident size of the process, bytes, where the system tells and the processor computed.
    pub measured_peak_bytes: Option<u64>,
    /// Frozen weights packed in memory, bytes.
    pub packed_base_bytes: u64,
}

/// One optimiser step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainingStep {
    /// Its number, from 1.
    pub step: u64,
    /// Epochs seen, with their fraction.
    pub epoch: f64,
    /// Mean loss over trained tokens, in nats, before the step.
    pub loss: f64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// Tokens that went through the decoder.
    pub tokens: u64,
    /// Tokens that were predicted and counted.
    pub trained_tokens: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// The loss over the evaluation examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evaluation {
    /// After this step; 0 before the first.
    pub step: u64,
    /// Mean loss over trained tokens, in nats.
    pub eval_loss: f64,
    /// Its exponential.
    pub eval_perplexity: f64,
}

/// What the model says to a prompt, likeliest token by likeliest token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrainingSample {
    /// The prompt, as a user's turn of the model's chat template where it has one.
    pub prompt: String,
    /// Reply of the base.
    pub before: String,
    /// Reply with the adapter as it was at the end.
    pub after: String,
}

/// Two evaluations of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvaluationChange {
    /// Before the first step.
    pub first: Evaluation,
    /// After the last one.
    pub last: Evaluation,
}

impl EvaluationChange {
    /// How much lower the last loss is, in percent of the first; negative when it rose.
    pub fn fall_percent(&self) -> f64 {
        100.0 * (1.0 - self.last.eval_loss / self.first.eval_loss)
    }
}

impl TrainingRun {
    /// The first and the last evaluation, if there are two.
    pub fn change(&self) -> Option<EvaluationChange> {
        let (first, last) = (*self.evaluations.first()?, *self.evaluations.last()?);
        (last.step > first.step).then_some(EvaluationChange { first, last })
    }

    /// The evaluation with the lowest loss.
    pub fn best(&self) -> Option<Evaluation> {
        self.evaluations.iter().copied().min_by(|a, b| a.eval_loss.total_cmp(&b.eval_loss))
    }

    /// Every step as comma-separated values with a header (RFC 4180).
    pub fn to_csv(&self) -> String {
        let mut text = "step,epoch,loss,learning_rate,grad_norm,tokens,trained_tokens,seconds\r\n".to_owned();
        for step in &self.steps {
            let TrainingStep { step, epoch, loss, learning_rate, grad_norm, tokens, trained_tokens, seconds } =
                step;
            text += &format!(
                "{step},{epoch},{loss},{learning_rate},{grad_norm},{tokens},{trained_tokens},{seconds}\r\n"
            );
        }
        text
    }

    /// Tokens through the decoder in a second of training steps.
    pub fn tokens_per_s(&self) -> f64 {
        self.tokens as f64 / self.seconds.max(1e-9)
    }

    /// Planned over measured peak, less one.
    pub fn plan_error(&self) -> Option<f64> {
        let measured = self.memory.measured_peak_bytes.filter(|bytes| *bytes > 0)?;
        Some(self.memory.planned.total_bytes() as f64 / measured as f64 - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_is_a_share_of_the_first_loss() {
        let at = |step, eval_loss: f64| Evaluation { step, eval_loss, eval_perplexity: eval_loss.exp() };
        let change = EvaluationChange { first: at(0, 5.0), last: at(9, 3.0) };
        assert!((change.fall_percent() - 40.0).abs() < 1e-9);
        let rise = EvaluationChange { first: at(0, 2.0), last: at(9, 3.0) };
        assert!((rise.fall_percent() + 50.0).abs() < 1e-9);
    }
}
