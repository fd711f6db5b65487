//! Storage: sequential speed, latency of one random page, reads per second, and usual figures by class.
//!
//! Sequential speeds and reads per second come from makers' launch tables, which state them for deep queues;
//! the latency of a single outstanding 4 KiB read is what a page fault waits for and is an estimate.

use super::{Source, SourceKind};
use crate::leaf::wire::wire_struct;
use serde::Serialize;

/// Storage of a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Storage {
    /// Class by name, where known.
    pub class: Option<String>,
    /// Sequential read in MB/s (1e6).
    pub sequential_read_mb_per_s: f64,
    /// Latency of one outstanding 4 KiB read, in microseconds.
    pub random_read_latency_us: f64,
    /// Random 4 KiB reads per second with `queue_depth` of them outstanding.
    pub random_read_iops: f64,
    /// Outstanding reads at which `random_read_iops` is reached.
    pub queue_depth: u64,
}

/// Usual figures of a class of storage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StorageClass {
    /// Name in YAML.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Sequential read in MB/s (1e6), and its source.
    pub sequential_read_mb_per_s: (f64, &'static str),
    /// Latency of one outstanding 4 KiB read in microseconds, and its source.
    pub random_read_latency_us: (f64, &'static str),
    /// Random reads per second with `queue_depth` outstanding, and their source; without a stated figure,
    /// queue depth over latency.
    pub random_read_iops: Option<(f64, &'static str)>,
    /// Outstanding reads.
    pub queue_depth: u64,
}

const LAUNCH: &str = "published: Samsung's launch tables, liliputing.com 2020-03-17";
const AS_2_1: &str = "estimate: as the fastest UFS 2.1 in Samsung's launch tables";
const SHEET: &str = "spec-sheet: typical of the class";
const QD1: &str = "estimate: one outstanding 4 KiB read";
const SD: &str = "published: SD Association application performance classes, minimum";
const POWERINFER: &str =
    "published: PowerInfer-2, arXiv 2406.06282: 0.45 GB/s of 4 KiB reads over a wide range";
const PI_NVME: &str = "published: blog.jeanbruenn.info, NVMe on a Raspberry Pi 5";

const fn class(
    name: &'static str,
    title: &'static str,
    sequential: (f64, &'static str),
    latency_us: f64,
    iops: Option<(f64, &'static str)>,
    queue_depth: u64,
) -> StorageClass {
    StorageClass {
        name,
        title,
        sequential_read_mb_per_s: sequential,
        random_read_latency_us: (latency_us, QD1),
        random_read_iops: iops,
        queue_depth,
    }
}

/// Known classes, slow to fast.
pub const CLASSES: &[StorageClass] = &[
    class("microsd-a1", "microSD A1", (90.0, SHEET), 700.0, Some((1_500.0, SD)), 8),
    class("microsd-a2", "microSD A2", (100.0, SHEET), 350.0, Some((4_000.0, SD)), 8),
    class("emmc-5.1", "eMMC 5.1", (250.0, LAUNCH), 200.0, Some((11_000.0, LAUNCH)), 8),
    class("pi5-nvme-gen2", "NVMe, PCIe 2 x1", (416.0, PI_NVME), 150.0, Some((12_000.0, PI_NVME)), 8),
    class("sata-ssd", "SATA SSD", (550.0, SHEET), 126.0, None, 32),
    class("pi5-nvme-gen3", "NVMe, PCIe 3 x1 (forced)", (780.0, PI_NVME), 100.0, Some((12_000.0, PI_NVME)), 8),
    class("ufs-2.1", "UFS 2.1", (860.0, LAUNCH), 130.0, Some((42_000.0, LAUNCH)), 32),
    class("ufs-2.2", "UFS 2.2", (1_000.0, AS_2_1), 130.0, Some((58_000.0, AS_2_1)), 32),
    class("iphone-nvme", "Apple NVMe (phone)", (1_500.0, SHEET), 90.0, None, 8),
    class("ufs-3.1", "UFS 3.1", (2_100.0, LAUNCH), 100.0, Some((100_000.0, LAUNCH)), 32),
    class("nvme-pcie-3", "NVMe, PCIe 3 x4", (3_500.0, SHEET), 90.0, None, 32),
    class("ufs-4.0", "UFS 4.0", (4_200.0, SHEET), 80.0, Some((110_000.0, POWERINFER)), 32),
    class("ufs-4.1", "UFS 4.1", (4_300.0, SHEET), 70.0, None, 8),
    class("nvme-pcie-4", "NVMe, PCIe 4 x4", (7_000.0, SHEET), 70.0, None, 32),
    class("nvme-pcie-5", "NVMe, PCIe 5 x4", (14_000.0, SHEET), 50.0, None, 32),
];

impl StorageClass {
    /// A class by name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CLASSES.iter().find(|class| class.name == name)
    }

    /// The class whose sequential speed is nearest, by ratio.
    pub fn nearest(sequential_read_mb_per_s: f64) -> Option<&'static Self> {
        let distance =
            |class: &Self| libm::fabs(libm::log(class.sequential_read_mb_per_s.0 / sequential_read_mb_per_s));
        CLASSES.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// Random reads per second with the class's queue depth, and their source.
    pub fn iops(&self) -> (f64, Source) {
        let computed = || {
            let text = format!("{} outstanding reads over the latency of one", self.queue_depth);
            let iops = self.queue_depth as f64 * 1e6 / self.random_read_latency_us.0;
            (iops.round(), Source { kind: SourceKind::Estimate, text })
        };
        self.random_read_iops.map_or_else(computed, |(iops, source)| (iops, Source::parse(source)))
    }
}

impl Storage {
    /// Sequential read in bytes a second.
    pub fn sequential_bytes_per_s(&self) -> f64 {
        self.sequential_read_mb_per_s * 1e6
    }

    /// Random 4 KiB reads per second with `depth` of them outstanding: bound by latency, then by the device.
    pub fn reads_per_s(&self, depth: u64) -> f64 {
        (depth.max(1) as f64 * 1e6 / self.random_read_latency_us).min(self.random_read_iops)
    }
}

wire_struct!(Storage {
    class,
    sequential_read_mb_per_s,
    random_read_latency_us,
    random_read_iops,
    queue_depth,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ordered_and_findable() {
        assert!(CLASSES.is_sorted_by_key(|class| class.sequential_read_mb_per_s.0));
        for class in CLASSES {
            assert_eq!(StorageClass::named(class.name), Some(class));
            assert_eq!(StorageClass::nearest(class.sequential_read_mb_per_s.0), Some(class));
            assert_ne!(Source::parse(class.sequential_read_mb_per_s.1).kind, SourceKind::Stated);
        }
        assert_eq!(StorageClass::nearest(2_000.0).map(|class| class.name), Some("ufs-3.1"));
    }

    #[test]
    fn a_single_read_at_a_time_is_bound_by_latency() {
        let storage = Storage {
            class: None,
            sequential_read_mb_per_s: 2_100.0,
            random_read_latency_us: 100.0,
            random_read_iops: 100_000.0,
            queue_depth: 32,
        };
        assert!((storage.reads_per_s(1) - 10_000.0).abs() < 1e-6);
        assert!((storage.reads_per_s(64) - 100_000.0).abs() < 1e-6);
    }
}
