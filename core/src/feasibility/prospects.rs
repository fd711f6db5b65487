//! What a model and a scenario have in common on every device: plans of all formats, and the sums of footprints.
//!
//! A page that shows fifty devices asks for the same footprints again and again; they are computed once.

use crate::memory::{Footprint, KvFormat, Runtime, Scenario, Total};
use crate::model::Model;
use crate::throughput::{self, Reads};
use crate::weights::{PlanError, StockType, WeightFormat, WeightPlan};
use std::cell::{OnceCell, RefCell};

/// The parts of a footprint that a verdict depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) resident: Total,
    pub(super) mmap: Total,
    pub(super) hot: u64,
    pub(super) hot_mapped: u64,
}

/// A stock format of the model.
#[derive(Debug)]
pub(super) struct StockPlan {
    pub(super) format: StockType,
    pub(super) plan: WeightPlan,
    pub(super) text_bytes: u64,
}

/// The choices that memory depends on.
type Key = (WeightFormat, u64, KvFormat, KvFormat, Runtime, u64, [bool; 4]);

/// A model and a scenario, ready to be assessed on any number of devices.
#[derive(Debug)]
pub struct Prospects<'a> {
    pub(super) model: &'a Model,
    pub(super) plan: &'a WeightPlan,
    pub(super) scenario: &'a Scenario,
    stock: OnceCell<Result<Vec<StockPlan>, PlanError>>,
    reads: OnceCell<Reads>,
    /// In the order of the keys.
    sums: RefCell<Vec<(Key, Sums)>>,
}

impl<'a> Prospects<'a> {
    /// The prospects of `model` with its weights laid out as `plan`.
    pub fn new(model: &'a Model, plan: &'a WeightPlan, scenario: &'a Scenario) -> Self {
        let (stock, reads, sums) = (OnceCell::new(), OnceCell::new(), RefCell::default());
        Self { model, plan, scenario, stock, reads, sums }
    }

    /// Every stock format, largest first.
    pub(super) fn stock(&self) -> Result<&[StockPlan], PlanError> {
        let plan = |format: &StockType| {
            let plan = WeightPlan::new(self.model, WeightFormat::Stock(*format))?;
            Ok(StockPlan { format: *format, text_bytes: plan.text_bytes(self.model), plan })
        };
        let stock = self.stock.get_or_init(|| StockType::ALL.iter().map(plan).collect());
        stock.as_deref().map_err(Clone::clone)
    }

    /// Bytes read for a token in the scenario itself.
    pub(super) fn reads(&self) -> Reads {
        *self.reads.get_or_init(|| throughput::reads(self.model, self.plan, self.scenario))
    }

    /// Memory of a scenario that differs from this one in anything but the model.
    pub(super) fn sums(&self, scenario: &Scenario) -> Result<Sums, PlanError> {
        let key = key(scenario);
        let place = |sums: &[(Key, Sums)]| sums.binary_search_by(|(known, _)| known.cmp(&key));
        if let Ok(at) = place(&self.sums.borrow()) {
            return Ok(self.sums.borrow()[at].1);
        }
        let footprint = if scenario.weights == self.scenario.weights {
            Footprint::of(self.model, self.plan, scenario)
        } else {
            let known =
                self.stock()?.iter().find(|stock| WeightFormat::Stock(stock.format) == scenario.weights);
            match known {
                Some(stock) => Footprint::of(self.model, &stock.plan, scenario),
                None => Footprint::of(self.model, &WeightPlan::new(self.model, scenario.weights)?, scenario),
            }
        };
        let sums = Sums {
            resident: footprint.resident,
            mmap: footprint.mmap,
            hot: footprint.hot,
            hot_mapped: footprint.hot_mapped,
        };
        let at = place(&self.sums.borrow()).unwrap_or_else(|at| at);
        self.sums.borrow_mut().insert(at, (key, sums));
        Ok(sums)
    }
}

fn key(scenario: &Scenario) -> Key {
    (
        scenario.weights,
        scenario.context_tokens,
        scenario.k,
        scenario.v,
        scenario.runtime,
        scenario.ubatch,
        [scenario.vision, scenario.audio, scenario.flash_attention, scenario.repack],
    )
}
