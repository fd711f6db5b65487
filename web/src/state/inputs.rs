//! All that a report depends on: the case that every tab speaks of.

use dhurandhar_core::Model;
use dhurandhar_core::device::Device;
use dhurandhar_core::dossier::Ordered;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::report::{Order, Report};

use crate::browser::timing::measured;
use crate::state::State;
use crate::state::catalogue::{Loaded, catalogue};
use crate::state::computed::Computed;
use crate::state::custom_device;

/// The case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) model: Loaded,
    pub(crate) scenario: Scenario,
    pub(crate) ple_cache_hit_share: f64,
    pub(crate) device: String,
    /// The reader's own device.
    pub(crate) custom: Option<Device>,
    /// The chosen device, where the reader has changed figures of it.
    pub(crate) changed: Option<Device>,
}

impl Inputs {
    /// The case of a state.
    pub(crate) fn of(state: &State, custom: Option<&Device>, changed: Option<&Device>) -> Self {
        Self {
            model: state.model.clone(),
            scenario: state.scenario.clone(),
            ple_cache_hit_share: state.ple_cache_hit_share,
            device: state.device.clone(),
            custom: custom.cloned(),
            changed: changed.cloned(),
        }
    }

    /// The chosen device, if there is one.
    pub(crate) fn chosen(&self) -> Option<Device> {
        if self.device == custom_device::SLUG {
            return self.custom.clone();
        }
        self.changed.clone().or_else(|| catalogue().device(&self.device))
    }

    /// The reader's own device, and every other, changed where the reader has changed it.
    pub(crate) fn every(&self) -> Vec<Device> {
        let changed = |device: Device| match &self.changed {
            Some(changed) if changed.name == device.name => changed.clone(),
            _ => device,
        };
        self.custom.iter().cloned().chain(catalogue().devices().map(changed)).collect()
    }

    /// The verdict on the chosen device: what is computed while a slider moves.
    pub(crate) fn answer(&self) -> Result<Computed, String> {
        let device = self.chosen();
        let make =
            || Report::answered(&self.model, &self.scenario, device.as_slice(), self.ple_cache_hit_share);
        measured("compute", make).map(Computed::from).map_err(|error| error.to_string())
    }

    /// The report with every question answered, on the chosen device or on every one.
    pub(crate) fn whole(&self, every_device: bool) -> Result<Computed, String> {
        let devices = if every_device { self.every() } else { self.chosen().into_iter().collect() };
        let make = || Report::new(&self.model, &self.scenario, &devices, self.ple_cache_hit_share);
        measured("details", make).map(Computed::from).map_err(|error| error.to_string())
    }

    /// The case for a dossier, called by model and device unless `title` says otherwise; none without a device.
    pub(crate) fn ordered(&self, title: Option<String>, link: Option<String>) -> Option<Ordered> {
        let device = self.chosen()?;
        let title = title.unwrap_or_else(|| format!("{} on {}", self.model.title(), device.title));
        Some(Ordered { title, order: self.order(vec![device]), link })
    }

    /// What a report is ordered from.
    pub(crate) fn order(&self, devices: Vec<Device>) -> Order {
        Order {
            model: Model::clone(&self.model),
            scenario: self.scenario.clone(),
            devices,
            ple_cache_hit_share: self.ple_cache_hit_share,
        }
    }
}
