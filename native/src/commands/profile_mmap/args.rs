//! The command line of `profile-mmap`.

use crate::cli::paths;
use crate::profile::plan::Mode;
use crate::profile::{Probe, Request};
use crate::{BadInput, bad_input, inputs};
use dhurandhar_core::measurement::{BudgetInterpretation, Engine};
use std::path::{Path, PathBuf};

/// Measure how long a token waits for its rows of a lookup table (PLE) on this device's storage
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProfileMmapArgs {
    /// Model whose table is read: a built-in name, a profile file, or a GGUF or safetensors file, of which a tensor is read in
    /// place
    #[arg(long, default_value = "gemma4-e2b", value_name = "MODEL")]
    pub(super) model: String,
    /// Bits per weight of the table
    #[arg(long, alias = "quant-bits", default_value_t = 4.0, value_name = "BITS")]
    pub(super) table_bits: f64,
    /// Share of the table's rows (0.1 for a first look)
    #[arg(long, default_value_t = 1.0, value_name = "SHARE")]
    pub(super) scale: f64,
    /// Timed tokens of a configuration [default: 2000 with --quick, 12000, 60000 with --full]
    #[arg(long, value_name = "N")]
    pub(super) num_tokens: Option<u64>,
    /// Untimed tokens before each block that finds the table in memory
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(super) warmup_tokens: u64,
    /// Decoding speed that must be held, tokens per second
    #[arg(long, default_value_t = 15.0, value_name = "TPS")]
    pub(super) target_tps: f64,
    /// Tokens of the prompt whose rows are fetched together
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub(super) prompt_tokens: u64,
    /// Take at most a minute
    #[arg(long, conflicts_with = "full")]
    pub(super) quick: bool,
    /// Measure every pattern, layout and way of reading; takes up to an hour
    #[arg(long)]
    pub(super) full: bool,
    /// Leave out everything that starts with the table out of memory; there is no verdict then
    #[arg(long)]
    pub(super) warm_only: bool,
    /// Folder in which the table is written; must be on the storage in question
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) directory: PathBuf,
    /// A table kept by an earlier run: read when it is there, made when --keep is given; never overwritten
    #[arg(long, alias = "test-file", value_name = "PATH")]
    pub(super) table: Option<PathBuf>,
    /// Keep the table as the file of --table
    #[arg(long, requires = "table")]
    pub(super) keep: bool,
    /// Tensor of a model file [default: its per-layer embeddings, else its token embeddings]
    #[arg(long, value_name = "NAME", conflicts_with = "table")]
    pub(super) tensor: Option<String>,
    /// Way of reading on which the verdict rests: that of the runtime in question
    #[arg(long, value_enum, default_value_t = Deployed::MmapDefault)]
    pub(super) deployed: Deployed,
    /// Token ids separated by white space, replayed under a memory budget
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// Exponent of the stream of tokens that follows Zipf's law
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub(super) zipf_exponent: f64,
    /// Memory budgets, MiB, several with commas [default: shares of the table]
    #[arg(long, value_delimiter = ',', value_name = "MIB")]
    pub(super) budgets_mib: Vec<u64>,
    /// Where no control group can be made, fill memory with a balloon until only the budget is left
    #[arg(long)]
    pub(super) balloon: bool,
    /// Also put decoder, caches and table into one process and compare its memory (RSS) with a budget
    #[arg(long)]
    pub(super) measure_memory: bool,
    /// With --measure-memory: compare with the limits of this device, too: built-in name or YAML file
    #[arg(long, value_name = "DEVICE", requires = "measure_memory")]
    pub(super) limits_of: Option<String>,
    /// Bits per weight of the decoder, which choose the budget: 4, 8 or 16
    #[arg(long, default_value_t = 8, value_name = "BITS", value_parser = parse_weight_bits)]
    pub(super) weight_bits: u64,
    /// Tokens of context, which size the caches of --measure-memory
    #[arg(long, default_value_t = 32768, value_name = "N")]
    pub(super) context_tokens: u64,
    /// What is compared with the budget
    #[arg(long, value_enum, default_value_t = Interpretation::Both)]
    pub(super) budget_interpretation: Interpretation,
    /// Size of a decoder that is read together with the table under ever less memory, MiB; 0 leaves this out [default: an
    /// eighth of the model's decoder; none with --quick]
    #[arg(long, value_name = "MIB")]
    pub(super) with_decoder_mib: Option<u64>,
    /// Seed of the random generator for draws and order
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    pub(super) seed: u64,
    /// Write the result's JSON to this file
    #[arg(long, alias = "json-out", value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    /// Journal of finished blocks; a run with the same options continues where that one stopped
    #[arg(long, alias = "resume", value_name = "PATH")]
    pub(super) journal: Option<PathBuf>,
    /// Name of this device in the report
    #[arg(long, value_name = "NAME")]
    pub(super) device_name: Option<String>,
    /// Read under the real-time scheduler (needs the right to), so that other work does not delay the reader; the report
    /// says so
    #[arg(long)]
    pub(super) realtime: bool,
    /// Print what would run and how many bytes it writes and reads, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// Exit with code 1 when the verdict is FAIL or INVALID
    #[arg(long)]
    pub(super) gate: bool,
}

/// Ways of reading that a runtime may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Deployed {
    /// A mapping without advice
    MmapDefault,
    /// A mapping under random advice
    MmapRandom,
    /// A mapping whose rows are announced
    MmapWillneed,
    /// Positioned reads
    Pread,
    /// A batch of reads handed to io_uring
    IoUring,
}

