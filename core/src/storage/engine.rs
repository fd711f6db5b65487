//! How bytes get from a file to its reader.

use super::{Layout, PageCache, Replacement};
use crate::leaf::named;
use crate::leaf::wire::wire_enum;
use serde::{Deserialize, Serialize};

/// How bytes get from the file to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Mapping, no advice: what a runtime does when it does nothing.
    MmapDefault,
    /// Mapping under random advice: one page a fault.
    MmapRandom,
    /// Mapping under sequential advice.
    MmapSequential,
    /// Mapping under random advice, the row's pages announced before they are touched.
    MmapWillneed,
    /// Mapping under random advice, a token's slices touched by eight threads.
    MmapThreads,
    /// Buffered positioned reads under random advice.
    Pread,
    /// Reads past the page cache: the device's floor.
    Direct,
    /// A token's reads handed to the kernel in one batch, through the page cache (Linux).
    IoUring,
    /// The same past the page cache.
    IoUringDirect,
}

impl Engine {
    /// Threads of [`Engine::MmapThreads`].
    pub const THREADS: u16 = 8;

    /// Whether reads go past the page cache, so that no page is ever held.
    pub fn bypasses_the_cache(self) -> bool {
        matches!(self, Self::Direct | Self::IoUringDirect)
    }

    /// Which page leaves first when a memory limit holds; `None` where replacement and readahead mix.
    pub fn replacement(self, cache: PageCache) -> Option<Replacement> {
        match self {
            Self::MmapRandom if cache.random_is_fifo => Some(Replacement::Fifo),
            Self::Pread | Self::IoUring if cache.two_lists => Some(Replacement::TwoLists),
            Self::MmapRandom | Self::Pread | Self::IoUring => Some(Replacement::Lru),
            _ => None,
        }
    }

    /// Page misses that one wait serves: a page for a mapping, the row for a read call of `pages` pages that lie
    /// side by side.
    pub fn pages_per_io(self, layout: Layout, pages: f64) -> f64 {
        if matches!(self, Self::Pread | Self::Direct) && layout != Layout::LayerMajor { pages } else { 1.0 }
    }

    /// Whether the kernel reads ahead of what is asked for.
    pub fn reads_ahead(self) -> bool {
        matches!(self, Self::MmapDefault | Self::MmapSequential)
    }
}

named!(Engine { MmapDefault "mmap_default", MmapRandom "mmap_random", MmapSequential "mmap_sequential", MmapWillneed "mmap_willneed", MmapThreads "mmap_threads", Pread "pread", Direct "direct", IoUring "io_uring", IoUringDirect "io_uring_direct" });

wire_enum!(Engine {
    0 MmapDefault, 1 MmapRandom, 2 MmapSequential, 3 MmapWillneed, 4 MmapThreads, 5 Pread, 6 Direct, 7 IoUring,
    8 IoUringDirect,
});
