//! The memory probe: decoder, caches and table in one process, judged against a budget.

use super::VerdictResult;
use crate::device::{Counts, Limit};
use crate::leaf::named;
use serde::{Deserialize, Serialize};

/// One look at the process; bytes, `null` where the platform would not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MemorySample {
    /// Tokens decoded when it was taken.
    pub tokens: u64,
    /// Resident set.
    pub rss_bytes: Option<u64>,
    /// Of it anonymous.
    pub rss_anon_bytes: Option<u64>,
    /// Of it mapped files.
    pub rss_file_bytes: Option<u64>,
    /// Of it shared memory.
    pub rss_shmem_bytes: Option<u64>,
    /// Pushed out to swap or compressed memory, uncompressed size.
    pub swap_bytes: Option<u64>,
    /// Proportional set.
    pub pss_bytes: Option<u64>,
    /// Of it mapped files.
    pub pss_file_bytes: Option<u64>,
    /// Highest resident set so far.
    pub peak_rss_bytes: Option<u64>,
    /// Charge of the process's control group.
    pub group_bytes: Option<u64>,
    /// The table's pages in the page cache.
    pub table_resident_bytes: Option<u64>,
    /// Major faults so far.
    pub major_faults: Option<u64>,
    /// Bytes read from storage so far.
    pub device_read_bytes: Option<u64>,
}

/// What a budget is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BudgetInterpretation {
    /// Everything the process and its table hold.
    FullProcess,
    /// The weights alone, by arithmetic.
    WeightsOnly,
    /// Both.
    Both,
}

named!(BudgetInterpretation { FullProcess "full process", WeightsOnly "weights only", Both "both" });

/// One comparison with a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BudgetCheck {
    /// Name of the budget.
    pub budget: String,
    /// Its size, bytes.
    pub budget_bytes: u64,
    /// What was compared.
    pub interpretation: BudgetInterpretation,
    /// Highest need seen, bytes.
    pub needed_bytes: u64,
    /// Need of the last fifth of the run, bytes.
    pub steady_bytes: u64,
    /// The outcome.
    pub result: VerdictResult,
    /// Why.
    pub detail: String,
}

/// The probe and its judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryProbe {
    /// How it was done.
    pub method: String,
    /// Weight precision that picks the budget, bits.
    pub weight_bits: u64,
    /// Anonymous memory that stands for everything but the table, bytes.
    pub placeholder_bytes: u64,
    /// Tokens decoded.
    pub tokens: u64,
    /// Before anything was allocated.
    pub baseline: MemorySample,
    /// With the placeholder touched.
    pub with_placeholder: MemorySample,
    /// While decoding.
    pub samples: Vec<MemorySample>,
    /// Comparisons.
    pub checks: Vec<BudgetCheck>,
    /// The limits of the device that was named, each with what it counts as it was measured; empty where none was.
    #[serde(default)]
    pub limits: Vec<MeasuredLimit>,
}

/// A limit by name and what it counts, as measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeasuredLimit {
    /// Short name of the limit.
    pub limit: String,
    /// What it counts.
    pub counts: String,
    /// Bytes that it allows in the foreground.
    pub allowed_bytes: u64,
    /// The most that was measured of it.
    pub measured_bytes: u64,
    /// Measured is within allowed.
    pub passes: bool,
}

impl MemorySample {
    /// Bytes nobody can take from the process without harm to the decode: anonymous plus the table's pages.
    pub fn need_bytes(&self) -> Option<u64> {
        let table = self.table_resident_bytes.or(self.rss_file_bytes)?;
        self.rss_anon_bytes.map(|anon| anon.saturating_add(table))
    }

    /// Bytes of what a limit counts: anonymous and swapped memory, or with shared memory and the table's pages, too. A GPU's
    /// memory is not seen here.
    pub fn counted_bytes(&self, counts: Counts) -> Option<u64> {
        let plus = |bytes: Option<u64>| bytes.unwrap_or(0);
        match counts {
            Counts::Anonymous | Counts::HostAnonymous => {
                self.rss_anon_bytes.map(|anon| anon + plus(self.swap_bytes))
            }
            Counts::Memory | Counts::HostMemory => {
                self.need_bytes().map(|need| need + plus(self.swap_bytes) + plus(self.rss_shmem_bytes))
            }
            Counts::Gpu => None,
        }
    }
}

