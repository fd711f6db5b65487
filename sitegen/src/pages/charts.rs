//! Predictions as drawings, with the code that draws them in the calculator.

use dhurandhar_chart::{Bar, Budget, Drawing, MemoryBars, Segment, svg};
use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::Assessment;
use dhurandhar_core::memory::{Component, Footprint, Place, Total};
use dhurandhar_core::report::Report;
use maud::{Markup, PreEscaped, html};

use super::catalogue::Catalogue;

/// In memory, the working set is part of the table; on storage, it is what stays of it.
const NOT_RESIDENT: [Component; 1] = [Component::PleWorkingSet];
const NOT_MAPPED: [Component; 2] = [Component::PleTable, Component::UnusedWeights];

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
    let footprint = &report.footprint;
    let bars = if footprint.mmap == footprint.resident {
        vec![bar("", footprint, &footprint.resident, &NOT_RESIDENT)]
    } else {
        vec![
            bar("Table in memory", footprint, &footprint.resident, &NOT_RESIDENT),
            bar("Table on storage", footprint, &footprint.mmap, &NOT_MAPPED),
        ]
    };
    MemoryBars { title: format!("Memory of {}", report.model.title), bars, budgets: Vec::new() }
}

fn bar(label: &str, footprint: &Footprint, total: &Total, left_out: &[Component]) -> Bar {
    let terms = footprint.terms.iter().filter(|term| !left_out.contains(&term.component) && term.bytes > 0);
    let segment = |term: &dhurandhar_core::memory::Term| Segment {
        name: term.component.title().to_owned(),
        bytes: term.bytes as f64,
        mapped: term.place == Place::Mapped,
    };
    Bar {
        label: label.to_owned(),
        segments: terms.map(segment).collect(),
        interval: Some((total.low as f64, total.high as f64)),
    }
}

/// Models on either side of the budget in [`needs`].
const AROUND_BUDGET: usize = 6;

/// The largest models within a device's budget and the smallest beyond it; all of them would fill three screens.
pub(super) fn needs(device: &Device, catalogue: &Catalogue) -> MemoryBars {
    let mut pairs: Vec<(&str, &Assessment)> =
        catalogue.on(device).map(|(analysed, verdict)| (analysed.title(), verdict)).collect();
    pairs.sort_by_key(|(title, verdict)| (verdict.needed_bytes, *title));
    let within = pairs.partition_point(|(_, verdict)| verdict.needed_bytes <= verdict.budget_bytes);
    let shown = within.saturating_sub(AROUND_BUDGET)..pairs.len().min(within + AROUND_BUDGET);
    let bar = |(title, verdict): &(&str, &Assessment)| Bar {
        label: (*title).to_owned(),
        segments: vec![Segment {
            name: device.budget_metric.title().to_owned(),
            bytes: verdict.needed_bytes as f64,
            mapped: false,
        }],
        interval: None,
    };
    MemoryBars {
        title: format!("Models around the budget of {}", device.title),
        bars: pairs.get(shown).unwrap_or_default().iter().map(bar).collect(),
        budgets: vec![Budget { label: "budget".to_owned(), bytes: device.ram_budget_bytes() as f64 }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_bar_add_up_to_the_total_of_its_table() {
        for analysed in &Catalogue::built_in().unwrap().models {
            let footprint = &analysed.report.footprint;
            let bars = memory(&analysed.report).bars;
            let totals = [footprint.resident, footprint.mmap].map(|total| total.bytes as f64);
            for (bar, total) in bars.iter().zip(totals) {
                assert!((bar.total() - total).abs() < 0.5, "{}: {}", analysed.slug(), bar.label);
            }
        }
    }
}
