//! What a runtime's rules look at.

use super::{Machine, Split};
use crate::memory::Scenario;
use crate::model::Model;
use crate::weights::WeightPlan;

/// A model with its weights laid out, as a scenario runs it on a machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) model: &'a Model,
    pub(crate) plan: &'a WeightPlan,
    pub(crate) scenario: &'a Scenario,
    pub(crate) machine: Machine,
    pub(crate) split: Option<Split>,
}
