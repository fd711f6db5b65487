//! The report's memory as a drawing, for the canvas and for files.

use dhurandhar_chart::{Bar, Budget, MemoryBars, Segment};
use dhurandhar_core::memory::{Component, Place, Term, Total};
use dhurandhar_core::report::Report;

/// Stacked bars: with the per-layer table in memory and, where there is one, with it on storage.
pub(crate) fn memory_bars(report: &Report) -> MemoryBars {
    let terms = &report.footprint.terms;
    let bar = |label: &str, total: &Total, without: &[Component]| Bar {
        label: label.to_owned(),
        segments: terms.iter().filter(|term| !without.contains(&term.component)).map(segment).collect(),
        interval: Some((total.low as f64, total.high as f64)),
    };
    let resident = &report.footprint.resident;
    let bars = if report.footprint.term(Component::PleTable).is_some() {
        vec![
            bar("PLE resident", resident, &[Component::PleWorkingSet]),
            bar("PLE on storage", &report.footprint.mmap, &[Component::PleTable, Component::UnusedWeights]),
        ]
    } else {
        vec![bar("Resident", resident, &[Component::PleWorkingSet])]
    };
    let budget = |device: &dhurandhar_core::feasibility::Assessment| Budget {
        label: device.device_title.clone(),
        bytes: device.budget_bytes as f64,
    };
    let budgets = if let [device] = report.devices.as_slice() { vec![budget(device)] } else { Vec::new() };
    MemoryBars { title: format!("Memory of {}", report.model.title), bars, budgets }
}

fn segment(term: &Term) -> Segment {
    Segment {
        name: term.component.title().to_owned(),
        bytes: term.bytes as f64,
        mapped: term.place == Place::Mapped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::device;
    use dhurandhar_core::memory::Scenario;
    use dhurandhar_core::model::registry;

    #[test]
    fn bars_add_up_to_the_totals_of_the_report() {
        let device = device::registry::device("pixel-9a").unwrap();
        for model in registry::models() {
            let scenario = Scenario::for_model(&model);
            let report = Report::new(&model, &scenario, std::slice::from_ref(&device), 0.0).unwrap();
            let bars = memory_bars(&report);
            let totals = [&report.footprint.resident, &report.footprint.mmap];
            for (bar, total) in bars.bars.iter().zip(totals) {
                assert!(
                    (bar.total() - total.bytes as f64).abs() < 0.5,
                    "{}: {}",
                    model.architecture.name,
                    bar.label
                );
            }
            assert_eq!(bars.budgets.len(), 1);
        }
    }
}
