//! The verdict for one model, scenario and device.

use super::fixes::{self, Inverse};
use super::prospects::{Prospects, Sums};
use crate::device::{BudgetMetric, Device};
use crate::memory::{Scenario, Total};
use crate::model::Model;
use crate::throughput::{self, Bound, Ceilings, EvictionCliff, Reads};
use crate::weights::{PlanError, WeightPlan};
use serde::Serialize;

const MIB: u64 = 1 << 20;

/// How the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything in memory.
    Resident,
    /// The per-layer embedding table stays on storage.
    Mmap,
    /// Not at all, or at a speed that does not count.
    Infeasible,
}

impl Mode {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Mmap => "mmap",
            Self::Infeasible => "infeasible",
        }
    }
}

/// Whether the interval of the prediction lies on one side of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Both ends agree with the verdict.
    Certain,
    /// The budget lies within the interval: measure before deciding.
    Borderline,
}

impl Certainty {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Borderline => "borderline",
        }
    }
}

/// The answer for one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Assessment {
    /// Device slug.
    pub device: String,
    /// Device name for people.
    pub device_title: String,
    /// How the model runs.
    pub mode: Mode,
    /// Whether the interval leaves doubt.
    pub certainty: Certainty,
    /// The number the device's limit counts.
    pub metric: BudgetMetric,
    /// What an application may use, in bytes.
    pub budget_bytes: u64,
    /// What the verdict compared with it, in bytes.
    pub needed_bytes: u64,
    /// Budget less need; negative when short.
    pub headroom_bytes: i64,
    /// Bytes read per token.
    pub reads: Reads,
    /// Speed limits in the mode of the verdict.
    pub ceilings: Ceilings,
    /// Decoding with weights dropped from memory, when they do not fit.
    pub cliff: Option<EvictionCliff>,
    /// Which resource decides.
    pub bound: Bound,
    /// The range of speeds reaches the target; none where the device's bandwidth is unknown.
    pub meets_target: Option<bool>,
    /// The reason in a sentence or two.
    pub reason: String,
    /// The longest context and largest format that fit, and single changes that help.
    pub inverse: Inverse,
}

/// Assess a scenario on a device.
///
/// `cache_hit_share` is the share of table lookups found in memory when the table is mapped (0 is the worst case).
pub fn assess(
    model: &Model,
    plan: &WeightPlan,
    scenario: &Scenario,
    device: &Device,
    cache_hit_share: f64,
) -> Result<Assessment, PlanError> {
    Prospects::new(model, plan, scenario).assess(device, cache_hit_share)
}

impl Prospects<'_> {
    /// Assess the scenario on a device; see [`assess`].
    pub fn assess(&self, device: &Device, cache_hit_share: f64) -> Result<Assessment, PlanError> {
        let (model, scenario) = (self.model, self.scenario);
        let fit = Fit::of(model, &self.sums(scenario)?, scenario, device);
        let reads = self.reads();
        let mapped = fit.mode != Mode::Resident && has_table(model) && scenario.runtime.reads_ple_lazily();
        let ceilings = throughput::ceilings(&reads, device, scenario.context_tokens, mapped, cache_hit_share);
        let target = scenario.target_tokens_per_s;
        let too_slow =
            fit.mode == Mode::Mmap && ceilings.flash_tokens_per_s.is_some_and(|flash| flash < target);
        let mode = if too_slow { Mode::Infeasible } else { fit.mode };
        let bound = match fit.cliff {
            Some(_) => Bound::WeightEviction,
            None if fit.ended => Bound::PrivateMemory,
            None => ceilings.bound,
        };
        let meets_target = match mode {
            Mode::Infeasible => Some(false),
            _ => ceilings.expected_tokens_per_s.map(|(_, high)| high >= target),
        };
        let inverse = fixes::inverse(self, device, mode == Mode::Infeasible)?;
        Ok(Assessment {
            device: device.name.clone(),
            device_title: device.title.clone(),
            mode,
            certainty: fit.certainty,
            metric: device.budget_metric,
            budget_bytes: fit.budget,
            needed_bytes: fit.needed,
            headroom_bytes: difference(fit.budget, fit.needed),
            reads,
            ceilings,
            cliff: fit.cliff,
            bound,
            meets_target,
            reason: reason(model, scenario, device, &fit, mode, &ceilings),
            inverse,
        })
    }
}

