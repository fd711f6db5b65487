//! Memory control groups, version 1 and 2: made for one child, removed afterwards.

use crate::machine::proc;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "dhurandhar-";

/// Which interface the system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `memory.limit_in_bytes`.
    V1,
    /// `memory.max`.
    V2,
}

impl Version {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V1 => "cgroup_v1",
            Self::V2 => "cgroup_v2",
        }
    }
}

/// A place where groups can be made.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    /// Interface.
    pub(crate) version: Version,
    directory: PathBuf,
}

/// A limited group; removed on drop.
#[derive(Debug)]
pub(crate) struct Group {
    /// Its directory, for children to join.
    pub(crate) directory: PathBuf,
    /// The limit the kernel reports back, bytes.
    pub(crate) limit_bytes: u64,
}

/// Finds a writable memory hierarchy by making a group and removing it; every refusal is listed.
pub(crate) fn find() -> Result<Parent, String> {
    let mut refusals = Vec::new();
    for parent in candidates() {
        sweep(&parent.directory);
        match Group::new(&parent, 64 << 20) {
            Ok(_) => return Ok(parent),
            Err(error) => {
                refusals.push(format!("{} {}: {error}", parent.version.name(), parent.directory.display()));
            }
        }
    }
    if refusals.is_empty() {
        refusals.push("no memory control group is mounted".to_owned());
    }
    Err(refusals.join("; "))
}

/// Own group first, then the root of each mounted hierarchy.
fn candidates() -> Vec<Parent> {
    let mounts = proc::text("/proc/self/mounts").unwrap_or_default();
    let own = proc::text("/proc/self/cgroup").unwrap_or_default();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (Some(point), Some(kind), Some(options)) = (fields.get(1), fields.get(2), fields.get(3)) else {
            continue;
        };
        let version = match *kind {
            "cgroup" if options.split(',').any(|option| option == "memory") => Version::V1,
            "cgroup2" => Version::V2,
            _ => continue,
        };
        let own_path = own.lines().find_map(|entry| {
            let mut parts = entry.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let mine = match version {
                Version::V1 => controllers.split(',').any(|controller| controller == "memory"),
                Version::V2 => controllers.is_empty(),
            };
            mine.then(|| path.trim_start_matches('/').to_owned())
        });
        let root = PathBuf::from(point);
        let nested = own_path.map(|path| root.join(path)).filter(|path| path.exists() && *path != root);
        found.extend(nested.into_iter().chain([root]).map(|directory| Parent { version, directory }));
    }
    found
}

/// The least memory limit of the groups that this process is in, bytes, and the file that states it; none where no group limits it.
pub(crate) fn limit() -> Option<(u64, PathBuf)> {
    let mut least: Option<(u64, PathBuf)> = None;
    for parent in candidates() {
        let file = match parent.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        // A group is also held to the limits of those above it.
        for folder in parent.directory.ancestors() {
            let path = folder.join(file);
            // Without a limit, version 1 states the largest number of pages, version 2 a word.
            let Some(bytes) = proc::number(&path).filter(|bytes| *bytes < 1 << 60) else { continue };
            if least.as_ref().is_none_or(|(other, _)| bytes < *other) {
                least = Some((bytes, path));
            }
        }
    }
    least
}

/// Removes empty groups that a killed run left.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Group {
    /// Makes a group below `parent` that may hold `limit` bytes.
    pub(crate) fn new(parent: &Parent, limit: u64) -> io::Result<Self> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let index = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let directory = parent.directory.join(format!("{PREFIX}{}-{index}", std::process::id()));
        if parent.version == Version::V2 {
            let control = parent.directory.join("cgroup.subtree_control");
            if !proc::text(&control).unwrap_or_default().contains("memory") {
                fs::write(&control, "+memory")?;
            }
        }
        fs::create_dir(&directory)?;
        let mut group = Self { directory, limit_bytes: 0 };
        let file = match parent.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        fs::write(group.directory.join(file), limit.to_string())?;
        if parent.version == Version::V2 {
            // Best effort: without swap the file does not exist.
            let _ = fs::write(group.directory.join("memory.swap.max"), "0");
        }
        group.limit_bytes = proc::number(group.directory.join(file)).unwrap_or(0);
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group is busy until its last task is reaped, which takes the kernel a moment.
        for _ in 0..50 {
            match fs::remove_dir(&self.directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// Moves this process into a group. To be called before the first byte of the table is read.
pub(crate) fn join(directory: &Path) -> io::Result<()> {
    fs::write(directory.join("cgroup.procs"), std::process::id().to_string())
}

/// Page cache charged to a group, bytes.
pub(crate) fn page_cache_bytes(directory: &Path) -> Option<u64> {
    let path = directory.join("memory.stat");
    proc::field(&path, "cache ").or_else(|| proc::field(&path, "file "))
}

/// Current charge of a group, bytes.
pub(crate) fn charge_bytes(directory: &Path) -> Option<u64> {
    proc::number(directory.join("memory.usage_in_bytes"))
        .or_else(|| proc::number(directory.join("memory.current")))
}

/// The kernel's own memory that is charged to a group, bytes.
pub(crate) fn kernel_bytes(directory: &Path) -> Option<u64> {
    proc::number(directory.join("memory.kmem.usage_in_bytes"))
        .or_else(|| proc::field(directory.join("memory.stat"), "kernel "))
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::{Group, Parent, Version, charge_bytes, find, join, kernel_bytes, page_cache_bytes};

    /// The second version's files, played by plain ones: names, values and the order of writing are what counts.
    #[test]
    fn version_two_is_asked_in_its_own_words() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &std::path::Path, text: &str| std::fs::write(path, text).unwrap();
        write(&root.path().join("cgroup.subtree_control"), "cpu\n");
        let parent = Parent { version: Version::V2, directory: root.path().to_owned() };
        let group = Group::new(&parent, 64 << 20).unwrap();
        let read = |name: &str| std::fs::read_to_string(group.directory.join(name)).unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("cgroup.subtree_control")).unwrap(), "+memory");
        assert_eq!((group.limit_bytes, read("memory.max").as_str()), (64 << 20, "67108864"));
        assert_eq!(read("memory.swap.max"), "0");
        join(&group.directory).unwrap();
        assert_eq!(read("cgroup.procs"), std::process::id().to_string());
        write(&group.directory.join("memory.stat"), "anon 4096\nfile 8192\nkernel 77\n");
        assert_eq!(kernel_bytes(&group.directory), Some(77));
        write(&group.directory.join("memory.current"), "12288\n");
        assert_eq!(page_cache_bytes(&group.directory), Some(8192));
        assert_eq!(charge_bytes(&group.directory), Some(12_288));
        // A kernel that keeps another limit than asked for shows it.
        write(&root.path().join("cgroup.subtree_control"), "memory\n");
        let again = Group::new(&parent, 4096).unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("cgroup.subtree_control")).unwrap(), "memory\n");
        for group in [group, again] {
            std::fs::remove_dir_all(&group.directory).unwrap();
        }
    }

    #[test]
    fn a_group_holds_its_limit_and_goes_away() {
        let parent = match find() {
            Ok(parent) => parent,
            Err(reason) => return eprintln!("skipped: {reason}"),
        };
        let group = Group::new(&parent, 32 << 20).unwrap();
        assert_eq!(group.limit_bytes, 32 << 20);
        let directory = group.directory.clone();
        drop(group);
        assert!(!directory.exists());
    }
}
