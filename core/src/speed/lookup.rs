//! A table on storage, one case answered in full: pages, misses, stall, prefill, verdict, and the cliff behind.
//!
//! Only puts together what [`crate::storage`] computes for the profiler.

use crate::device::Device;
use crate::leaf::wire::wire_struct;
use crate::model::Model;
use crate::storage::{
    Engine, EngineCost, GeometryError, Layout, PageCache, Policy, PolicyInputs, Sweep, TableGeometry,
    VerdictResult, gather_time_us, miss_curve, miss_pages, prefill_added_s, readahead_bytes_per_row,
    stall_share, sweep_time_s,
};
use crate::weights::WeightPlan;

/// Linux's usual readahead window, bytes.
const READAHEAD_BYTES: u64 = 131_072;
/// Seed that says which rows are hot; the counts hardly depend on it.
const HOT_ROWS: u64 = 11;
/// Shares of the decoder's weights that stay in memory, for the cliff.
const HELD: [f64; 4] = [1.0, 0.9, 0.5, 0.0];

/// What is asked of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LookupCase {
    /// Rows, slices, bytes and page; unchecked until answered.
    pub table: TableGeometry,
    /// How the rows lie.
    pub layout: Layout,
    /// How they are read.
    pub engine: Engine,
    /// Exponent of a Zipf stream; 0 is uniform.
    pub zipf_exponent: f64,
    /// Page cache that the table keeps, bytes.
    pub cache_bytes: u64,
    /// One outstanding random read, microseconds.
    pub miss_us: f64,
    /// Decode speed to hold, tokens a second.
    pub target_tokens_per_s: f64,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Weights read every token, bytes.
    pub decoder_bytes: u64,
    /// Memory bandwidth, bytes a second, where known.
    pub memory_bytes_per_s: Option<f64>,
    /// Sequential reads, bytes a second.
    pub storage_bytes_per_s: f64,
}

/// Decoding with a share of the decoder's weights in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CliffStep {
    /// Share that stays, 0 to 1.
    pub held_share: f64,
    /// Ceiling in tokens a second, worst and best order of replacement; none where no bandwidth is known.
    pub tokens_per_s: Option<(f64, f64)>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// One row, bytes.
    pub row_bytes: u64,
    /// The table in its layout, bytes.
    pub table_bytes: u64,
    /// Pages of storage a token touches, uniform rows.
    pub pages_per_token: f64,
    /// Bytes fetched for one cold row; none where readahead windows overlap.
    pub cold_bytes_per_token: Option<f64>,
    /// Page reads a token with the cache in steady state; none where the model makes no claim.
    pub misses_per_token: Option<f64>,
    /// Wait of a token for those, microseconds.
    pub stall_us: Option<f64>,
    /// Its share of a token at the target speed, 0 to 1 and beyond.
    pub stall_share: Option<f64>,
    /// Wait of a token with nothing cached, microseconds.
    pub cold_stall_us: Option<f64>,
    /// Seconds added to the first token when every row of the prompt is new and cold.
    pub prefill_s: Option<f64>,
    /// Judged by the profiler's policy; none without a claim.
    pub result: Option<VerdictResult>,
    /// Stall over cache: bytes and microseconds.
    pub curve: Vec<(f64, f64)>,
    /// The eviction cliff, everything in memory first; empty without a decoder.
    pub cliff: Vec<CliffStep>,
}

impl LookupCase {
    /// A model's table on a device, of whose memory `private_bytes` are taken otherwise.
    ///
    /// Without per-layer embeddings the table is that of the token embeddings. Errors name the count at fault.
    pub fn of(
        model: &Model,
        plan: &WeightPlan,
        device: &Device,
        taken_bytes: u64,
        target_tokens_per_s: f64,
    ) -> Result<Self, GeometryError> {
        let page = device.page_bytes();
        let layers = model.architecture.layers.len() as u64;
        let table = match (&model.architecture.ple, plan.ple_row_bytes(model)) {
            (Some(ple), row @ 1..) => {
                TableGeometry::new(ple.rows, layers, row.div_ceil(layers.max(1)), page)?
            }
            _ => TableGeometry::of_model(&model.architecture, plan.bits_per_weight(model), page)?,
        };
        let layout = Layout::Contiguous;
        let left = device.least_limit_bytes().saturating_sub(taken_bytes);
        Ok(Self {
            table,
            layout,
            engine: Engine::MmapRandom,
            zipf_exponent: 0.0,
            cache_bytes: left.min(table.bytes(layout)),
            miss_us: device.storage.random_read_latency_us,
            target_tokens_per_s,
            prompt_tokens: 512,
            decoder_bytes: super::weight_bytes(model, plan),
            memory_bytes_per_s: device.dram_bytes_per_s(),
            storage_bytes_per_s: device.storage.sequential_read_mb_per_s * 1e6,
        })
    }

