//! Limits on memory: what each counts, how many bytes it allows, and what happens beyond.

use super::{BudgetMetric, Device, MIB, Os, Source, SourceKind, whole};
use serde::Serialize;

/// Which bytes a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Memory of all kinds. File pages leave first, so a run needs its anonymous memory and the file pages that every
    /// token reads; other clean pages count while they are there, and are no need.
    Memory,
    /// Anonymous memory, a GPU's share of unified memory included (Apple's `phys_footprint`, Windows' private bytes);
    /// clean and wired file pages do not count.
    Anonymous,
    /// Everything in the GPU's pool, wired file pages included.
    Gpu,
}

impl Counts {
    /// What is counted, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Anonymous => "anonymous memory",
            Self::Gpu => "GPU memory",
        }
    }
}

/// What happens beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// File pages are dropped and read again; when anonymous memory alone is too much, the process is ended.
    Evicts,
    /// The process is ended.
    Ends,
    /// Allocations or commands fail.
    Fails,
}

impl Beyond {
    /// In a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Evicts => {
                "file pages are dropped and read again; ended when anonymous memory alone is too much"
            }
            Self::Ends => "the process is ended",
            Self::Fails => "allocations or commands fail",
        }
    }
}

/// A limit by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limit {
    /// Short name in data.
    pub id: &'static str,
    /// Name for people.
    pub title: String,
    /// What it counts.
    pub counts: Counts,
    /// Bytes it allows.
    pub bytes: u64,
    /// What happens beyond.
    pub beyond: Beyond,
    /// How the number is known.
    pub source: Source,
    /// It holds only with a permission that the app must ask for; shown, but the verdict does not count on it.
    pub on_request: bool,
}

impl Limit {
    /// Whether the number is somebody's estimate: nothing is certain by it.
    pub fn is_estimate(&self) -> bool {
        self.source.kind == SourceKind::Estimate
    }
}

/// Share of an iPhone's or iPad's memory that the system leaves to one process, file pages included.
const IOS_SHARE: f64 = 0.75;
/// What macOS and its programs keep, MiB.
const MACOS_KEEPS_MIB: f64 = 4096.0;

impl Device {
    /// The limits that hold on this device, in the order they are shown.
    pub fn limits(&self) -> Vec<Limit> {
        let mut limits = vec![self.budget_limit()];
        limits.extend(self.entitled_limit());
        limits.extend(self.remaining_limit());
        limits.extend(self.card_limit());
        if let Some(mib) = self.cgroup_mib {
            limits.push(Limit {
                id: "cgroup",
                title: "the cgroup's memory limit".to_owned(),
                counts: Counts::Memory,
                bytes: whole(mib as f64 * MIB),
                beyond: Beyond::Evicts,
                source: self.source("cgroup_mib"),
                on_request: false,
            });
        }
        if let Some(mib) = self.ram_mib {
            limits.push(Limit {
                id: "physical",
                title: "physical memory".to_owned(),
                counts: Counts::Memory,
                bytes: whole(mib as f64 * MIB),
                beyond: Beyond::Evicts,
                source: self.source("ram_mib"),
                on_request: false,
            });
        }
        limits
    }

    /// A graphics card's own memory.
    fn card_limit(&self) -> Option<Limit> {
        let card = self.gpu.as_ref()?;
        Some(Limit {
            id: "vram",
            title: format!("the memory of {}", card.title),
            counts: Counts::Gpu,
            bytes: card.memory_bytes()?,
            beyond: Beyond::Fails,
            source: card
                .sources
                .get("memory_mib")
                .cloned()
                .unwrap_or_else(|| Source { kind: SourceKind::Stated, text: "as stated".to_owned() }),
            on_request: false,
        })
    }

    fn source(&self, field: &str) -> Source {
        let stated =
            || Source { kind: SourceKind::Stated, text: "as the device's file states it".to_owned() };
        self.sources.get(field).cloned().unwrap_or_else(stated)
    }

