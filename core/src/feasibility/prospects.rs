//! What a model and a scenario have in common on every device: plans of all formats, and what runs need.
//!
//! A page that shows fifty devices asks for the same sums again and again; they are computed once.

use super::check::Outcome;
use super::fit::Fit;
use crate::device::{Device, GpuKind};
use crate::leaf::cast::to_u64;
use crate::leaf::number::within;
use crate::memory::{KvFormat, LazyMode, LoadMode, Offload, Runtime, Scenario, kv_cache};
use crate::model::Model;
use crate::placement::{Case, FIT_MARGIN, Machine, Needs, Placement, Split, read_from_card};
use crate::speed::{self, Asked, Reads, Run};
use crate::weights::{PlanError, StockType, WeightFormat, WeightPlan};
use std::cell::{OnceCell, RefCell};

/// A stock format of the model.
#[derive(Debug)]
pub(super) struct StockPlan {
    pub(super) format: StockType,
    pub(super) plan: WeightPlan,
    pub(super) text_bytes: u64,
}

/// The choices that the weights' part of a need depends on.
type WeightKey = (WeightFormat, Runtime, Machine, bool, LoadMode, LazyMode, Offload);
/// The choices that the rest depends on; the last say what holds it, and what a draft model's weights depend on.
type RestKey = (u64, KvFormat, KvFormat, Runtime, u64, u64, [bool; 5], [u64; 2], Held);
/// The GPU that is used, and with a draft model the machine and choices that its weights depend on.
type Held = (Option<GpuKind>, Option<(Machine, bool, LazyMode, LoadMode)>);
/// The layers that a card has, if any, and the bytes read for a token with them there.
type ReadsOn = (Option<Split>, Reads);

/// A model and a scenario, ready to be assessed on any number of devices.
#[derive(Debug)]
pub struct Prospects<'a> {
    pub(super) model: &'a Model,
    pub(super) plan: &'a WeightPlan,
    pub(super) scenario: &'a Scenario,
    stock: OnceCell<Result<Vec<StockPlan>, PlanError>>,
    reads: OnceCell<Reads>,
    asked: OnceCell<Asked>,
    /// In the order of the keys.
    weights: RefCell<Vec<(WeightKey, Needs)>>,
    rest: RefCell<Vec<(RestKey, Needs)>>,
    /// What lies on a GPU, which takes longest to lay out and is asked for by several questions.
    on_gpu: RefCell<Vec<(Scenario, Machine, Needs)>>,
    /// The layers on a card and the reads of the scenario itself, by machine.
    reads_on: RefCell<Vec<(Machine, ReadsOn)>>,
}

impl<'a> Prospects<'a> {
    /// The prospects of `model` with its weights laid out as `plan`.
    pub fn new(model: &'a Model, plan: &'a WeightPlan, scenario: &'a Scenario) -> Self {
        let (stock, reads, asked) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let (weights, rest) = (RefCell::default(), RefCell::default());
        let (on_gpu, reads_on) = (RefCell::default(), RefCell::default());
        Self { model, plan, scenario, stock, reads, asked, weights, rest, on_gpu, reads_on }
    }

    /// Every stock format that suits any model, largest first.
    pub(super) fn stock(&self) -> Result<&[StockPlan], PlanError> {
        let plan = |format: &StockType| {
            let plan = WeightPlan::new(self.model, WeightFormat::Stock(*format))?;
            Ok(StockPlan { format: *format, text_bytes: plan.text_bytes(self.model), plan })
        };
        let offered = || StockType::ALL.iter().filter(|format| format.suits_any_model());
        let stock = self.stock.get_or_init(|| offered().map(plan).collect());
        stock.as_deref().map_err(Clone::clone)
    }

    /// Bytes read for a token in the scenario itself.
    pub(super) fn reads(&self) -> Reads {
        *self.reads.get_or_init(|| speed::reads(self.model, self.plan, self.scenario))
    }

