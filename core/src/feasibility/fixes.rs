//! The inverse questions: what is the most that fits, and what is the least one must change.

use super::verdict::{Fit, Mode};
use crate::device::Device;
use crate::memory::{Footprint, KvFormat, Scenario};
use crate::model::Model;
use crate::weights::{PlanError, StockType, WeightFormat, WeightPlan};
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
    /// Keep 4-bit weights as they are in the file: slower prefill, same answers.
    NoRepack,
    /// Compute fewer tokens at once.
    SmallerUbatch {
        /// Tokens.
        tokens: u64,
    },
    /// Window layers keep their window only.
    WindowedCaches,
    /// Keys and values in 8-bit blocks.
    KvQ8,
    /// A shorter context.
    ShorterContext {
        /// Tokens.
        tokens: u64,
    },
    /// Keys and values in 4-bit blocks.
    KvQ4,
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
    /// The change in words.
    pub fn describe(&self) -> String {
        match self {
            Self::DropAudio => "leave out the audio tower".into(),
            Self::DropVision => "leave out the vision tower".into(),
            Self::NoRepack => "turn weight repacking off (slower prefill, same output)".into(),
            Self::SmallerUbatch { tokens } => format!("compute {tokens} tokens at once (--ubatch {tokens})"),
            Self::WindowedCaches => "keep only the window in sliding layers (swa_full off)".into(),
            Self::KvQ8 => "store keys and values as q8_0".into(),
            Self::ShorterContext { tokens } => format!("limit the context to {tokens} tokens"),
            Self::KvQ4 => "store keys and values as q4_0".into(),
            Self::SmallerWeights { format } => format!("quantise the weights to {}", format.name()),
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
}

/// The most that fits, and what would help.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inverse {
    /// Longest context that fits, everything else as it is; none if not even one token does.
    pub longest_context_tokens: Option<u64>,
    /// Largest stock weight format that fits, everything else as it is.
    pub largest_weight_format: Option<String>,
    /// Single changes that make an infeasible pair feasible, cheapest first; empty when it is feasible already.
    pub fixes: Vec<Fix>,
}

/// Answer the inverse questions; fixes are sought only when `infeasible`.
pub(super) fn inverse(
    model: &Model,
    plan: &WeightPlan,
    scenario: &Scenario,
    device: &Device,
    infeasible: bool,
) -> Result<Inverse, PlanError> {
    let seeker = Seeker { model, plan, scenario, device };
    let largest = seeker.largest_format(|_| true)?;
    Ok(Inverse {
        longest_context_tokens: seeker.longest_context(),
        largest_weight_format: largest.map(|(format, _)| format.name().to_owned()),
        fixes: if infeasible { seeker.fixes()? } else { Vec::new() },
    })
}

struct Seeker<'a> {
    model: &'a Model,
    plan: &'a WeightPlan,
    scenario: &'a Scenario,
    device: &'a Device,
}

impl Seeker<'_> {
    fn fit(&self, scenario: &Scenario, plan: &WeightPlan) -> Option<Fit> {
        let footprint = Footprint::of(self.model, plan, scenario);
        let fit = Fit::of(self.model, &footprint, scenario, self.device);
        (fit.mode != Mode::Infeasible).then_some(fit)
    }

    /// Binary search: memory never shrinks with the context.
    fn longest_context(&self) -> Option<u64> {
        let fits = |tokens| {
            let scenario = Scenario { context_tokens: tokens, ..self.scenario.clone() };
            self.fit(&scenario, self.plan).is_some()
        };
        let (mut low, mut high) = (1, self.model.architecture.max_context_tokens);
        if !fits(low) {
            return None;
        }
        if fits(high) {
            return Some(high);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }

    fn largest_format(
        &self,
        wanted: impl Fn(&WeightPlan) -> bool,
    ) -> Result<Option<(StockType, Fit)>, PlanError> {
        for format in StockType::ALL {
            let plan = WeightPlan::new(self.model, WeightFormat::Stock(*format))?;
            let scenario = Scenario { weights: WeightFormat::Stock(*format), ..self.scenario.clone() };
            if let Some(fit) = self.fit(&scenario, &plan).filter(|_| wanted(&plan)) {
                return Ok(Some((*format, fit)));
            }
        }
        Ok(None)
    }

    fn fixes(&self) -> Result<Vec<Fix>, PlanError> {
        let mut fixes: Vec<Fix> = self
            .simple_changes()
            .into_iter()
            .filter_map(|(change, scenario)| self.fix(change, &scenario))
            .collect();
        let now = self.plan.text_bytes(self.model);
        if let Some((format, fit)) = self.largest_format(|plan| plan.text_bytes(self.model) < now)? {
            fixes.push(into_fix(Change::SmallerWeights { format }, &fit));
        }
        Ok(fixes)
    }

    fn simple_changes(&self) -> Vec<(Change, Scenario)> {
        use crate::memory::Runtime;
        let now = self.scenario;
        let towers = &self.model.architecture;
        let mut changes = Vec::new();
        let mut offer = |applies: bool, change: Change, scenario: Scenario| {
            if applies {
                changes.push((change, scenario));
            }
        };
        let copy = || now.clone();
        offer(now.audio && towers.audio.is_some(), Change::DropAudio, Scenario { audio: false, ..copy() });
        offer(
            now.vision && towers.vision.is_some(),
            Change::DropVision,
            Scenario { vision: false, ..copy() },
        );
        let llama = now.runtime.is_llama_cpp();
        offer(
            now.runtime == Runtime::LlamaCppApi,
            Change::WindowedCaches,
            Scenario { runtime: Runtime::LlamaCpp, ..copy() },
        );
        offer(llama && now.repack, Change::NoRepack, Scenario { repack: false, ..copy() });
        offer(
            llama && now.ubatch > 128,
            Change::SmallerUbatch { tokens: 128 },
            Scenario { ubatch: 128, ..copy() },
        );
        let bits = |format: KvFormat| format.bits_per_channel(128);
        let wide = bits(now.k).max(bits(now.v));
        offer(
            wide > bits(KvFormat::Q8_0),
            Change::KvQ8,
            Scenario { k: KvFormat::Q8_0, v: KvFormat::Q8_0, ..copy() },
        );
        if let Some(tokens) = self.longest_context().filter(|tokens| *tokens < now.context_tokens) {
            // A round number is easier to defend, and still fits.
            let tokens = if tokens >= 2048 { tokens / 1024 * 1024 } else { tokens };
            offer(
                tokens >= 512,
                Change::ShorterContext { tokens },
                Scenario { context_tokens: tokens, ..copy() },
            );
        }
        offer(
            wide > bits(KvFormat::Q4_0),
            Change::KvQ4,
            Scenario { k: KvFormat::Q4_0, v: KvFormat::Q4_0, ..copy() },
        );
        changes
    }

    fn fix(&self, change: Change, scenario: &Scenario) -> Option<Fix> {
        self.fit(scenario, self.plan).map(|fit| into_fix(change, &fit))
    }
}

fn into_fix(change: Change, fit: &Fit) -> Fix {
    Fix {
        description: change.describe(),
        change,
        mode: fit.mode,
        headroom_bytes: fit.budget.saturating_sub(fit.needed),
    }
}