/// How a footprint sits in a budget.
pub(super) struct Fit {
    pub(super) mode: Mode,
    pub(super) certainty: Certainty,
    pub(super) budget: u64,
    pub(super) needed: u64,
    pub(super) cliff: Option<EvictionCliff>,
    /// Private memory alone exceeds what the machine has.
    pub(super) ended: bool,
}

impl Fit {
    pub(super) fn of(model: &Model, sums: &Sums, scenario: &Scenario, device: &Device) -> Self {
        let budget = device.ram_budget_bytes();
        // A limit on private memory lets mapped weights exceed it, but not the machine.
        let physical = match device.budget_metric {
            BudgetMetric::Rss => budget,
            BudgetMetric::Footprint => device.ram_mib.map_or(budget, |mib| budget.max(mib * MIB * 3 / 4)),
        };
        let counted = |total: &Total| match device.budget_metric {
            BudgetMetric::Rss => (total.bytes, total.low, total.high),
            BudgetMetric::Footprint => {
                let spread = total.private_high - total.private;
                (total.private, total.private.saturating_sub(spread), total.private_high)
            }
        };
        let fits = |total: &Total| counted(total).0 <= budget && total.bytes <= physical;
        let lazy = has_table(model) && scenario.runtime.reads_ple_lazily();
        let mode = match () {
            () if fits(&sums.resident) => Mode::Resident,
            () if lazy && fits(&sums.mmap) => Mode::Mmap,
            () => Mode::Infeasible,
        };
        let total = if mode != Mode::Resident && lazy { &sums.mmap } else { &sums.resident };
        let (needed, low, high) = counted(total);
        let cliff = throughput::eviction_cliff(sums.hot, sums.hot_mapped, device, physical);
        let mode = if cliff.is_some() { Mode::Infeasible } else { mode };
        let ended = sums.hot - sums.hot_mapped > physical;
        let straddles = low <= budget && budget < high;
        let certainty = if straddles { Certainty::Borderline } else { Certainty::Certain };
        Self { mode, certainty, budget, needed, cliff, ended }
    }
}

fn has_table(model: &Model) -> bool {
    model.architecture.ple.is_some()
}

fn difference(budget: u64, needed: u64) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    signed(budget) - signed(needed)
}

