//! What llama.cpp did under limits of memory, token by token, beside what is predicted for the same limit.
//!
//! A run keeps what was measured and how it was run; the outcome is judged and predictions are made when it is read, so
//! that the table of verdicts always speaks of the rules as they are.

use super::{Device, LoggedMemory, Note, Storage, Tool, median};
use crate::leaf::cast::to_u64;
use serde::{Deserialize, Serialize};

/// Family and version of the schema written by this build.
pub const VERDICT_VALIDATION_SCHEMA: &str = "dhurandhar/verdict-validation/1.0";

/// A token that reads no more than this in the steady state reads no weights again: one row of a per-layer table costs a
/// read-ahead window, and the kernel may drop a few pages of the program itself.
pub const STEADY_BYTES: u64 = 4 << 20;

/// Runs of one runtime on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerdictValidation {
    /// [`VERDICT_VALIDATION_SCHEMA`].
    pub schema: String,
    /// Program.
    pub tool: Tool,
    /// Start of the first run, UTC, `YYYY-MM-DDThh:mm:ssZ`.
    pub started: String,
    /// Machine.
    pub device: Device,
    /// Where the files lay.
    pub storage: Storage,
    /// The runtime and its version, as it states it.
    pub runtime: String,
    /// How the limit was held: `cgroup_v1` or `cgroup_v2`.
    pub limiter: String,
    /// One process each.
    pub rows: Vec<VerdictRun>,
    /// What was left out and why.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// The choices of one run but for its limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerdictCase {
    /// Slug of a built-in model, or of a shape that is kept for validation only.
    pub model: String,
    /// Format of the weights.
    pub weights: String,
    /// Tokens of context.
    pub context_tokens: u64,
    /// Storage of keys and values.
    pub kv: String,
    /// Tokens of a micro-batch.
    pub ubatch: u64,
    /// Tokens of the prompt, all different.
    pub prompt_tokens: u64,
    /// Tokens decoded after it, all different.
    pub decoded_tokens: u64,
    /// Cell policy, by the name of the runtime in predictions.
    pub policy: String,
    /// Sequences that the context has room for.
    pub slots: u64,
    /// `mmap`, `copy` or `mlock`.
    pub load: String,
    /// Matrices may be copied into a layout for the processor.
    pub repack: bool,
    /// The per-layer table is read by rows.
    pub lazy_table: bool,
    /// Threads that compute.
    pub threads: u64,
    /// Widest vector instructions of the processor: `avx512`, `avx2`, `dotprod`, `other`.
    pub processor: String,
}

/// One process under one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerdictRun {
    /// The choices.
    pub case: VerdictCase,
    /// The limit, bytes; `null` for the run without one.
    pub limit_bytes: Option<u64>,
    /// Length of the file, bytes.
    pub file_bytes: u64,
    /// Read-ahead of the device that the file lay on, bytes.
    pub read_ahead_bytes: u64,
    /// Sizes that the runtime logged before it ended.
    pub logged: LoggedMemory,
    /// What had been used when each step was done, in order; a step that is missing was not done.
    pub steps: Vec<VerdictStep>,
    /// Every decoded token.
    pub tokens: Vec<DecodedToken>,
    /// How it ended.
    pub ending: VerdictEnding,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum VerdictEnding {
    /// By itself.
    Complete,
    /// By the kernel, for memory.
    Killed,
    /// It was refused memory and said so.
    Refused,
    /// By the measuring program, after too long a time.
    TimedOut,
}

/// Use of memory and storage when a step was done, bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerdictStep {
    /// `start`, `libraries`, `model`, `context`, `prompt` or `decode`.
    pub after: String,
    /// Seconds since the process began.
    pub seconds: f64,
    /// Private pages of the process.
    pub anon_bytes: u64,
    /// Pages of files that the process has mapped and that are in memory.
    pub file_bytes: u64,
    /// The kernel's tables of the process's pages.
    pub page_table_bytes: u64,
    /// Everything that the limit counts.
    pub charged_bytes: u64,
    /// The part of it that is the kernel's own.
    pub kernel_bytes: u64,
    /// The part of it that is file pages.
    pub cache_bytes: u64,
    /// Read from storage so far.
    pub read_bytes: u64,
    /// Faults that waited for storage so far.
    pub major_faults: u64,
}

/// One decoded token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecodedToken {
    /// Wall clock, seconds.
    pub seconds: f64,
    /// Read from storage, bytes.
    pub read_bytes: u64,
    /// Faults that waited for storage.
    pub major_faults: u64,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Nothing is read again in the steady state.
    FullSpeed,
    /// Weights are read again for every token.
    Slowed,
    /// It did not live to decode.
    Killed,
}

