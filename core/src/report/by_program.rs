//! A report by a program's own choices, which differ from one device to the next.

use super::{Report, ReportError};
use crate::device::{Confidence, Device};
use crate::feasibility::{Certainty, Mode};
use crate::memory::Scenario;
use crate::model::Model;
use crate::program::Program;
use serde::Serialize;
use std::collections::BTreeMap;

/// A program, and what it chose.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunBy {
    /// Slug.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The version whose choices these are.
    pub version: String,
    /// Where they are written.
    pub source: String,
    /// Remarks.
    pub note: String,
    /// Choices by device.
    pub on: BTreeMap<String, Scenario>,
}

impl Report {
    /// Analyse `model` on `devices` as `program` runs it when nothing is said but `context_tokens` and what `change` does.
    pub fn by_program(
        model: &Model,
        program: &Program,
        devices: &[Device],
        ple_cache_hit_share: f64,
        context_tokens: Option<u64>,
        change: impl Fn(&mut Scenario),
    ) -> Result<Self, ReportError> {
        let wrong = devices.iter().find(|device| !program.runs_on(device));
        if let Some(device) = wrong {
            return Err(ReportError::System {
                program: program.title.clone(),
                device: device.name.clone(),
                systems: program.systems.iter().map(|system| system.title()).collect::<Vec<_>>().join(", "),
            });
        }
        let scenario = |device: &Device| {
            let mut scenario = program.scenario(model, device, context_tokens);
            change(&mut scenario);
            scenario
        };
        let mut whole: Option<Self> = None;
        let mut on = BTreeMap::new();
        for device in devices {
            let device = &program.permitted(device);
            let chosen = scenario(device);
            let mut report = Self::new(model, &chosen, std::slice::from_ref(device), ple_cache_hit_share)?;
            // What the program chooses is a guess: so is that it works.
            let runs = report.devices.iter_mut().filter(|verdict| verdict.mode != Mode::Infeasible);
            for verdict in runs.filter(|_| program.confidence == Confidence::Estimate) {
                verdict.certainty = verdict.certainty.max(Certainty::Likely);
            }
            on.insert(device.name.clone(), chosen);
            match &mut whole {
                None => whole = Some(report),
                Some(whole) => whole.devices.extend(report.devices),
            }
        }
        let mut whole = whole.ok_or(ReportError::NoDevice)?;
        whole.program = Some(RunBy {
            name: program.name.clone(),
            title: program.title.clone(),
            version: program.version.clone(),
            source: program.source.clone(),
            note: program.note.clone(),
            on,
        });
        Ok(whole)
    }
}
