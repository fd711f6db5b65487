//! Ceilings for decoding: memory bandwidth, storage latency, and reads of weights that do not stay in memory.
//!
//! A decoded token reads every active weight and the cache once: bandwidth over bytes is a ceiling that no CPU or
//! GPU passes; [`super::forecast`] says what is reached of it. A lookup in a mapped table costs page faults: latency, not bandwidth. What is read again for every token
//! under a limit on memory is said by [`crate::placement::held`]; here it becomes time.

use crate::device::{Device, Gpu};
use crate::leaf::number::within;
use crate::memory::{Scenario, kv_cache, state};
use crate::model::Model;
use crate::model::tensor::{Active, Role};
use crate::placement::ReRead;
use crate::weights::WeightPlan;
use serde::Serialize;

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
    /// Of all these, what comes from a graphics card's own memory.
    pub gpu_bytes: u64,
    /// One row of the per-layer embedding table.
    pub ple_row_bytes: u64,
    /// One row of the table that decides when tables are left on storage: the per-layer one, or the token embeddings
    /// where only those are looked up; 0 where nothing is.
    pub row_bytes: u64,
}

/// The bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Memory bandwidth.
    Dram,
    /// Bandwidth of a graphics card's memory.
    GpuBandwidth,
    /// Random reads of table rows.
    FlashLatency,
    /// Weights read from storage again and again.
    WeightEviction,
    /// A limit on memory: the process is ended, or its allocations fail.
    MemoryLimit,
}

impl Bound {
    /// Whether nothing but reading memory holds it back.
    pub const fn is_bandwidth(self) -> bool {
        matches!(self, Self::Dram | Self::GpuBandwidth)
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dram => "DRAM bandwidth",
            Self::GpuBandwidth => "bandwidth of the card's memory",
            Self::FlashLatency => "storage latency of table rows",
            Self::WeightEviction => "weights re-read from storage",
            Self::MemoryLimit => "a memory limit",
        }
    }
}

/// Decode ceilings in tokens per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ceilings {
    /// Bandwidth over bytes read per token; none where the bandwidth is unknown.
    pub dram_tokens_per_s: Option<f64>,
    /// What is expected by [`super::Speed`], low and high.
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
    /// Sequential reads over the bytes that are read again for every token; none where nothing is.
    pub reread_tokens_per_s: Option<f64>,
    /// Time that prefill of the whole context adds for distinct rows read one by one, in seconds.
    pub prefill_stall_s: f64,
    /// The bottleneck.
    pub bound: Bound,
}