    /// The limit that the stated or assumed budget is.
    fn budget_limit(&self) -> Limit {
        let source = self.source("ram_budget_mb");
        let own = source.kind == SourceKind::Stated;
        let (id, title, counts, beyond) = match (self.os, self.budget_metric) {
            (_, BudgetMetric::Rss) if own => ("budget", "your own budget", Counts::Memory, Beyond::Evicts),
            (_, BudgetMetric::Footprint) if own => {
                ("budget", "your own budget", Counts::Anonymous, Beyond::Ends)
            }
            (Os::Macos, _) => ("metal", "Metal's working set", Counts::Gpu, Beyond::Fails),
            (Os::Ios, _) => ("jetsam", "iOS's limit for an app (jetsam)", Counts::Anonymous, Beyond::Ends),
            (Os::Android, _) => ("app", "what Android leaves to an app", Counts::Memory, Beyond::Evicts),
            (_, BudgetMetric::Footprint) => {
                ("private", "private memory for one program", Counts::Anonymous, Beyond::Fails)
            }
            _ => ("free", "memory that the system leaves", Counts::Memory, Beyond::Evicts),
        };
        let bytes = self.ram_budget_bytes();
        Limit { id, title: title.to_owned(), counts, bytes, beyond, source, on_request: false }
    }

    fn entitled_limit(&self) -> Option<Limit> {
        let bytes = self.ram_budget_entitled_bytes()?;
        Some(Limit {
            id: "jetsam-entitled",
            title: "the same with the increased-memory-limit entitlement".to_owned(),
            counts: Counts::Anonymous,
            bytes,
            beyond: Beyond::Ends,
            source: self.source("ram_budget_entitled_mb"),
            on_request: true,
        })
    }

    /// Where the platform's own limit leaves file pages out, memory still has to hold them.
    fn remaining_limit(&self) -> Option<Limit> {
        let ram = self.ram_mib? as f64;
        let (mib, text) = match self.os {
            Os::Ios => {
                (ram * IOS_SHARE, format!("{:.0} % of memory, file pages included", IOS_SHARE * 100.0))
            }
            Os::Macos => (
                (ram - MACOS_KEEPS_MIB).max(ram / 2.0),
                "memory less 4 GiB for macOS and its programs".to_owned(),
            ),
            _ if self.budget_metric == BudgetMetric::Footprint => {
                (ram * 0.75, "three quarters of memory".to_owned())
            }
            _ => return None,
        };
        Some(Limit {
            id: "free",
            title: "memory that the system leaves".to_owned(),
            counts: Counts::Memory,
            bytes: whole(mib * MIB).max(self.ram_budget_bytes()),
            beyond: Beyond::Evicts,
            source: Source { kind: SourceKind::Estimate, text },
            on_request: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry;
    use super::*;

    #[test]
    fn every_device_has_its_platforms_limit_and_its_memory() {
        for device in registry::devices() {
            let limits = device.limits();
            assert!(limits.iter().all(|limit| limit.bytes > 0), "{}", device.name);
            let first = limits[0].id;
            let expected = match device.os {
                Os::Android => "app",
                Os::Ios => "jetsam",
                Os::Macos => "metal",
                _ => "free",
            };
            assert_eq!(first, expected, "{}", device.name);
            let ids: std::collections::BTreeSet<_> = limits.iter().map(|limit| limit.id).collect();
            assert_eq!(ids.len(), limits.len(), "{}", device.name);
            assert!(ids.contains("physical"), "{}", device.name);
        }
    }

    #[test]
    fn a_budget_without_a_source_is_the_persons_own_and_no_estimate() {
        let text = "name: mine\nram_budget_mb: 3072\nflash_read_gbps: 4.5\n";
        let limits = Device::from_yaml("d.yaml", text).unwrap().limits();
        assert_eq!((limits.len(), limits[0].id, limits[0].is_estimate()), (1, "budget", false));
        let text = "name: mine\nram_budget_mb: 3072\nflash_read_gbps: 4.5\nram_mib: 8192\ncgroup_mib: 2048\n";
        let limits = Device::from_yaml("d.yaml", text).unwrap().limits();
        let listed: Vec<_> = limits.iter().map(|limit| (limit.id, limit.bytes >> 20)).collect();
        assert_eq!(listed, [("budget", 3072), ("cgroup", 2048), ("physical", 8192)]);
    }
}
