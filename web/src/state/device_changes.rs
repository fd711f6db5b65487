//! What the reader says of a built-in device in place of its own figures: what an app may use, how fast memory is.

use dhurandhar_core::device::{Counts, Device, Source, SourceKind};

use crate::state::catalogue::catalogue;
use crate::state::custom_device::Field;

/// Fields that can be changed, and their names in a link.
pub(crate) const CHANGEABLE: [(Field, &str); 2] = [(Field::Budget, "ob"), (Field::Dram, "ow")];

/// What was typed, empty where nothing was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeviceChanges {
    values: [String; 2],
}

impl DeviceChanges {
    /// What was typed for one of [`CHANGEABLE`].
    pub(crate) fn get(&self, at: usize) -> &str {
        self.values.get(at).map_or("", String::as_str)
    }

    /// Types a value.
    pub(crate) fn set(&mut self, at: usize, value: String) {
        if let Some(place) = self.values.get_mut(at) {
            *place = value;
        }
    }

    /// Whether nothing was changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(String::is_empty)
    }

    /// The built-in device with the changes; none without changes or without such a device.
    pub(crate) fn on(&self, slug: &str) -> Option<Result<Device, String>> {
        if self.is_empty() {
            return None;
        }
        let device = catalogue().device(slug)?;
        Some(self.made(device))
    }

    fn made(&self, mut device: Device) -> Result<Device, String> {
        for (at, (field, _)) in CHANGEABLE.into_iter().enumerate() {
            let text = self.get(at).trim();
            if text.is_empty() {
                continue;
            }
            let value = field.read(text)?;
            let name = if field == Field::Budget {
                if let Some(most) = device.ram_mib.filter(|most| value > *most as f64) {
                    return Err(format!(
                        "{}: `{text}`; expected at most the {most} MiB of the device.",
                        field.label()
                    ));
                }
                device.ram_budget_mb = Some(value);
                // It takes the place of what the system would leave an app; physical memory stays a limit.
                device.system_limits.retain(|limit| limit.counts == Counts::Gpu);
                "ram_budget_mb"
            } else {
                device.dram_bandwidth_gb_per_s = Some(value);
                "dram_bandwidth_gb_per_s"
            };
            let source =
                Source { kind: SourceKind::Stated, text: "entered by hand in the calculator".to_owned() };
            device.sources.put(name, source);
        }
        device.title += " (changed)";
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_budget_takes_the_place_of_the_systems_limits() {
        let mut changes = DeviceChanges::default();
        assert!(changes.on("pixel-9a").is_none());
        changes.set(0, "3 GB".to_owned());
        changes.set(1, "40".to_owned());
        let device = changes.on("pixel-9a").unwrap().unwrap();
        assert_eq!(device.least_limit_bytes(), 3 << 30);
        assert_eq!(device.dram_bandwidth_gb_per_s, Some(40.0));
        assert_eq!(device.sources.get("ram_budget_mb").unwrap().kind, SourceKind::Stated);
        changes.set(0, "lots".to_owned());
        assert!(changes.on("pixel-9a").unwrap().is_err());
    }
}
