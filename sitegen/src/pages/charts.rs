//! Predictions as drawings, with the code that draws them in the calculator.

use dhurandhar_chart::{Bar, Budget, Drawing, MemoryBars, Segment, svg};
use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::Assessment;
use dhurandhar_core::report::Report;
use maud::{Markup, PreEscaped, html};

use super::catalogue::Catalogue;

/// A drawing in its frame under its title; what it shows in words is its description for those who do not see it.
pub(crate) fn figure(drawing: &dyn Drawing, id: &str) -> Markup {
    html! {
        figure.drawn {
            figcaption { (drawing.title()) }
            (PreEscaped(svg::responsive(drawing, id)))
        }
    }
}

/// The figures of a drawing as a table that opens on request, and on paper.
pub(crate) fn data(table: &Markup) -> Markup {
    html! { details { summary { "The figures as a table" } (table) } }
}

/// Memory of a model by component.
pub(super) fn memory(report: &Report) -> MemoryBars {
    let bars = report.placement.stacks().iter().map(Bar::from).collect();
    MemoryBars { title: format!("Memory of {}", report.model.title), bars, budgets: Vec::new() }
}

/// Models on either side of the budget in [`needs`].
const AROUND_BUDGET: usize = 6;

/// The largest models within a device's budget and the smallest beyond it; all of them would fill three screens.
pub(super) fn needs(device: &Device, catalogue: &Catalogue) -> MemoryBars {
    let mut pairs: Vec<(&str, &Assessment)> =
        catalogue.on(device).map(|(analysed, verdict)| (analysed.title(), verdict)).collect();
    let limits = device.limits();
    // What every kind of memory has to fit into; the first limit where a device states no other.
    let memory = limits.iter().filter(|limit| limit.counts.has_files() && limit.decides());
    let limit = memory.min_by_key(|limit| limit.bytes).unwrap_or(&limits[0]);
    let need = |verdict: &Assessment| {
        let check = verdict.checks.iter().find(|check| check.limit.id == limit.id);
        check.map_or(0, |check| check.runs_from_bytes)
    };
    pairs.sort_by_key(|(title, verdict)| (need(verdict), *title));
    let within = pairs.partition_point(|(_, verdict)| need(verdict) <= limit.bytes);
    let shown = within.saturating_sub(AROUND_BUDGET)..pairs.len().min(within + AROUND_BUDGET);
    let bar = |(title, verdict): &(&str, &Assessment)| Bar {
        label: (*title).to_owned(),
        segments: vec![Segment {
            name: limit.counts.title().to_owned(),
            bytes: need(verdict) as f64,
            mapped: false,
            series: None,
        }],
        interval: None,
    };
    MemoryBars {
        title: format!("Models around the limit of {}", device.title),
        bars: pairs.get(shown).unwrap_or_default().iter().map(bar).collect(),
        budgets: vec![Budget { label: limit.title.clone(), bytes: limit.bytes as f64 }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_bar_add_up_to_the_total_of_its_table() {
        for analysed in &Catalogue::built_in().unwrap().models {
            let needs = &analysed.report.placement.needs;
            let bars = memory(&analysed.report).bars;
            let totals = [needs.hot(), needs.resident()].map(|total| total.bytes as f64);
            for (bar, total) in bars.iter().zip(totals) {
                assert!((bar.total() - total).abs() < 0.5, "{}: {}", analysed.slug(), bar.label);
            }
        }
    }
}