    /// Everything about it. Errors name the count of the table at fault.
    pub fn answer(&self) -> Result<Lookup, GeometryError> {
        let LookupCase { table, layout, engine, .. } = *self;
        let table = TableGeometry::new(table.rows, table.layers, table.layer_bytes, table.page_bytes)?;
        let (page, pages) = (table.page_bytes as f64, table.pages_per_token(layout));
        let cost = EngineCost {
            hit_us: 0.0,
            miss_us: self.miss_us,
            pages_per_io: engine.pages_per_io(layout, pages),
        };
        let mut lookup = Lookup {
            row_bytes: table.row_bytes(),
            table_bytes: table.bytes(layout),
            pages_per_token: pages,
            cold_bytes_per_token: self.cold_bytes(&table, pages),
            misses_per_token: None,
            stall_us: None,
            stall_share: None,
            cold_stall_us: None,
            prefill_s: None,
            result: None,
            curve: Vec::new(),
            cliff: self.cliff(),
        };
        // As on Linux 6.4 and later.
        if let Some(replacement) = engine.replacement(PageCache::LINUX) {
            let rates = table.page_rates(layout, self.zipf_exponent, HOT_ROWS);
            let misses = miss_pages(&rates, self.cache_bytes as f64 / page, replacement);
            let (stall, cold) = (gather_time_us(misses, cost), gather_time_us(pages, cost));
            let prefill = prefill_added_s(self.prompt_tokens as f64, 1.0, cold);
            let point = |(held, missed): (f64, f64)| (held * page, gather_time_us(missed, cost));
            let inputs = PolicyInputs {
                target_tps: self.target_tokens_per_s,
                stall_mean_us: Some(stall),
                prefill_s: Some(prefill),
                ..PolicyInputs::default()
            };
            lookup.misses_per_token = Some(misses);
            lookup.stall_us = Some(stall);
            lookup.stall_share = Some(stall_share(stall, self.target_tokens_per_s));
            lookup.cold_stall_us = Some(cold);
            lookup.prefill_s = Some(prefill);
            lookup.result = Some(Policy::default().decide(&inputs).result);
            lookup.curve = miss_curve(&rates, replacement).into_iter().map(point).collect();
        }
        Ok(lookup)
    }

    fn cold_bytes(&self, table: &TableGeometry, pages: f64) -> Option<f64> {
        let page = table.page_bytes;
        match (self.engine.reads_ahead(), self.layout) {
            (false, _) => Some(pages * page as f64),
            (true, Layout::Contiguous) => {
                let read = readahead_bytes_per_row(pages, page, READAHEAD_BYTES);
                Some(read.min(table.bytes(self.layout) as f64))
            }
            (true, _) => None,
        }
    }

    fn cliff(&self) -> Vec<CliffStep> {
        if self.decoder_bytes == 0 {
            return Vec::new();
        }
        let decoder_bytes = self.decoder_bytes as f64;
        let step = |held_share: f64| {
            let (best, worst) = sweep_time_s(Sweep {
                decoder_bytes,
                cache_bytes: decoder_bytes * held_share,
                memory_bytes_per_s: self.memory_bytes_per_s.unwrap_or(f64::INFINITY),
                storage_bytes_per_s: self.storage_bytes_per_s,
                reclaiming_bytes_per_s: self.storage_bytes_per_s,
            });
            let known = best > 0.0 && worst > 0.0;
            CliffStep { held_share, tokens_per_s: known.then(|| (1.0 / worst, 1.0 / best)) }
        };
        HELD.into_iter().map(step).collect()
    }
}

wire_struct!(LookupCase {
    table,
    layout,
    engine,
    zipf_exponent,
    cache_bytes,
    miss_us,
    target_tokens_per_s,
    prompt_tokens,
    decoder_bytes,
    memory_bytes_per_s,
    storage_bytes_per_s,
});
wire_struct!(CliffStep { held_share, tokens_per_s });
wire_struct!(Lookup {
    row_bytes,
    table_bytes,
    pages_per_token,
    cold_bytes_per_token,
    misses_per_token,
    stall_us,
    stall_share,
    cold_stall_us,
    prefill_s,
    result,
    curve,
    cliff,
});

