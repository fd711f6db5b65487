//! What was measured on which machine, in which conditions, with which command.

use dhurandhar_core::measurement::MmapProfile;
use maud::{Markup, html};

use crate::pages::figures::{count, mib, plain, significant};

pub(super) fn setting(profile: &MmapProfile, elsewhere: &[(String, String)]) -> Markup {
    let (table, run) = (&profile.table, &profile.run);
    let geometry = &table.geometry;
    html! {
        dl.facts {
            div { dt { "Machine" } dd { (profile.device.name) } }
            div { dt { "Storage" } dd { (words(&[profile.storage.filesystem.as_deref(), profile.storage.kind.as_deref(), profile.storage.model.as_deref()])) } }
            div { dt { "Table" } dd { (table.source) @if let Some(model) = &table.model { ", " (model) } @if let Some(tensor) = &table.tensor { ", " (tensor) } } }
            div { dt { "Size" } dd { (mib(table.bytes)) " MiB" @if table.scale < 1.0 { " (" (plain(table.scale * 100.0)) " % of the rows)" } } }
            div { dt { "Rows" } dd { (count(geometry.rows)) " of " (count(geometry.row_bytes())) " B" @if let Some(bits) = table.weight_bits { ", " (plain(bits)) " bits a weight" } } }
            div { dt { "Content" } dd { (table.content) } }
            div { dt { "Run" } dd { (run.started) ", " (run.mode) ", " (significant(run.duration_s)) " s" } }
            div { dt { "Memory limited by" } dd { (profile.limits.mechanism) @if !profile.limits.detail.is_empty() { ": " (profile.limits.detail) } } }
        }
        @if !elsewhere.is_empty() {
            p { "Predictions for " @for (index, (title, href)) in elsewhere.iter().enumerate() { @if index > 0 { " and " } a href=(href) { (title) } } "." }
        }
        @if !profile.notes.is_empty() {
            h3 { "Left out" }
            ul { @for note in &profile.notes { li { (note.about) ": " (note.reason) } } }
        }
    }
}

fn words(parts: &[Option<&str>]) -> String {
    let known: Vec<&str> = parts.iter().filter_map(|part| *part).collect();
    if known.is_empty() { "unknown".to_owned() } else { known.join(", ") }
}

/// Every fact that the run recorded; what the platform would not say is left blank on purpose.
pub(super) fn table(profile: &MmapProfile) -> Markup {
    let groups =
        [("Machine", machine(profile)), ("Storage", storage(profile)), ("Conditions", conditions(profile))];
    html! {
        div.scroll role="region" aria-label="Environment" tabindex="0" {
            table.narrow {
                @for (name, rows) in &groups {
                    tbody {
                        tr.group { th colspan="2" scope="rowgroup" { (name) } }
                        @for (name, value) in rows {
                            tr { th scope="row" { (name) } td { (value.as_deref().unwrap_or("not said")) } }
                        }
                    }
                }
            }
        }
    }
}

type Rows = Vec<(&'static str, Option<String>)>;

fn machine(profile: &MmapProfile) -> Rows {
    let (device, os, cpu) = (&profile.device, &profile.device.os, &profile.device.cpu);
    let memory = |bytes: Option<u64>| bytes.map(|bytes| format!("{} MiB", mib(bytes)));
    vec![
        ("Model", device.model.clone()),
        ("Hypervisor", device.virtual_machine.clone()),
        ("Processor", cpu.model.as_ref().map(|model| format!("{model}, {} cores", cpu.cores))),
        ("Frequency governor", cpu.governor.clone()),
        ("Memory", memory(device.memory_bytes)),
        ("Available at the start", memory(device.available_bytes)),
        ("Swap", memory(device.swap_bytes)),
        ("Page", Some(format!("{} B", count(device.page_bytes)))),
        ("System", Some(format!("{} {} on {}", os.name, os.kernel.as_deref().unwrap_or(""), os.arch))),
        ("Transparent huge pages", os.transparent_huge_pages.clone()),
        ("Multi-generational LRU", os.multi_gen_lru.clone()),
        ("Swappiness", os.swappiness.map(count)),
    ]
}

fn storage(profile: &MmapProfile) -> Rows {
    let storage = &profile.storage;
    vec![
        ("File system", storage.filesystem.clone()),
        ("Mount options", storage.mount_options.as_ref().map(|options| options.replace(',', ", "))),
        ("Device", storage.device.clone()),
        ("Kind", storage.kind.clone()),
        ("Model", storage.model.clone()),
        ("Claims to rotate", storage.rotational.map(|yes| if yes { "yes" } else { "no" }.to_owned())),
        ("Readahead", storage.readahead_bytes.map(|bytes| format!("{} KiB", count(bytes / 1024)))),
        ("Scheduler", storage.scheduler.clone()),
        ("Logical block", storage.logical_block_bytes.map(|bytes| format!("{} B", count(bytes)))),
        ("Free before the run", storage.free_bytes.map(|bytes| format!("{} MiB", mib(bytes)))),
    ]
}

fn conditions(profile: &MmapProfile) -> Rows {
    let c = &profile.conditions;
    let number = |value: Option<f64>, unit: &str| value.map(|value| format!("{}{unit}", significant(value)));
    let stalled = |us: Option<u64>| {
        us.map(|us| format!("{} s", significant(std::time::Duration::from_micros(us).as_secs_f64())))
    };
    let tool = &profile.tool;
    vec![
        ("Load before", number(c.load_before, "")),
        ("Load after", number(c.load_after, "")),
        ("Stalled for memory", stalled(c.memory_pressure_us)),
        ("Stalled for input and output", stalled(c.io_pressure_us)),
        ("Pages swapped", c.swapped_pages.map(count)),
        ("Hottest zone before", number(c.temperature_before_c, " °C")),
        ("Hottest zone after", number(c.temperature_after_c, " °C")),
        ("Reading the clock twice", number(c.clock_overhead_ns, " ns")),
        ("Program", Some(format!("{} {}, {}", tool.name, tool.version, tool.target))),
        ("Seed", Some(profile.run.seed.to_string())),
    ]
}
