//! The verdict for one model, scenario and device.

use super::check::{Certainty, Check, Elsewhere, Outcome};
use super::fit::{Fit, Mode, rereads_per_s, target_within};
use super::inverse::{self, Inverse};
use super::prospects::Prospects;
use super::reason::reason;
use super::thresholds::Thresholds;
use crate::device::{Beyond, Counts, Device, Limit, State};
use crate::memory::Scenario;
use crate::model::{Model, Origin};
use crate::placement::{DRIVER, FIT_MARGIN, Machine, Needs, ReRead, Split};
use crate::speed::{self, Bound, Ceilings, Reads, Speed};
use crate::weights::{PlanError, WeightPlan};
use serde::Serialize;

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
    /// Layers on a graphics card, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// How the model runs.
    pub mode: Mode,
    /// How sure that is.
    pub certainty: Certainty,
    /// The state of the process that this answer is for.
    pub state: State,
    /// Every limit, checked apart; the first is the one that decides.
    pub checks: Vec<Check>,
    /// Limits that the run is beyond although it works, by their short names: it is less visible in a store, or slower.
    pub flagged: Vec<String>,
    /// What the run needs, by kind of memory.
    pub needs: Needs,
    /// Bytes read per token.
    pub reads: Reads,
    /// Speed limits in the mode of the verdict.
    pub ceilings: Ceilings,
    /// Speed as published measurements make it expected; none where a bandwidth is unknown or the run is ended.
    pub speed: Option<Speed>,
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
    /// The tightest limit on memory of all kinds: what a bar of memory can be compared with.
    pub fn memory_check(&self) -> Option<&Check> {
        let counted =
            self.checks.iter().filter(|check| check.limit.counts.has_files() && check.limit.decides());
        counted.min_by_key(|check| check.limit.bytes)
    }

    /// It works, but below the target speed: no plain yes.
    pub fn is_too_slow(&self) -> bool {
        self.mode != Mode::Infeasible && self.meets_target == Some(false)
    }

    /// What more of would make it faster, or makes it run at all: where bandwidth sets the ceiling, what takes longest below it.
    pub fn bottleneck(&self) -> &'static str {
        let longest = self.speed.as_ref().and_then(|speed| speed.beyond_bandwidth);
        longest.filter(|_| self.bound.is_bandwidth()).unwrap_or(self.bound.title())
    }

    /// The check that decides.
    pub fn decisive(&self) -> &Check {
        // A device always has a limit.
        &self.checks[0]
    }

    /// Bytes below which a limit that drops file pages leaves the run too little: what cannot be dropped, and where little
    /// but code could be, that too. None for other limits.
    pub fn held_from_bytes(&self, check: &Check) -> Option<u64> {
        if !check.limit.beyond.drops_file_pages() || !check.limit.counts.has_files() {
            return None;
        }
        let held = self.needs.anonymous_in(check.limit.counts) + self.needs.wired;
        Some(held.bytes + if self.needs.maps_weights() { 0 } else { self.needs.dense_file_bytes() })
    }

    /// Memory of the GPU from which as many layers go there as now, bytes, where llama.cpp chooses them: with less it takes
    /// fewer, with what it keeps free counted. None where the layers are asked for, or `check` is of other memory.
    pub fn card_holds_from(&self, check: &Check, scenario: &Scenario) -> Option<u64> {
        let chosen = self.split.is_some() && scenario.leaves_layers_to_the_runtime();
        // What a card's driver takes lies within the free part: llama.cpp asks it what is free.
        let driver = if check.limit.id.starts_with("vram") { DRIVER.bytes } else { 0 };
        let kept = FIT_MARGIN.saturating_sub(driver);
        (chosen && check.limit.counts == Counts::Gpu).then(|| check.runs_from_bytes.saturating_add(kept))
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
    /// Adds to a verdict of these prospects what each limit makes of other states, and what would pass those that the run
    /// fails.
    pub fn explain(&self, device: &Device, verdict: &mut Assessment) -> Result<(), PlanError> {
        for check in &mut verdict.checks {
            check.explain(&verdict.needs, verdict.state);
            let fails = |other: &&Elsewhere| other.outcome == Outcome::Fails;
            let store = check.limit.beyond == Beyond::LessVisible && check.outcome.passes();
            let states =
                check.elsewhere.iter().filter(fails).filter(|_| store).map(|other| other.state.title());
            let states: Vec<&str> = states.collect();
            if !states.is_empty() {
                verdict.reason += &format!(" In {} beyond {}.", states.join(" or "), check.limit.title);
            }
        }
        verdict.inverse.limits = inverse::remedies(self, device, &verdict.checks)?;
        let fit = Fit::of(&verdict.needs, &device.limits_in(verdict.state), self.scenario, device);
        let run = self.run_on(device, Machine::of(device), &fit, 0.0);
        if let Some(speed) = verdict.speed.as_mut().filter(|speed| speed.by_depth.is_empty()) {
            *speed = run.explained().unwrap_or_else(|| speed.clone());
        }
        let bandwidth = run.dram_bytes_per_s_for(self.scenario.target_tokens_per_s);
        verdict.thresholds.dram_gb_per_s_for_target = bandwidth.map(|bytes| bytes / 1e9);
        let target = self.scenario.target_tokens_per_s;
        let storage = run.storage_bytes_per_s_for(target);
        verdict.thresholds.storage_mb_per_s_to_run = match fit.outcome {
            Outcome::Slows { reread } if fit.mode == Mode::Infeasible => {
                Some(reread.expected as f64 * target / 1e6)
            }
            _ => None,
        };
        verdict.thresholds.storage_mb_per_s_for_target = storage.map(|bytes| bytes / 1e6);
        inverse::explain(self, device, &device.limits_in(verdict.state), &mut verdict.inverse)
    }

    /// Adds the speed's course over the depth, and what it is good for, to a verdict of these prospects.
    pub fn follow(&self, device: &Device, cache_hit_share: f64, verdict: &mut Assessment) {
        let fit = Fit::of(&verdict.needs, &device.limits_in(verdict.state), self.scenario, device);
        if verdict.speed.is_some() {
            verdict.speed = self.run_on(device, Machine::of(device), &fit, cache_hit_share).explained();
        }
    }

    /// Adds what takes longest of a token to a verdict of these prospects.
    pub fn find_longest(&self, device: &Device, cache_hit_share: f64, verdict: &mut Assessment) {
        let fit = Fit::of(&verdict.needs, &device.limits_in(verdict.state), self.scenario, device);
        if let Some(speed) = &mut verdict.speed {
            speed.beyond_bandwidth =
                self.run_on(device, Machine::of(device), &fit, cache_hit_share).beyond_bandwidth();
        }
    }

    /// Assess the scenario on a device; see [`assess`].
    pub fn assess(&self, device: &Device, cache_hit_share: f64) -> Result<Assessment, PlanError> {
        let mut verdict = self.answer(device, cache_hit_share)?;
        self.ask_back(device, &mut verdict)?;
        Ok(verdict)
    }

    /// Adds the inverse questions to a verdict of these prospects: several plans and two searches, many times the work of
    /// the verdict itself.
    pub fn ask_back(&self, device: &Device, verdict: &mut Assessment) -> Result<(), PlanError> {
        let infeasible = verdict.mode == Mode::Infeasible;
        verdict.inverse = inverse::ask(self, device, &device.limits_in(verdict.state), infeasible)?;
        Ok(())
    }

    /// The verdict without the inverse questions, which stay unanswered: what a page shows while a slider moves.
    pub fn answer(&self, device: &Device, cache_hit_share: f64) -> Result<Assessment, PlanError> {
        let scenario = self.scenario;
        let machine = Machine::of(device);
        let limits = device.limits_in(scenario.state);
        let Core { needs, fit, split, reads, ceilings, speed, mode } =
            self.core(device, machine, &limits, cache_hit_share)?;
        let checks = in_order(&needs, &limits, scenario.state);
        let target = scenario.target_tokens_per_s;
        let bound = match fit.outcome {
            Outcome::Fails => Bound::MemoryLimit,
            Outcome::Slows { .. } => Bound::WeightEviction,
            _ => ceilings.bound,
        };
        let meets_target = match mode {
            Mode::Infeasible => Some(false),
            _ => ceilings.expected_tokens_per_s.map(|(_, high)| high >= target),
        };
        // A profile's towers are files of their own, which a run without pictures does not load.
        let is_profile = matches!(self.model.origin, Origin::BuiltIn | Origin::Profile);
        let apart = is_profile && !scenario.vision && !scenario.audio;
        let uncounted: &[String] = if apart { &[] } else { &self.model.architecture.uncounted };
        // What is only slowed by one limit may be too slow by another.
        let stops = |check: &Check| match check.outcome {
            Outcome::Slows { reread } if fit.mode == Mode::Infeasible && needs.maps_weights() => {
                rereads_per_s(reread.expected, device) < target
            }
            _ => true,
        };
        let within = |check: &Check| target_within(&check.limit, &needs, scenario, device);
        let sure = |check: &Check| match within(check) {
            Some(_) => Certainty::Borderline,
            None => check.certainty,
        };
        let mut certainty = certainty(mode, fit.outcome, &checks, stops, sure);
        if mode != Mode::Infeasible && !uncounted.is_empty() {
            certainty = certainty.max(Certainty::Likely);
        }
        let thresholds = Thresholds::of(&reads, scenario, device);
        let storage = checks.first().and_then(within);
        let mut reason = reason(&checks, mode, certainty, storage, &ceilings, scenario);
        let mut flagged = Vec::new();
        for check in &checks {
            let limit = &check.limit;
            if check.outcome == Outcome::Fails && !limit.on_request && !limit.decides() {
                let but = if mode == Mode::Infeasible { "Also" } else { "But" };
                reason += &format!(" {but} {}: {}.", limit.title, check.text);
                flagged.push(limit.id.clone());
            }
        }
        // Not in the page.
        if !cfg!(target_arch = "wasm32") && mode != Mode::Infeasible {
            let unchecked = device.unchecked_limits();
            if !unchecked.is_empty() {
                certainty = certainty.max(Certainty::Likely);
                let names = unchecked.join(", ");
                reason += &format!(" Not checked, since the device states no memory (`ram_mib`): {names}.");
            }
        }
        if !uncounted.is_empty() {
            reason += &format!(" At least: the {} is not counted.", uncounted.join(" and the "));
        }
        Ok(Assessment {
            device: device.name.clone(),
            device_title: device.title.clone(),
            context_tokens: scenario.context_tokens,
            state: scenario.state,
            flagged,
            machine,
            split,
            mode,
            certainty,
            needs,
            reads,
            ceilings,
            speed,
            reread: fit.reread,
            bound,
            meets_target,
            reason,
            inverse: Inverse::default(),
            thresholds,
            checks,
        })
    }
}

