//! What a reader needs who was handed a report: what it is about, what it says, how old it is, where it comes from.

use super::Report;
use crate::feasibility::Mode;
use crate::leaf::number::grouped;
use serde::Serialize;

/// The cover of an exported report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cover {
    /// The model and what is asked.
    pub title: String,
    /// Every choice that differs from one case to the next.
    pub case: String,
    /// The verdict on each device, or on how many devices it is which.
    pub verdict: String,
    /// The day it was made, `2026-11-29`.
    pub date: String,
    /// The program and its version.
    pub made_by: String,
    /// A link that shows the same case again; with a newer version its numbers may differ.
    pub link: String,
}

impl Cover {
    /// The cover of a report made on `date`, shown at `link`.
    pub fn of(report: &Report, date: &str, link: &str) -> Self {
        let scenario = &report.scenario;
        let on = match report.devices.as_slice() {
            [] => String::new(),
            [device] => [" on ", &device.device_title].concat(),
            devices => format!(" on {} devices", devices.len()),
        };
        let switch = |on: bool, what: &'static str| if on { what } else { "" };
        let architecture = &report.model;
        let case = format!(
            "{}, weights {}, {} tokens of context, keys {}, values {}, {}, micro-batch {}, weights by {}{}{}{}{}, target {} tok/s",
            architecture.title,
            report.weights.format,
            grouped(scenario.context_tokens),
            scenario.k,
            scenario.v,
            scenario.runtime.title(),
            scenario.ubatch,
            scenario.load.name(),
            switch(scenario.vision, ", with vision"),
            switch(scenario.audio, ", with audio"),
            switch(scenario.repack, ", repacked"),
            switch(scenario.flash_attention, ", flash attention"),
            scenario.target_tokens_per_s,
        );
        Self {
            title: format!("{}{on}", architecture.title),
            case,
            verdict: verdict(report),
            date: date.to_owned(),
            made_by: format!("dhurandhar {} ({})", report.tool_version, report.schema),
            link: link.to_owned(),
        }
    }

    /// Lines for paper and pictures, without the title.
    pub fn lines(&self) -> Vec<String> {
        let Self { case, verdict, date, made_by, link, .. } = self;
        vec![case.clone(), verdict.clone(), format!("{made_by}, {date}. {link}")]
    }
}

fn verdict(report: &Report) -> String {
    let mode = |mode: Mode| match mode {
        Mode::Resident => "fits in memory",
        Mode::Mmap => "fits with part of it on storage",
        Mode::Infeasible => "does not run",
    };
    match report.devices.as_slice() {
        [] => "No device was chosen.".to_owned(),
        [device] => {
            let slow = if device.is_too_slow() { ", but below the target speed" } else { "" };
            format!("{}: {}{slow} ({}).", device.device_title, mode(device.mode), device.certainty.name())
        }
        devices => {
            let count = |wanted: Mode| devices.iter().filter(|device| device.mode == wanted).count();
            let slow = devices.iter().filter(|device| device.is_too_slow()).count();
            let [memory, storage, not] = [Mode::Resident, Mode::Mmap, Mode::Infeasible].map(count);
            format!(
                "{memory} devices hold it in memory, {storage} with part of it on storage, {not} do not run it; {slow} of those that do are below the target speed."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Scenario;
    use crate::{device, model};

    #[test]
    fn a_cover_names_the_case_and_the_verdict() {
        let model = model::registry::model("gemma4-e2b").unwrap();
        let devices: Vec<_> = device::registry::devices().collect();
        let report = |devices: &[device::Device]| {
            let scenario = Scenario::for_model(&model);
            Report::answered(&model, &scenario, devices, 0.0).unwrap()
        };
        let one = Cover::of(&report(&devices[..1]), "2026-11-29", "https://example.org/?v=1");
        assert!(one.title.ends_with(&devices[0].title) && one.verdict.starts_with(&devices[0].title));
        assert!(one.case.contains("4,096 tokens"), "{}", one.case);
        assert!(one.lines()[2].contains("2026-11-29. https://example.org"));
        let all = Cover::of(&report(&devices), "2026-11-29", "");
        assert!(all.title.ends_with("devices") && all.verdict.contains("do not run it"));
        assert_eq!(Cover::of(&report(&[]), "", "").verdict, "No device was chosen.");
    }
}
