//! Memory of the system and of this process.

use super::proc;

/// Page of this machine, bytes.
pub(crate) fn page_bytes() -> u64 {
    #[cfg(unix)]
    return rustix::param::page_size() as u64;
    #[cfg(not(unix))]
    return 4096;
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
