//! Ceilings for decoding: memory bandwidth, storage latency, and the cliff behind both.
//!
//! A decoded token reads every active weight and the cache once: bandwidth over bytes is a ceiling that no CPU or
//! GPU passes. A lookup in a mapped table costs page faults: latency, not bandwidth. When the weights themselves
//! no longer fit in the page cache, every token reads the missing part from storage: that is the cliff.

use crate::device::Device;
use crate::memory::{Scenario, kv_cache};
use crate::model::Model;
use crate::weights::WeightPlan;
use serde::Serialize;

/// Share of the DRAM ceiling that phones, boards and laptops reach in published runs of one model on six devices
/// (28 % to 59 %; the usual range is quoted).
const DRAM_EFFICIENCY: (f64, f64) = (0.35, 0.60);

/// Bytes a decoded token needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reads {
    /// Active weights, lookups apart.
    pub weight_bytes: u64,
    /// Keys and values at the end of the context.
    pub kv_bytes: u64,
    /// Recurrent state, read and written.
    pub state_bytes: u64,
    /// One row of the per-layer embedding table.
    pub ple_row_bytes: u64,
}

/// What binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Memory bandwidth.
    Dram,
    /// Random reads of table rows.
    FlashLatency,
    /// Weights read from storage again and again.
    WeightEviction,
    /// Private memory beyond what there is: the process is ended.
    PrivateMemory,
}

impl Bound {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dram => "DRAM bandwidth",
            Self::FlashLatency => "flash latency of PLE rows",
            Self::WeightEviction => "decoder weights re-read from flash",
            Self::PrivateMemory => "private memory",
        }
    }
}

/// Decode ceilings in tokens per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ceilings {
    /// Bandwidth over bytes read per token; none where the bandwidth is unknown.
    pub dram_tokens_per_s: Option<f64>,
    /// What is usually reached of it, low and high.
    pub expected_tokens_per_s: Option<(f64, f64)>,
    /// Pages of storage that one row touches on average.
    pub pages_per_row: f64,
    /// Stall per token for a row that is not cached, one fault a page, in seconds.
    pub stall_s_worst: f64,
    /// Stall per token when read-ahead fetches the row in one request, in seconds.
    pub stall_s_best: f64,
    /// Page-granular ceiling of table reads alone, worst case; none without a table on storage.
    pub flash_tokens_per_s: Option<f64>,
    /// The seed's bound: sequential bandwidth over row bytes. Says little: a row read costs latency.
    pub sequential_bound_tokens_per_s: Option<f64>,
    /// Memory and stalls together, as far as they are known.
    pub combined_tokens_per_s: Option<f64>,
    /// Time that prefill of the whole context adds for distinct rows read one by one, in seconds.
    pub prefill_stall_s: f64,
    /// Which resource binds.
    pub bound: Bound,
}

/// Decoding when the weights do not stay in memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvictionCliff {
    /// Weight bytes that do not fit.
    pub missing_bytes: u64,
    /// Sequential read bandwidth over the missing bytes, in tokens per second.
    pub tokens_per_s: f64,
}

/// Bytes read for one token at the end of the context.
pub fn reads(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> Reads {
    Reads {
        weight_bytes: weight_bytes(model, plan),
        kv_bytes: kv_cache::read_per_token(&model.architecture, scenario),
        state_bytes: 2 * model.architecture.state_bytes(),
        ple_row_bytes: plan.ple_row_bytes(model),
    }
}

/// Active weights of a token, lookups apart, bytes.
pub(super) fn weight_bytes(model: &Model, plan: &WeightPlan) -> u64 {
    plan.read_per_token(model).saturating_sub(lookups(model, plan))
}

/// Sequential storage bandwidth in bytes per second.
fn sequential(device: &Device) -> f64 {
    device.storage.sequential_read_mb_per_s * 1e6
}

/// Rows of lookup tables are not streamed with the weights.
fn lookups(model: &Model, plan: &WeightPlan) -> u64 {
    use crate::model::tensor::Active;
    let pairs = model.tensors.iter().zip(&plan.tensors);
    pairs.filter(|(t, _)| t.active == Active::Row).map(|(t, p)| t.read_per_token(p.bytes)).sum()
}

/// Ceilings on a device; `cache_hit_share` of the table's rows are found in memory, `mapped` says whether the
/// table is on storage at all.
pub fn ceilings(
    reads: &Reads,
    device: &Device,
    context_tokens: u64,
    mapped: bool,
    cache_hit_share: f64,
) -> Ceilings {
    let bytes = (reads.weight_bytes + reads.kv_bytes + reads.state_bytes).max(1) as f64;
    let dram_s = device.dram_bytes_per_s().map(|bandwidth| bytes / bandwidth);
    let storage = &device.storage;
    let row = reads.ple_row_bytes;
    let on_storage = mapped && row > 0;
    let page = device.page_bytes() as f64;
    let pages_per_row = if row == 0 { 0.0 } else { 1.0 + (row - 1) as f64 / page };
    let latency = storage.random_read_latency_us * 1e-6;
    let miss = if on_storage { (1.0 - cache_hit_share).clamp(0.0, 1.0) } else { 0.0 };
    let stall_s_worst = pages_per_row * latency * miss;
    let stall_s_best = if on_storage { latency * miss } else { 0.0 };
    let token_s = dram_s.unwrap_or(0.0) + stall_s_worst;
    let reached = |dram_s: f64, share: f64, stall: f64| 1.0 / (dram_s / share + stall);
    Ceilings {
        dram_tokens_per_s: dram_s.map(|seconds| 1.0 / seconds),
        expected_tokens_per_s: dram_s.map(|seconds| {
            let (low, high) = DRAM_EFFICIENCY;
            (reached(seconds, low, stall_s_worst), reached(seconds, high, stall_s_best))
        }),
        pages_per_row,
        stall_s_worst,
        stall_s_best,
        flash_tokens_per_s: (on_storage && stall_s_worst > 0.0).then(|| 1.0 / stall_s_worst),
        sequential_bound_tokens_per_s: (row > 0).then(|| sequential(device) / row as f64),
        combined_tokens_per_s: (token_s > 0.0).then(|| 1.0 / token_s),
        prefill_stall_s: stall_s_worst * context_tokens as f64,
        bound: if stall_s_worst > dram_s.unwrap_or(0.0) { Bound::FlashLatency } else { Bound::Dram },
    }
}

/// What happens when `budget_bytes` do not hold what every token needs.
///
/// Private memory stays; mapped weights are dropped and read again. `None` when everything fits,
/// and when private memory alone does not.
pub fn eviction_cliff(
    hot_bytes: u64,
    hot_mapped_bytes: u64,
    device: &Device,
    budget_bytes: u64,
) -> Option<EvictionCliff> {
    let missing_bytes = hot_bytes.checked_sub(budget_bytes).filter(|missing| *missing > 0)?;
    // Private memory cannot be dropped: when it alone is too large, the process does not run slowly, it is ended.
    if missing_bytes > hot_mapped_bytes {
        return None;
    }
    let tokens_per_s = sequential(device) / missing_bytes as f64;
    Some(EvictionCliff { missing_bytes, tokens_per_s })
}
