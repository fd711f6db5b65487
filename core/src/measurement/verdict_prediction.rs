//! What is predicted for a run under a limit: one function, so that the rules stand in one place.

use super::{RunOutcome, VerdictCase, VerdictRun};
use crate::memory::{KvFormat, LazyMode, LoadMode, Runtime, Scenario};
use crate::model::{Model, registry};
use crate::placement::{Held, Machine, Needs, Placement, held};
use crate::weights::{WeightFormat, WeightPlan};

/// A run as predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictedRun {
    /// What it comes to.
    pub outcome: RunOutcome,
    /// Memory with which nothing is read again.
    pub need_bytes: u64,
    /// Memory without which it is killed.
    pub private_bytes: u64,
    /// Read again for every token in the steady state: low, expected, high.
    pub reread_bytes: (u64, u64, u64),
}

impl VerdictCase {
    /// The model; `None` when it is not known here.
    pub fn model(&self) -> Option<Model> {
        registry::model_for_validation(&self.model).ok()
    }

    /// The scenario to predict for `model`; `None` when a name in the case is not known here.
    pub fn scenario(&self, model: &Model) -> Option<Scenario> {
        let kv = KvFormat::parse(&self.kv).ok()?;
        Some(Scenario {
            // The runtime was given all cells, which slots without a common cache divide.
            context_tokens: self.context_tokens / self.slots.max(1),
            slots: self.slots,
            weights: WeightFormat::parse(&self.weights).ok()?,
            k: kv,
            v: kv,
            runtime: Runtime::parse(&self.policy).ok()?,
            vision: false,
            audio: false,
            ubatch: self.ubatch.min(self.prompt_tokens.max(1)),
            repack: self.repack,
            load: match self.load.as_str() {
                "copy" => LoadMode::Copy,
                "mlock" => LoadMode::Mlock,
                _ => LoadMode::Mmap,
            },
            lazy: if self.lazy_table { LazyMode::On } else { LazyMode::Off },
            ..Scenario::for_model(model)
        })
    }

    /// Its needs by the rules of this build.
    pub fn needs(&self) -> Option<Needs> {
        let model = self.model()?;
        let scenario = self.scenario(&model)?;
        let plan = WeightPlan::new(&model, scenario.weights).ok()?;
        Some(Placement::of(&model, &plan, &scenario, Machine::X86).needs)
    }

    /// The bytes with which nothing is read again.
    pub fn need_bytes(&self) -> Option<u64> {
        self.needs().map(|needs| needs.hot().bytes)
    }
}

impl VerdictRun {
    /// The prediction for this run by the rules of this build.
    pub fn prediction(&self) -> Option<PredictedRun> {
        predicted(&self.case, self.limit_bytes, self.read_ahead_bytes)
    }
}

/// What is predicted of `case` under a limit, on a device that reads so far ahead.
pub fn predicted(case: &VerdictCase, limit: Option<u64>, read_ahead: u64) -> Option<PredictedRun> {
    let needs = case.needs()?;
    let fixed = needs.held().bytes;
    let limit = limit.unwrap_or(u64::MAX);
    let (outcome, reread_bytes) = match held(&needs, needs.anonymous.bytes, limit, read_ahead) {
        Held::Everything | Held::TablesOnStorage => (RunOutcome::FullSpeed, (0, 0, 0)),
        Held::Rereads(read) if needs.expert_file_bytes > 0 => {
            (RunOutcome::by_reads(read.expected), (read.low, read.expected, read.high))
        }
        Held::Rereads(read) => (RunOutcome::Slowed, (read.low, read.expected, read.high)),
        Held::Ended => (RunOutcome::Killed, (0, 0, 0)),
    };
    Some(PredictedRun { outcome, need_bytes: needs.hot().bytes, private_bytes: fixed, reread_bytes })
}
