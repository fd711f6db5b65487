//! The verdict for one model, scenario and device.

use super::check::{self, Certainty, Check, Outcome};
use super::fixes::{self, Inverse};
use super::prospects::Prospects;
use super::thresholds::Thresholds;
use crate::device::{Counts, Device, Limit};
use crate::memory::Scenario;
use crate::model::Model;
use crate::placement::{Machine, Needs, ReRead};
use crate::throughput::{self, Bound, Ceilings, Reads};
use crate::weights::{PlanError, WeightPlan};
use serde::Serialize;

/// How the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything that is touched again stays in memory.
    Resident,
    /// Tables, or experts that a token does not use, stay on storage.
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

/// The answer for one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Assessment {
    /// Device slug.
    pub device: String,
    /// Device name for people.
    pub device_title: String,
    /// Tokens of context that this answer is for.
    pub context_tokens: u64,
    /// What of the machine decided where things lie.
    pub machine: Machine,
    /// How the model runs.
    pub mode: Mode,
    /// How sure that is.
    pub certainty: Certainty,
    /// Every limit, checked apart; the first is the one that decides.
    pub checks: Vec<Check>,
    /// What the run needs, by kind of memory.
    pub needs: Needs,
    /// Bytes read per token.
    pub reads: Reads,
    /// Speed limits in the mode of the verdict.
    pub ceilings: Ceilings,
    /// Bytes of weights read from storage for every token, when they do not stay in memory.
    pub reread: Option<ReRead>,
    /// Which resource decides.
    pub bound: Bound,
    /// The range of speeds reaches the target; none where the device's bandwidth is unknown.
    pub meets_target: Option<bool>,
    /// The reason in a sentence or two.
    pub reason: String,
    /// The longest context and largest format that fit, and single changes that help.
    pub inverse: Inverse,
    /// Where the answer would flip.
    pub thresholds: Thresholds,
}

impl Assessment {
    /// The check that decides.
    pub fn decisive(&self) -> &Check {
        // A device always has a limit.
        &self.checks[0]
    }
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
        let scenario = self.scenario;
        let machine = Machine::of(device);
        let needs = self.needs(scenario, machine)?;
        let limits = device.limits();
        let fit = Fit::of(&needs, &limits, scenario, device);
        let checks = in_order(&needs, limits);
        let reads = self.reads();
        let on_storage = fit.outcome.rank() > Outcome::Passes.rank();
        let ceilings = throughput::ceilings(
            &reads,
            device,
            scenario.context_tokens,
            on_storage,
            cache_hit_share,
            fit.reread,
        );
        let target = scenario.target_tokens_per_s;
        let rows_too_slow =
            fit.mode == Mode::Mmap && ceilings.flash_tokens_per_s.is_some_and(|rows| rows < target);
        let mode = if rows_too_slow { Mode::Infeasible } else { fit.mode };
        let bound = match fit.outcome {
            Outcome::Fails => Bound::MemoryLimit,
            Outcome::Slows { .. } => Bound::WeightEviction,
            _ => ceilings.bound,
        };
        let meets_target = match mode {
            Mode::Infeasible => Some(false),
            _ => ceilings.expected_tokens_per_s.map(|(_, high)| high >= target),
        };
        let certainty = certainty(mode, fit.outcome, &checks);
        let inverse = fixes::inverse(self, device, mode == Mode::Infeasible)?;
        let thresholds = Thresholds::of(&reads, scenario, device, &fit);
        let reason = reason(&checks, mode, certainty, &ceilings, scenario);
        Ok(Assessment {
            device: device.name.clone(),
            device_title: device.title.clone(),
            context_tokens: scenario.context_tokens,
            machine,
            mode,
            certainty,
            needs,
            reads,
            ceilings,
            reread: fit.reread,
            bound,
            meets_target,
            reason,
            inverse,
            thresholds,
            checks,
        })
    }
}

/// How a run sits under all limits of a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) mode: Mode,
    pub(super) outcome: Outcome,
    pub(super) reread: Option<ReRead>,
    /// The least room under any limit, bytes.
    pub(super) headroom: u64,
}

