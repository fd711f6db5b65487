//! One configuration of a profile: what was read how, its blocks, its summary and its prediction.

use super::{Engine, Flag};
use crate::leaf::named;
use crate::leaf::wire::wire_enum;
use crate::storage::Layout;
use serde::{Deserialize, Serialize};

/// Which rows are asked for, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Rows in file order.
    SequentialPrefill,
    /// Uniform rows: no token comes twice in a cold block.
    RandomDecode,
    /// Every layer's slice from a place of its own.
    RandomScatter,
    /// Independent Zipf-distributed rows: more pessimistic than text.
    ZipfDecode,
    /// Recorded token ids.
    TraceDecode,
    /// The distinct rows of a prompt, fetched in one go.
    PromptPrefill,
}

impl Pattern {
    /// Whether rows come in file order, so that pages are shared between neighbours.
    pub fn is_sequential(self) -> bool {
        self == Self::SequentialPrefill
    }

    /// Whether a cold block is meant to fill the cache as it goes: the whole of it is one cold event.
    pub fn fills_the_cache(self) -> bool {
        matches!(self, Self::SequentialPrefill | Self::PromptPrefill)
    }
}

named!(Pattern { SequentialPrefill "sequential_prefill", RandomDecode "random_decode", RandomScatter "random_scatter", ZipfDecode "zipf_decode", TraceDecode "trace_decode", PromptPrefill "prompt_prefill" });

/// What the page cache held when reading began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing of the table, proved.
    Cold,
    /// Every page that is asked for.
    Warm,
    /// A steady state under a memory limit.
    Budget,
}

named!(State { Cold "cold", Warm "warm", Budget "budget" });

/// An estimate with its 95 % bootstrap interval over blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    /// Median of the blocks.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Time a token waits for its row, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// Tokens timed.
    pub tokens: u64,
    /// Arithmetic mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile; only from 10,000 tokens on.
    #[serde(default)]
    pub p999_us: Option<f64>,
    /// Worst token, never dropped.
    pub max_us: f64,
}

/// What the operating system counted while a block ran; `null` where it would not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Counters {
    /// Faults that had to wait for a read.
    pub major_faults: Option<u64>,
    /// Faults served from memory.
    pub minor_faults: Option<u64>,
    /// Bytes the task fetched from the block layer.
    pub device_read_bytes: Option<u64>,
    /// Time the thread was runnable without a CPU, nanoseconds.
    pub run_delay_ns: Option<u64>,
    /// Context switches while waiting.
    pub voluntary_switches: Option<u64>,
    /// Context switches forced by others.
    pub involuntary_switches: Option<u64>,
    /// Time in user mode, nanoseconds.
    pub user_ns: Option<u64>,
    /// Time in the kernel, nanoseconds.
    pub system_ns: Option<u64>,
}

/// Share of the table in the page cache, 0 to 1; `null` where it could not be observed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Residency {
    /// After the eviction, before the first read.
    pub before: Option<f64>,
    /// After the last read.
    pub end: Option<f64>,
    /// How it was observed.
    pub method: String,
}

/// One uninterrupted stretch of reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Block {
    /// Position in the interleaved schedule.
    pub order: u64,
    /// Seed of the row stream.
    pub seed: u64,
    /// Wall time of the reading, seconds.
    pub wall_s: f64,
    /// Distinct pages that the rows touch.
    pub expected_pages: u64,
    /// Wait of a token.
    pub latency: Latency,
    /// Wait of a token from its intended start; only when paced.
    #[serde(default)]
    pub intended_latency: Option<Latency>,
    /// Operating-system counters.
    pub counters: Counters,
    /// Page-cache state.
    pub residency: Residency,
    /// Bytes of page cache charged to the limited group, where there is one.
    #[serde(default)]
    pub group_cache_bytes: Option<u64>,
    /// Whether the block counts.
    pub valid: bool,
    /// What was wrong or notable.
    pub flags: Vec<Flag>,
}

/// A child that did not come back with a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// `signal`, `io_error`, `out_of_memory`, `time_out` or `refused`.
    pub kind: String,
    /// In words.
    pub detail: String,
    /// Tokens read before, where known.
    #[serde(default)]
    pub tokens: Option<u64>,
}

/// A point of the merged latency distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PercentilePoint {
    /// Share of tokens at or below, 0 to 1.
    pub quantile: f64,
    /// Wait, microseconds.
    pub value_us: f64,
}

/// All valid blocks together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Summary {
    /// Valid blocks.
    pub blocks: u64,
    /// Tokens a second of fetching alone.
    pub tokens_per_s: Interval,
    /// Mean wait of a token, microseconds.
    pub mean_us: Interval,
    /// Median wait, microseconds.
    pub p50_us: Interval,
    /// 99th percentile of the merged tokens, microseconds.
    pub p99_us: f64,
    /// Merged quantiles.
    pub latency: Latency,
    /// Page reads a token, from device bytes.
    pub reads_per_token: Option<f64>,
    /// Device bytes a token.
    pub bytes_per_token: Option<f64>,
    /// Device bytes over useful bytes.
    pub amplification: Option<f64>,
    /// Major faults a token.
    pub major_faults_per_token: Option<f64>,
    /// The merged distribution.
    pub distribution: Vec<PercentilePoint>,
}