/// What a verdict rests on.
pub(super) struct Core {
    pub(super) needs: Needs,
    pub(super) fit: Fit,
    pub(super) split: Option<Split>,
    pub(super) reads: Reads,
    pub(super) ceilings: Ceilings,
    pub(super) speed: Option<Speed>,
    pub(super) mode: Mode,
}

impl Prospects<'_> {
    /// How the scenario runs under `limits`, before anything is asked in reverse.
    pub(super) fn core(
        &self,
        device: &Device,
        machine: Machine,
        limits: &[Limit],
        cache_hit_share: f64,
    ) -> Result<Core, PlanError> {
        let scenario = self.scenario;
        let needs = self.needs(scenario, machine)?;
        let fit = Fit::of(&needs, limits, scenario, device);
        let (split, reads) = self.reads_on(machine);
        let on_storage = fit.outcome.rank() > Outcome::Passes.rank();
        let mut ceilings =
            speed::ceilings(&reads, device, scenario.context_tokens, on_storage, cache_hit_share, fit.reread);
        let mut speed = self.run_on(device, machine, &fit, cache_hit_share).speed();
        if fit.outcome == Outcome::Fails {
            // What is ended has no speed.
            (speed, ceilings.combined_tokens_per_s) = (None, None);
        }
        let decode = speed.as_ref().map(|speed| speed.decode_tokens_per_s);
        ceilings.expected_tokens_per_s = decode.map(|decode| (decode.low, decode.high));
        let rows_too_slow = fit.mode == Mode::Mmap
            && ceilings.flash_tokens_per_s.is_some_and(|rows| rows < scenario.target_tokens_per_s);
        let mode = if rows_too_slow { Mode::Infeasible } else { fit.mode };
        Ok(Core { needs, fit, split, reads, ceilings, speed, mode })
    }
}

