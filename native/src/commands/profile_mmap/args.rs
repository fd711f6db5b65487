//! The command line of `profile-mmap`.

use crate::cli::paths;
use crate::profile::plan::Mode;
use crate::profile::{Probe, Request};
use crate::{BadInput, bad_input, inputs};
use dhurandhar_core::measurement::{BudgetInterpretation, Engine};
use std::path::{Path, PathBuf};

/// Measure what reading a lookup table from this device's storage costs a token.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProfileMmapArgs {
    /// Model whose table is read: a built-in name, a profile file, or a GGUF or safetensors file, of which a
    /// tensor is read in place.
    #[arg(long, default_value = "gemma4-e2b", value_name = "MODEL")]
    pub(super) model: String,
    /// Bits a weight of the table.
    #[arg(long, default_value_t = 4.0, value_name = "BITS")]
    pub(super) quant_bits: f64,
    /// Share of the table's rows (0.1 for a first look).
    #[arg(long, default_value_t = 1.0, value_name = "SHARE")]
    pub(super) scale: f64,
    /// Timed tokens a configuration [default: 2000 quick, 12000 default, 60000 full].
    #[arg(long, value_name = "N")]
    pub(super) num_tokens: Option<u64>,
    /// Untimed tokens before each warm block.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(super) warmup_tokens: u64,
    /// Decode speed to hold, tokens a second.
    #[arg(long, default_value_t = 15.0, value_name = "TPS")]
    pub(super) target_tps: f64,
    /// Tokens of the prompt whose rows prefill fetches.
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub(super) prompt_tokens: u64,
    /// At most a minute.
    #[arg(long, conflicts_with = "full")]
    pub(super) quick: bool,
    /// Every pattern, layout and engine; up to an hour.
    #[arg(long)]
    pub(super) full: bool,
    /// Leave out everything cold; there is no verdict then.
    #[arg(long)]
    pub(super) warm_only: bool,
    /// Where the table is written; must be on the storage in question.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) directory: PathBuf,
    /// A table kept by an earlier run: reused when it is one, made with --keep when absent. Never overwritten.
    #[arg(long, visible_alias = "test-file", value_name = "PATH")]
    pub(super) table: Option<PathBuf>,
    /// Keep the table at --table.
    #[arg(long, requires = "table")]
    pub(super) keep: bool,
    /// Which tensor of a model file [default: its per-layer embeddings, else its token embeddings].
    #[arg(long, value_name = "NAME", conflicts_with = "table")]
    pub(super) tensor: Option<String>,
    /// Way of reading that the verdict rests on: what the runtime in question does.
    #[arg(long, value_enum, default_value_t = Deployed::MmapDefault)]
    pub(super) deployed: Deployed,
    /// Token ids, white-space separated, replayed under a memory budget.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// Exponent of the Zipf stream.
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub(super) zipf_exponent: f64,
    /// Memory budgets for the budget state, MiB [default: shares of the table].
    #[arg(long, value_delimiter = ',', value_name = "MIB")]
    pub(super) budgets_mib: Vec<u64>,
    /// Where no control group can be had, fill memory with a balloon until only the budget is left.
    #[arg(long)]
    pub(super) balloon: bool,
    /// Also put decoder, caches and table into one process and compare with a deployment budget.
    #[arg(long)]
    pub(super) measure_memory: bool,
    /// With --measure-memory: set the limits of this device beside what was measured; slug or YAML file.
    #[arg(long, value_name = "DEVICE", requires = "measure_memory")]
    pub(super) limits_of: Option<String>,
    /// Weight precision that picks the deployment budget: 4, 8 or 16 bits.
    #[arg(long, default_value_t = 8, value_name = "BITS", value_parser = parse_weight_bits)]
    pub(super) weight_bits: u64,
    /// Context that sizes the caches of the memory probe, tokens.
    #[arg(long, default_value_t = 32768, value_name = "N")]
    pub(super) context_tokens: u64,
    /// What the budget is compared with.
    #[arg(long, value_enum, default_value_t = Interpretation::Both)]
    pub(super) budget_interpretation: Interpretation,
    /// Size of the swept decoder of the eviction cliff, MiB; 0 leaves the cliff out [default: an eighth of
    /// the model's decoder; none with --quick].
    #[arg(long, value_name = "MIB")]
    pub(super) with_decoder_mib: Option<u64>,
    /// Seed of every draw and of the order.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    pub(super) seed: u64,
    /// Write the result here.
    #[arg(long, value_name = "PATH")]
    pub(super) json_out: Option<PathBuf>,
    /// Journal of finished blocks; a run with the same options goes on where that one stopped.
    #[arg(long, value_name = "PATH")]
    pub(super) resume: Option<PathBuf>,
    /// What to call this device in the report.
    #[arg(long, value_name = "NAME")]
    pub(super) device_name: Option<String>,
    /// Read under the real-time scheduler (needs the right to), so that other work on the machine does not
    /// delay the reader; said so in the report.
    #[arg(long)]
    pub(super) realtime: bool,
    /// Print what would run and how many bytes it writes and reads; touch nothing.
    #[arg(long)]
    pub(super) plan: bool,
    /// Exit with 1 when the verdict is FAIL or INVALID.
    #[arg(long)]
    pub(super) gate: bool,
}

/// Ways of reading that a runtime may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Deployed {
    /// A mapping without advice.
    MmapDefault,
    /// A mapping under random advice.
    MmapRandom,
    /// A mapping whose rows are announced.
    MmapWillneed,
    /// Positioned reads.
    Pread,
    /// A batch of reads handed to io_uring.
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
    /// Everything the process holds.
    FullProcess,
    /// The weights alone.
    WeightsOnly,
    /// Both.
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
            weight_bits: self.quant_bits,
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
            journal: self.resume.clone(),
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
        if !(self.quant_bits > 0.0 && self.quant_bits <= 32.0) {
            return bad(format!("--quant-bits is {}, expected above 0 and at most 32", self.quant_bits));
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
