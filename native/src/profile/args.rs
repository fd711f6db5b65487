//! The command line of `profile-mmap`.

use super::plan::Mode;
use dhurandhar_core::measurement::BudgetInterpretation;
use std::path::PathBuf;

/// Measure what reading a lookup table from this device's storage costs a token.
#[derive(Clone, Debug, clap::Args)]
pub struct ProfileMmapArgs {
    /// Model whose table is read: a built-in name, a profile file, or a GGUF or safetensors file, of which a
    /// tensor is read in place.
    #[arg(long, default_value = "gemma4-e2b", value_name = "MODEL")]
    pub model: String,
    /// Bits a weight of the table.
    #[arg(long, default_value_t = 4.0, value_name = "BITS")]
    pub quant_bits: f64,
    /// Share of the table's rows (0.1 for a first look).
    #[arg(long, default_value_t = 1.0, value_name = "SHARE")]
    pub scale: f64,
    /// Timed tokens a configuration [default: 2000 quick, 12000 default, 60000 full].
    #[arg(long, value_name = "N")]
    pub num_tokens: Option<u64>,
    /// Untimed tokens before each warm block.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub warmup_tokens: u64,
    /// Decode speed to hold, tokens a second.
    #[arg(long, default_value_t = 15.0, value_name = "TPS")]
    pub target_tps: f64,
    /// Tokens of the prompt whose rows prefill fetches.
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub prompt_tokens: u64,
    /// At most a minute.
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// Every pattern, layout and engine; up to an hour.
    #[arg(long)]
    pub full: bool,
    /// Leave out everything cold; there is no verdict then.
    #[arg(long)]
    pub warm_only: bool,
    /// Where the table is written; must be on the storage in question.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// A table kept by an earlier run: reused when it is one, made with --keep when absent. Never overwritten.
    #[arg(long, visible_alias = "test-file", value_name = "PATH")]
    pub table: Option<PathBuf>,
    /// Keep the table at --table.
    #[arg(long, requires = "table")]
    pub keep: bool,
    /// Which tensor of a model file [default: its per-layer embeddings, else its token embeddings].
    #[arg(long, value_name = "NAME", conflicts_with = "table")]
    pub tensor: Option<String>,
    /// Way of reading that the verdict rests on: what the runtime in question does.
    #[arg(long, value_enum, default_value_t = Deployed::MmapDefault)]
    pub deployed: Deployed,
    /// Token ids, white-space separated, replayed under a memory budget.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Exponent of the Zipf stream.
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub zipf_exponent: f64,
    /// Memory budgets for the budget state, MiB [default: shares of the table].
    #[arg(long, value_delimiter = ',', value_name = "MIB")]
    pub budgets_mib: Vec<u64>,
    /// Where no control group can be had, fill memory with a balloon until only the budget is left.
    #[arg(long)]
    pub balloon: bool,
    /// Also put decoder, caches and table into one process and compare with a deployment budget.
    #[arg(long)]
    pub measure_memory: bool,
    /// With --measure-memory: set the limits of this device beside what was measured; slug or YAML file.
    #[arg(long, value_name = "DEVICE", requires = "measure_memory")]
    pub limits_of: Option<String>,
    /// Weight precision that picks the deployment budget: 4, 8 or 16 bits.
    #[arg(long, default_value_t = 8, value_name = "BITS", value_parser = parse_weight_bits)]
    pub weight_bits: u64,
    /// Context that sizes the caches of the memory probe, tokens.
    #[arg(long, default_value_t = 32768, value_name = "N")]
    pub context_tokens: u64,
    /// What the budget is compared with.
    #[arg(long, value_enum, default_value_t = Interpretation::Both)]
    pub budget_interpretation: Interpretation,
    /// Size of the swept decoder of the eviction cliff, MiB; 0 leaves the cliff out [default: an eighth of
    /// the model's decoder; none with --quick].
    #[arg(long, value_name = "MIB")]
    pub with_decoder_mib: Option<u64>,
    /// Seed of every draw and of the order.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    pub seed: u64,
    /// Write the result here.
    #[arg(long, value_name = "PATH")]
    pub json_out: Option<PathBuf>,
    /// Journal of finished blocks; a run with the same options goes on where that one stopped.
    #[arg(long, value_name = "PATH")]
    pub resume: Option<PathBuf>,
    /// What to call this device in the report.
    #[arg(long, value_name = "NAME")]
    pub device_name: Option<String>,
    /// Read under the real-time scheduler (needs the right to), so that other work on the machine does not
    /// delay the reader; said so in the report.
    #[arg(long)]
    pub realtime: bool,
    /// Print what would run and how many bytes it writes and reads; touch nothing.
    #[arg(long)]
    pub plan: bool,
    /// Exit with 1 when the verdict is FAIL or INVALID.
    #[arg(long)]
    pub gate: bool,
    /// Run one block; the specification comes on standard input.
    #[arg(long, hide = true)]
    pub run_block: bool,
    /// Try io_uring.
    #[arg(long, hide = true)]
    pub run_io_uring: bool,
    /// Sweep a decoder beside the table; the specification comes on standard input.
    #[arg(long, hide = true)]
    pub run_sweep: bool,
    /// Hold so many bytes until standard input ends.
    #[arg(long, hide = true, value_name = "BYTES")]
    pub run_balloon: Option<u64>,
    /// Probe memory; the specification comes on standard input.
    #[arg(long, hide = true)]
    pub run_memory: bool,
}

/// Ways of reading that a runtime may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Deployed {
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

impl From<Deployed> for dhurandhar_core::measurement::Engine {
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
pub enum Interpretation {
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
    /// How much is asked for.
    pub fn mode(&self) -> Mode {
        match (self.quick, self.full) {
            (true, _) => Mode::Quick,
            (_, true) => Mode::Full,
            _ => Mode::Default,
        }
    }

    /// Refuses numbers that no run can use, naming the option.
    pub fn check(&self) -> Result<(), super::BadInput> {
        let bad = |text: String| Err(super::BadInput(text));
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