    /// What a scenario needs that differs from this one in anything but the model.
    pub(super) fn needs(&self, scenario: &Scenario, machine: Machine) -> Result<Needs, PlanError> {
        if machine.uses_gpu(scenario) {
            let lent = machine.gpu_memory_bytes;
            let shared = lent.is_none() || machine.gpu != Some(GpuKind::Discrete);
            if shared && scenario.leaves_layers_to_the_runtime() && scenario.kv_offload {
                let whole = Machine { gpu_memory_bytes: None, ..machine };
                let needs = self.weight_needs(scenario, whole)? + self.rest_needs(scenario, whole);
                // Far from the edge, where sums are quicker than laying out the layers.
                if lent.is_none_or(|lent| needs.gpu.high.saturating_add(2 * FIT_MARGIN) <= lent) {
                    return Ok(needs);
                }
            }
            // What lies on a GPU depends on everything at once.
            return self.placed(scenario, machine);
        }
        Ok(self.weight_needs(scenario, machine)? + self.rest_needs(scenario, machine))
    }

    /// What a scenario needs whose layers a GPU has.
    fn placed(&self, scenario: &Scenario, machine: Machine) -> Result<Needs, PlanError> {
        let known = |(asked, on, _): &&(Scenario, Machine, Needs)| *on == machine && asked == scenario;
        if let Some((_, _, found)) = self.on_gpu.borrow().iter().find(known) {
            return Ok(*found);
        }
        let found =
            self.with_plan(scenario, |plan| Placement::of(self.model, plan, scenario, machine).needs)?;
        self.on_gpu.borrow_mut().push((scenario.clone(), machine, found));
        Ok(found)
    }

    /// Expected speed of a changed scenario that sits under the device's limits as `fit` says, tokens a second.
    pub(super) fn speed_of(
        &self,
        scenario: &Scenario,
        device: &Device,
        fit: &Fit,
    ) -> Result<Option<(f64, f64)>, PlanError> {
        let machine = Machine::of(device);
        let of = |plan: &WeightPlan| {
            let prospects = Prospects::new(self.model, plan, scenario);
            prospects
                .run_on(device, machine, fit, 0.0)
                .speed()
                .map(|speed| (speed.decode_tokens_per_s.low, speed.decode_tokens_per_s.high))
        };
        if scenario.weights == self.scenario.weights {
            return Ok(of(self.plan));
        }
        Ok(of(&WeightPlan::new(self.model, scenario.weights)?))
    }

