//! A report as Markdown tables, for review documents and issue trackers.

use super::Report;
use crate::memory::Provenance;

const MIB: f64 = 1_048_576.0;

/// Markdown text.
pub(super) fn report(report: &Report) -> String {
    let scenario = &report.scenario;
    let mut text = format!(
        "## {}: {} tokens, {}, K {} V {}, {}\n\n",
        report.model.title,
        scenario.context_tokens,
        report.weights.format,
        scenario.k,
        scenario.v,
        scenario.runtime.title()
    );
    text += "| Component | MiB | Known | Notes |\n|---|---:|---|---|\n";
    for term in &report.footprint.terms {
        text += &format!(
            "| {} | {} | {} | {} |\n",
            term.component.title(),
            mib(term.bytes),
            known(term.provenance, term.low, term.high),
            term.note
        );
    }
    for (name, total) in [("PLE resident", report.footprint.resident), ("PLE mapped", report.footprint.mmap)]
    {
        let range = format!("{} to {}", mib(total.low), mib(total.high));
        text += &format!("| **Total, {name}** | **{}** | {range} | |\n", mib(total.bytes));
    }
    if !report.devices.is_empty() {
        text += "\n| Device | Verdict | Headroom MiB | Expected tok/s | Reason |\n|---|---|---:|---:|---|\n";
    }
    for device in &report.devices {
        let speed = device.ceilings.expected_tokens_per_s;
        let speed = speed.map_or("unknown".to_owned(), |(low, high)| format!("{low:.1} to {high:.1}"));
        text += &format!(
            "| {} | {} | {:.0} | {speed} | {} |\n",
            device.device_title,
            device.mode.name(),
            device.headroom_bytes as f64 / MIB,
            device.reason
        );
    }
    text += &format!("\nComputed by dhurandhar {} ({}).\n", report.tool_version, report.schema);
    text
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MIB)
}

fn known(provenance: Provenance, low: u64, high: u64) -> String {
    if low == high {
        provenance.label().to_owned()
    } else {
        format!("{}, {} to {}", provenance.label(), mib(low), mib(high))
    }
}
