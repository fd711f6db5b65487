//! What was measured: versioned JSON types of every published result, and the rules that judge them.
//!
//! Every quantity is non-negative and carries its unit in its name; a field that a platform would not give
//! is `null` beside a note that says why. A reader accepts a newer minor version (unknown fields are
//! ignored) and refuses another major one.

mod alternatives;
mod configuration;
mod csv;
mod environment;
mod flag;
mod kinds;
mod kv_quality;
mod litert_cards;
mod memory;
mod memory_summary;
mod memory_validation;
mod overlay;
mod predict;
mod published_verdicts;
mod read;
mod report;
pub mod size_validation;
mod speed_run;
mod statistics;
mod training;
mod verdict_prediction;
mod verdict_summary;
mod verdict_validation;

pub use alternatives::Alternative;
pub use configuration::{
    Block, ColdProof, Configuration, Counters, Failure, Interval, Latency, Pattern, PercentilePoint,
    Prediction, Residency, State, Summary,
};
pub use environment::{Conditions, Cpu, Device, Host, Storage};
pub use flag::{Flag, FlagCode};
pub use kinds::{About, KINDS, Kind, Measurement};
pub use kv_quality::{KV_QUALITY_SCHEMA, KvQuality, LayerQuality, SettingQuality};
pub use litert_cards::{CardRow, LITERT_CARDS, MemoryMetric, Processor};
pub use memory::{BudgetCheck, BudgetInterpretation, MeasuredLimit, MemoryProbe, MemorySample};
pub use memory_summary::MemorySummary;
pub use memory_validation::{
    Compared, LoggedMemory, MEMORY_VALIDATION_SCHEMA, MemoryCase, MemoryRun, MemoryStage, MemoryValidation,
    PredictedMemory,
};
pub use overlay::{MeasuredPoint, Overlay};
pub use predict::Calibration;
pub use published_verdicts::{PUBLISHED_VERDICTS, PublishedVerdict};
pub use read::{MeasurementError, check_numbers, schema_of};
pub use report::{Cliff, CliffPoint, Limits, MMAP_SCHEMA, MmapProfile, Note, Run, Table, Tool};
pub use size_validation::{SIZE_VALIDATION_SCHEMA, SizeValidation, SizedModel, Tally};
pub use speed_run::{PredictedSpeed, SPEED_SCHEMA, SpeedRow, SpeedRun};
pub use statistics::median_interval;
pub use training::{
    Ending, Evaluation, EvaluationChange, TRAINING_SCHEMA, TrainedParameters, TrainingData, TrainingMemory,
    TrainingRun, TrainingSample, TrainingSettings, TrainingStep,
};
pub use verdict_prediction::{PredictedRun, predicted};
pub use verdict_summary::{Cliffs, Rereads, VerdictSummary};
pub use verdict_validation::{
    DecodedToken, RunOutcome, STEADY_BYTES, VERDICT_VALIDATION_SCHEMA, VerdictCase, VerdictEnding,
    VerdictRun, VerdictStep, VerdictValidation,
};

pub use crate::format::llama_bench::{BenchError, BenchFile, BenchRow, BenchSplit, Timed, read_llama_bench};
pub use crate::leaf::median;
pub use crate::storage::{
    Criterion, Engine, MEMORY_CRITERION, Policy, PolicyInputs, SeedGate, Verdict, VerdictResult,
};
