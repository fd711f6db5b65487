//! The report's memory as a drawing, for the canvas and for files.

use dhurandhar_chart::{Bar, Budget, MemoryBars};
use dhurandhar_core::device::Counts;
use dhurandhar_core::feasibility::Assessment;
use dhurandhar_core::report::Report;

/// Stacked bars: what full speed needs and, where there are tables, the same with them in memory.
pub(crate) fn memory_bars(report: &Report) -> MemoryBars {
    // A card's own memory is what is short where there is one.
    let budget = |device: &Assessment| {
        let of_card = device.checks.iter().find(|check| check.limit.counts == Counts::Gpu);
        let check = of_card.filter(|_| report.placement.has_card()).or_else(|| device.memory_check())?;
        Some(Budget { label: device.device_title.clone(), bytes: check.limit.bytes as f64 })
    };
    let budgets = if let [device] = report.devices.as_slice() {
        budget(device).into_iter().collect()
    } else {
        Vec::new()
    };
    let bars = report.placement.stacks().iter().map(Bar::from).collect();
    MemoryBars { title: format!("Memory of {}", report.model.title), bars, budgets }
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
            let needs = &report.placement.needs;
            let totals = [needs.hot(), needs.resident()];
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