impl Fit {
    pub(super) fn of(needs: &Needs, limits: &[Limit], scenario: &Scenario, device: &Device) -> Self {
        let counted = || limits.iter().filter(|limit| !limit.on_request);
        let outcomes = counted().map(|limit| check::outcome(limit, needs, check::expected));
        let outcome = outcomes.max_by_key(|outcome| outcome.rank()).unwrap_or(Outcome::Passes);
        let mode = match outcome {
            Outcome::Passes => Mode::Resident,
            Outcome::PassesWithTablesOnStorage => Mode::Mmap,
            Outcome::Slows { reread } => {
                let reached = throughput::storage_bytes_per_s(device) / reread.expected.max(1) as f64;
                if reached >= scenario.target_tokens_per_s { Mode::Mmap } else { Mode::Infeasible }
            }
            Outcome::Fails => Mode::Infeasible,
        };
        let reread = match outcome {
            Outcome::Slows { reread } => Some(reread),
            _ => None,
        };
        let need = |limit: &Limit| match limit.counts {
            Counts::Memory if outcome == Outcome::Passes => needs.resident().bytes,
            Counts::Memory => needs.hot().bytes,
            Counts::Anonymous => needs.anonymous.bytes,
            Counts::Gpu => needs.gpu.bytes,
        };
        let headroom = counted().map(|limit| limit.bytes.saturating_sub(need(limit))).min().unwrap_or(0);
        Self { mode, outcome, reread, headroom }
    }
}

/// Checks with the decisive one first: the worst outcome, then the least room for its size.
fn in_order(needs: &Needs, limits: Vec<Limit>) -> Vec<Check> {
    let counts = |limit: &Limit| limit.counts != Counts::Gpu || needs.gpu.high > 0;
    let mut checks: Vec<Check> =
        limits.into_iter().filter(counts).map(|limit| Check::of(limit, needs)).collect();
    let room =
        |check: &Check| u128::from(check.needed.bytes) * 1_000_000 / u128::from(check.limit.bytes.max(1));
    checks.sort_by_key(|check| {
        (check.limit.on_request, std::cmp::Reverse((check.outcome.rank(), room(check))))
    });
    checks
}

/// A run that is said to work is as sure as its least sure limit; one that is not, as the surest limit that says so.
fn certainty(mode: Mode, worst: Outcome, checks: &[Check]) -> Certainty {
    let counted = checks.iter().filter(|check| !check.limit.on_request);
    let sure = |check: &Check| check.certainty;
    if mode == Mode::Infeasible {
        let failing = counted.filter(|check| check.outcome.rank().0 == worst.rank().0);
        return failing.map(sure).min().unwrap_or(Certainty::Likely);
    }
    counted.map(sure).max().unwrap_or(Certainty::Likely)
}

fn reason(
    checks: &[Check],
    mode: Mode,
    certainty: Certainty,
    speed: &Ceilings,
    scenario: &Scenario,
) -> String {
    let Some(check) = checks.first() else { return String::new() };
    let limit = format!("{} ({})", first_up(&check.limit.title), known(check));
    let mut text = match mode {
        Mode::Resident => format!("Fits in memory. {limit}: {}.", check.text),
        Mode::Mmap if matches!(check.outcome, Outcome::Slows { .. }) => format!(
            "Fits with part of the weights left on storage. {limit}: {}; storage allows {:.1} tok/s.",
            check.text,
            speed.reread_tokens_per_s.unwrap_or(0.0)
        ),
        Mode::Mmap => format!(
            "Fits with tables left on storage. {limit}: {}; a row that is not cached costs {:.2} ms.",
            check.text,
            speed.stall_s_worst * 1e3
        ),
        Mode::Infeasible => match check.outcome {
            Outcome::Fails => format!("Does not run. {limit}: {}.", check.text),
            Outcome::Slows { .. } => format!(
                "Too slow. {limit}: {}: at most {:.2} tok/s.",
                check.text,
                speed.reread_tokens_per_s.unwrap_or(0.0)
            ),
            _ => format!(
                "Too slow. {limit}: {}, but rows from storage allow {:.1} tok/s, below the target of {}.",
                check.text,
                speed.flash_tokens_per_s.unwrap_or(0.0),
                scenario.target_tokens_per_s
            ),
        },
    };
    if certainty == Certainty::Borderline {
        text += " The limit lies within the prediction's interval: measure before deciding.";
    }
    text
}

/// How the limit is known, in a word or two.
fn known(check: &Check) -> &'static str {
    use crate::device::SourceKind;
    match check.limit.source.kind {
        SourceKind::Estimate => "an estimate",
        SourceKind::Published => "published",
        SourceKind::SpecSheet => "data sheet",
        SourceKind::Stated => "as stated",
    }
}

fn first_up(text: &str) -> String {
    let mut letters = text.chars();
    // "iOS" and its like keep their first letter.
    if text.starts_with('i') && text.chars().nth(1).is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