#[cfg(test)]
mod tests {
    use super::{LookupCase, VerdictResult};
    use crate::device::registry::device;
    use crate::leaf::wire;
    use crate::measurement::Engine;
    use crate::model::registry::model;
    use crate::storage::{Layout, TableGeometry};
    use crate::weights::WeightPlan;
    use proptest::prelude::*;

    fn case() -> LookupCase {
        LookupCase {
            table: TableGeometry::new(262_144, 35, 128, 4096).unwrap(),
            layout: Layout::Contiguous,
            engine: Engine::MmapRandom,
            zipf_exponent: 0.0,
            cache_bytes: 0,
            miss_us: 667.0,
            target_tokens_per_s: 15.0,
            prompt_tokens: 512,
            decoder_bytes: 790_000_000,
            memory_bytes_per_s: Some(40e9),
            storage_bytes_per_s: 4.2e9,
        }
    }

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 0.01, "{found}, expected {expected}");
    }

    #[test]
    fn a_slow_card_with_nothing_cached() {
        let lookup = case().answer().unwrap();
        assert_eq!(wire::decode(&wire::encode(&case())), Some(case()));
        assert_eq!(wire::decode(&wire::encode(&lookup)).as_ref(), Some(&lookup));
        close(lookup.pages_per_token, 2.0625);
        close(lookup.stall_us.unwrap(), 2.0625 * 667.0);
        close(lookup.prefill_s.unwrap(), 0.704);
        assert_eq!(lookup.result, Some(VerdictResult::Warn));
        let scattered = LookupCase { layout: Layout::LayerMajor, ..case() }.answer().unwrap();
        close(scattered.stall_share.unwrap(), 0.35);
        assert_eq!(scattered.result, Some(VerdictResult::Fail));
    }

    #[test]
    fn a_cache_of_the_tables_size_ends_the_stall() {
        let lookup =
            LookupCase { cache_bytes: 1_174_405_120, zipf_exponent: 1.0, ..case() }.answer().unwrap();
        assert_eq!((lookup.misses_per_token, lookup.stall_us), (Some(0.0), Some(0.0)));
        assert_eq!(lookup.curve.last(), Some(&(1_174_405_120.0, 0.0)));
    }

    #[test]
    fn a_read_call_waits_once_for_a_row_and_a_mapping_without_advice_is_not_claimed() {
        let read = LookupCase { engine: Engine::Pread, ..case() }.answer().unwrap();
        close(read.stall_us.unwrap(), 667.0);
        let silent = LookupCase { engine: Engine::MmapDefault, ..case() }.answer().unwrap();
        assert_eq!((silent.stall_us, silent.cold_bytes_per_token), (None, Some(131_072.0)));
        assert_eq!((silent.result, silent.curve.len()), (None, 0));
    }

    #[test]
    fn the_cliff_is_that_of_the_sweep() {
        let cliff = case().answer().unwrap().cliff;
        close(cliff[0].tokens_per_s.unwrap().0, 40e9 / 0.79e9);
        close(cliff[1].tokens_per_s.unwrap().0, 5.3);
        let unknown = LookupCase { memory_bytes_per_s: None, ..case() }.answer().unwrap().cliff;
        assert_eq!(unknown[0].tokens_per_s, None);
    }

    #[test]
    fn every_model_has_a_table_on_every_device() {
        let pixel = device("pixel-9a").unwrap();
        for name in ["gemma4-e2b", "llama-3.2-1b"] {
            let model = model(name).unwrap();
            let plan = WeightPlan::new(&model, WeightPlan::default_format(&model)).unwrap();
            let case = LookupCase::of(&model, &plan, &pixel, 0, 15.0).unwrap();
            let row = plan.ple_row_bytes(&model);
            let lookup = case.answer().unwrap();
            assert!(row == 0 || lookup.row_bytes.abs_diff(row) < case.table.layers, "{name}");
            assert!(case.decoder_bytes > 0 && case.cache_bytes <= lookup.table_bytes);
        }
    }

    #[test]
    fn a_wrong_count_is_an_error() {
        let table = TableGeometry { page_bytes: 4095, ..case().table };
        assert!(LookupCase { table, ..case() }.answer().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// More cache never means more misses.
        #[test]
        fn misses_fall_with_the_cache(rows in 64_u64..4096, cache in 0_u64..4_000_000, exponent in 0.0_f64..2.0) {
            let table = TableGeometry::new(rows, 35, 128, 4096).unwrap();
            let misses = |cache_bytes| {
                LookupCase { table, cache_bytes, zipf_exponent: exponent, ..case() }.answer().unwrap().misses_per_token
            };
            prop_assert!(misses(cache + 100_000).unwrap() <= misses(cache).unwrap() + 1e-9);
        }
    }
}
