//! What is predicted for a run under a limit: one function, so that the rules stand in one place.

use super::{RunOutcome, VerdictCase, VerdictRun};
use crate::memory::{Component, Footprint, KvFormat, LazyMode, LoadMode, Place, Runtime, Scenario, Term};
use crate::model::{Model, Role, registry, tensor::Active};
use crate::weights::{BlockType, WeightFormat, WeightPlan};

/// The dense hot set keeps its place as long as three tokens' experts fit beside it.
const EXPERTS_OF_TOKENS: u64 = 3;
/// Exponent of the missing share under the skewed routing of real text, for the lower end.
const SKEWED: i32 = 4;

/// Private pages of the process and its graph beside everything that has a term of its own: 3.8 to 6.5 MiB in runs of
/// 135 M to 5 B parameters.
const PROCESS_BYTES: u64 = 5632 << 10;
/// Pages of the libraries' code and tables that every token touches: they leave and come back like the file's. Measured
/// as what is read beyond the weights when both thrash, 3 to 7 MiB; 4 MiB places seven cliffs within 2 %.
const LIBRARY_BYTES: u64 = 4 << 20;
/// The kernel keeps 8 bytes for every page of 4 KiB that a process has touched, and keeps them when the page has left.
const PAGES_PER_TABLE: u64 = 512;

/// Bytes of a case by what the system may do with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaseNeeds {
    /// Cannot be dropped.
    pub private_bytes: u64,
    /// Pages of the file that every token reads.
    pub hot_bytes: u64,
    /// Pages of the file that hold experts, all of them.
    pub expert_bytes: u64,
    /// Those that one token reads.
    pub active_bytes: u64,
    /// One expert's matrix.
    pub matrix_bytes: u64,
}

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
            context_tokens: self.context_tokens,
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
    pub fn needs(&self) -> Option<CaseNeeds> {
        let model = self.model()?;
        let scenario = self.scenario(&model)?;
        let plan = WeightPlan::new(&model, scenario.weights).ok()?;
        Some(needs(&model, &plan, &scenario))
    }

    /// The bytes with which nothing is read again.
    pub fn need_bytes(&self) -> Option<u64> {
        self.needs().map(|needs| needs.all_bytes())
    }
}

impl CaseNeeds {
    /// With as much nothing is read again.
    pub fn all_bytes(&self) -> u64 {
        self.private_bytes + self.hot_bytes + self.expert_bytes
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
    let run = |outcome, reread_bytes| PredictedRun {
        outcome,
        need_bytes: needs.all_bytes(),
        private_bytes: needs.private_bytes,
        reread_bytes,
    };
    let Some(limit) = limit else { return Some(run(RunOutcome::FullSpeed, (0, 0, 0))) };
    let Some(pages) = limit.checked_sub(needs.private_bytes) else {
        return Some(run(RunOutcome::Killed, (0, 0, 0)));
    };
    let missing = (needs.hot_bytes + needs.expert_bytes).saturating_sub(pages);
    if missing == 0 {
        return Some(run(RunOutcome::FullSpeed, (0, 0, 0)));
    }
    if needs.expert_bytes == 0 {
        return Some(run(
            RunOutcome::Slowed,
            (missing.min(needs.hot_bytes), needs.hot_bytes, needs.hot_bytes),
        ));
    }
    let reread = experts(&needs, pages, read_ahead);
    Some(run(RunOutcome::by_reads(reread.1), reread))
}

/// Experts are drawn anew for every token, so they miss in proportion to what does not fit; the device reads ahead of
/// and behind each.
fn experts(needs: &CaseNeeds, pages: u64, read_ahead: u64) -> (u64, u64, u64) {
    let (dense, active) = (needs.hot_bytes, needs.active_bytes);
    let ahead = 1.0 + 2.0 * read_ahead as f64 / needs.matrix_bytes.max(1) as f64;
    let missing = |pages: u64, exponent: i32| {
        let cached = pages.saturating_sub(dense) as f64 / needs.expert_bytes as f64;
        whole(ahead * active as f64 * (1.0 - cached).clamp(0.0, 1.0).powi(exponent))
    };
    let all = dense + whole(ahead * active as f64);
    let settled = dense + EXPERTS_OF_TOKENS * active;
    if pages >= settled {
        return (missing(pages, SKEWED), missing(pages, 1), missing(pages, 1));
    }
    if pages <= dense + active {
        return (missing(pages, 1).min(all), all, all);
    }
    // Between the two the dense part begins to lose its place.
    let share = (pages - dense - active) as f64 / (settled - dense - active).max(1) as f64;
    let kept = missing(settled, 1);
    let expected = whole(all as f64 - share * all.saturating_sub(kept) as f64);
    (missing(pages, SKEWED), expected, all)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative and below the file's size"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// A token's rows of the per-layer tables and their projection from the stream: both stand in memory, for every token of
/// a micro-batch, until the last layer has used them.
fn table_inputs(model: &Model, scenario: &Scenario) -> u64 {
    2 * model.architecture.ple_row_elements() * scenario.ubatch * 4
}

/// By tensor: what is copied at load is never read from the file again; of the rest every token reads what is no table.
fn needs(model: &Model, plan: &WeightPlan, scenario: &Scenario) -> CaseNeeds {
    let footprint = Footprint::of(model, plan, scenario);
    // The process's own term counts its libraries, which are no private pages.
    let own = |term: &&Term| term.place == Place::Private && term.component != Component::Runtime;
    let private = footprint.terms.iter().filter(own).map(|term| term.bytes).sum::<u64>();
    let mut needs = CaseNeeds {
        private_bytes: private + PROCESS_BYTES + table_inputs(model, scenario),
        hot_bytes: LIBRARY_BYTES,
        ..CaseNeeds::default()
    };
    let packs = footprint.term(Component::PackedWeights).is_some();
    let mut matrices = (0, 0);
    for (tensor, planned) in model.tensors.iter().zip(&plan.tensors) {
        if matches!(tensor.role, Role::Vision | Role::Audio) {
            continue;
        }
        let table = matches!(tensor.role, Role::TokenEmbedding | Role::PleTable);
        let packed = packs
            && !table
            && matches!(planned.block, Some(BlockType::Q4K | BlockType::Q4_0 | BlockType::Iq4Nl));
        // What is locked is the range of the file from its first tensor to its last, originals of copies among them.
        if packed && scenario.load != LoadMode::Mlock {
            continue;
        }
        match (scenario.load, tensor.active) {
            (LoadMode::Copy | LoadMode::Mlock, _) => needs.private_bytes += planned.bytes,
            (LoadMode::Mmap, Active::All) => needs.hot_bytes += planned.bytes,
            (LoadMode::Mmap, Active::Experts { experts, .. }) => {
                needs.expert_bytes += planned.bytes;
                needs.active_bytes += tensor.read_per_token(planned.bytes);
                matrices = (matrices.0 + planned.bytes, matrices.1 + experts);
            }
            (LoadMode::Mmap, Active::Row | Active::Nothing) => {}
        }
    }
    let mapped = if scenario.load == LoadMode::Copy { 0 } else { plan.gguf_data_bytes(model) };
    needs.private_bytes += (needs.private_bytes + mapped) / PAGES_PER_TABLE;
    needs.matrix_bytes = matrices.0.checked_div(matrices.1).unwrap_or(0);
    needs
}
