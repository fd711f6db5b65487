//! What was measured: versioned JSON types of every published result, and the rules that judge them.
//!
//! Every quantity is non-negative and carries its unit in its name; a field that a platform would not give
//! is `null` beside a note that says why. A reader accepts a newer minor version (unknown fields are
//! ignored) and refuses another major one.

mod configuration;
mod csv;
mod environment;
mod flag;
mod memory;
mod overlay;
mod policy;
mod predict;
mod read;
mod report;
mod statistics;

pub use configuration::{
    Block, ColdProof, Configuration, Counters, Engine, Failure, Interval, Latency, Pattern, PercentilePoint,
    Prediction, Residency, State, Summary,
};
pub use environment::{Conditions, Cpu, Device, Host, Storage};
pub use flag::{Flag, FlagCode};
pub use memory::{BudgetCheck, BudgetInterpretation, MemoryProbe, MemorySample};
pub use overlay::{MeasuredPoint, Overlay};
pub use policy::{Criterion, Policy, PolicyInputs, SeedGate, Verdict, VerdictResult};
pub use predict::Calibration;
pub use read::{MeasurementError, check_numbers, read_mmap_profile, schema_of};
pub use report::{Cliff, CliffPoint, Limits, MMAP_SCHEMA, MmapProfile, Note, Run, Table, Tool};
pub use statistics::{median, median_interval, ratio_interval};
