//! Memory of the system and of this process.

use super::proc;

/// Page of this machine, bytes.
pub(crate) fn page_bytes() -> u64 {
    #[cfg(unix)]
    return rustix::param::page_size() as u64;
    #[cfg(not(unix))]
    return 4096;
}

/// Memory that the system has, bytes, and what says so; none where neither `/proc` nor `sysctl` tells.
pub(crate) fn total_bytes() -> Option<(u64, &'static str)> {
    if let Some(bytes) = proc::kilobytes("/proc/meminfo", "MemTotal:") {
        return Some((bytes, "MemTotal of /proc/meminfo"));
    }
    if cfg!(target_os = "macos") {
        let output = std::process::Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
        let bytes = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
        return Some((bytes, "sysctl hw.memsize"));
    }
    None
}

/// Memory the system calls available, bytes.
pub(crate) fn available_bytes() -> Option<u64> {
    proc::kilobytes("/proc/meminfo", "MemAvailable:")
}

/// Largest resident size that this process ever had, bytes, where the system tells (Linux).
#[cfg(feature = "burn")]
pub(crate) fn peak_bytes() -> Option<u64> {
    proc::kilobytes("/proc/self/status", "VmHWM:")
}
