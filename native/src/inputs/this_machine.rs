//! This machine as a device: what is read of it, completed by what an earlier run has measured.

use crate::bad_input;
use crate::cli::{folders, output};
use crate::machine::{self, cards, cgroup, filesystem, memory, surroundings};
use dhurandhar_core::device::{Device, DeviceFile, Form, Os, Source, gpus};
use std::path::{Path, PathBuf};

/// The name by which options mean this machine.
pub(crate) const NAME: &str = "this";

/// Where the profile lies that `machine --measure` has written last.
pub(crate) fn measured_file() -> Option<PathBuf> {
    folders::cache().map(|folder| folder.join("machine.yaml"))
}

/// This machine, with what was measured on it; where nothing was, with a glance at its memory's speed.
pub(crate) fn device() -> anyhow::Result<Device> {
    let found = Device::from_yaml("this machine", &file(Path::new("."))?.to_yaml()).map_err(bad_input)?;
    if let Some(allowed) =
        surroundings::address_limit().filter(|allowed| found.ram_mib.is_some_and(|mib| *allowed >> 20 < mib))
    {
        output::note(&format!(
            "`ulimit -v` allows {} MiB of addresses here, of which a mapped model takes its whole file: a larger one does not load, whatever is said of memory",
            output::count(allowed >> 20)
        ));
    }
    if let Some(device) = measured(&found) {
        return Ok(device);
    }
    let mut device = found;
    device.dram_bandwidth_gb_per_s = machine::bandwidth::glance();
    let text = if device.dram_bandwidth_gb_per_s.is_some() { GLANCE } else { BUSY };
    device.sources.add("dram_bandwidth_gb_per_s", Source::parse(text));
    Ok(device)
}

const GLANCE: &str = "estimate: a glance of some milliseconds; `dhurandhar machine --measure` measures it";
const BUSY: &str = "estimate: the machine is too busy for a glance at its memory; `dhurandhar machine --measure` measures it";

/// The file of this machine as [`device`] takes it: with what an earlier run has measured, else with a glance.
pub(crate) fn current_yaml(path: &Path) -> anyhow::Result<String> {
    let mut file = file(path)?;
    let found = Device::from_yaml("this machine", &file.to_yaml()).map_err(bad_input)?;
    if measured(&found).is_some()
        && let Some(text) = measured_file().and_then(|path| std::fs::read_to_string(path).ok())
    {
        return Ok(text);
    }
    if let Some(seen) = machine::bandwidth::glance() {
        file.set("dram_bandwidth_gb_per_s", (seen * 10.0).round() / 10.0, GLANCE);
    }
    Ok(file.to_yaml())
}

/// The measured profile, when it is of a machine like the one that was `found`; limits are those of now.
fn measured(found: &Device) -> Option<Device> {
    let path = measured_file()?;
    let text = std::fs::read_to_string(&path).ok()?;
    let mut device = Device::from_yaml(&path.display().to_string(), &text).ok()?;
    let same =
        (&device.title, device.ram_mib, device.processor) == (&found.title, found.ram_mib, found.processor);
    device.cgroup_mib = found.cgroup_mib;
    same.then_some(device)
}

