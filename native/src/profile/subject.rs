//! What is measured: the table of a model, and the memory that the rest of the model takes.

use super::BadInput;
use super::args::ProfileMmapArgs;
use anyhow::Result;
use dhurandhar_core::Model;
use dhurandhar_core::memory::{Component, Footprint, Scenario};
use dhurandhar_core::storage::TableGeometry;
use dhurandhar_core::weights::{WeightFormat, WeightPlan};

/// A model and the table of it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The model.
    pub(super) model: Model,
    /// Its table at full scale.
    pub(super) geometry: TableGeometry,
}

impl Subject {
    /// Finds the model and sizes its table.
    pub(super) fn new(args: &ProfileMmapArgs, page_bytes: u64) -> Result<Self> {
        let model = crate::model_source::load(&args.model)?;
        let geometry = TableGeometry::of_model(&model.architecture, args.quant_bits, page_bytes)
            .map_err(|error| BadInput(error.to_string()))?;
        Ok(Self { model, geometry })
    }

    /// The model's footprint with every weight at `bits` bits.
    pub(super) fn footprint(&self, bits: u64, context_tokens: u64) -> Result<Footprint> {
        let scenario = Scenario {
            context_tokens: context_tokens.min(self.model.architecture.max_context_tokens),
            weights: WeightFormat::parse(&bits.to_string()).map_err(|error| BadInput(error.to_string()))?,
            ..Scenario::for_model(&self.model)
        };
        scenario.check(&self.model).map_err(|error| BadInput(error.to_string()))?;
        let plan =
            WeightPlan::new(&self.model, scenario.weights).map_err(|error| BadInput(error.to_string()))?;
        Ok(Footprint::of(&self.model, &plan, &scenario))
    }
}

/// Bytes of a component, 0 where the model has none.
pub(super) fn component_bytes(footprint: &Footprint, component: Component) -> u64 {
    footprint.term(component).map_or(0, |term| term.bytes)
}
