//! What a model and a scenario have in common on every device: plans of all formats, and what runs need.
//!
//! A page that shows fifty devices asks for the same sums again and again; they are computed once.

use crate::memory::{KvFormat, LazyMode, LoadMode, Offload, Runtime, Scenario, kv_cache};
use crate::model::Model;
use crate::placement::{Case, Machine, Needs};
use crate::throughput::{self, Reads};
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
/// The choices that the rest depends on; the last says whether a GPU holds it.
type RestKey = (u64, KvFormat, KvFormat, Runtime, u64, u64, [bool; 5], [u64; 2], bool);

/// A model and a scenario, ready to be assessed on any number of devices.
#[derive(Debug)]
pub struct Prospects<'a> {
    pub(super) model: &'a Model,
    pub(super) plan: &'a WeightPlan,
    pub(super) scenario: &'a Scenario,
    stock: OnceCell<Result<Vec<StockPlan>, PlanError>>,
    reads: OnceCell<Reads>,
    /// In the order of the keys.
    weights: RefCell<Vec<(WeightKey, Needs)>>,
    rest: RefCell<Vec<(RestKey, Needs)>>,
}

impl<'a> Prospects<'a> {
    /// The prospects of `model` with its weights laid out as `plan`.
    pub fn new(model: &'a Model, plan: &'a WeightPlan, scenario: &'a Scenario) -> Self {
        let (stock, reads) = (OnceCell::new(), OnceCell::new());
        let (weights, rest) = (RefCell::default(), RefCell::default());
        Self { model, plan, scenario, stock, reads, weights, rest }
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
        *self.reads.get_or_init(|| throughput::reads(self.model, self.plan, self.scenario))
    }

    /// What a scenario needs that differs from this one in anything but the model.
    pub(super) fn needs(&self, scenario: &Scenario, machine: Machine) -> Result<Needs, PlanError> {
        Ok(self.weight_needs(scenario, machine)? + self.rest_needs(scenario, machine))
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
        let of =
            |plan: &WeightPlan| Needs::of(&Case { model: self.model, plan, scenario, machine }.weights());
        let needs = if scenario.weights == self.scenario.weights {
            of(self.plan)
        } else {
            let wanted = |stock: &&StockPlan| WeightFormat::Stock(stock.format) == scenario.weights;
            match self.stock()?.iter().find(wanted) {
                Some(stock) => of(&stock.plan),
                None => of(&WeightPlan::new(self.model, scenario.weights)?),
            }
        };
        keep(&self.weights, key, needs);
        Ok(needs)
    }

    fn rest_needs(&self, scenario: &Scenario, machine: Machine) -> Needs {
        let on_gpu = machine.offloads(scenario);
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
            on_gpu,
        );
        if let Some(needs) = find(&self.rest, &key) {
            return needs;
        }
        let kv = kv_cache::layers(&self.model.architecture, scenario);
        let case = Case { model: self.model, plan: self.plan, scenario, machine };
        let needs = Needs::of(&case.rest(&kv));
        keep(&self.rest, key, needs);
        needs
    }
}

fn find<K: Ord>(kept: &RefCell<Vec<(K, Needs)>>, key: &K) -> Option<Needs> {
    let kept = kept.borrow();
    let at = kept.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
    kept.get(at).map(|(_, needs)| *needs)
}

fn keep<K: Ord>(kept: &RefCell<Vec<(K, Needs)>>, key: K, needs: Needs) {
    let mut kept = kept.borrow_mut();
    let at = kept.binary_search_by(|(known, _)| known.cmp(&key)).unwrap_or_else(|at| at);
    kept.insert(at, (key, needs));
}
