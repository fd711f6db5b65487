//! Facts about the machine, each optional: what cannot be read stays out of the report.

use super::memory::page_bytes;
use super::proc;
use dhurandhar_core::measurement::{Conditions, Cpu, Device, Flag, FlagCode, Host};
use dhurandhar_core::storage::PageCache;
use std::path::Path;

/// The machine as it is now.
pub(crate) fn device(name: Option<&str>) -> Device {
    let model = proc::text("/proc/device-tree/model")
        .or_else(|| proc::text("/sys/class/dmi/id/product_name"))
        .map(|text| text.trim_end_matches('\0').to_owned());
    let virtual_machine = hypervisor();
    let cpu = cpu();
    let name = name.map_or_else(
        || {
            let machine = model
                .clone()
                .or_else(|| cpu.model.clone())
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
            match &virtual_machine {
                Some(_) => format!("virtual machine, {} cores", cpu.cores),
                None => machine,
            }
        },
        str::to_owned,
    );
    Device {
        name,
        model,
        virtual_machine,
        memory_bytes: proc::kilobytes("/proc/meminfo", "MemTotal:"),
        available_bytes: proc::kilobytes("/proc/meminfo", "MemAvailable:"),
        swap_bytes: proc::kilobytes("/proc/meminfo", "SwapTotal:"),
        page_bytes: page_bytes(),
        cpu,
        os: host(),
    }
}

fn cpu() -> Cpu {
    let info = proc::text("/proc/cpuinfo").unwrap_or_default();
    let model = ["model name", "Hardware", "Processor"].iter().find_map(|key| {
        let line = info.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    Cpu {
        model,
        cores: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        governor: proc::text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        max_khz: proc::number("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
    }
}

fn host() -> Host {
    Host {
        name: std::env::consts::OS.to_owned(),
        kernel: proc::text("/proc/sys/kernel/osrelease"),
        arch: std::env::consts::ARCH.to_owned(),
        transparent_huge_pages: proc::chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
        multi_gen_lru: proc::text("/sys/kernel/mm/lru_gen/enabled"),
        swappiness: proc::number("/proc/sys/vm/swappiness"),
        hostname: proc::text("/proc/sys/kernel/hostname"),
        user: std::env::var("USER").ok(),
    }
}

/// A hypervisor, by processor flag or firmware name.
fn hypervisor() -> Option<String> {
    let flagged = proc::text("/proc/cpuinfo")?
        .lines()
        .any(|line| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor"));
    let vendor = proc::text("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
    let known = ["QEMU", "VMware", "innotek", "Xen", "Amazon EC2", "Google"];
    let named = known.iter().find(|name| vendor.contains(*name)).map(|name| (*name).to_owned());
    if flagged { Some(named.unwrap_or_else(|| "unknown hypervisor".to_owned())) } else { None }
}

/// Load, pressure, temperature and swap as they stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    load: Option<f64>,
    memory_pressure_us: Option<u64>,
    io_pressure_us: Option<u64>,
    swapped_pages: Option<u64>,
    temperature_c: Option<f64>,
}

impl Moment {
    /// Takes a reading.
    pub(crate) fn now() -> Self {
        let swapped = |name| proc::field("/proc/vmstat", name);
        Self {
            load: proc::text("/proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
            memory_pressure_us: proc::pressure_us("memory"),
            io_pressure_us: proc::pressure_us("io"),
            swapped_pages: swapped("pswpin ").zip(swapped("pswpout ")).map(|(a, b)| a + b),
            temperature_c: hottest(Path::new("/sys/class/thermal")),
        }
    }

    /// What changed until `end`.
    pub(crate) fn until(&self, end: &Self) -> Conditions {
        let since = |start: Option<u64>, end: Option<u64>| start.zip(end).map(|(a, b)| b.saturating_sub(a));
        Conditions {
            load_before: self.load,
            load_after: end.load,
            memory_pressure_us: since(self.memory_pressure_us, end.memory_pressure_us),
            io_pressure_us: since(self.io_pressure_us, end.io_pressure_us),
            swapped_pages: since(self.swapped_pages, end.swapped_pages),
            temperature_before_c: self.temperature_c,
            temperature_after_c: end.temperature_c,
            clock_overhead_ns: None,
        }
    }
}

fn hottest(folder: &Path) -> Option<f64> {
    let zones = std::fs::read_dir(folder).ok()?;
    zones
        .flatten()
        .filter_map(|zone| proc::text(zone.path().join("temp"))?.parse::<f64>().ok())
        .map(|millidegrees| millidegrees / 1000.0)
        .max_by(f64::total_cmp)
}

/// Flags that machine and conditions raise.
pub(crate) fn flags(device: &Device, conditions: &Conditions) -> Vec<Flag> {
    let mut flags = Vec::new();
    if let Some(name) = &device.virtual_machine {
        let text = format!("virtual machine ({name}): the host may cache, latencies are not of a device");
        flags.push(Flag::soft(FlagCode::VirtualMachine, text));
    }
    if let Some(pages) = conditions.swapped_pages.filter(|pages| *pages > 0) {
        flags.push(Flag::soft(FlagCode::SwapTraffic, format!("{pages} pages swapped during the run")));
    }
    if let (Some(before), Some(after)) = (conditions.temperature_before_c, conditions.temperature_after_c)
        && after > before + 15.0
    {
        flags.push(Flag::soft(FlagCode::Thermal, format!("heated from {before:.0} to {after:.0} C")));
    }
    flags
}

/// How this kernel's page cache chooses what leaves.
pub(crate) fn page_cache(os: &Host) -> PageCache {
    // A mask of features; none where the kernel does not have it.
    let off = |mask: &str| {
        u64::from_str_radix(mask.trim().trim_start_matches("0x"), 16).is_ok_and(|mask| mask == 0)
    };
    let multi_gen = os.multi_gen_lru.as_deref().is_some_and(|mask| !off(mask));
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    PageCache { random_is_fifo: random_is_fifo(os.kernel.as_deref()), two_lists: linux && !multi_gen }
}

/// Whether a mapping under random advice loses its recency: Linux 6.4 and later.
fn random_is_fifo(kernel: Option<&str>) -> bool {
    let mut parts = kernel.unwrap_or("").split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    (major, minor) >= (6, 4)
}

#[cfg(test)]
mod tests {
    use super::{Moment, device, random_is_fifo};

    #[test]
    fn kernels_with_and_without_recency() {
        assert!(random_is_fifo(Some("6.18.44-fc")));
        assert!(random_is_fifo(Some("6.6.30-android15")));
        assert!(!random_is_fifo(Some("5.15.0-91-generic")));
        assert!(!random_is_fifo(None));
    }

    #[test]
    fn a_machine_describes_itself() {
        let device = device(Some("desk"));
        assert_eq!(device.name, "desk");
        assert!(device.page_bytes.is_power_of_two());
        let conditions = Moment::now().until(&Moment::now());
        assert!(conditions.swapped_pages.is_none_or(|pages| pages < 1_000_000));
    }
}
