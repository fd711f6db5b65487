//! What a runtime's rules look at.

use super::{Machine, ONE_CARD, Split};
use crate::memory::Scenario;
use crate::model::Model;
use crate::model::tensor::Tensor;
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

impl Case<'_> {
    /// The card that has a tensor under a split: as placed by hand, or its layer's; none where the processor has it.
    pub(super) fn card_of(&self, split: &Split, tensor: &Tensor) -> Option<usize> {
        let by_hand = &self.scenario.tensor_overrides;
        if ONE_CARD || by_hand.is_empty() {
            return split.has_tensor(tensor).then(|| split.card_of_tensor(tensor));
        }
        if let Ok(at) = by_hand.binary_search_by(|known| known.tensor.cmp(&tensor.name)) {
            return by_hand[at]
                .card
                .and_then(|card| usize::try_from(card).ok())
                .filter(|card| *card < self.machine.card_count());
        }
        split.has_tensor(tensor).then(|| split.card_of_tensor(tensor))
    }
}
