//! A report as Markdown tables, for review documents and issue trackers.

use super::Report;
use crate::feasibility::{Assessment, Change, Mode, nothing_helps};
use crate::leaf::Provenance;
use crate::leaf::number::grouped;
use crate::leaf::units::{self, MIB};
use crate::memory::Runtime;

/// Markdown text.
pub(super) fn report(report: &Report) -> String {
    let scenario = &report.scenario;
    let mut text = String::new();
    if let Some(cover) = &report.cover {
        text += &format!(
            "# {}\n\n{}\n\n- Case: {}\n- Date: {}\n- Made by: {}\n- Link: <{}>\n\n",
            cover.title, cover.verdict, cover.case, cover.date, cover.made_by, cover.link
        );
    }
    text += &format!(
        "## {}: {} tokens, {}, K {} V {}, {}\n\n",
        report.model.title,
        scenario.context_tokens,
        report.weights.format,
        scenario.k,
        scenario.v,
        scenario.runtime.title()
    );
    if let Some(program) = &report.program {
        text += &format!(
            "As {} runs it ({}), each device by its own choices; the table is that of the first device.\n\n",
            program.title, program.version
        );
    }
    text += "| Component | MiB | Memory | Touched | Known | Notes |\n|---|---:|---|---|---|---|\n";
    for part in &report.placement.parts {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            part.component.title(),
            mib(part.size.bytes),
            part.memory(),
            part.touch.describe(),
            known(part.provenance, part.size.low, part.size.high),
            part.note
        );
    }
    for (name, total) in report.placement.needs.totals() {
        let range = format!("{} to {}", mib(total.low), mib(total.high));
        text += &format!("| **{name}** | **{}** | | | {range} | |\n", mib(total.bytes));
    }
    if !report.devices.is_empty() {
        text += "\n| Device | Context | Verdict | Sure | Headroom MiB | Expected tok/s | First token s | Reason |\n\
                 |---|---:|---|---|---:|---:|---:|---|\n";
    }
    for device in &report.devices {
        let speed = device.ceilings.expected_tokens_per_s;
        let speed = speed.map_or("unknown".to_owned(), |(low, high)| format!("{low:.1} to {high:.1}"));
        let wait = device.speed.as_ref().map(|speed| speed.turn.first_token_s);
        let wait = wait.map_or("unknown".to_owned(), |wait| format!("{:.1} to {:.1}", wait.low, wait.high));
        text += &format!(
            "| {} | {} | {} | {} | {:.0} | {speed} | {wait} | {} |\n",
            device.device_title,
            device.context_tokens,
            device.mode.name(),
            device.certainty.name(),
            device.decisive().headroom_bytes as f64 / MIB as f64,
            device.reason
        );
    }
    for device in &report.devices {
        text += &format!("\n{}, every limit:\n\n", device.device_title);
        for check in &device.checks {
            text += &format!("- {}: {} ({})\n", check.limit.title, check.text, check.certainty.name());
        }
        text += &format!("\n{}, what fits:\n\n", device.device_title);
        for line in what_fits(device, scenario.runtime) {
            text += &format!("- {line}\n");
        }
    }
    text += &format!("\nComputed by dhurandhar {} ({}).\n", report.tool_version, report.schema);
    text
}

/// Layers on the GPU, the most that fits, and what would help.
fn what_fits(device: &Assessment, runtime: Runtime) -> Vec<String> {
    let (inverse, stock) = (&device.inverse, runtime.takes_stock_formats());
    let mut lines = Vec::new();
    if let Some(split) = &device.split {
        lines.push(format!("On the GPU: {}", split.describe()));
    }
    lines.push(match inverse.longest_context_tokens {
        Some(tokens) => format!("Longest context: {} tokens", grouped(tokens)),
        None => "Longest context: none fits".to_owned(),
    });
    if stock {
        let largest = inverse.largest_weight_format.as_deref().unwrap_or("none of the stock formats fits");
        lines.push(format!("Largest format: {largest}"));
    }
    lines.extend(
        inverse.fixes.iter().map(|fix| format!("Would run if: {} ({})", fix.description, fix.leads_to())),
    );
    let together: Vec<String> = inverse.together.iter().map(Change::describe).collect();
    if !together.is_empty() {
        lines.push(format!("Would run if, together: {}", together.join(" and ")));
    } else if device.mode == Mode::Infeasible && inverse.fixes.is_empty() {
        lines.push(format!("Would run if: {}", nothing_helps(runtime)));
    }
    for remedy in inverse.limits.iter().filter(|remedy| !remedy.changes.is_empty()) {
        let changes: Vec<String> = remedy.changes.iter().map(Change::describe).collect();
        lines.push(format!(
            "Passes {} in {} if: {}",
            remedy.title,
            remedy.state.title(),
            changes.join(" and ")
        ));
    }
    lines
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", units::in_mib(bytes))
}

fn known(provenance: Provenance, low: u64, high: u64) -> String {
    if low == high {
        provenance.label().to_owned()
    } else {
        format!("{}, {} to {}", provenance.label(), mib(low), mib(high))
    }
}