fn reason(
    model: &Model,
    scenario: &Scenario,
    device: &Device,
    fit: &Fit,
    mode: Mode,
    speed: &Ceilings,
) -> String {
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    // To the nearest, as headrooms are written elsewhere.
    let apart = |bytes: u64| (bytes + MIB / 2) / MIB;
    let metric = device.budget_metric.title();
    let needed = mib(fit.needed);
    let budget = fit.budget / MIB;
    let mut text = match mode {
        Mode::Resident => format!(
            "Fits in memory: {metric} of {needed} MiB in {budget} MiB, {} MiB to spare.",
            apart(fit.budget - fit.needed)
        ),
        Mode::Mmap => format!(
            "Fits with the PLE table left on storage: {metric} of {needed} MiB in {budget} MiB, {} MiB to spare; \
             a row that is not cached costs {:.2} ms.",
            apart(fit.budget - fit.needed),
            speed.stall_s_worst * 1e3
        ),
        Mode::Infeasible if fit.needed > fit.budget => {
            let mapped = if has_table(model) && scenario.runtime.reads_ple_lazily() {
                " even with the PLE table on storage"
            } else {
                ""
            };
            format!(
                "Needs {metric} of {needed} MiB{mapped}; {budget} MiB allowed, {} MiB short.",
                apart(fit.needed - fit.budget)
            )
        }
        Mode::Infeasible if fit.cliff.is_none() => format!(
            "Fits in memory with the PLE table on storage, but its rows allow {:.1} tok/s, below the target of {}.",
            speed.flash_tokens_per_s.unwrap_or(0.0),
            scenario.target_tokens_per_s
        ),
        Mode::Infeasible => {
            format!("{metric} of {needed} MiB is allowed, but the machine cannot keep the weights in memory.")
        }
    };
    if let Some(cliff) = &fit.cliff {
        text += &format!(
            " Forced to run, {} MiB of weights would be read from storage for every token: at most {:.2} tok/s.",
            mib(cliff.missing_bytes),
            cliff.tokens_per_s
        );
    }
    if fit.ended {
        text += " Private memory alone is too large: the process would be ended, not slowed.";
    }
    if fit.certainty == Certainty::Borderline {
        text += " The budget lies within the prediction's interval: measure before deciding.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::model::registry;
    use crate::weights::{StockType, WeightFormat};

    fn verdict(slug: &str, device: &str, change: impl Fn(&mut Scenario)) -> Assessment {
        let model = registry::model(slug).unwrap();
        let mut scenario = Scenario::for_model(&model);
        change(&mut scenario);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        assess(&model, &plan, &scenario, &devices::device(device).unwrap(), 0.0).unwrap()
    }

    #[test]
    fn every_pair_has_a_verdict_and_what_is_said_to_fit_fits() {
        for model in registry::models() {
            let scenario = Scenario::for_model(&model);
            let plan = WeightPlan::new(&model, scenario.weights).unwrap();
            for device in devices::devices() {
                let answer = assess(&model, &plan, &scenario, &device, 0.0).unwrap();
                let pair = format!("{} on {}", model.architecture.name, device.name);
                assert_eq!(answer.mode == Mode::Infeasible, !answer.reason.starts_with("Fits "), "{pair}");
                if let Some(tokens) = answer.inverse.longest_context_tokens {
                    let longest = Scenario { context_tokens: tokens, ..scenario.clone() };
                    let again = assess(&model, &plan, &longest, &device, 1.0).unwrap();
                    assert_ne!(again.mode, Mode::Infeasible, "{pair} at {tokens}");
                    if tokens < model.architecture.max_context_tokens {
                        let more = Scenario { context_tokens: tokens + 1, ..scenario.clone() };
                        let again = assess(&model, &plan, &more, &device, 1.0).unwrap();
                        assert_eq!(again.mode, Mode::Infeasible, "{pair} at {tokens} + 1");
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_larger_than_the_budget_goes_to_storage() {
        let answer = verdict("gemma4-e2b", "high_end_mobile_ufs4", |s| {
            s.weights = WeightFormat::Stock(StockType::Q4_0);
            s.context_tokens = 4096;
            s.vision = false;
            s.repack = false;
        });
        assert_eq!(answer.mode, Mode::Mmap, "{}", answer.reason);
        assert!(answer.ceilings.stall_s_worst > answer.ceilings.stall_s_best);
        assert!(
            answer.reads.weight_bytes.abs_diff(1_418_000_000) < 20_000_000,
            "{}",
            answer.reads.weight_bytes
        );
    }

    #[test]
    fn private_memory_cannot_be_dropped() {
        let answer = verdict("llama-3.1-8b", "raspberry-pi-4-2gb", |s| s.context_tokens = 131_072);
        assert_eq!((answer.mode, answer.bound, answer.cliff), (Mode::Infeasible, Bound::PrivateMemory, None));
        assert!(answer.reason.contains("ended, not slowed"), "{}", answer.reason);
    }

    #[test]
    fn a_model_too_large_names_the_cliff_and_what_would_help() {
        let answer = verdict("llama-3.2-3b", "low_tier_mobile_emmc", |s| {
            s.context_tokens = 512;
            s.repack = false;
        });
        assert_eq!(answer.mode, Mode::Infeasible);
        let cliff = answer.cliff.unwrap();
        assert!(cliff.tokens_per_s < 1.0, "{cliff:?}");
        let answer = verdict("llama-3.2-1b", "mid_tier_mobile_ufs3", |s| s.context_tokens = 32_768);
        assert_eq!(answer.mode, Mode::Infeasible);
        assert!(!answer.inverse.fixes.is_empty());
    }
}
