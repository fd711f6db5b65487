//! What `bench` measures: how fast a runtime reads prompts and decodes here.

use super::{BenchRow, BenchSplit, Device, Note, Timed, Tool, median};
use serde::{Deserialize, Serialize};

/// Version line.
pub const SPEED_SCHEMA: &str = "dhurandhar/speed/1.0";

/// Repetitions that differ by more than this share of their median are marked.
const NOISY: f64 = 0.10;
/// The second half of the repetitions is slower than the first by this share: the machine warms up or is disturbed.
const DRIFT: f64 = 0.05;

/// Speeds of some models on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SpeedRun {
    /// Version line.
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// When it began.
    pub started: String,
    /// The machine.
    pub device: Device,
    /// What ran the models.
    pub runtime: String,
    /// Slug of the profile that speeds were predicted for; empty where none was named.
    pub profile: String,
    /// Threads.
    pub threads: u64,
    /// What was measured.
    pub rows: Vec<SpeedRow>,
    /// What could not be.
    pub notes: Vec<Note>,
}

/// One speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SpeedRow {
    /// Slug of the model, or its file's name.
    pub model: String,
    /// `file`, or `made`: true header, made-up weights.
    pub source: String,
    /// Format of the weights.
    pub weights: String,
    /// Parameters of the text.
    pub parameters: u64,
    /// Tokens of the prompt that was timed; 0 for decoding.
    pub prompt_tokens: u64,
    /// Tokens that were decoded; 0 for a prompt.
    pub decoded_tokens: u64,
    /// Tokens in the cache before.
    pub depth_tokens: u64,
    /// Tokens a second of each repetition.
    pub tokens_per_s: Vec<f64>,
    /// What was expected, low to high; none without a profile.
    pub predicted: Option<PredictedSpeed>,
    /// Processes that wanted to run, for each processor, before it began.
    pub load: Option<f64>,
}

/// What was expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PredictedSpeed {
    /// Tokens a second.
    pub expected: f64,
    /// Low end of the interval.
    pub low: f64,
    /// High end.
    pub high: f64,
}

impl SpeedRow {
    /// The median of the repetitions.
    pub fn median(&self) -> f64 {
        median(&self.tokens_per_s).unwrap_or(0.0)
    }

    /// Predicted over measured, less one.
    pub fn error(&self) -> Option<f64> {
        Some(self.predicted?.expected / self.median() - 1.0)
    }

    /// What makes it doubtful, in words; empty where nothing does.
    pub fn doubts(&self) -> Vec<&'static str> {
        let mut doubts = Vec::new();
        let (low, high) = self
            .tokens_per_s
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), speed| (low.min(*speed), high.max(*speed)));
        if high - low > NOISY * self.median() {
            doubts.push("noisy");
        }
        let (first, second) = self.tokens_per_s.split_at(self.tokens_per_s.len() / 2);
        if let (Some(first), Some(second)) = (median(first), median(second))
            && second < first * (1.0 - DRIFT)
        {
            doubts.push("slower and slower");
        }
        if self.load.is_some_and(|load| load > 0.5) {
            doubts.push("busy machine");
        }
        if self.tokens_per_s.len() < 3 {
            doubts.push("fewer than three repetitions");
        }
        doubts
    }

    /// In words: `prompt of 512`, `decode at 1,024`.
    pub fn what(&self) -> String {
        let depth = if self.depth_tokens > 0 {
            format!(" at {}", crate::leaf::number::grouped(self.depth_tokens))
        } else {
            String::new()
        };
        match self.prompt_tokens {
            0 => format!("decode{depth}"),
            tokens => format!("prompt of {}{depth}", crate::leaf::number::grouped(tokens)),
        }
    }

    /// The same as a row of `llama-bench`, for a calibration.
    pub fn bench_row(&self, run: &SpeedRun) -> BenchRow {
        BenchRow {
            build: run.runtime.clone(),
            unit: run.device.name.clone(),
            on_gpu: false,
            gpus: String::new(),
            split: BenchSplit::default(),
            ubatch: 0,
            backends: "CPU".to_owned(),
            model_file: self.model.clone(),
            model_type: format!("{} {}", self.model, self.weights),
            model_bytes: 0,
            parameters: self.parameters,
            threads: run.threads,
            cache: ("f16".to_owned(), "f16".to_owned()),
            depth_tokens: self.depth_tokens,
            timed: match self.prompt_tokens {
                0 => Timed::Decode(self.decoded_tokens),
                tokens => Timed::Prompt(tokens),
            },
            tokens_per_s: self.median(),
            deviation_tokens_per_s: 0.0,
            samples_tokens_per_s: self.tokens_per_s.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tokens_per_s: &[f64]) -> SpeedRow {
        SpeedRow {
            model: "qwen3-0.6b".to_owned(),
            source: "made".to_owned(),
            weights: "q4_0".to_owned(),
            parameters: 1,
            prompt_tokens: 0,
            decoded_tokens: 32,
            depth_tokens: 1024,
            tokens_per_s: tokens_per_s.to_vec(),
            predicted: Some(PredictedSpeed { expected: 12.0, low: 8.0, high: 15.0 }),
            load: Some(0.1),
        }
    }

    #[test]
    fn doubts_are_named() {
        assert_eq!(row(&[10.0, 10.1, 10.0]).doubts(), Vec::<&str>::new());
        assert_eq!(row(&[10.0, 11.5, 10.0, 11.0]).doubts(), ["noisy"]);
        assert_eq!(row(&[10.0, 10.0, 9.4, 9.4]).doubts(), ["slower and slower"]);
        let loaded = SpeedRow { load: Some(0.9), ..row(&[10.0]) };
        assert_eq!(loaded.doubts(), ["busy machine", "fewer than three repetitions"]);
        assert_eq!(row(&[10.0, 10.0, 10.0]).what(), "decode at 1,024");
        assert!((row(&[10.0, 10.0, 10.0]).error().unwrap() - 0.2).abs() < 1e-12);
    }
}
