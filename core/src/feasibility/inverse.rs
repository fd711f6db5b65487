//! The inverse questions: what is the most that fits, and what is the least one must change.

use super::change::Change;
use super::check::{Check, Outcome};
use super::fix::Fix;
use super::prospects::Prospects;
use super::search::{Seeker, Wanted};
use crate::device::{Device, Limit, State};
use crate::memory::{Offload, Runtime, Scenario};
use crate::placement::Machine;
use crate::weights::PlanError;
use serde::Serialize;

/// What a GPU holds whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WholeOnCard {
    /// Longest context with every layer on the GPU, and the cache where the scenario has it; none where the model does not fit there at all.
    pub longest_context_tokens: Option<u64>,
    /// Largest stock weight format with every layer on the GPU.
    pub largest_weight_format: Option<String>,
}

/// The most that fits, and what would help.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inverse {
    /// Longest context that fits, everything else as it is; none if not even one token does.
    pub longest_context_tokens: Option<u64>,
    /// Largest stock weight format that fits, everything else as it is.
    pub largest_weight_format: Option<String>,
    /// The same with every layer on the GPU, where there is one whose memory is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_on_card: Option<WholeOnCard>,
    /// Single changes that make an infeasible pair feasible, cheapest first; empty when it is feasible already.
    pub fixes: Vec<Fix>,
    /// When no single change is enough: the fewest of the cheapest that do it together; empty if nothing does.
    pub together: Vec<Change>,
    /// What would pass each limit that the run fails, in the chosen state or in another; filled by
    /// [`crate::report::Report::explained`], since most readers have no use for it.
    pub limits: Vec<Remedy>,
}

/// What is left where no change of a setting helps. Formats of other runtimes than llama.cpp's are not tried.
pub const fn nothing_helps(runtime: Runtime) -> &'static str {
    if runtime.takes_stock_formats() {
        "nothing short of another model or device"
    } else {
        "no setting of this program: other weights, another model or another device"
    }
}

/// What passes one limit in one state.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Remedy {
    /// The limit's short name.
    pub limit: String,
    /// Its name for people.
    pub title: String,
    /// The state of the process.
    pub state: State,
    /// The fewest of the cheapest changes that pass it together; empty if nothing does.
    pub changes: Vec<Change>,
}

/// Answer the inverse questions; fixes are sought only when `infeasible`.
pub(super) fn ask(
    prospects: &Prospects<'_>,
    device: &Device,
    limits: &[Limit],
    infeasible: bool,
) -> Result<Inverse, PlanError> {
    let now = prospects.scenario;
    let seeker =
        Seeker { prospects, now, device, limits, machine: Machine::of(device), wanted: Wanted::Runs };
    let largest = seeker.largest_format(u64::MAX)?;
    let longest = seeker.longest_context()?;
    let fixes = if infeasible { seeker.fixes(longest)? } else { Vec::new() };
    let together = if infeasible && fixes.is_empty() { seeker.together(longest)? } else { Vec::new() };
    Ok(Inverse {
        longest_context_tokens: longest,
        largest_weight_format: largest.map(|(format, _)| format.name().to_owned()),
        whole_on_card: None,
        fixes,
        together,
        limits: Vec::new(),
    })
}

/// Adds what takes longer: the speed after each fix, and what a GPU holds whole.
pub(super) fn explain(
    prospects: &Prospects<'_>,
    device: &Device,
    limits: &[Limit],
    inverse: &mut Inverse,
) -> Result<(), PlanError> {
    let (now, machine) = (prospects.scenario, Machine::of(device));
    let seeker = Seeker { prospects, now, device, limits, machine, wanted: Wanted::Runs };
    for fix in &mut inverse.fixes {
        let scenario = fix.change.applied(now);
        let Some(fit) = seeker.fit(&scenario)? else { continue };
        fix.expected_tokens_per_s = prospects.speed_of(&scenario, device, &fit)?;
        fix.meets_target = fix.expected_tokens_per_s.map(|(_, high)| high >= scenario.target_tokens_per_s);
    }
    by_speed(&mut inverse.fixes);
    if machine.uses_gpu(now) && machine.gpu_memory_bytes.is_some() {
        let asked = Scenario {
            offload: Offload::All,
            cpu_moe_layers: 0,
            tensor_overrides: Vec::new(),
            ..now.clone()
        };
        // By itself llama.cpp leaves layers out before it takes what it keeps free of a GPU.
        let by_itself = now.leaves_layers_to_the_runtime();
        let whole = Seeker {
            now: if by_itself { now } else { &asked },
            wanted: Wanted::Whole { by_itself },
            ..seeker
        };
        let largest = whole.largest_format(u64::MAX)?;
        inverse.whole_on_card = Some(WholeOnCard {
            longest_context_tokens: whole.longest_context()?,
            largest_weight_format: largest.map(|(format, _)| format.name().to_owned()),
        });
    }
    Ok(())
}

/// Those that keep nearly all of the speed first, then those that keep half, then the rest; among equals the cheapest kind first.
fn by_speed(fixes: &mut [Fix]) {
    // Smaller weights are always faster: what keeps the weights is compared with its like.
    let keeps = |fix: &&Fix| !matches!(fix.change, Change::SmallerWeights { .. });
    let speed = |fix: &Fix| fix.expected_tokens_per_s.map(|(_, high)| high);
    let mut fastest = fixes.iter().filter(keeps).filter_map(speed).fold(0.0, f64::max);
    if fastest == 0.0 {
        fastest = fixes.iter().filter_map(speed).fold(0.0, f64::max);
    }
    fixes.sort_by_key(|fix| match fix.expected_tokens_per_s {
        Some((_, high)) if high < 0.5 * fastest => 2,
        Some((_, high)) if high < 0.9 * fastest => 1,
        _ => 0,
    });
}

/// What would pass each limit that the run fails, in the chosen state or in another.
pub(super) fn remedies(
    prospects: &Prospects<'_>,
    device: &Device,
    checks: &[Check],
) -> Result<Vec<Remedy>, PlanError> {
    let now = prospects.scenario;
    let seeker =
        Seeker { prospects, now, device, limits: &[], machine: Machine::of(device), wanted: Wanted::Runs };
    let mut remedies = Vec::new();
    // Memory itself is no limit that one passes by choice; those of the system and the store are.
    for check in checks.iter().filter(|check| !check.limit.on_request && check.limit.id != "physical") {
        let now = (prospects.scenario.state, check.limit.bytes, check.outcome);
        let there = check.elsewhere.iter().map(|other| (other.state, other.bytes, other.outcome));
        for (state, bytes, _) in
            std::iter::once(now).chain(there).filter(|(_, _, outcome)| *outcome == Outcome::Fails)
        {
            let limit = Limit { bytes, ..check.limit.clone() };
            let changes = seeker.passing(&limit)?;
            let (id, title) = (limit.id, limit.title);
            remedies.push(Remedy { limit: id, title, state, changes });
        }
    }
    Ok(remedies)
}
