//! What this program runs inside of, and what else limits its memory: containers, WSL, swap, limits of the process.

use super::proc;
use std::path::Path;

/// Swap space as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Swap {
    /// Device or file.
    pub(crate) name: String,
    /// Its size, bytes.
    pub(crate) bytes: u64,
    /// Compressed pages in memory, not on storage.
    pub(crate) in_memory: bool,
}

/// What the program runs inside of, if it is anything but a machine's own system.
pub(crate) fn inside() -> Option<String> {
    within(Path::new("/"))
}

fn within(root: &Path) -> Option<String> {
    let text = |path: &str| proc::text(root.join(path)).unwrap_or_default();
    let is_wsl = text("proc/sys/kernel/osrelease").to_ascii_lowercase().contains("microsoft");
    let group = text("proc/1/cgroup");
    let container = match () {
        () if root.join(".dockerenv").exists() => Some("a container (Docker)"),
        () if root.join("run/.containerenv").exists() => Some("a container (Podman)"),
        () if group.contains("kubepods") => Some("a container (Kubernetes)"),
        () if ["docker", "lxc", "containerd", "libpod"].iter().any(|word| group.contains(word)) => {
            Some("a container")
        }
        () => None,
    };
    match (container, is_wsl) {
        (Some(container), true) => Some(format!("{container} in WSL")),
        (Some(container), false) => Some(container.to_owned()),
        (None, true) => Some("WSL, a virtual machine of Windows".to_owned()),
        (None, false) => None,
    }
}

/// Swap space.
pub(crate) fn swaps() -> Vec<Swap> {
    listed(&proc::text("/proc/swaps").unwrap_or_default())
}

fn listed(text: &str) -> Vec<Swap> {
    let swap = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let bytes = words.nth(1)?.parse::<u64>().ok()?.saturating_mul(1024);
        Some(Swap { in_memory: name.contains("zram"), name, bytes })
    };
    text.lines().skip(1).filter_map(swap).collect()
}

/// The limit on this process's addresses (`ulimit -v`), bytes, where one is set.
pub(crate) fn address_limit() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::As).current;
    #[cfg(not(unix))]
    return None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_wsl_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(within(root.path()), None);
        write("proc/1/cgroup", "0::/kubepods/x\n");
        assert_eq!(within(root.path()).unwrap(), "a container (Kubernetes)");
        write("proc/sys/kernel/osrelease", "5.15.1-microsoft-standard-WSL2\n");
        write(".dockerenv", "");
        assert_eq!(within(root.path()).unwrap(), "a container (Docker) in WSL");
    }

    #[test]
    fn compressed_swap_is_no_storage() {
        let text = "Filename Type Size Used Priority\n/dev/zram0 partition 4194300 0 100\n/swap.img file 1024 0 -2\nbroken\n";
        let found = listed(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].bytes, found[0].in_memory), (4_194_300 * 1024, true));
        assert!(!found[1].in_memory);
    }
}
