//! The verdict's own reads by other engines: what a change of advice would do to the same token.

use serde::Serialize;

use super::{Engine, MmapProfile, VerdictResult};
use crate::storage::stall_share;

/// One engine under the conditions from which the verdict was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alternative {
    /// The configuration it was measured as.
    pub configuration: String,
    /// The engine.
    pub engine: Engine,
    /// Mean stall, % of a token at the target rate.
    pub stall_mean_percent: f64,
    /// 99th-percentile stall, % of a token.
    pub stall_p99_percent: f64,
    /// What the policy says of the two; prefill and memory are not looked at.
    pub result: VerdictResult,
    /// Whether the verdict itself was taken from it.
    pub decisive: bool,
}

impl MmapProfile {
    /// Every valid configuration that differs from the decisive one by its engine alone, best mean first.
    pub fn alternatives(&self) -> Vec<Alternative> {
        let verdict = &self.verdict;
        let source = verdict.criteria.first().map_or("", |criterion| criterion.source.as_str());
        let Some(decisive) = self.configurations.iter().find(|c| c.id == source) else { return Vec::new() };
        let alike = self.configurations.iter().filter(|c| {
            (c.pattern, c.layout, c.state, c.budget_bytes)
                == (decisive.pattern, decisive.layout, decisive.state, decisive.budget_bytes)
                && (c.pacing_us > 0) == (decisive.pacing_us > 0)
                && !c.is_invalid()
        });
        let mut all: Vec<Alternative> = alike
            .filter_map(|c| {
                let wait = c.summary.as_ref()?.latency;
                let share = |us: f64| stall_share(us, verdict.target_tps);
                let (mean, p99) = (share(wait.mean_us), share(wait.p99_us));
                Some(Alternative {
                    configuration: c.id.clone(),
                    engine: c.engine,
                    stall_mean_percent: mean * 100.0,
                    stall_p99_percent: p99 * 100.0,
                    result: verdict.policy.stall_result(mean, p99),
                    decisive: c.id == decisive.id,
                })
            })
            .collect();
        all.sort_by(|a, b| a.stall_mean_percent.total_cmp(&b.stall_mean_percent));
        all
    }
}
