//! Reading through a memory mapping, under each kind of advice.

use crate::profile::seam::Reader;
use crate::profile::spec::Place;
use dhurandhar_core::storage::Extent;
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io;

/// What the kernel is told about the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    Default,
    Random,
    Sequential,
    RandomWillneed,
}

pub(super) struct Mapped {
    map: Mmap,
    #[cfg(unix)]
    advice: Advice,
    buffer: Vec<u8>,
}

impl Mapped {
    pub(super) fn open(place: &Place, advice: Advice) -> io::Result<Self> {
        Ok(Self {
            map: map(place, advice)?,
            #[cfg(unix)]
            advice,
            buffer: Vec::new(),
        })
    }
}

/// Maps the table read-only and advises the whole of it.
#[expect(unsafe_code, reason = "a file mapping is unsafe by nature")]
pub(super) fn map(place: &Place, advice: Advice) -> io::Result<Mmap> {
    let file = File::open(&place.path)?;
    let end = place.offset.saturating_add(place.bytes);
    let size = file.metadata()?.len();
    if size < end {
        let text = format!("the file has {size} bytes, the table ends at {end}");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    let length = usize::try_from(place.bytes).map_err(io::Error::other)?;
    // SAFETY: the mapping is only copied from, byte by byte; should another process change the file the copy
    // has other bytes, and a truncation kills this child, which its parent reports.
    let map = unsafe { MmapOptions::new().offset(place.offset).len(length).map(&file)? };
    #[cfg(unix)]
    match advice {
        Advice::Default => {}
        Advice::Random | Advice::RandomWillneed => map.advise(memmap2::Advice::Random)?,
        Advice::Sequential => map.advise(memmap2::Advice::Sequential)?,
    }
    #[cfg(not(unix))]
    let _ = advice;
    Ok(map)
}

/// Copies an extent out of a mapping; an error where it leaves the table.
pub(super) fn copy(map: &[u8], extent: Extent, buffer: &mut Vec<u8>) -> io::Result<()> {
    let outside = || io::Error::new(io::ErrorKind::UnexpectedEof, "extent outside the table");
    let start = usize::try_from(extent.offset).map_err(io::Error::other)?;
    let length = usize::try_from(extent.bytes).map_err(io::Error::other)?;
    let source = map.get(start..).and_then(|rest| rest.get(..length)).ok_or_else(outside)?;
    buffer.clear();
    buffer.extend_from_slice(source);
    std::hint::black_box(buffer.as_slice());
    Ok(())
}

impl Reader for Mapped {
    fn fetch(&mut self, extents: &[Extent]) -> io::Result<()> {
        #[cfg(unix)]
        if self.advice == Advice::RandomWillneed {
            for extent in extents {
                let start = usize::try_from(extent.offset).map_err(io::Error::other)?;
                let length = usize::try_from(extent.bytes).map_err(io::Error::other)?;
                if start.saturating_add(length) <= self.map.len() {
                    self.map.advise_range(memmap2::Advice::WillNeed, start, length)?;
                }
            }
        }
        extents.iter().try_for_each(|extent| copy(&self.map, *extent, &mut self.buffer))
    }
}