impl From<Deployed> for Engine {
    fn from(deployed: Deployed) -> Self {
        match deployed {
            Deployed::MmapDefault => Self::MmapDefault,
            Deployed::MmapRandom => Self::MmapRandom,
            Deployed::MmapWillneed => Self::MmapWillneed,
            Deployed::Pread => Self::Pread,
            Deployed::IoUring => Self::IoUring,
        }
    }
}

/// What a deployment budget is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Interpretation {
    /// Everything the process holds
    FullProcess,
    /// The weights alone
    WeightsOnly,
    /// Both
    Both,
}

impl From<Interpretation> for BudgetInterpretation {
    fn from(interpretation: Interpretation) -> Self {
        match interpretation {
            Interpretation::FullProcess => Self::FullProcess,
            Interpretation::WeightsOnly => Self::WeightsOnly,
            Interpretation::Both => Self::Both,
        }
    }
}

impl ProfileMmapArgs {
    /// What is asked for, checked: numbers, the trace and the device are read before anything is measured.
    pub(super) fn request(&self) -> anyhow::Result<Request> {
        self.check()?;
        let is_file = crate::profile::table::real::is_checkpoint(&self.model);
        if is_file && (self.table.is_some() || self.scale < 1.0) {
            return Err(bad_input(
                "--table and --scale are for written tables; a model file is read as it is",
            ));
        }
        if let Some(table) = self.table.as_deref().filter(|table| !self.plan && !self.keep && !table.exists())
        {
            return Err(bad_input(format!("{} does not exist; --keep makes it", table.display())));
        }
        let limits_of = self.limits_of.as_deref().map(inputs::device::load).transpose()?;
        let probe = Probe { interpretation: self.budget_interpretation.into(), limits_of };
        Ok(Request {
            model: self.model.clone(),
            weight_bits: self.table_bits,
            scale: self.scale,
            num_tokens: self.num_tokens,
            warmup_tokens: self.warmup_tokens,
            target_tps: self.target_tps,
            prompt_tokens: self.prompt_tokens,
            mode: self.mode(),
            warm_only: self.warm_only,
            directory: self.directory.clone(),
            table: self.table.clone(),
            tensor: self.tensor.clone(),
            deployed: self.deployed.into(),
            trace: self.trace.as_deref().map(read_trace).transpose()?.unwrap_or_default(),
            zipf_exponent: self.zipf_exponent,
            budgets_mib: self.budgets_mib.clone(),
            balloon: self.balloon,
            memory: self.measure_memory.then_some(probe),
            context_tokens: self.context_tokens,
            decoder_bits: self.weight_bits,
            with_decoder_mib: self.with_decoder_mib,
            seed: self.seed,
            journal: self.journal.clone(),
            device_name: self.device_name.clone(),
            realtime: self.realtime,
            arguments: paths::arguments(),
        })
    }

    /// How much is asked for.
    fn mode(&self) -> Mode {
        match (self.quick, self.full) {
            (true, _) => Mode::Quick,
            (_, true) => Mode::Full,
            _ => Mode::Default,
        }
    }

    /// Refuses numbers that no run can use, naming the option.
    fn check(&self) -> Result<(), BadInput> {
        let bad = |text: String| Err(BadInput(text));
        if !(self.scale > 0.0 && self.scale <= 1.0) {
            return bad(format!("--scale is {}, expected above 0 and at most 1", self.scale));
        }
        if !(self.table_bits > 0.0 && self.table_bits <= 32.0) {
            return bad(format!("--table-bits is {}, expected above 0 and at most 32", self.table_bits));
        }
        if !(self.target_tps > 0.0 && self.target_tps <= 1e6) {
            return bad(format!("--target-tps is {}, expected above 0 and at most 1000000", self.target_tps));
        }
        if !(0.0..=10.0).contains(&self.zipf_exponent) {
            return bad(format!("--zipf-exponent is {}, expected 0 to 10", self.zipf_exponent));
        }
        for (name, value) in [
            ("--num-tokens", self.num_tokens.unwrap_or(1)),
            ("--prompt-tokens", self.prompt_tokens),
            ("--context-tokens", self.context_tokens),
        ] {
            if !(1..=10_000_000).contains(&value) {
                return bad(format!("{name} is {value}, expected 1 to 10000000"));
            }
        }
        if self.warmup_tokens > 10_000_000 {
            return bad(format!("--warmup-tokens is {}, expected at most 10000000", self.warmup_tokens));
        }
        if let Some(budget) = self.budgets_mib.iter().find(|mib| !(8..=1 << 20).contains(*mib)) {
            return bad(format!("--budgets-mib has {budget}, expected 8 to 1048576"));
        }
        if self.with_decoder_mib.is_some_and(|mib| mib > 1 << 20) {
            return bad("--with-decoder-mib is above 1048576".to_owned());
        }
        Ok(())
    }
}

fn parse_weight_bits(text: &str) -> Result<u64, String> {
    match text {
        "4" => Ok(4),
        "8" => Ok(8),
        "16" => Ok(16),
        _ => Err("expected 4, 8 or 16".to_owned()),
    }
}

fn read_trace(path: &Path) -> anyhow::Result<Vec<u64>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| bad_input(format!("cannot read the trace {}: {error}", path.display())))?;
    let ids: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
    match ids {
        Ok(ids) if !ids.is_empty() && ids.len() <= 1_000_000 => Ok(ids),
        Ok(ids) => Err(bad_input(format!("the trace has {} ids, expected 1 to 1000000", ids.len()))),
        Err(error) => Err(bad_input(format!("the trace is no list of token ids: {error}"))),
    }
}
