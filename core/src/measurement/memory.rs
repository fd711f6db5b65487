//! The memory probe: decoder, caches and table in one process, judged against a budget.

use super::VerdictResult;
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

impl BudgetInterpretation {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullProcess => "full process",
            Self::WeightsOnly => "weights only",
            Self::Both => "both",
        }
    }
}

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
}

impl MemorySample {
    /// Bytes nobody can take from the process without harm to the decode: anonymous plus the table's pages.
    pub fn need_bytes(&self) -> Option<u64> {
        let table = self.table_resident_bytes.or(self.rss_file_bytes)?;
        self.rss_anon_bytes.map(|anon| anon.saturating_add(table))
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
        const MIB: u64 = 1 << 20;
        match weight_bits {
            0..=4 => ("int4_aggressive", 1536 * MIB),
            5..=8 => ("int8_deployment", 2048 * MIB),
            _ => ("bf16_development", 4096 * MIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BudgetCheck, BudgetInterpretation, MemorySample, VerdictResult};

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
}
