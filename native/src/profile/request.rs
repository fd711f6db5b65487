//! What a run is asked for.

use super::plan::Mode;
use dhurandhar_core::device::Device;
use dhurandhar_core::measurement::{BudgetInterpretation, Engine};
use std::path::PathBuf;

/// Everything that decides a run; numbers are in the ranges that the command line allows.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Model whose table is read: a built-in name, or a file.
    pub(crate) model: String,
    /// Bits a weight of a written table.
    pub(crate) weight_bits: f64,
    /// Share of the table's rows.
    pub(crate) scale: f64,
    /// Timed tokens a configuration; by mode when `None`.
    pub(crate) num_tokens: Option<u64>,
    /// Untimed tokens before each warm block.
    pub(crate) warmup_tokens: u64,
    /// Decode speed to hold, tokens a second.
    pub(crate) target_tps: f64,
    /// Tokens of a prompt.
    pub(crate) prompt_tokens: u64,
    /// How much is run.
    pub(crate) mode: Mode,
    /// Leave out everything cold.
    pub(crate) warm_only: bool,
    /// Where a table is written.
    pub(crate) directory: PathBuf,
    /// A table of an earlier run, or where to keep this one's.
    pub(crate) table: Option<PathBuf>,
    /// Tensor of a model file.
    pub(crate) tensor: Option<String>,
    /// Way of reading that the verdict rests on.
    pub(crate) deployed: Engine,
    /// Recorded token ids; empty without.
    pub(crate) trace: Vec<u64>,
    /// Exponent of the Zipf stream.
    pub(crate) zipf_exponent: f64,
    /// Memory budgets, MiB; shares of the table when empty.
    pub(crate) budgets_mib: Vec<u64>,
    /// Fill memory with a balloon where there is no control group.
    pub(crate) balloon: bool,
    /// Probe memory, too.
    pub(crate) memory: Option<Probe>,
    /// Context that sizes caches, tokens.
    pub(crate) context_tokens: u64,
    /// Precision of the decoder whose size is swept and probed, bits.
    pub(crate) decoder_bits: u64,
    /// Size of the swept decoder, MiB.
    pub(crate) with_decoder_mib: Option<u64>,
    /// Seed of every draw and of the order.
    pub(crate) seed: u64,
    /// Journal of finished blocks.
    pub(crate) journal: Option<PathBuf>,
    /// What to call this device.
    pub(crate) device_name: Option<String>,
    /// Read under the real-time scheduler.
    pub(crate) realtime: bool,
    /// The command line, for the report.
    pub(crate) arguments: Vec<String>,
}

/// What measured memory is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// What the deployment budget counts.
    pub(crate) interpretation: BudgetInterpretation,
    /// A device whose limits are set against what was measured.
    pub(crate) limits_of: Option<Device>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Progress<'a> {
    /// A file is being written.
    Bytes { what: &'static str, done: u64, total: u64 },
    /// Blocks are being run.
    Blocks { done: u64, total: u64, name: &'a str },
    /// The last thing is over.
    Over,
}
