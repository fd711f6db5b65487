//! What is measured: the table of a model, and the memory that the rest of the model takes.

use super::request::Request;
use super::table::real;
use crate::BadInput;
use anyhow::Result;
use dhurandhar_core::Model;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::placement::{Machine, Placement};
use dhurandhar_core::storage::{TableGeometry, TensorPlace};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use std::path::Path;

/// A model and the table of it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The model; unknown for a bare checkpoint.
    pub(super) model: Option<Model>,
    /// The tensor of a real file that is read instead of a written table.
    pub(super) tensor: Option<TensorPlace>,
    /// Its table at full scale.
    pub(super) geometry: TableGeometry,
}

impl Subject {
    /// Finds the model and sizes its table.
    pub(super) fn new(request: &Request, page_bytes: u64) -> Result<Self> {
        if real::is_checkpoint(&request.model) {
            return Self::of_checkpoint(request, page_bytes);
        }
        let model = crate::inputs::model::load(&request.model)?;
        let geometry = TableGeometry::of_model(&model.architecture, request.weight_bits, page_bytes)
            .map_err(|error| BadInput(error.to_string()))?;
        Ok(Self { model: Some(model), tensor: None, geometry })
    }

    fn of_checkpoint(request: &Request, page_bytes: u64) -> Result<Self> {
        let tensor = real::locate(Path::new(&request.model), request.tensor.as_deref())?;
        // The model is a convenience here (its layers, its memory); a tensor can be read without it.
        let model = crate::inputs::model::load(&request.model).ok();
        let layers = model
            .as_ref()
            .filter(|m| m.architecture.ple.is_some())
            .map_or(1, |m| m.architecture.layers.len());
        let geometry =
            tensor.geometry(layers as u64, page_bytes).map_err(|error| BadInput(error.to_string()))?;
        Ok(Self { model, tensor: Some(tensor), geometry })
    }

    /// Where the model's memory lies with every weight at `bits` bits.
    pub(super) fn placement(&self, bits: u64, context_tokens: u64) -> Result<Placement> {
        let model = self.model.as_ref().ok_or_else(|| {
            BadInput("the memory of this model is not known; name a built-in model or a profile".to_owned())
        })?;
        let scenario = Scenario {
            context_tokens: context_tokens.min(model.architecture.max_context_tokens),
            weights: WeightFormat::parse(&bits.to_string()).map_err(|error| BadInput(error.to_string()))?,
            ..Scenario::for_model(model)
        };
        scenario.check(model).map_err(|error| BadInput(error.to_string()))?;
        let plan = WeightPlan::new(model, scenario.weights).map_err(|error| BadInput(error.to_string()))?;
        Ok(Placement::of(model, &plan, &scenario, Machine::X86))
    }
}
