//! The answer of `machine`.

use super::Measured;
use crate::cli::output::{columns, mib, wrapped};
use crate::inputs::this_machine;
use crate::machine::{self, Rates, cards, cgroup, filesystem, memory, surroundings};
use std::path::Path;

/// What this machine is, and what was measured.
pub(super) fn machine(path: &Path, measured: Option<&Measured>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let body = wrapped(&value, "                  ");
        text += &format!("{name:<17} {}", body.trim_start());
    };
    let facts = machine::device(None);
    line("Machine:", facts.name.clone());
    if let Some(inside) = surroundings::inside() {
        line("Inside:", inside);
    }
    if let Some(host) = &facts.virtual_machine {
        line("Virtual:", format!("a guest of {host}; other guests share the host"));
    }
    line(
        "System:",
        [Some(facts.os.name.clone()), facts.os.kernel.clone(), Some(facts.os.arch.clone())]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    );
    let sets = machine::instruction_sets().join(", ");
    let model = facts.cpu.model.clone().unwrap_or_else(|| facts.os.arch.clone());
    line(
        "Processor:",
        format!(
            "{model}, {} threads{}",
            facts.cpu.cores,
            if sets.is_empty() { String::new() } else { format!("; {sets}") }
        ),
    );
    if let Some((bytes, says)) = memory::total_bytes() {
        let available =
            facts.available_bytes.map_or(String::new(), |bytes| format!(", {} available now", mib(bytes)));
        line("Memory:", format!("{} MiB ({says}){available}", mib(bytes)));
        match cgroup::limit() {
            Some((limit, path)) if limit < bytes => {
                line("Limit:", format!("{} MiB by {}", mib(limit), path.display()));
            }
            _ => line("Limit:", "no control group limits it".to_owned()),
        }
    }
    if let Some(bytes) = surroundings::address_limit() {
        line("", format!("{} MiB of addresses (ulimit -v): a mapped model counts whole", mib(bytes)));
    }
    line("Pages:", pages(&facts));
    let swaps = surroundings::swaps();
    let swap = |swap: &surroundings::Swap| {
        format!(
            "{} MiB {} ({})",
            mib(swap.bytes),
            if swap.in_memory { "compressed in memory" } else { "on storage" },
            swap.name
        )
    };
    line(
        "Swap:",
        if swaps.is_empty() {
            "none".to_owned()
        } else {
            swaps.iter().map(swap).collect::<Vec<_>>().join(", ")
        },
    );
    let cards = cards::cards();
    let card = |card: &cards::Card| {
        format!(
            "{}{}",
            card.name,
            card.memory_bytes.map_or(String::new(), |bytes| format!(", {} MiB", mib(bytes)))
        )
    };
    line(
        "Graphics:",
        if cards.is_empty() {
            "no card whose driver shows itself in the file system".to_owned()
        } else {
            cards.iter().map(card).collect::<Vec<_>>().join("; ")
        },
    );
    line("Storage:", storage(path));
    if let Some(measured) = measured {
        text += "\n";
        text += &results(measured);
    } else {
        text += "\nSpeeds: `dhurandhar machine --measure`. The profile: --yaml. As a device: --device ";
        text += this_machine::NAME;
        text += ".\n";
    }
    text
}

fn pages(facts: &dhurandhar_core::measurement::Device) -> String {
    let mut parts = vec![format!("{} KiB", facts.page_bytes >> 10)];
    if let Some(huge) = &facts.os.transparent_huge_pages {
        parts.push(format!("transparent huge pages {huge}"));
    }
    if cfg!(any(target_os = "linux", target_os = "android")) {
        let two = machine::page_cache(&facts.os).two_lists;
        parts.push(if two { "reclaim by two lists" } else { "reclaim by generations (MGLRU)" }.to_owned());
    }
    parts.extend(facts.os.swappiness.map(|number| format!("swappiness {number}")));
    parts.join(", ")
}

fn storage(path: &Path) -> String {
    let facts = filesystem::inspect(path);
    let mut parts = Vec::new();
    parts.extend(facts.filesystem.clone());
    parts.extend(facts.device.clone().map(|device| format!("on {device}")));
    parts.extend(facts.model.clone().map(|model| format!("({model})")));
    let mut text = if parts.is_empty() { "unknown".to_owned() } else { parts.join(" ") };
    if facts.rotational == Some(true) && facts.kind.as_deref() == Some("scsi") {
        text += ", rotating";
    }
    if let Some(free) = facts.free_bytes {
        text += &format!(", {} MiB free", mib(free));
    }
    text
}

fn results(measured: &Measured) -> String {
    let mut rows = vec![["Measured", "Value", "Spread"].map(str::to_owned).to_vec()];
    let percent = |rates: &Rates| format!("{:.1} %", rates.spread() * 100.0);
    let threads = |count: usize| if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") };
    for rates in &measured.bandwidth {
        rows.push(vec![
            format!("Memory read by {}", threads(rates.threads)),
            format!("{:.1} GB/s", rates.best()),
            percent(rates),
        ]);
    }
    for rates in &measured.multiply {
        rows.push(vec![
            format!("Multiply-adds of {}", threads(rates.threads)),
            format!("{:.1} GFLOP/s", rates.best()),
            percent(rates),
        ]);
    }
    for point in measured.reads.iter().flatten() {
        let what = match (point.sequential, point.depth) {
            (true, depth) => format!("Reads in order, {} KiB, {depth} in flight", point.kib),
            (false, 1) => format!("Random reads, {} KiB", point.kib),
            (false, depth) => format!("Random reads, {} KiB, {depth} in flight", point.kib),
        };
        let value = match point.depth {
            1 => format!("{:.0} us, {:.0} MB/s", point.batch_us.median(), point.mb_per_s()),
            _ => format!("{:.0}/s, {:.0} MB/s", point.per_second(), point.mb_per_s()),
        };
        rows.push(vec![what, value, percent(&point.batch_us)]);
    }
    let mut text = columns(&[1, 2], &rows).join("\n") + "\n";
    if let Err(reason) = &measured.reads {
        text += &wrapped(&format!("Storage was not measured: {reason}."), "");
    }
    text + "Memory and multiply-adds: the best of the repetitions; reads: their median. Spread: from the least to the\nmost, as a share of the median.\n"
}