/// Checks with the decisive one first: the worst outcome, then the least room for its size.
fn in_order(needs: &Needs, limits: &[Limit], state: State) -> Vec<Check> {
    let counts = |limit: &Limit| limit.counts != Counts::Gpu || needs.on_gpus().high > 0;
    let share = |check: &Check| check.needed.bytes as f64 / check.limit.bytes.max(1) as f64;
    let is_worse = |one: &Check, other: &Check| match one.outcome.rank().cmp(&other.outcome.rank()) {
        std::cmp::Ordering::Equal => share(one) > share(other),
        order => order.is_gt(),
    };
    let mut checks: Vec<Check> = Vec::new();
    for check in
        limits.iter().filter(|limit| counts(limit)).map(|limit| Check::of(limit.clone(), needs, state))
    {
        // Those that decide first, those that must be asked for last.
        let group = |limit: &Limit| (!limit.decides(), limit.on_request);
        let stays = |known: &&Check| match group(&known.limit).cmp(&group(&check.limit)) {
            std::cmp::Ordering::Equal => !is_worse(&check, known),
            order => order.is_lt(),
        };
        let index = checks.iter().take_while(stays).count();
        checks.insert(index, check);
    }
    checks
}

/// A run that is said to work is as sure as its least sure limit; one that is not, as the surest limit that says so.
fn certainty(
    mode: Mode,
    worst: Outcome,
    checks: &[Check],
    stops: impl Fn(&Check) -> bool,
    sure: impl Fn(&Check) -> Certainty,
) -> Certainty {
    let counted = checks.iter().filter(|check| check.limit.decides());
    if mode == Mode::Infeasible {
        let failing = counted.filter(|check| check.outcome.rank().0 == worst.rank().0 && stops(check));
        return failing.map(sure).min().unwrap_or(Certainty::Likely);
    }
    counted.map(sure).max().unwrap_or(Certainty::Likely)
}
