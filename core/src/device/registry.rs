//! Built-in devices, embedded from `profiles/devices`.

use super::Device;
use crate::format::document::{DocumentError, nearest_names};

include!(concat!(env!("OUT_DIR"), "/devices.rs"));

/// A slug that names no built-in device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in device `{slug}`{}; `dhurandhar devices` lists them", .nearest.as_ref().map_or_else(String::new, |n| format!("; nearest: {n}")))]
pub struct UnknownDevice {
    /// What was asked for.
    pub slug: String,
    /// Nearest built-in slugs, comma-separated.
    pub nearest: Option<String>,
}

/// Slugs of the built-in devices, in alphabetical order.
pub fn slugs() -> impl Iterator<Item = &'static str> {
    DEVICES.iter().map(|(slug, _)| *slug)
}

/// Slugs and names for people, in alphabetical order of the slugs, without reading whole profiles.
pub fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    DEVICES.iter().map(|(slug, text)| {
        let title = text.lines().find_map(|line| line.strip_prefix("title: "));
        (*slug, title.map_or(*slug, |title| title.trim_matches('"')))
    })
}

/// YAML text of a built-in device.
pub fn yaml(slug: &str) -> Option<&'static str> {
    DEVICES.iter().find(|(known, _)| *known == slug).map(|(_, text)| *text)
}

/// A built-in device by slug.
pub fn device(slug: &str) -> Result<Device, UnknownDevice> {
    let found = yaml(slug).and_then(|text| load(slug, text).ok());
    found.ok_or_else(|| UnknownDevice { slug: slug.to_owned(), nearest: nearest_names(slug, slugs()) })
}

/// All built-in devices.
pub fn devices() -> impl Iterator<Item = Device> {
    DEVICES.iter().filter_map(|(slug, text)| load(slug, text).ok())
}

fn load(slug: &str, text: &str) -> Result<Device, DocumentError> {
    Device::from_yaml(&format!("profiles/devices/{slug}.yaml"), text)
}

#[cfg(test)]
mod tests {
    use super::super::{Os, SourceKind};
    use super::*;

    #[test]
    fn every_device_loads_under_its_own_name_with_a_source_for_each_figure() {
        for (slug, text) in DEVICES {
            let device = load(slug, text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(device.name, *slug);
            assert_ne!(device.os, Os::Other, "{slug}: os");
            assert!(device.ram_mib.is_some() && device.dram_bandwidth_gb_per_s.is_some(), "{slug}");
            let mut figures = vec![
                "ram_mib",
                "budget_metric",
                "dram_bandwidth_gb_per_s",
                "page_size_kib",
                "storage.sequential_read_mb_per_s",
                "storage.random_read_latency_us",
                "storage.random_read_iops",
                "storage.queue_depth",
            ];
            figures.extend(device.ram_budget_mb.map(|_| "ram_budget_mb"));
            let versioned = device.os_version.is_some() || device.platform.versions().is_empty();
            assert!(versioned || device.os == Os::Linux, "{slug}: version");
            assert!(
                device.system_limits.iter().all(|limit| limit.source.kind != SourceKind::Stated),
                "{slug}"
            );
            figures.extend(device.storage.class.as_ref().map(|_| "storage.class"));
            for figure in figures {
                let source = device.sources.get(figure);
                let marked = source.is_some_and(|source| source.kind != SourceKind::Stated);
                assert!(marked, "{slug}: {figure} has {source:?}");
            }
        }
    }

    #[test]
    fn a_misspelt_slug_gets_its_neighbours() {
        let error = device("rasberry-pi-5-8gb").unwrap_err().to_string();
        assert!(error.contains("raspberry-pi-5-8gb"), "{error}");
        assert!(device("iphone-17-pro").is_ok());
    }

    #[test]
    fn titles_are_those_of_the_profiles() {
        for (slug, title) in titles() {
            assert_eq!(device(slug).unwrap().title, title);
        }
    }
}
