//! The inverse questions: what is the most that fits, and what is the least one must change.

use super::check::{self, Check, Outcome};
use super::fit::{Fit, Mode};
use super::prospects::Prospects;
use crate::device::{Device, GpuKind, Limit, State};
use crate::leaf::number::grouped;
use crate::memory::{KvFormat, LoadMode, Offload, Runtime, Scenario, refused};
use crate::placement::Machine;
use crate::weights::{PlanError, StockType, WeightFormat, quality};
use serde::Serialize;

/// A single change to a scenario, cheapest kind first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Do not load the audio tower.
    DropAudio,
    /// Do not load the vision tower.
    DropVision,
    /// Map the file instead of reading it into anonymous memory or locking it.
    MapWeights,
    /// Keep no states of earlier prompts.
    NoPromptCache,
    /// Compute attention in one step, without a buffer for its scores.
    FlashAttention,
    /// As many layers on the card as the runtime finds room for.
    LayersThatFit,
    /// Keep weights as they are in the file: slower prefill, same answers.
    NoRepack,
    /// All slots share the cells of one cache.
    SharedCache,
    /// Compute fewer tokens at once.
    SmallerUbatch {
        /// Tokens.
        tokens: u64,
    },
    /// Window layers keep their window only.
    WindowedCaches,
    /// One sequence at a time.
    OneSlot,
    /// Keys and values in 8-bit blocks.
    KvQ8,
    /// A shorter context.
    ShorterContext {
        /// Tokens.
        tokens: u64,
    },
    /// Keys and values in 8-bit blocks, and the context that is possible with them.
    KvQ8AtContext {
        /// Tokens.
        tokens: u64,
    },
    /// Keys and values in 4-bit blocks.
    KvQ4,
    /// No layers on the GPU.
    OnProcessor,
    /// Smaller weights.
    SmallerWeights {
        /// Format name.
        #[serde(serialize_with = "name")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        format: StockType,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn name<S: serde::Serializer>(format: &StockType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

impl Change {
    /// The scenario after the change.
    pub fn applied(&self, scenario: &Scenario) -> Scenario {
        let mut after = scenario.clone();
        match *self {
            Self::DropAudio => after.audio = false,
            Self::DropVision => after.vision = false,
            Self::MapWeights => after.load = LoadMode::Mmap,
            Self::NoPromptCache => (after.prompt_cache_mib, after.checkpoints) = (0, 0),
            Self::FlashAttention => after.flash_attention = true,
            Self::LayersThatFit => {
                (after.offload, after.cpu_moe_layers, after.kv_offload) = (Offload::Auto, 0, true);
                after.tensor_overrides = Vec::new();
            }
            Self::NoRepack => after.repack = false,
            Self::SharedCache => after.unified_kv = true,
            Self::OneSlot => after.slots = 1,
            Self::SmallerUbatch { tokens } => after.ubatch = tokens,
            Self::WindowedCaches => after.runtime = Runtime::LlamaCpp,
            Self::KvQ8 => (after.k, after.v) = (KvFormat::Q8_0, KvFormat::Q8_0),
            Self::KvQ8AtContext { tokens } => {
                after = after.at_context(tokens);
                (after.k, after.v) = (KvFormat::Q8_0, KvFormat::Q8_0);
            }
            Self::KvQ4 => (after.k, after.v) = (KvFormat::Q4_0, KvFormat::Q4_0),
            Self::ShorterContext { tokens } => after = after.at_context(tokens),
            Self::OnProcessor => {
                (after.offload, after.cpu_moe_layers, after.kv_offload) = (Offload::Off, 0, true);
            }
            Self::SmallerWeights { format } => after.weights = WeightFormat::Stock(format),
        }
        after
    }

    /// The change in words.
    pub fn describe(&self) -> String {
        match self {
            Self::DropAudio => "leave out the audio tower".into(),
            Self::DropVision => "leave out the vision tower".into(),
            Self::MapWeights => "map the file, without copying or locking it".into(),
            Self::NoPromptCache => "keep no states of earlier prompts and no checkpoints".into(),
            Self::FlashAttention => "turn flash attention on".into(),
            Self::LayersThatFit => "let llama.cpp choose how much of the model the card takes".into(),
            Self::NoRepack => "turn weight repacking off (slower prefill, same output)".into(),
            Self::SharedCache => "let all slots share one cache".into(),
            Self::OneSlot => "serve one conversation at a time".into(),
            Self::SmallerUbatch { tokens } => format!("compute {tokens} tokens at once"),
            Self::WindowedCaches => "keep only the window in sliding layers".into(),
            Self::KvQ8 => "store keys and values as q8_0".into(),
            Self::ShorterContext { tokens } => format!("limit the context to {} tokens", grouped(*tokens)),
            Self::KvQ8AtContext { tokens } => {
                format!("store keys and values as q8_0 and limit the context to {} tokens", grouped(*tokens))
            }
            Self::KvQ4 => "store keys and values as q4_0".into(),
            Self::OnProcessor => "run all layers on the processor".into(),
            Self::SmallerWeights { format } => {
                format!("quantise the weights to {}{}", format.name(), quality::warning(*format))
            }
        }
    }
}

/// A change that makes the model fit, and where it leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fix {
    /// The change.
    pub change: Change,
    /// In words.
    pub description: String,
    /// The mode it leads to.
    pub mode: Mode,
    /// Headroom after it, in bytes.
    pub headroom_bytes: u64,
    /// Expected speed after it, low and high, tokens a second; none where a bandwidth is unknown, and in tables of many devices.
    pub expected_tokens_per_s: Option<(f64, f64)>,
    /// Whether that reaches the target.
    pub meets_target: Option<bool>,
}

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
pub(super) fn inverse(
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

struct Seeker<'a> {
    prospects: &'a Prospects<'a>,
    /// The scenario that is asked about.
    now: &'a Scenario,
    device: &'a Device,
    limits: &'a [Limit],
    machine: Machine,
    wanted: Wanted,
}