/// The model beside the measurement. `null` where the model makes no claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Prediction {
    /// Which model, and what it was calibrated with.
    pub model: String,
    /// Page reads a token.
    pub reads_per_token: Option<f64>,
    /// Predicted over measured page reads.
    pub reads_over_measured: Option<f64>,
    /// Wait of a token, microseconds: its mean under a memory limit, its median otherwise.
    pub stall_us: Option<f64>,
    /// Bounds of the wait where the model knows no more, microseconds: reads that overlap fully, and not at all.
    pub stall_range_us: Option<(f64, f64)>,
    /// Predicted over measured wait; `null` for the configuration that calibrates the model.
    pub stall_over_measured: Option<f64>,
    /// Device bytes a token.
    pub bytes_per_token: Option<f64>,
}

/// Everything about one way of reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Configuration {
    /// Short unique name.
    pub id: String,
    /// Row order.
    pub pattern: Pattern,
    /// Row layout.
    pub layout: Layout,
    /// Way of reading.
    pub engine: Engine,
    /// Page-cache state.
    pub state: State,
    /// Pause between token starts, microseconds; 0 is back to back.
    pub pacing_us: u64,
    /// Memory limit, bytes; only in the budget state.
    #[serde(default)]
    pub budget_bytes: Option<u64>,
    /// How the state was brought about and proved.
    pub method: String,
    /// All blocks, voided ones too.
    pub blocks: Vec<Block>,
    /// Valid blocks together; `null` when none is valid.
    pub summary: Option<Summary>,
    /// The model beside it.
    #[serde(default)]
    pub prediction: Option<Prediction>,
    /// Children that did not come back.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Flags of the configuration as a whole.
    pub flags: Vec<Flag>,
}

impl Configuration {
    /// The wait that a prediction of the wait speaks of, microseconds.
    ///
    /// The median where every token waits alike; the mean under a memory limit, where most tokens hit the cache,
    /// few miss it, and the median is that of a hit.
    pub fn compared_wait(&self) -> Option<Interval> {
        let summary = self.summary.as_ref()?;
        Some(if self.state == State::Budget { summary.mean_us } else { summary.p50_us })
    }

    /// Whether a hard flag voids it.
    pub fn is_invalid(&self) -> bool {
        self.summary.is_none() || self.flags.iter().any(|flag| flag.hard)
    }
}

/// What shows that the cold blocks of a configuration were cold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColdProof {
    /// Valid blocks.
    pub blocks: u64,
    /// Highest share of the table in the page cache after an eviction, 0 to 1; `None` where no block could tell.
    pub residency_before: Option<f64>,
    /// Device bytes over the bytes of the touched pages, least and greatest of the blocks.
    pub device_over_touched: Option<(f64, f64)>,
}

impl Configuration {
    /// The proof of a cold configuration with pages of `page_bytes`; `None` for other states.
    pub fn cold_proof(&self, page_bytes: u64) -> Option<ColdProof> {
        if self.state != State::Cold {
            return None;
        }
        let valid = || self.blocks.iter().filter(|block| block.valid);
        let ratios = valid().filter_map(|block| {
            let touched = block.expected_pages.checked_mul(page_bytes).filter(|bytes| *bytes > 0)?;
            block.counters.device_read_bytes.map(|read| read as f64 / touched as f64)
        });
        Some(ColdProof {
            blocks: valid().count() as u64,
            residency_before: valid().filter_map(|block| block.residency.before).reduce(f64::max),
            device_over_touched: ratios.fold(None, |range, ratio| {
                let (low, high) = range.unwrap_or((ratio, ratio));
                Some((low.min(ratio), high.max(ratio)))
            }),
        })
    }
}

wire_enum!(Pattern {
    0 SequentialPrefill, 1 RandomDecode, 2 RandomScatter, 3 ZipfDecode, 4 TraceDecode, 5 PromptPrefill,
});
wire_enum!(State { 0 Cold, 1 Warm, 2 Budget });

#[cfg(test)]
mod tests {
    use super::*;

    fn block(read: u64, before: f64, valid: bool) -> Block {
        Block {
            order: 0,
            seed: 0,
            wall_s: 1.0,
            expected_pages: 10,
            latency: Latency::default(),
            intended_latency: None,
            counters: Counters { device_read_bytes: Some(read), ..Counters::default() },
            residency: Residency { before: Some(before), ..Residency::default() },
            group_cache_bytes: None,
            valid,
            flags: Vec::new(),
        }
    }

    #[test]
    fn the_proof_takes_the_worst_valid_block() {
        let mut configuration = Configuration {
            id: "a".to_owned(),
            pattern: Pattern::RandomDecode,
            layout: Layout::Contiguous,
            engine: Engine::MmapRandom,
            state: State::Cold,
            pacing_us: 0,
            budget_bytes: None,
            method: String::new(),
            blocks: vec![block(40_960, 0.0, true), block(45_056, 0.004, true), block(0, 0.9, false)],
            summary: None,
            prediction: None,
            failures: Vec::new(),
            flags: Vec::new(),
        };
        let proof = configuration.cold_proof(4096).unwrap();
        assert_eq!((proof.blocks, proof.residency_before), (2, Some(0.004)));
        assert_eq!(proof.device_over_touched, Some((1.0, 1.1)));
        assert_eq!(configuration.cold_proof(0).unwrap().device_over_touched, None);
        configuration.state = State::Warm;
        assert_eq!(configuration.cold_proof(4096), None);
    }
}