/// Bytes read for one token at the end of the context.
pub fn reads(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> Reads {
    Reads {
        weight_bytes: weight_bytes(model, plan),
        kv_bytes: kv_cache::read_per_token(&model.architecture, scenario),
        state_bytes: 2 * state::of_sequence(&model.architecture, scenario),
        gpu_bytes: 0,
        ple_row_bytes: plan.ple_row_bytes(model),
        row_bytes: row_bytes(model, plan),
    }
}

fn row_bytes(model: &Model, plan: &WeightPlan) -> u64 {
    let row = |role| {
        let mut tables = model.tensors.iter().zip(&plan.tensors);
        let found = tables.find(|(tensor, _)| tensor.role == role && tensor.active == Active::Row);
        found.map_or(0, |(tensor, planned)| tensor.read_per_token(planned.bytes))
    };
    match row(Role::PleTable) {
        0 => row(Role::TokenEmbedding),
        ple => ple,
    }
}

/// Active weights of a token, lookups apart, bytes.
pub(super) fn weight_bytes(model: &Model, plan: &WeightPlan) -> u64 {
    let again = model.architecture.passes.saturating_sub(1);
    let once = plan.read_per_token(model).saturating_sub(lookups(model, plan));
    if again == 0 {
        return once;
    }
    // Layers are read in every pass, the head once.
    let layers = model.tensors.iter().zip(&plan.tensors).filter(|(tensor, _)| tensor.layer.is_some());
    let read: u64 = layers.map(|(tensor, planned)| tensor.read_per_token(planned.bytes)).sum();
    once.saturating_add(read.saturating_mul(again))
}

/// Sequential storage bandwidth in bytes per second.
pub(crate) fn storage_bytes_per_s(device: &Device) -> f64 {
    device.storage.sequential_read_mb_per_s * 1e6
}

/// Pages of storage that a row of `row_bytes` touches on average.
pub(crate) fn pages_per_row(row_bytes: u64, device: &Device) -> f64 {
    if row_bytes == 0 { 0.0 } else { 1.0 + (row_bytes - 1) as f64 / device.page_bytes() as f64 }
}

/// Seconds that a token's bytes take at full bandwidth: from the host's memory, and from a card's own; nothing where a
/// bandwidth that counts is unknown.
fn stream_times(reads: &Reads, device: &Device) -> Option<(f64, f64)> {
    let card = reads.gpu_bytes as f64;
    let host = streamed(reads) - card;
    let of = |bytes: f64, bandwidth: Option<f64>| {
        if bytes > 0.0 { bandwidth.map(|bandwidth| bytes / bandwidth) } else { Some(0.0) }
    };
    // Of several cards the fastest bounds all.
    let fastest = device.cards().into_iter().filter_map(Gpu::bytes_per_s).reduce(f64::max);
    let own = fastest.or_else(|| device.gpu.as_ref().and_then(Gpu::bytes_per_s));
    Some((of(host, device.dram_bytes_per_s())?, of(card, own)?))
}

/// Bytes streamed from memory for a token.
fn streamed(reads: &Reads) -> f64 {
    (reads.weight_bytes + reads.kv_bytes + reads.state_bytes).max(1) as f64
}

/// Rows of lookup tables are not streamed with the weights.
fn lookups(model: &Model, plan: &WeightPlan) -> u64 {
    let pairs = model.tensors.iter().zip(&plan.tensors);
    pairs.filter(|(t, _)| t.active == Active::Row).map(|(t, p)| t.read_per_token(p.bytes)).sum()
}

/// Ceilings on a device; `cache_hit_share` of the table's rows are found in memory, `mapped` says whether the
/// table is on storage at all, `reread` what of the weights is read again for every token.
pub fn ceilings(
    reads: &Reads,
    device: &Device,
    context_tokens: u64,
    mapped: bool,
    cache_hit_share: f64,
    reread: Option<ReRead>,
) -> Ceilings {
    let times = stream_times(reads, device);
    let dram_s = times.map(|(host, card)| host + card);
    let storage = &device.storage;
    let row = reads.row_bytes;
    let on_storage = mapped && row > 0;
    let pages_per_row = pages_per_row(row, device);
    let sequential = storage_bytes_per_s(device);
    let again_s =
        reread.map(|read| [read.low, read.expected, read.high].map(|bytes| bytes as f64 / sequential));
    let [_, again, _] = again_s.unwrap_or_default();
    let latency = storage.random_read_latency_us * 1e-6;
    let miss = if on_storage { within(1.0 - cache_hit_share, 0.0, 1.0) } else { 0.0 };
    let stall_s_worst = pages_per_row * latency * miss;
    let stall_s_best = if on_storage { latency * miss } else { 0.0 };
    let token_s = dram_s.unwrap_or(0.0) + stall_s_worst + again;
    Ceilings {
        dram_tokens_per_s: dram_s.map(|seconds| 1.0 / seconds),
        expected_tokens_per_s: None,
        pages_per_row,
        stall_s_worst,
        stall_s_best,
        flash_tokens_per_s: (on_storage && stall_s_worst > 0.0).then(|| 1.0 / stall_s_worst),
        sequential_bound_tokens_per_s: (reads.ple_row_bytes > 0)
            .then(|| sequential / reads.ple_row_bytes as f64),
        combined_tokens_per_s: (token_s > 0.0).then(|| 1.0 / token_s),
        reread_tokens_per_s: (again > 0.0).then(|| 1.0 / again),
        prefill_stall_s: stall_s_worst * context_tokens as f64,
        bound: match times {
            Some((host, card)) if stall_s_worst <= host + card => {
                if card > host {
                    Bound::GpuBandwidth
                } else {
                    Bound::Dram
                }
            }
            None if stall_s_worst <= 0.0 => Bound::Dram,
            _ => Bound::FlashLatency,
        },
    }
}
