//! What only the operating system can do or knows: eviction, residency, counters, file-system facts.
//!
//! Linux and Android are complete; elsewhere what cannot be proved is reported as unknown, never guessed.

pub mod counters;
pub mod evict;
pub mod filesystem;
pub mod proc;
pub mod residency;

use super::seam::Storage;
use super::spec::Place;
use dhurandhar_core::measurement::Counters;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// The real file under test.
pub struct RealStorage {
    file: File,
    place: Place,
    group: Option<PathBuf>,
    observable: Result<(), String>,
}

impl RealStorage {
    /// Opens the file read-only. `group` is the control group whose page cache is reported.
    pub fn open(place: &Place, group: Option<PathBuf>) -> io::Result<Self> {
        let file = File::open(&place.path)?;
        let observable = residency::observable(&file);
        Ok(Self { file, place: place.clone(), group, observable })
    }
}

impl Storage for RealStorage {
    fn evict(&mut self) -> io::Result<()> {
        evict::evict(&self.file, self.place.offset, self.place.bytes)
    }

    fn residency(&mut self) -> Option<f64> {
        self.observable.as_ref().ok()?;
        residency::resident_share(&self.file, self.place.offset, self.place.bytes).ok()
    }

    fn residency_method(&self) -> String {
        match &self.observable {
            Ok(()) => "mincore over the whole table".to_owned(),
            Err(reason) => format!("not observed: {reason}"),
        }
    }

    fn counters(&mut self) -> Counters {
        counters::read()
    }

    fn group_cache(&mut self) -> Option<u64> {
        self.group.as_deref().and_then(super::budget::cgroup::page_cache_bytes)
    }
}

/// Page of this machine, bytes.
pub fn page_bytes() -> u64 {
    #[cfg(unix)]
    return rustix::param::page_size() as u64;
    #[cfg(not(unix))]
    return 4096;
}

/// Puts this thread, and those it starts, under the lowest real-time priority.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "sched_setscheduler has no safe wrapper")]
pub fn realtime() -> io::Result<()> {
    // The kernel's own structure: one number. The call itself, because musl's wrapper refuses without asking.
    let lowest: libc::c_int = 1;
    // SAFETY: the pointer is valid for the length of the call; process 0 is the calling thread.
    match unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const lowest) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Only implemented for Linux and Android.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn realtime() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
