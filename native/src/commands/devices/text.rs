//! Devices and graphics cards as lists, and one device in full.

use crate::cli::output::{count, mib, table, wrapped};
use dhurandhar_core::device::{Device, Gpu};

/// A line for every device.
pub(crate) fn devices(devices: impl Iterator<Item = Device>) -> String {
    let rows = devices.map(|device| {
        let limit = device.tightest_limit();
        vec![
            device.name.clone(),
            device.ram_mib.map_or("-".into(), count),
            mib(limit.bytes),
            limit.counts.title().trim_end_matches(" memory").to_owned(),
            device.dram_bandwidth_gb_per_s.map_or("-".into(), |speed| format!("{speed:.0}")),
            device.storage.class.clone().unwrap_or_default(),
        ]
    });
    table(&["Device", "RAM MiB", "Limit", "of", "GB/s", "Storage"], &[1, 2, 4], rows.collect())
        + "\nLimit: the tightest in the foreground, MiB, of the memory named next to it; all of\n\
            them: `dhurandhar limits --device NAME`. GB/s: memory bandwidth.\n"
}

/// A line for every graphics card.
pub(crate) fn cards(cards: impl Iterator<Item = Gpu>) -> String {
    let rows = cards.map(|card| {
        vec![
            card.name.clone(),
            card.title.clone(),
            card.memory_mib.map_or("-".into(), count),
            card.bandwidth_gb_per_s.map_or("-".into(), |speed| format!("{speed:.0}")),
        ]
    });
    table(&["Card", "Name", "MiB", "GB/s"], &[2, 3], rows.collect())
}

/// One device with the source of every field.
pub(crate) fn device(device: &Device) -> String {
    let mut text = format!("{} ({})\n\n", device.title, device.name);
    let fields = serde_json::to_value(device).unwrap_or_default();
    for (name, value) in fields.as_object().into_iter().flatten() {
        if name == "sources"
            || name == "system_limits"
            || name == "name"
            || name == "title"
            || value.is_null()
        {
            continue;
        }
        match value.as_object() {
            Some(inner) => {
                for (part, value) in inner.iter().filter(|(_, value)| !value.is_null()) {
                    text += &format!("{name}.{part}: {value}\n");
                }
            }
            None => text += &format!("{name}: {value}\n"),
        }
    }
    for limit in device.limits() {
        text += &format!("limit {}: {} MiB of {}\n", limit.id, mib(limit.bytes), limit.counts.title());
    }
    text += "\n";
    for (field, source) in device.sources.iter() {
        text += &wrapped(&format!("{field}: {}", source.text), "");
    }
    text
}
