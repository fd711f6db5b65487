//! The verdict for one model, scenario and device.

use super::check::{Certainty, Check, Outcome};
use super::fit::{Fit, Mode};
use super::fixes::{self, Inverse};
use super::prospects::Prospects;
use super::thresholds::Thresholds;
use crate::device::{Beyond, Counts, Device, Limit, State};
use crate::leaf::first_up;
use crate::leaf::number::{padded, plain};
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

    /// The check that decides.
    pub fn decisive(&self) -> &Check {
        // A device always has a limit.
        &self.checks[0]
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
        }
        verdict.inverse.limits = fixes::remedies(self, device, &verdict.checks)?;
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
        fixes::explain(self, device, &device.limits_in(verdict.state), &mut verdict.inverse)
    }

    /// Adds the speed's course over the depth, and what it is good for, to a verdict of these prospects.
    pub fn follow(&self, device: &Device, cache_hit_share: f64, verdict: &mut Assessment) {
        let fit = Fit::of(&verdict.needs, &device.limits_in(verdict.state), self.scenario, device);
        if verdict.speed.is_some() {
            verdict.speed = self.run_on(device, Machine::of(device), &fit, cache_hit_share).explained();
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
        verdict.inverse = fixes::inverse(self, device, &device.limits_in(verdict.state), infeasible)?;
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
            Outcome::Slows { reread } if fit.mode == Mode::Infeasible => {
                Fit::rereads_per_s(&reread, device) < target
            }
            _ => true,
        };
        let mut certainty = certainty(mode, fit.outcome, &checks, stops);
        if mode != Mode::Infeasible && !uncounted.is_empty() {
            certainty = certainty.max(Certainty::Likely);
        }
        let thresholds = Thresholds::of(&reads, scenario, device);
        let mut reason = reason(&checks, mode, certainty, &ceilings, scenario);
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
fn certainty(mode: Mode, worst: Outcome, checks: &[Check], stops: impl Fn(&Check) -> bool) -> Certainty {
    let counted = checks.iter().filter(|check| check.limit.decides());
    let sure = |check: &Check| check.certainty;
    if mode == Mode::Infeasible {
        let failing = counted.filter(|check| check.outcome.rank().0 == worst.rank().0 && stops(check));
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
            "Fits with part of the weights left on storage. {limit}: {}; storage allows {} tok/s.",
            check.text,
            padded(speed.reread_tokens_per_s.unwrap_or(0.0), 1)
        ),
        Mode::Mmap if speed.stall_s_worst > 0.0 => format!(
            "Fits with tables left on storage. {limit}: {}; a row that is not cached costs {} ms.",
            check.text,
            padded(speed.stall_s_worst * 1e3, 2)
        ),
        Mode::Mmap => format!("Fits with tables left on storage. {limit}: {}.", check.text),
        Mode::Infeasible => match check.outcome {
            Outcome::Fails if check.limit.beyond == Beyond::Spills => {
                format!("Beyond the card, at a speed that is not known. {limit}: {}.", check.text)
            }
            Outcome::Fails if check.limit.beyond == Beyond::Throttles => {
                format!("Held back, at a speed that is not known. {limit}: {}.", check.text)
            }
            Outcome::Fails => format!("Does not run. {limit}: {}.", check.text),
            Outcome::Slows { .. } => format!(
                "Too slow. {limit}: {}: about {} tok/s from storage.",
                check.text,
                padded(speed.reread_tokens_per_s.unwrap_or(0.0), 2)
            ),
            _ => format!(
                "Too slow. {limit}: {}, but rows from storage allow {} tok/s, below the target of {}.",
                check.text,
                padded(speed.flash_tokens_per_s.unwrap_or(0.0), 1),
                plain(scenario.target_tokens_per_s)
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
        SourceKind::SecondHand => "second hand",
        SourceKind::Measured => "measured",
        SourceKind::Stated => "as stated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::feasibility::Change;
    use crate::memory::{KvFormat, LoadMode, Runtime};
    use crate::model::registry;
    use crate::weights::{StockType, WeightFormat};

    fn verdict(slug: &str, device: &str, change: impl Fn(&mut Scenario)) -> Assessment {
        let model = registry::model(slug).unwrap();
        let mut scenario = Scenario::for_model(&model);
        scenario.vision = false;
        change(&mut scenario);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        assess(&model, &plan, &scenario, &devices::device(device).unwrap(), 0.0).unwrap()
    }

    /// Sets of changes go on past what the runtime refuses, and name what makes it accept them.
    #[test]
    fn without_flash_attention_something_still_helps() {
        let plain = verdict("llama-3.1-8b", "raspberry-pi-4-4gb", |scenario| {
            (scenario.flash_attention, scenario.context_tokens) = (false, 32_768);
        });
        assert_eq!(plain.mode, Mode::Infeasible);
        let together = &plain.inverse.together;
        assert!(!plain.inverse.fixes.is_empty() || !together.is_empty(), "{:?}", plain.inverse);
        let scenario =
            together.iter().fold(plain_scenario("llama-3.1-8b"), |now, change| change.applied(&now));
        let model = registry::model("llama-3.1-8b").unwrap();
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let device = devices::device("raspberry-pi-4-4gb").unwrap();
        assert_ne!(assess(&model, &plan, &scenario, &device, 0.0).unwrap().mode, Mode::Infeasible);
    }

    fn plain_scenario(slug: &str) -> Scenario {
        let model = registry::model(slug).unwrap();
        let scenario = Scenario::for_model(&model);
        Scenario { vision: false, flash_attention: false, context_tokens: 32_768, ..scenario }
    }

    /// Layers that a card does not hold need not be there.
    #[test]
    fn too_many_layers_on_a_card_are_no_end() {
        use crate::memory::Offload;
        let forced = verdict("mixtral-8x7b", "desktop-rtx-4060-8gb", |scenario| {
            (scenario.offload, scenario.context_tokens) = (Offload::All, 4096);
        });
        assert_eq!(forced.mode, Mode::Infeasible);
        let fixes = forced.inverse.fixes.iter().map(|fix| fix.change);
        let offered: Vec<Change> = fixes.chain(forced.inverse.together).collect();
        assert!(offered.contains(&Change::LayersThatFit), "{offered:?}");
    }

    /// "Whole there" is where llama.cpp, left to itself, leaves no layer out.
    #[test]
    fn the_longest_context_whole_on_a_card_is_where_the_split_ends() {
        use crate::report::Report;
        let model = registry::model("llama-3.1-8b").unwrap();
        let at = |tokens: u64| {
            let scenario = Scenario { context_tokens: tokens, ..Scenario::for_model(&model) };
            let devices = [devices::device("desktop-rtx-4060-8gb").unwrap()];
            Report::new(&model, &scenario, &devices, 0.0).unwrap().explained(&model, &devices).unwrap()
        };
        let report = at(4096);
        let whole = report.devices[0].inverse.whole_on_card.as_ref().unwrap().longest_context_tokens.unwrap();
        let layers = |tokens| at(tokens).devices[0].split.as_ref().unwrap().gpu_layers;
        assert_eq!(layers(whole), layers(512), "{whole}");
        assert!(layers(whole + 512) < layers(512), "{whole}");
        // A card with less memory than is named takes fewer.
        let verdict = &report.devices[0];
        let gpu = |check: &&Check| check.limit.counts == Counts::Gpu;
        let check = verdict.checks.iter().find(gpu).unwrap();
        let from = verdict.card_holds_from(check, &report.scenario).unwrap();
        let on = |bytes: u64| {
            let mut device = devices::device("desktop-rtx-4060-8gb").unwrap();
            device.gpu.as_mut().unwrap().memory_mib = Some(bytes >> 20);
            let plan = WeightPlan::new(&model, report.scenario.weights).unwrap();
            let there = assess(&model, &plan, &report.scenario, &device, 0.0).unwrap();
            there.split.unwrap().gpu_layers
        };
        assert!(on(from + (16 << 20)) == layers(4096) && on(from - (64 << 20)) < layers(4096), "{from}");
    }

    /// Where the context alone would lose most of itself, half the cache keeps more of it.
    #[test]
    fn a_coded_cache_and_a_shorter_context_are_offered_together() {
        let asked = |scenario: &mut Scenario| scenario.context_tokens = 32_768;
        let fixes = verdict("phi-3.5-mini", "pixel-9a", asked).inverse.fixes;
        let alone = fixes.iter().find_map(|fix| match fix.change {
            Change::ShorterContext { tokens } => Some(tokens),
            _ => None,
        });
        let both = fixes.iter().find_map(|fix| match fix.change {
            Change::KvQ8AtContext { tokens } => Some((tokens, fix.change)),
            _ => None,
        });
        let (tokens, change) = both.unwrap();
        assert!(tokens > alone.unwrap() * 5 / 4 && tokens < 32_768, "{tokens} {alone:?}");
        let after = verdict("phi-3.5-mini", "pixel-9a", |scenario| {
            asked(scenario);
            *scenario = change.applied(scenario);
        });
        assert_ne!(after.mode, Mode::Infeasible);
    }

    #[test]
    fn every_pair_has_a_verdict_and_what_is_said_to_fit_fits() {
        // The most that is said to fit is tried on a quarter of the devices for a model, the next quarter for the next.
        const SHARE: usize = 4;
        for (number, model) in registry::models().enumerate() {
            let scenario = Scenario::for_model(&model);
            let plan = WeightPlan::new(&model, scenario.weights).unwrap();
            for (place, device) in devices::devices().enumerate() {
                // A graph on a GPU takes long to lay out: those are tried in turn, too.
                if device.gpu.is_some() && !(number + place).is_multiple_of(SHARE) {
                    continue;
                }
                let answer = assess(&model, &plan, &scenario, &device, 0.0).unwrap();
                let pair = format!("{} on {}", model.architecture.name, device.name);
                assert_eq!(answer.mode == Mode::Infeasible, !answer.reason.starts_with("Fits "), "{pair}");
                let tried =
                    answer.inverse.longest_context_tokens.filter(|_| (number + place).is_multiple_of(SHARE));
                if let Some(tokens) = tried {
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

    /// A longer context, more slots, less memory, more bytes for the same weights or a lesser state of the process never
    /// give a better verdict, on any built-in pair.
    #[test]
    fn verdicts_are_monotone_over_the_whole_matrix() {
        // A third of the devices for a model, the next third for the next: all pairs take ten minutes.
        const SHARE: usize = 3;
        let devices: Vec<Device> = devices::devices().collect();
        for (number, model) in registry::models().enumerate() {
            let start = Scenario::for_model(&model);
            let longest = model.architecture.max_context_tokens;
            let at = |context_tokens, slots| Scenario { context_tokens, slots, ..start.clone() };
            let contexts = [512, 4096, 8192, 32_768, 131_072].map(|tokens| at(tokens.min(longest), 1));
            let slots = [1, 2, 4, 8].map(|slots| at(4096.min(longest), slots));
            let formats = ["q2_k", "q4_k_m", "q6_k", "q8_0", "f16"]
                .map(|name| Scenario { weights: WeightFormat::parse(name).unwrap(), ..start.clone() });
            let states = State::RUNNING.map(|(_, state)| Scenario { state, ..start.clone() });
            for series in [contexts.as_slice(), &slots, &formats, &states] {
                let plans: Vec<WeightPlan> = series
                    .iter()
                    .map(|scenario| WeightPlan::new(&model, scenario.weights).unwrap())
                    .collect();
                let prospects: Vec<Prospects<'_>> = series
                    .iter()
                    .zip(&plans)
                    .map(|(scenario, plan)| Prospects::new(&model, plan, scenario))
                    .collect();
                let chosen = devices.iter().skip(number % SHARE).step_by(SHARE).enumerate();
                let in_turn = |(place, device): &(usize, &Device)| {
                    device.gpu.is_none() || (number / SHARE + place).is_multiple_of(SHARE)
                };
                for (_, device) in chosen.filter(in_turn) {
                    let mut least = device.clone();
                    least.cgroup_mib = Some(1024);
                    let modes = |device: &Device| -> Vec<Mode> {
                        let mode = |prospects: &Prospects<'_>| prospects.assess(device, 0.0).unwrap().mode;
                        prospects.iter().map(mode).collect()
                    };
                    let (free, limited) = (modes(device), modes(&least));
                    let pair = format!("{} on {}", model.architecture.name, device.name);
                    assert!(free.is_sorted(), "{pair}: {free:?}");
                    assert!(free.iter().zip(&limited).all(|(free, limited)| free <= limited), "{pair}");
                }
            }
        }
    }

    /// The README's example, which real runs under limits agree with.
    #[test]
    fn originals_of_packed_matrices_are_no_need() {
        let answer = verdict("gemma4-e2b", "galaxy-a16-6gb", |s| {
            s.weights = WeightFormat::Stock(StockType::Q4_0);
            s.context_tokens = 8192;
        });
        assert_eq!((answer.mode, answer.reread), (Mode::Mmap, None), "{}", answer.reason);
        assert!(answer.needs.load_file_bytes > 900 << 20, "{:?}", answer.needs);
        assert_eq!(answer.certainty, Certainty::Likely);
    }

    #[test]
    fn what_people_run_on_apples_devices_runs() {
        assert_eq!(verdict("qwen3-0.6b", "iphone-16-pro", |_| ()).mode, Mode::Resident);
        let mac = verdict("llama-3.1-8b", "macbook-air-m4", |s| s.context_tokens = 8192);
        assert_eq!(mac.mode, Mode::Resident, "{}", mac.reason);
        assert!(mac.checks.iter().any(|check| check.limit.id == "metal"));
        // Nothing was packed: only the libraries have pages that loading alone touches.
        assert!(mac.needs.load_file_bytes < 10 << 20);
        let phone = verdict("llama-3.2-1b", "iphone-16-pro", |_| ());
        let asked = phone.checks.iter().find(|check| check.limit.on_request).unwrap();
        let jetsam = phone.checks.iter().find(|check| check.limit.id == "jetsam").unwrap();
        assert!(asked.headroom_bytes > jetsam.headroom_bytes);
    }

    #[test]
    fn anonymous_memory_cannot_be_dropped() {
        let answer = verdict("llama-3.1-8b", "raspberry-pi-4-2gb", |s| s.context_tokens = 131_072);
        assert_eq!((answer.mode, answer.bound, answer.reread), (Mode::Infeasible, Bound::MemoryLimit, None));
        // 16 GiB of cache in 2 GiB of memory: no estimate is needed to be sure.
        assert_eq!(answer.certainty, Certainty::Certain);
        assert!(answer.reason.contains("the process is ended"), "{}", answer.reason);
        let copied = verdict("llama-3.2-3b", "raspberry-pi-4-2gb", |s| s.load = LoadMode::Copy);
        assert_eq!(copied.bound, Bound::MemoryLimit);
    }

    #[test]
    fn weights_that_do_not_fit_are_read_whole_for_every_token() {
        let answer = verdict("llama-3.2-3b", "raspberry-pi-4-2gb", |s| s.context_tokens = 512);
        let reread = answer.reread.unwrap();
        assert_eq!((answer.mode, reread.expected), (Mode::Infeasible, answer.needs.hot_file_bytes));
        assert!(reread.low < reread.expected);
        assert!(answer.ceilings.reread_tokens_per_s.unwrap() < 0.1);
    }

    #[test]
    fn storage_is_fast_enough_where_the_whole_token_is() {
        let model = registry::model("llama-3.2-3b").unwrap();
        let asked = |target_tokens_per_s, storage: f64| {
            let scenario =
                Scenario { context_tokens: 1024, target_tokens_per_s, ..Scenario::for_model(&model) };
            let mut device = devices::device("raspberry-pi-4-2gb").unwrap();
            device.storage.sequential_read_mb_per_s = storage;
            let plan = WeightPlan::new(&model, scenario.weights).unwrap();
            let prospects = Prospects::new(&model, &plan, &scenario);
            let mut answer = prospects.assess(&device, 0.0).unwrap();
            prospects.explain(&device, &mut answer).unwrap();
            answer
        };
        let needed = asked(1.0, 90.0).thresholds.storage_mb_per_s_for_target.unwrap();
        let reached = |storage| asked(1.0, storage).speed.unwrap().decode_tokens_per_s.expected;
        assert!((1.0..1.01).contains(&reached(needed)), "{needed} {}", reached(needed));
        assert_eq!(asked(1.0, needed * 1.01).mode, Mode::Mmap);
        // Memory and arithmetic alone are slower than that.
        let never = asked(8.0, 90.0);
        let runs = never.thresholds.storage_mb_per_s_to_run.unwrap();
        assert_eq!(
            (asked(8.0, runs * 0.99).mode, asked(8.0, runs * 1.01).mode),
            (Mode::Infeasible, Mode::Mmap)
        );
        assert_eq!(never.thresholds.storage_mb_per_s_for_target, None);
        let fast = asked(8.0, 20_000.0);
        // It runs, and is told to be slow.
        assert_eq!((fast.mode, fast.meets_target), (Mode::Mmap, Some(false)));
    }

    #[test]
    fn remedies_cover_the_new_choices_and_lead_where_they_say() {
        let answer = verdict("llama-3.2-1b", "mid_tier_mobile_ufs3", |s| {
            s.load = LoadMode::Copy;
            s.context_tokens = 65_536;
            s.slots = 4;
        });
        assert_eq!(answer.mode, Mode::Infeasible);
        let all: Vec<Change> = answer.inverse.fixes.iter().map(|fix| fix.change).collect();
        assert!(!all.is_empty() || !answer.inverse.together.is_empty(), "{answer:?}");
        let server =
            Scenario::for_model(&registry::model("llama-3.2-1b").unwrap()).run_by(Runtime::LlamaServer);
        assert_eq!((server.slots, server.unified_kv, server.prompt_cache_mib), (4, true, 8192));
        assert_eq!(Change::OneSlot.applied(&server).slots, 1);
        assert_eq!(Change::NoPromptCache.applied(&server).prompt_cache_mib, 0);
        assert_eq!(Change::KvQ4.applied(&server).k, KvFormat::Q4_0);
    }

    #[test]
    fn a_prompt_cache_that_fills_leaves_doubt() {
        let now =
            verdict("llama-3.2-1b", "raspberry-pi-5-8gb", |s| *s = s.clone().run_by(Runtime::LlamaServer));
        assert_eq!((now.mode, now.certainty), (Mode::Resident, Certainty::Borderline), "{}", now.reason);
    }
}
