//! Kinds of memory that limits count, and what happens beyond a limit.

use crate::leaf::named;
use crate::leaf::wire::wire_enum;
use serde::Serialize;

/// A kind of memory, as operating systems tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// Pages that the process has written: cache of keys and values, buffers, packed copies.
    Anonymous,
    /// The same, pushed out to compressed memory or a page file.
    Swap,
    /// Memory shared by name (shmem, memfd, ashmem).
    Shmem,
    /// Clean pages of mapped files, as the weights are.
    File,
    /// Buffers of a GPU's driver.
    Gpu,
    /// Pages of mapped files that are locked, or wired for a GPU.
    Wired,
}

impl MemoryKind {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Swap => "swapped or compressed",
            Self::Shmem => "shared (shmem)",
            Self::File => "clean file pages",
            Self::Gpu => "GPU buffers",
            Self::Wired => "wired file pages",
        }
    }
}

named!(MemoryKind { Anonymous "anonymous", Swap "swap", Shmem "shmem", File "file", Gpu "gpu", Wired "wired" });

/// Which sum over a run's memory a limit is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Memory of all kinds. File pages leave first, so a run needs its anonymous memory and the file pages that every
    /// token reads; other clean pages count while they are there, and are no need.
    Memory,
    /// The same without buffers of a GPU's driver (Linux' control groups).
    HostMemory,
    /// Anonymous memory, a GPU's share of unified memory included (Apple's `phys_footprint`, Windows' private bytes);
    /// clean and wired file pages do not count.
    Anonymous,
    /// Anonymous memory without buffers of the GPU's driver (Android's `RssAnon`).
    HostAnonymous,
    /// Everything in the GPU's pool, wired file pages included.
    Gpu,
}

impl Counts {
    /// The sum that these kinds make.
    pub fn of(kinds: &[MemoryKind]) -> Self {
        if kinds.contains(&MemoryKind::File) {
            if kinds.contains(&MemoryKind::Gpu) { Self::Memory } else { Self::HostMemory }
        } else if kinds.contains(&MemoryKind::Anonymous) {
            // A driver's buffers are shared memory to the kernel.
            let buffers = kinds.contains(&MemoryKind::Gpu) || kinds.contains(&MemoryKind::Shmem);
            if buffers { Self::Anonymous } else { Self::HostAnonymous }
        } else {
            Self::Gpu
        }
    }

    /// What is counted, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Memory | Self::HostMemory => "memory",
            Self::Anonymous | Self::HostAnonymous => "anonymous memory",
            Self::Gpu => "GPU memory",
        }
    }

    /// Whether file pages count, which leave first.
    pub const fn has_files(self) -> bool {
        matches!(self, Self::Memory | Self::HostMemory)
    }
}

/// What happens beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// File pages are dropped and read again; when anonymous memory alone is too much, the process is ended.
    Evicts,
    /// The process is slowed down, its clean file pages are dropped, then anonymous pages are compressed.
    Throttles,
    /// The process is ended.
    Ends,
    /// The process is ended 30 s later; freeing memory does not help.
    EndsLater,
    /// Allocations or commands fail.
    Fails,
    /// Pages are swapped out: slow.
    Swaps,
    /// GPU memory spills to the host's: slow.
    Spills,
    /// The system moves GPU memory out and back: it stutters.
    Stutters,
    /// The store shows the app less.
    LessVisible,
}

impl Beyond {
    /// In a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Evicts => {
                "file pages are dropped and read again; ended when anonymous memory alone is too much"
            }
            Self::Throttles => {
                "slowed down; clean file pages are dropped, then anonymous pages are compressed"
            }
            Self::Ends => "the process is ended",
            Self::EndsLater => "the process is ended 30 s later",
            Self::Fails => "allocations or commands fail",
            Self::Swaps => "pages are swapped out, which is slow",
            Self::Spills => "the driver moves what is too much to the host's memory, which is slow",
            Self::Stutters => "GPU memory is moved out and back: it stutters",
            Self::LessVisible => "the store shows the app less, and may refuse updates",
        }
    }

    /// Whether a run beyond it does not work, or at a speed that nobody can tell: one that only swaps or is less visible still runs.
    pub const fn stops(self) -> bool {
        matches!(
            self,
            Self::Evicts | Self::Throttles | Self::Ends | Self::EndsLater | Self::Fails | Self::Spills
        )
    }

    /// Whether dropping file pages helps.
    pub const fn drops_file_pages(self) -> bool {
        matches!(self, Self::Evicts | Self::Throttles)
    }
}

named!(Beyond { Evicts "evicts", Throttles "throttles", Ends "killed", EndsLater "killed-after-30s", Fails "allocation-fails", Swaps "swaps", Spills "spills-to-host", Stutters "stutters", LessVisible "less-visible-in-store" });

wire_enum!(Counts { 0 Memory, 1 Anonymous, 2 Gpu, 3 HostAnonymous, 4 HostMemory });
wire_enum!(Beyond {
    0 Evicts, 1 Throttles, 2 Ends, 3 EndsLater, 4 Fails, 5 Swaps, 6 Spills, 7 Stutters, 8 LessVisible,
});