/// What a scenario must do to count.
#[derive(Clone, Copy)]
enum Wanted {
    /// Run.
    Runs,
    /// Run with every layer on the GPU, where the runtime puts it `by_itself`.
    Whole { by_itself: bool },
}

impl Seeker<'_> {
    fn fit(&self, scenario: &Scenario) -> Result<Option<Fit>, PlanError> {
        // What the runtime refuses is no remedy.
        if refused(&self.prospects.model.architecture, scenario).is_some() {
            return Ok(None);
        }
        if matches!(self.wanted, Wanted::Whole { by_itself: true })
            && !self.prospects.split_of(scenario, self.machine)?.is_none_or(|split| split.has_all_layers())
        {
            return Ok(None);
        }
        let needs = self.prospects.needs(scenario, self.machine)?;
        let fit = Fit::of(&needs, self.limits, scenario, self.device);
        Ok((fit.mode != Mode::Infeasible).then_some(fit))
    }

    /// Binary search: memory never shrinks with the context.
    fn longest_context(&self) -> Result<Option<u64>, PlanError> {
        let fits = |tokens| self.fit(&self.now.at_context(tokens)).map(|fit| fit.is_some());
        let (mut low, mut high) = (1, self.prospects.model.architecture.max_context_tokens);
        if !fits(low)? {
            return Ok(None);
        }
        if fits(high)? {
            return Ok(Some(high));
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle)? { low = middle } else { high = middle }
        }
        Ok(Some(low))
    }

    /// The largest stock format that fits and has fewer than `below` bytes of text weights.
    fn largest_format(&self, below: u64) -> Result<Option<(StockType, Fit)>, PlanError> {
        if !self.now.runtime.takes_stock_formats() {
            return Ok(None);
        }
        for stock in self.prospects.stock()?.iter().filter(|stock| stock.text_bytes < below) {
            let weights = WeightFormat::Stock(stock.format);
            let scenario = Scenario { weights, ..self.now.clone() };
            if let Some(fit) = self.fit(&scenario)? {
                return Ok(Some((stock.format, fit)));
            }
        }
        Ok(None)
    }

    fn fixes(&self, longest: Option<u64>) -> Result<Vec<Fix>, PlanError> {
        let mut fixes = Vec::new();
        for change in self.simple_changes(longest) {
            if let Some(fit) = self.fit(&change.applied(self.now))? {
                fixes.push(into_fix(change, &fit));
            }
        }
        if let Some((change, fit)) = self.halved_cache(longest, &fixes)? {
            fixes.push(into_fix(change, &fit));
        }
        if let Some((format, fit)) = self.largest_format(self.text_bytes())? {
            fixes.push(into_fix(Change::SmallerWeights { format }, &fit));
        }
        Ok(fixes)
    }

    /// A cache of half the bytes at a shorter context, where the context alone would lose most of itself.
    fn halved_cache(&self, longest: Option<u64>, found: &[Fix]) -> Result<Option<(Change, Fit)>, PlanError> {
        let is_short = longest.is_some_and(|tokens| tokens < self.now.context_tokens / 2);
        let applies = is_short && self.simple_changes(longest).contains(&Change::KvQ8);
        if !applies || found.iter().any(|fix| fix.change == Change::KvQ8) {
            return Ok(None);
        }
        let halved = Change::KvQ8.applied(self.now);
        let Some(most) = (Seeker { now: &halved, ..*self }).longest_context()? else { return Ok(None) };
        let tokens = rounded(most.min(self.now.context_tokens));
        // Little more is no reason to code the cache.
        if longest.is_some_and(|alone| tokens < alone.saturating_mul(5) / 4) || tokens < 512 {
            return Ok(None);
        }
        let change = Change::KvQ8AtContext { tokens };
        Ok(self.fit(&change.applied(self.now))?.map(|fit| (change, fit)))
    }

    fn text_bytes(&self) -> u64 {
        self.prospects.plan.text_bytes(self.prospects.model)
    }

    /// Changes that apply here, cheapest first, format changes apart.
    fn simple_changes(&self, longest: Option<u64>) -> Vec<Change> {
        let now = self.now;
        let bits = |format: KvFormat| format.bits_per_channel(128);
        let wide = bits(now.k).max(bits(now.v));
        let llama = now.runtime.is_llama_cpp();
        let architecture = &self.prospects.model.architecture;
        let mut changes = Vec::new();
        let mut offer = |applies: bool, change: Change| {
            if applies {
                changes.push(change);
            }
        };
        offer(now.audio && architecture.audio.is_some(), Change::DropAudio);
        offer(now.vision && architecture.vision.is_some(), Change::DropVision);
        offer(llama && now.load != LoadMode::Mmap, Change::MapWeights);
        offer(llama && now.prompt_cache_mib + now.checkpoints > 0, Change::NoPromptCache);
        offer(llama && !now.flash_attention, Change::FlashAttention);
        let on_card = self.machine.gpu == Some(GpuKind::Discrete) && self.machine.uses_gpu(now);
        offer(llama && on_card && !now.leaves_layers_to_the_runtime(), Change::LayersThatFit);
        offer(now.runtime == Runtime::LlamaCppApi, Change::WindowedCaches);
        offer(llama && now.slots > 1 && !now.unified_kv, Change::SharedCache);
        let packs = now.repack && !self.machine.uses_gpu(now);
        offer(llama && packs, Change::NoRepack);
        offer(llama && now.ubatch > 128, Change::SmallerUbatch { tokens: 128 });
        offer(now.slots > 1, Change::OneSlot);
        let stock = now.runtime.takes_stock_formats();
        offer(stock && wide > bits(KvFormat::Q8_0), Change::KvQ8);
        if let Some(tokens) = longest.filter(|tokens| *tokens < now.context_tokens) {
            let tokens = rounded(tokens);
            offer(tokens >= 512, Change::ShorterContext { tokens });
        }
        offer(stock && wide > bits(KvFormat::Q4_0), Change::KvQ4);
        offer(self.machine.offloads(now), Change::OnProcessor);
        changes
    }

    /// Pile changes up, cheapest first, until the model fits; then drop those that were not needed.
    fn together(&self, longest: Option<u64>) -> Result<Vec<Change>, PlanError> {
        let mut changes = self.simple_changes(longest);
        changes.push(Change::ShorterContext { tokens: self.now.context_tokens.min(4096) });
        let now = self.text_bytes();
        let offered = self.now.runtime.takes_stock_formats();
        let smaller = self.prospects.stock()?.iter().filter(|stock| offered && stock.text_bytes < now);
        changes.extend(smaller.map(|stock| Change::SmallerWeights { format: stock.format }));
        let mut chosen: Vec<Change> = Vec::new();
        for change in changes {
            // A later change of the same kind replaces an earlier one.
            chosen.retain(|earlier| std::mem::discriminant(earlier) != std::mem::discriminant(&change));
            if matches!(change, Change::KvQ4) {
                chosen.retain(|earlier| *earlier != Change::KvQ8);
            }
            chosen.push(change);
            // What the runtime refuses would spoil all that follows.
            if self.is_refused(&chosen) {
                chosen.pop();
                continue;
            }
            if self.fits_with(&chosen)? {
                return pruned(chosen, |changes| self.fits_with(changes));
            }
        }
        Ok(Vec::new())
    }

    /// The fewest of the cheapest changes that pass one limit: how weights lie first, then the context, then formats.
    fn passing(&self, limit: &Limit) -> Result<Vec<Change>, PlanError> {
        let passes = |changes: &[Change]| self.passes_with(changes, limit);
        let mut chosen: Vec<Change> = Vec::new();
        let simple = self.simple_changes(None);
        for change in simple.iter().filter(|change| **change != Change::KvQ4) {
            chosen.push(*change);
            if self.is_refused(&chosen) {
                chosen.pop();
                continue;
            }
            if passes(&chosen)? {
                return pruned(chosen, passes);
            }
        }
        // A shorter context costs less than a coarser cache.
        if let Some(context) = self.context_for(&chosen, limit)? {
            chosen.push(context);
            return pruned(chosen, passes);
        }
        if simple.contains(&Change::KvQ4) {
            let mut coarser = chosen.clone();
            coarser.retain(|earlier| *earlier != Change::KvQ8);
            coarser.push(Change::KvQ4);
            if !self.is_refused(&coarser) {
                chosen = coarser;
            }
        }
        let now = self.text_bytes();
        let offered = self.now.runtime.takes_stock_formats();
        for stock in self.prospects.stock()?.iter().filter(|stock| offered && stock.text_bytes < now) {
            chosen.retain(|earlier| {
                !matches!(earlier, Change::SmallerWeights { .. } | Change::ShorterContext { .. })
            });
            chosen.push(Change::SmallerWeights { format: stock.format });
            chosen.extend(self.context_for(&chosen, limit)?);
            if passes(&chosen)? {
                return pruned(chosen, passes);
            }
        }
        Ok(Vec::new())
    }

    /// The longest context, in whole thousands where it is long, with which these changes pass a limit.
    fn context_for(&self, changes: &[Change], limit: &Limit) -> Result<Option<Change>, PlanError> {
        let passes = |tokens| {
            let mut with = changes.to_vec();
            with.push(Change::ShorterContext { tokens });
            self.passes_with(&with, limit)
        };
        let (mut low, mut high) = (512, self.prospects.scenario.context_tokens);
        if high <= low || !passes(low)? {
            return Ok(None);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if passes(middle)? { low = middle } else { high = middle }
        }
        Ok(Some(Change::ShorterContext { tokens: rounded(low) }))
    }

    /// Whether the runtime refuses what these changes lead to.
    fn is_refused(&self, changes: &[Change]) -> bool {
        refused(&self.prospects.model.architecture, &after(self.now, changes)).is_some()
    }

    fn passes_with(&self, changes: &[Change], limit: &Limit) -> Result<bool, PlanError> {
        let scenario = after(self.prospects.scenario, changes);
        if refused(&self.prospects.model.architecture, &scenario).is_some() {
            return Ok(false);
        }
        let needs = self.prospects.needs(&scenario, self.machine)?;
        let outcome = check::outcome(limit, &needs, check::expected);
        Ok(matches!(outcome, Outcome::Passes | Outcome::PassesWithTablesOnStorage))
    }

    fn fits_with(&self, changes: &[Change]) -> Result<bool, PlanError> {
        self.fit(&after(self.now, changes)).map(|fit| fit.is_some())
    }
}

/// The scenario after all of these changes.
fn after(scenario: &Scenario, changes: &[Change]) -> Scenario {
    changes.iter().fold(scenario.clone(), |scenario, change| change.applied(&scenario))
}

/// A round number is easier to defend, and still fits.
fn rounded(tokens: u64) -> u64 {
    if tokens >= 2048 { tokens / 1024 * 1024 } else { tokens }
}

/// Without the changes that were not needed, dearest first.
fn pruned(
    mut chosen: Vec<Change>,
    works: impl Fn(&[Change]) -> Result<bool, PlanError>,
) -> Result<Vec<Change>, PlanError> {
    for index in (0..chosen.len()).rev() {
        let mut fewer = chosen.clone();
        fewer.remove(index);
        if works(&fewer)? {
            chosen = fewer;
        }
    }
    Ok(chosen)
}

fn into_fix(change: Change, fit: &Fit) -> Fix {
    Fix {
        description: change.describe(),
        change,
        mode: fit.mode,
        headroom_bytes: fit.headroom,
        expected_tokens_per_s: None,
        meets_target: None,
    }
}