    /// The run whose speed is told, sitting under the device's limits as `fit` says; `cache_hit_share` of the rows of tables
    /// on storage are in memory.
    pub(super) fn run_on<'b>(
        &'b self,
        device: &'b Device,
        machine: Machine,
        fit: &Fit,
        cache_hit_share: f64,
    ) -> Run<'b> {
        let (split, reads) = self.reads_on(machine);
        let asked =
            *self.asked.get_or_init(|| Asked::of(self.model, self.plan, self.scenario, &self.reads()));
        let on_storage = fit.outcome.rank() > Outcome::Passes.rank();
        let row_misses = if on_storage { within(1.0 - cache_hit_share, 0.0, 1.0) } else { 0.0 };
        let (model, plan, scenario) = (self.model, self.plan, self.scenario);
        Run { model, plan, scenario, device, machine, split, reads, asked, row_misses, reread: fit.reread }
    }

    /// With the weights laid out in the scenario's format.
    fn with_plan<T>(&self, scenario: &Scenario, of: impl Fn(&WeightPlan) -> T) -> Result<T, PlanError> {
        if scenario.weights == self.scenario.weights {
            return Ok(of(self.plan));
        }
        let wanted = |stock: &&StockPlan| WeightFormat::Stock(stock.format) == scenario.weights;
        Ok(match self.stock()?.iter().find(wanted) {
            Some(stock) => of(&stock.plan),
            None => of(&WeightPlan::new(self.model, scenario.weights)?),
        })
    }

    /// The layers on a card, and the bytes read for a token with those that come from its memory.
    pub(super) fn reads_on(&self, machine: Machine) -> ReadsOn {
        if let Some((_, found)) = self.reads_on.borrow().iter().find(|(known, _)| *known == machine) {
            return *found;
        }
        let found = self.find_reads_on(machine);
        self.reads_on.borrow_mut().push((machine, found));
        found
    }

    fn find_reads_on(&self, machine: Machine) -> ReadsOn {
        let mut reads = self.reads();
        let kv = kv_cache::layers(&self.model.architecture, self.scenario);
        let case = Case::new(self.model, self.plan, self.scenario, machine, &kv);
        if let Some(split) = &case.split {
            let (weights, [cache, state]) = read_from_card(&case, split, &kv);
            reads.gpu_bytes = weights.min(reads.weight_bytes)
                + share(reads.kv_bytes, cache)
                + share(reads.state_bytes, state);
        }
        (case.split, reads)
    }

    /// Whether every layer of a scenario goes to the GPUs, where it differs from this one in anything but the model.
    pub(super) fn takes_all_layers(&self, scenario: &Scenario, machine: Machine) -> Result<bool, PlanError> {
        self.with_plan(scenario, |plan| Case::takes_all_layers(self.model, plan, scenario, machine))
    }

    fn weight_needs(&self, scenario: &Scenario, machine: Machine) -> Result<Needs, PlanError> {
        let key = (
            scenario.weights,
            scenario.runtime,
            machine,
            scenario.repack,
            scenario.load,
            scenario.lazy,
            scenario.offload,
        );
        if let Some(needs) = find(&self.weights, &key) {
            return Ok(needs);
        }
        let needs = self.with_plan(scenario, |plan| {
            Needs::of(&Case { model: self.model, plan, scenario, machine, split: None }.weights())
        })?;
        keep(&self.weights, key, &needs);
        Ok(needs)
    }

    fn rest_needs(&self, scenario: &Scenario, machine: Machine) -> Needs {
        let used = machine.uses_gpu(scenario) || scenario.runtime.needs_gpu();
        let gpu = machine.gpu.filter(|_| used);
        let draft =
            scenario.draft.is_some().then_some((machine, scenario.repack, scenario.lazy, scenario.load));
        let key = (
            scenario.context_tokens,
            scenario.k,
            scenario.v,
            scenario.runtime,
            scenario.ubatch,
            scenario.slots,
            [
                scenario.vision,
                scenario.audio,
                scenario.flash_attention,
                scenario.unified_kv,
                scenario.load == LoadMode::Copy,
            ],
            [scenario.prompt_cache_mib, scenario.checkpoints],
            (gpu, draft),
        );
        if let Some(needs) = find(&self.rest, &key) {
            return needs;
        }
        let kv = kv_cache::layers(&self.model.architecture, scenario);
        let case = Case { model: self.model, plan: self.plan, scenario, machine, split: None };
        let needs = Needs::of(&case.rest(&kv));
        keep(&self.rest, key, &needs);
        needs
    }
}

/// A share of some bytes, rounded to the nearest.
fn share(bytes: u64, share: f64) -> u64 {
    to_u64((bytes as f64 * share).round())
}

fn find<K: Ord>(kept: &RefCell<Vec<(K, Needs)>>, key: &K) -> Option<Needs> {
    let kept = kept.borrow();
    let at = kept.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
    kept.get(at).map(|(_, needs)| *needs)
}

fn keep<K: Ord>(kept: &RefCell<Vec<(K, Needs)>>, key: K, needs: &Needs) {
    let mut kept = kept.borrow_mut();
    let at = kept.binary_search_by(|(known, _)| known.cmp(&key)).unwrap_or_else(|at| at);
    kept.insert(at, (key, *needs));
}
