//! Searches for what a device still holds: the longest context, the largest format, the fewest changes.

use super::change::{Change, after};
use super::check::{self, Outcome};
use super::fit::{Fit, Mode, is_in_doubt};
use super::fix::Fix;
use super::prospects::Prospects;
use crate::device::{Device, GpuKind, Limit};
use crate::memory::{KvFormat, LoadMode, Runtime, Scenario, refused};
use crate::placement::Machine;
use crate::weights::{PlanError, StockType, WeightFormat};

/// One scenario on one device, and what counts as an answer.
#[derive(Clone, Copy)]
pub(super) struct Seeker<'a> {
    pub(super) prospects: &'a Prospects<'a>,
    /// The scenario that is asked about.
    pub(super) now: &'a Scenario,
    pub(super) device: &'a Device,
    pub(super) limits: &'a [Limit],
    pub(super) machine: Machine,
    pub(super) wanted: Wanted,
}

/// What a scenario must do to count.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// Run.
    Runs,
    /// Run with every layer on the GPU, where the runtime puts it `by_itself`.
    Whole { by_itself: bool },
}

impl Seeker<'_> {
    pub(super) fn fit(&self, scenario: &Scenario) -> Result<Option<Fit>, PlanError> {
        // What the runtime refuses is no remedy.
        if refused(&self.prospects.model.architecture, scenario).is_some() {
            return Ok(None);
        }
        if matches!(self.wanted, Wanted::Whole { by_itself: true })
            && !self.prospects.takes_all_layers(scenario, self.machine)?
        {
            return Ok(None);
        }
        let needs = self.prospects.needs(scenario, self.machine)?;
        let fit = Fit::of(&needs, self.limits, scenario, self.device);
        Ok((fit.mode != Mode::Infeasible).then_some(fit))
    }

    /// Binary search: memory never shrinks with the context.
    pub(super) fn longest_context(&self) -> Result<Option<u64>, PlanError> {
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
    pub(super) fn largest_format(&self, below: u64) -> Result<Option<(StockType, Fit)>, PlanError> {
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

    pub(super) fn fixes(&self, longest: Option<u64>) -> Result<Vec<Fix>, PlanError> {
        let mut fixes = Vec::new();
        for change in self.simple_changes(longest) {
            if let Some(fit) = self.fit(&change.applied(self.now))? {
                fixes.push(self.fix(change, &fit)?);
            }
        }
        if let Some((change, fit)) = self.halved_cache(longest, &fixes)? {
            fixes.push(self.fix(change, &fit)?);
        }
        if let Some((format, fit)) = self.largest_format(self.text_bytes())? {
            fixes.push(self.fix(Change::SmallerWeights { format }, &fit)?);
        }
        Ok(fixes)
    }

    fn fix(&self, change: Change, fit: &Fit) -> Result<Fix, PlanError> {
        let scenario = change.applied(self.now);
        let needs = self.prospects.needs(&scenario, self.machine)?;
        Ok(Fix {
            description: change.describe(),
            change,
            mode: fit.mode,
            headroom_bytes: fit.headroom,
            reread_bytes: fit.reread.map(|reread| reread.expected),
            borderline: is_in_doubt(self.limits, &needs, &scenario, self.device),
            expected_tokens_per_s: None,
            meets_target: None,
        })
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
    pub(super) fn together(&self, longest: Option<u64>) -> Result<Vec<Change>, PlanError> {
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
    pub(super) fn passing(&self, limit: &Limit) -> Result<Vec<Change>, PlanError> {
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
