//! Graphics cards, by what their drivers show in the file system: no library is loaded, nothing is started.

use super::proc;
use std::path::Path;

/// A card as its driver names it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Card {
    /// Its name, or its maker and number on the bus.
    pub(crate) name: String,
    /// Its own memory, where the driver says it.
    pub(crate) memory_bytes: Option<u64>,
}

/// Cards of this machine.
pub(crate) fn cards() -> Vec<Card> {
    of(Path::new("/proc/driver/nvidia/gpus"), Path::new("/sys/class/drm"))
}

fn of(nvidia: &Path, drm: &Path) -> Vec<Card> {
    let mut found = Vec::new();
    for entry in entries(nvidia) {
        let text = proc::text(entry.join("information")).unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("Model:"));
        found.extend(name.map(|name| Card { name: name.trim().to_owned(), memory_bytes: None }));
    }
    for entry in entries(drm) {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_card =
            name.strip_prefix("card").is_some_and(|number| number.bytes().all(|sign| sign.is_ascii_digit()));
        let device = entry.join("device");
        let Some(vendor) = proc::text(device.join("vendor")).filter(|_| is_card) else { continue };
        let memory_bytes = proc::number(device.join("mem_info_vram_total"));
        let maker = match vendor.as_str() {
            // Its own driver has named it.
            "0x10de" if !found.is_empty() => continue,
            "0x10de" => "NVIDIA",
            "0x1002" => "AMD",
            "0x8086" => "Intel",
            _ => continue,
        };
        let number = proc::text(device.join("device")).unwrap_or_default();
        let name = proc::text(device.join("product_name")).unwrap_or_else(|| format!("{maker} {number}"));
        found.push(Card { name, memory_bytes });
    }
    found
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_name_cards_and_memory() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("nvidia/0000:01:00.0/information", "Model: \t\t NVIDIA GeForce RTX 4060\nIRQ: 1\n");
        write("drm/card0/device/vendor", "0x10de\n");
        write("drm/card1/device/vendor", "0x1002\n");
        write("drm/card1/device/device", "0x744c\n");
        write("drm/card1/device/mem_info_vram_total", "25753026560\n");
        write("drm/card1-DP-1/device/vendor", "0x1002\n");
        write("drm/card2/device/vendor", "0x1234\n");
        let found = of(&root.path().join("nvidia"), &root.path().join("drm"));
        let shown: Vec<_> = found.iter().map(|card| (card.name.as_str(), card.memory_bytes)).collect();
        assert_eq!(shown, [("NVIDIA GeForce RTX 4060", None), ("AMD 0x744c", Some(25_753_026_560))]);
        assert!(of(&root.path().join("a"), &root.path().join("b")).is_empty());
    }
}