impl RunOutcome {
    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::FullSpeed => "full speed",
            Self::Slowed => "slowed",
            Self::Killed => "killed",
        }
    }

    /// By what a token reads again, bytes.
    pub const fn by_reads(bytes: u64) -> Self {
        if bytes > STEADY_BYTES { Self::Slowed } else { Self::FullSpeed }
    }
}

impl VerdictRun {
    /// Bytes that a token reads from storage in the steady state: the median of the later half of the decoded tokens.
    ///
    /// The first tokens fetch what loading evicted. `None` without a token.
    pub fn steady_bytes(&self) -> Option<u64> {
        steady(&self.tokens)
    }

    /// What the run came to: killed when the process ended for want of memory; slowed when a token reads more than
    /// [`STEADY_BYTES`] in the steady state, or none was decoded in the time there was.
    pub fn outcome(&self) -> RunOutcome {
        match self.ending {
            VerdictEnding::Killed | VerdictEnding::Refused => RunOutcome::Killed,
            VerdictEnding::Complete | VerdictEnding::TimedOut => {
                self.steady_bytes().map_or(RunOutcome::Slowed, RunOutcome::by_reads)
            }
        }
    }

    /// The step that it did not finish.
    pub fn died_in(&self) -> Option<&'static str> {
        const STEPS: [&str; 6] = ["start", "libraries", "model", "context", "prompt", "decode"];
        if self.ending == VerdictEnding::Complete {
            return None;
        }
        let done = |name: &&&str| self.steps.iter().any(|step| step.after == **name);
        STEPS.iter().find(|name| !done(name)).copied()
    }

    /// Private pages when everything was done, bytes: what is measured of the private need.
    pub fn private_bytes(&self) -> Option<u64> {
        self.steps.iter().map(|step| step.anon_bytes).max()
    }
}

fn steady(tokens: &[DecodedToken]) -> Option<u64> {
    let later: Vec<f64> = tokens.iter().skip(tokens.len() / 2).map(|token| token.read_bytes as f64).collect();
    median(&later).map(to_u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::leaf::units::MIB;

    fn run(reads: &[u64], ending: VerdictEnding) -> VerdictRun {
        let step = |after: &str| VerdictStep {
            after: after.to_owned(),
            seconds: 0.0,
            anon_bytes: 1,
            file_bytes: 1,
            page_table_bytes: 1,
            charged_bytes: 1,
            kernel_bytes: 1,
            cache_bytes: 1,
            read_bytes: 1,
            major_faults: 1,
        };
        VerdictRun {
            case: VerdictCase {
                model: "llama-3.2-1b".into(),
                weights: "q4_0".into(),
                context_tokens: 1024,
                kv: "f16".into(),
                ubatch: 128,
                prompt_tokens: 128,
                decoded_tokens: 8,
                policy: "llama-cpp".into(),
                slots: 1,
                load: "mmap".into(),
                repack: true,
                lazy_table: false,
                threads: 1,
                processor: "avx2".into(),
            },
            limit_bytes: Some(800 * MIB),
            file_bytes: 1,
            read_ahead_bytes: 1,
            logged: LoggedMemory::default(),
            steps: ["start", "libraries", "model", "context"].map(step).into(),
            tokens: reads
                .iter()
                .map(|read| DecodedToken { seconds: 0.1, read_bytes: *read, major_faults: 0 })
                .collect(),
            ending,
        }
    }

    #[test]
    fn the_later_half_decides_and_the_first_tokens_do_not() {
        let settled = run(&[300 * MIB, 200 * MIB, 0, 0, MIB, 0], VerdictEnding::Complete);
        assert_eq!((settled.steady_bytes(), settled.outcome()), (Some(0), RunOutcome::FullSpeed));
        let thrashing = run(&[0, 0, 700 * MIB, 728 * MIB, 728 * MIB], VerdictEnding::Complete);
        assert_eq!((thrashing.steady_bytes(), thrashing.outcome()), (Some(728 * MIB), RunOutcome::Slowed));
        let edge = run(&[STEADY_BYTES], VerdictEnding::Complete);
        assert_eq!(edge.outcome(), RunOutcome::FullSpeed);
        assert_eq!(run(&[STEADY_BYTES + 1], VerdictEnding::Complete).outcome(), RunOutcome::Slowed);
    }

    #[test]
    fn ends_are_told_apart() {
        let killed = run(&[], VerdictEnding::Killed);
        assert_eq!((killed.outcome(), killed.died_in()), (RunOutcome::Killed, Some("prompt")));
        assert_eq!(run(&[], VerdictEnding::TimedOut).outcome(), RunOutcome::Slowed);
        assert_eq!(run(&[0, 0], VerdictEnding::Refused).outcome(), RunOutcome::Killed);
        assert_eq!(run(&[0], VerdictEnding::Complete).died_in(), None);
        assert_eq!(steady(&[]), None);
    }
}