/// What is read of this machine; `path` is where models lie.
pub(crate) fn file(path: &Path) -> anyhow::Result<DeviceFile> {
    let facts = machine::device(None);
    let (bytes, says) = memory::total_bytes().ok_or_else(|| {
        bad_input(
            "this system does not say how much memory it has; expected --device FILE with a file of your own",
        )
    })?;
    let os = match std::env::consts::OS {
        "linux" => Os::Linux,
        "android" => Os::Android,
        "macos" => Os::Macos,
        "windows" => Os::Windows,
        _ => Os::Other,
    };
    let is_board = Path::new("/proc/device-tree/model").exists();
    let form = match os {
        Os::Linux if is_board => Form::Board,
        Os::Linux => Form::Computer,
        os => os.form(),
    };
    let processor = facts.cpu.model.clone().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let title = match (&facts.virtual_machine, &facts.model) {
        (None, Some(model)) => format!("This machine: {model}"),
        _ => format!("This machine: {processor}, {} threads", facts.cpu.cores),
    };
    let mut file = DeviceFile::new(NAME, &title, os, form);
    file.set("ram_mib", bytes >> 20, &format!("measured: {says}"));
    if let Some((limit, path)) = cgroup::limit().filter(|(limit, _)| *limit < bytes) {
        file.set("cgroup_mib", (limit >> 20).max(1), &format!("measured: {}", path.display()));
    }
    file.set("page_size_kib", (memory::page_bytes() >> 10).clamp(4, 64), "measured: the system's page");
    let sets = machine::instruction_sets().join(", ");
    let sets = if sets.is_empty() { "what the system lists".to_owned() } else { sets };
    file.set("processor", processor_kind(), &format!("measured: {sets}"));
    match cards::cards().as_slice() {
        [] => {}
        [card, ..] => match known(card) {
            Some(slug) => file.set("gpu", slug, &format!("measured: {}, as its driver names it", card.name)),
            None => file.note(&format!("The card {} is not described here and left out.", card.name)),
        },
    }
    let storage = filesystem::inspect(path);
    let (class, why) = storage_class(storage.kind.as_deref(), storage.rotational == Some(true));
    let device = storage.device.as_deref().unwrap_or("unknown");
    file.set("storage.class", class, &format!("estimate: {why} ({device})"));
    if let Some(inside) = surroundings::inside() {
        file.note(&format!("Inside {inside}."));
    }
    if let Some(host) = &facts.virtual_machine {
        file.note(&format!("A virtual machine ({host}): other guests share what was measured."));
    }
    Ok(file)
}

/// The processor in the words of device files.
fn processor_kind() -> &'static str {
    match machine::processor() {
        "dotprod" => "arm-dotprod",
        "other" if cfg!(all(target_arch = "aarch64", target_vendor = "apple")) => "arm-dotprod",
        "other" if cfg!(target_arch = "aarch64") => "arm",
        "other" => "plain",
        sets => sets,
    }
}

/// The described card that a driver's name means: the longest title within it, with the memory where several differ in it.
fn known(card: &cards::Card) -> Option<String> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], " ");
    let name = plain(&card.name);
    let words: Vec<&str> = name.split(' ').collect();
    let fits =
        |slug: &str| slug.split(['-']).all(|word| words.contains(&word) || word.strip_suffix("gb").is_some());
    let mut found: Vec<_> = gpus().filter(|gpu| fits(&gpu.name)).collect();
    let near = |mib: Option<u64>| match (mib, card.memory_bytes) {
        (Some(mib), Some(bytes)) => (bytes >> 20).abs_diff(mib) * 10 < mib,
        _ => true,
    };
    found.retain(|gpu| near(gpu.memory_mib));
    let longest = found.iter().map(|gpu| gpu.name.len()).max()?;
    found.retain(|gpu| gpu.name.len() == longest);
    match found.as_slice() {
        [one] => Some(one.name.clone()),
        _ => None,
    }
}

/// A class of storage by the kind of block device, and why.
fn storage_class(kind: Option<&str>, rotates: bool) -> (&'static str, &'static str) {
    match kind {
        Some("nvme") => ("nvme-pcie-3", "an NVMe device of unknown generation"),
        Some("mmc") => ("microsd-a1", "a card or eMMC; the slower is assumed"),
        Some("scsi") if cfg!(target_os = "android") => ("ufs-3.1", "UFS of unknown generation"),
        Some("scsi") if rotates => ("emmc-5.1", "a rotating disk, which no class here describes"),
        Some("virtio" | "xen") => ("sata-ssd", "a virtual disk, about which nothing is known"),
        _ if cfg!(target_vendor = "apple") => ("nvme-pcie-3", "an Apple SSD of unknown generation"),
        _ => ("sata-ssd", "a device of unknown speed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_a_device() {
        let Ok(file) = file(Path::new(".")) else { return };
        let device = Device::from_yaml("this", &file.to_yaml()).unwrap();
        assert_eq!(device.name, NAME);
        assert!(device.ram_mib.is_some_and(|mib| mib > 0) && !device.limits().is_empty());
    }

    #[test]
    fn cards_are_known_by_their_drivers_names() {
        let card = |name: &str, mib: Option<u64>| {
            known(&cards::Card { name: name.into(), memory_bytes: mib.map(|mib| mib << 20) })
        };
        assert_eq!(card("NVIDIA GeForce RTX 4060", None).as_deref(), Some("rtx-4060"));
        assert_eq!(card("NVIDIA GeForce RTX 3060 Ti", None).as_deref(), Some("rtx-3060-ti"));
        assert_eq!(card("NVIDIA Something 1", None), None);
    }
}
