//! Every built-in model on every built-in device, analysed once by `dhurandhar-core`.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use dhurandhar_core::device::{self, Device};
use dhurandhar_core::feasibility::Assessment;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::{Model, registry};
use dhurandhar_core::report::Report;
use rayon::prelude::*;

/// Share of the lookups in a mapped table that are taken to be cached: none, the worst case.
pub(super) const CACHED_LOOKUPS: f64 = 0.0;

/// The built-in models and devices with their verdicts.
#[derive(Debug)]
pub struct Catalogue {
    /// By slug.
    pub models: Vec<Analysed>,
    /// By operating system, then title; the reports' verdicts are in this order.
    pub devices: Vec<Device>,
}

/// A model in its default scenario.
#[derive(Debug)]
pub struct Analysed {
    /// The model.
    pub model: Model,
    /// What core says of it: each device at the context that is usual there.
    pub report: Report,
}

impl Analysed {
    /// Slug: the name in addresses.
    pub fn slug(&self) -> &str {
        &self.report.model.name
    }

    /// Name for people.
    pub fn title(&self) -> &str {
        &self.report.model.title
    }
}

impl Catalogue {
    /// The catalogue of this binary. Profiles are embedded, so it is the same until the next compilation.
    pub fn built_in() -> Result<&'static Self> {
        static BUILT: OnceLock<Catalogue> = OnceLock::new();
        if let Some(catalogue) = BUILT.get() {
            return Ok(catalogue);
        }
        let catalogue = Self::analyse()?;
        Ok(BUILT.get_or_init(|| catalogue))
    }

    fn analyse() -> Result<Self> {
        let mut devices: Vec<Device> = device::registry::devices().collect();
        devices.sort_by_cached_key(|device| (device.os.name(), device.title.to_lowercase()));
        let slugs: Vec<&str> = registry::slugs().collect();
        let models = slugs.par_iter().map(|slug| analysed(slug, &devices)).collect::<Result<_>>()?;
        Ok(Self { models, devices })
    }

    /// A model by slug.
    pub fn model(&self, slug: &str) -> Option<&Analysed> {
        self.models.iter().find(|analysed| analysed.slug() == slug)
    }

    /// Every model's verdict on one device.
    pub fn on<'a>(&'a self, device: &'a Device) -> impl Iterator<Item = (&'a Analysed, &'a Assessment)> {
        self.models.iter().filter_map(|analysed| {
            let verdict = analysed.report.devices.iter().find(|verdict| verdict.device == device.name)?;
            Some((analysed, verdict))
        })
    }
}

fn analysed(slug: &str, devices: &[Device]) -> Result<Analysed> {
    let model = registry::model(slug)?;
    let scenario = Scenario::for_model(&model);
    let report = Report::at_usual_contexts(&model, &scenario, devices, CACHED_LOOKUPS)
        .with_context(|| format!("model `{slug}` in its default scenario"))?;
    Ok(Analysed { model, report })
}
