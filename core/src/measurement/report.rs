//! The published result of one profiling run.

use super::{Conditions, Configuration, Device, Flag, MemoryProbe, SeedGate, Storage, Verdict};
use crate::storage::TableGeometry;
use serde::{Deserialize, Serialize};

/// Family and version of the schema written by this build.
pub const MMAP_SCHEMA: &str = "dhurandhar/mmap-profile/1.0";

/// The program that measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Platform it was built for.
    pub target: String,
}

/// When and how it was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Run {
    /// Start, UTC, `YYYY-MM-DDThh:mm:ssZ`.
    pub started: String,
    /// Length, seconds.
    pub duration_s: f64,
    /// `quick`, `default` or `full`.
    pub mode: String,
    /// Seed of every draw.
    pub seed: u64,
    /// Command line, paths left out.
    pub arguments: Vec<String>,
    /// Whether it was stopped before the plan was done.
    #[serde(default)]
    pub interrupted: bool,
}

/// The table that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Table {
    /// `synthetic` or `file`.
    pub source: String,
    /// Model whose table it is.
    #[serde(default)]
    pub model: Option<String>,
    /// Tensor inside a real file.
    #[serde(default)]
    pub tensor: Option<String>,
    /// Bits a weight.
    #[serde(default)]
    pub weight_bits: Option<f64>,
    /// Share of the model's rows.
    pub scale: f64,
    /// Rows, layers, bytes, page.
    pub geometry: TableGeometry,
    /// Size of the file region, bytes.
    pub bytes: u64,
    /// What the bytes are.
    pub content: String,
    /// Fingerprint of sampled pages.
    pub fingerprint: String,
}

/// How memory was limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Limits {
    /// `cgroup_v1`, `cgroup_v2`, `balloon` or `none`.
    pub mechanism: String,
    /// What was tried and why it did not work.
    pub detail: String,
}

/// One budget of the eviction cliff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CliffPoint {
    /// Memory limit, bytes.
    pub budget_bytes: u64,
    /// Page cache charged when it ended, bytes.
    pub cache_bytes: Option<u64>,
    /// Median time of a token (sweep and row), milliseconds.
    pub token_ms: f64,
    /// Device bytes a token.
    pub device_bytes_per_token: Option<f64>,
    /// Best and worst case of the model, milliseconds.
    pub predicted_ms: (f64, f64),
    /// Tokens timed.
    pub tokens: u64,
}

/// Decoder weights evicted by the same pressure: a decoder-sized file swept once a token beside the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cliff {
    /// Size of the swept file, bytes.
    pub decoder_bytes: u64,
    /// Share of the model's decoder that stands for.
    pub scale: f64,
    /// Sweep speed with everything cached, bytes a second.
    pub memory_bytes_per_s: f64,
    /// Sweep speed with nothing cached and memory to spare, bytes a second.
    pub storage_bytes_per_s: f64,
    /// Sweep speed under a limit far below the decoder, where every page takes another's place; bytes a second.
    #[serde(default)]
    pub reclaiming_bytes_per_s: Option<f64>,
    /// Budgets, largest first.
    pub points: Vec<CliffPoint>,
}

/// Something left out, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    /// What.
    pub about: String,
    /// Why.
    pub reason: String,
}

/// Everything one run found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MmapProfile {
    /// [`MMAP_SCHEMA`].
    pub schema: String,
    /// Program.
    pub tool: Tool,
    /// Run.
    pub run: Run,
    /// Machine.
    pub device: Device,
    /// Storage under the table.
    pub storage: Storage,
    /// How busy the machine was.
    pub conditions: Conditions,
    /// How memory was limited.
    pub limits: Limits,
    /// What was read.
    pub table: Table,
    /// What was measured.
    pub configurations: Vec<Configuration>,
    /// The decoder-eviction cliff.
    #[serde(default)]
    pub cliff: Option<Cliff>,
    /// The memory probe.
    #[serde(default)]
    pub memory: Option<MemoryProbe>,
    /// Flags of the run as a whole.
    pub flags: Vec<Flag>,
    /// The outcome.
    pub verdict: Verdict,
    /// The plain throughput gate beside it.
    pub throughput_gate: SeedGate,
    /// What was left out and why.
    #[serde(default)]
    pub notes: Vec<Note>,
}