impl MeasuredLimit {
    /// Each of these limits beside the most that was measured of what it counts.
    pub fn beside(limits: &[Limit], samples: &[MemorySample]) -> Vec<Self> {
        let one = |limit: &Limit| {
            let measured = samples.iter().filter_map(|sample| sample.counted_bytes(limit.counts)).max()?;
            Some(Self {
                limit: limit.id.clone(),
                counts: limit.counts.title().to_owned(),
                allowed_bytes: limit.bytes,
                measured_bytes: measured,
                passes: measured <= limit.bytes,
            })
        };
        limits.iter().filter_map(one).collect()
    }
}

impl BudgetCheck {
    /// Peak within budget passes, steady state within budget warns, otherwise it fails.
    pub fn judge(
        budget: &str,
        budget_bytes: u64,
        interpretation: BudgetInterpretation,
        peak: u64,
        steady: u64,
    ) -> Self {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (result, how) = if peak <= budget_bytes {
            (VerdictResult::Pass, "peak within budget")
        } else if steady <= budget_bytes {
            (VerdictResult::Warn, "only the steady state is within budget")
        } else {
            (VerdictResult::Fail, "over budget")
        };
        let detail = format!(
            "{how}: peak {:.0} MiB, steady {:.0} MiB, budget {:.0} MiB",
            mib(peak),
            mib(steady),
            mib(budget_bytes)
        );
        Self {
            budget: budget.to_owned(),
            budget_bytes,
            interpretation,
            needed_bytes: peak,
            steady_bytes: steady,
            result,
            detail,
        }
    }

    /// The preset for a weight precision: name and bytes. Deployment budgets for 4, 8 and 16 bit weights.
    pub fn preset(weight_bits: u64) -> (&'static str, u64) {
        use crate::leaf::units::MIB;
        match weight_bits {
            0..=4 => ("int4_aggressive", 1536 * MIB),
            5..=8 => ("int8_deployment", 2048 * MIB),
            _ => ("bf16_development", 4096 * MIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BudgetCheck, BudgetInterpretation, MeasuredLimit, MemorySample, VerdictResult};

    #[test]
    fn a_peak_over_budget_only_warns_when_it_settles() {
        let judge = |peak, steady| {
            BudgetCheck::judge("int4_aggressive", 100, BudgetInterpretation::FullProcess, peak, steady).result
        };
        assert_eq!(judge(100, 90), VerdictResult::Pass);
        assert_eq!(judge(101, 100), VerdictResult::Warn);
        assert_eq!(judge(102, 101), VerdictResult::Fail);
    }

    #[test]
    fn the_need_counts_cached_pages_that_rss_leaves_out() {
        let mut sample =
            MemorySample { rss_anon_bytes: Some(7), rss_file_bytes: Some(1), ..MemorySample::default() };
        assert_eq!(sample.need_bytes(), Some(8));
        sample.table_resident_bytes = Some(60);
        assert_eq!(sample.need_bytes(), Some(67));
        assert_eq!(MemorySample::default().need_bytes(), None);
    }

    #[test]
    fn presets() {
        assert_eq!(BudgetCheck::preset(4), ("int4_aggressive", 1_610_612_736));
        assert_eq!(BudgetCheck::preset(16).1, 4_294_967_296);
    }

    /// 100 MiB anonymous, 20 swapped, 5 shared, 30 of the table: 120 MiB of anonymous memory, 155 of all kinds.
    #[test]
    fn each_limit_gets_what_it_counts() {
        use crate::leaf::units::MIB;
        let sample = MemorySample {
            rss_anon_bytes: Some(100 * MIB),
            swap_bytes: Some(20 * MIB),
            rss_shmem_bytes: Some(5 * MIB),
            table_resident_bytes: Some(30 * MIB),
            ..MemorySample::default()
        };
        let text = "name: a\nos: android\nram_mib: 8192\nstorage: {class: ufs-4.0}\nlimits:\n  - {name: lmkd, all: 150 MiB, source: me}\n";
        let limits = crate::device::Device::from_yaml("d.yaml", text).unwrap().limits();
        let found = MeasuredLimit::beside(&limits, &[MemorySample::default(), sample]);
        let of = |name: &str| {
            let limit = found.iter().find(|limit| limit.limit == name).unwrap();
            (limit.measured_bytes / MIB, limit.passes)
        };
        assert_eq!((of("google-play"), of("lmkd"), of("physical")), ((120, true), (155, false), (155, true)));
    }
}
