//! The file system and device under a path: what refuses a run, what flags it.

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::proc;
use dhurandhar_core::measurement::{Flag, FlagCode, Storage};
use std::path::Path;

/// Whether a path lies on something that reads from a device (not memory).
pub(crate) fn is_disk(path: &Path) -> bool {
    let facts = inspect(path);
    facts.filesystem.as_deref().is_some_and(|kind| !IN_MEMORY.contains(&kind))
}

/// File systems that live in memory.
pub(crate) const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];
const NETWORK: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "fuse.sshfs"];
const COMPRESSING: [&str; 4] = ["btrfs", "f2fs", "zfs", "erofs"];

/// Flags that the storage alone raises.
pub(crate) fn flags(storage: &Storage) -> Vec<Flag> {
    let mut flags = Vec::new();
    let kind = storage.filesystem.as_deref().unwrap_or("unknown");
    if IN_MEMORY.contains(&kind) {
        flags.push(Flag::hard(
            FlagCode::MemoryFilesystem,
            format!("{kind} is held in memory, not on storage"),
        ));
    }
    if NETWORK.contains(&kind) || storage.kind.as_deref() == Some("network") {
        flags.push(Flag::soft(FlagCode::NetworkFilesystem, format!("{kind} is served by another machine")));
    }
    if kind == "overlay" || kind.starts_with("fuse") {
        flags.push(Flag::soft(
            FlagCode::OverlayFilesystem,
            format!("{kind} reads through another file system"),
        ));
    }
    let options = storage.mount_options.as_deref().unwrap_or("");
    if COMPRESSING.contains(&kind) && (options.contains("compress") || kind == "zfs" || kind == "erofs") {
        flags.push(Flag::soft(
            FlagCode::Compression,
            format!("{kind} may compress; the content does not shrink"),
        ));
    }
    if storage.kind.as_deref() == Some("loop") {
        flags.push(Flag::soft(FlagCode::LoopDevice, "a loop device: its backing file may be cached"));
    }
    flags
}

/// Facts about the storage under `path`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn inspect(path: &Path) -> Storage {
    use std::os::unix::fs::MetadataExt;
    let mut facts = Storage { free_bytes: free_bytes(path), ..Storage::default() };
    let Ok(metadata) = std::fs::metadata(path) else { return facts };
    mount(path, metadata.dev(), &mut facts);
    block_device(metadata.dev(), &mut facts);
    if facts.kind.is_none() && facts.filesystem.as_deref().is_some_and(|kind| NETWORK.contains(&kind)) {
        facts.kind = Some("network".to_owned());
    }
    facts
}

/// Elsewhere only the free space is known.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn inspect(path: &Path) -> Storage {
    Storage { free_bytes: free_bytes(path), ..Storage::default() }
}

/// Bytes that this user may still write below `path`.
#[cfg(unix)]
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(path).ok()?;
    Some(facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// Unknown outside Unix.
#[cfg(not(unix))]
pub(crate) fn free_bytes(_path: &Path) -> Option<u64> {
    None
}

/// File-system type and options from the mount table, by device number, else by longest path.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn mount(path: &Path, device: u64, facts: &mut Storage) {
    let Some(table) = proc::text("/proc/self/mountinfo") else { return };
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let absolute = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut best: Option<(bool, usize)> = None;
    for line in table.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let (Some(id), Some(point), Some(options)) = (left.get(2), left.get(4), left.get(5)) else {
            continue;
        };
        if !absolute.starts_with(point) {
            continue;
        }
        let rank = (*id == number, point.len());
        if best.is_none_or(|best| rank >= best) {
            best = Some(rank);
            facts.filesystem = right.first().map(|kind| (*kind).to_owned());
            facts.device = right.get(1).map(|source| (*source).to_owned());
            facts.mount_options = Some(
                [Some(*options), right.get(2).copied()].into_iter().flatten().collect::<Vec<_>>().join(","),
            );
        }
    }
}

/// Queue parameters of the block device with this number.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn block_device(device: u64, facts: &mut Storage) {
    let link = format!("/sys/dev/block/{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let Ok(mut folder) = std::fs::canonicalize(link) else { return };
    if folder.join("partition").exists() {
        folder.pop();
    }
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let queue = folder.join("queue");
    facts.device = Some(name.clone());
    facts.model = proc::text(folder.join("device/model"));
    facts.rotational = proc::number(queue.join("rotational")).map(|flag| flag == 1);
    facts.readahead_bytes = proc::number(queue.join("read_ahead_kb")).map(|kb| kb * 1024);
    facts.scheduler = proc::chosen(queue.join("scheduler"));
    facts.logical_block_bytes = proc::number(queue.join("logical_block_size"));
    facts.kind = Some(kind_of(&name).to_owned());
}

#[cfg(any(target_os = "linux", target_os = "android", test))]
fn kind_of(name: &str) -> &'static str {
    let kinds = [
        ("loop", "loop"),
        ("vd", "virtio"),
        ("xvd", "xen"),
        ("nvme", "nvme"),
        ("mmcblk", "mmc"),
        ("dm-", "device_mapper"),
        ("md", "raid"),
        ("zram", "zram"),
        ("nbd", "network"),
        ("rbd", "network"),
        ("sd", "scsi"),
    ];
    kinds.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or("other", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::{flags, kind_of};
    use dhurandhar_core::measurement::{FlagCode, Storage};

    fn codes(filesystem: &str, kind: &str, options: &str) -> Vec<FlagCode> {
        let storage = Storage {
            filesystem: Some(filesystem.to_owned()),
            kind: Some(kind.to_owned()),
            mount_options: Some(options.to_owned()),
            ..Storage::default()
        };
        flags(&storage).into_iter().map(|flag| flag.code).collect()
    }

    #[test]
    fn storage_that_misleads_is_flagged() {
        assert!(codes("ext4", "nvme", "rw,relatime").is_empty());
        assert_eq!(codes("tmpfs", "other", "rw"), [FlagCode::MemoryFilesystem]);
        assert_eq!(codes("ext4", "loop", "rw"), [FlagCode::LoopDevice]);
        assert_eq!(codes("nfs4", "network", "rw"), [FlagCode::NetworkFilesystem]);
        assert_eq!(codes("overlay", "virtio", "rw"), [FlagCode::OverlayFilesystem]);
        assert_eq!(codes("btrfs", "nvme", "rw,compress=zstd:3"), [FlagCode::Compression]);
        assert!(codes("btrfs", "nvme", "rw").is_empty());
    }

    #[test]
    fn device_kinds() {
        assert_eq!(kind_of("mmcblk0"), "mmc");
        assert_eq!(kind_of("nvme0n1"), "nvme");
        assert_eq!(kind_of("vda"), "virtio");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_file_systems_are_seen() {
        let shared = std::path::Path::new("/dev/shm");
        if shared.exists() {
            assert!(!super::is_disk(shared));
        }
    }
}
