//! Reading with positioned read calls, through the page cache or past it.

use crate::profile::seam::Reader;
use crate::profile::spec::Place;
use dhurandhar_core::storage::Extent;
use std::fs::File;
use std::io;

/// Alignment of reads past the page cache: a page serves every device in use.
pub(super) const ALIGN: usize = 4096;

pub(super) struct Positioned {
    file: File,
    place: Place,
    direct: bool,
    buffer: Vec<u8>,
}

impl Positioned {
    pub(super) fn open(place: &Place, direct: bool) -> io::Result<Self> {
        let file = if direct { open_direct(place)? } else { File::open(&place.path)? };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if !direct {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random)?;
        }
        Ok(Self { file, place: place.clone(), direct, buffer: Vec::new() })
    }

    fn read_direct(&mut self, start: u64, length: usize) -> io::Result<()> {
        let align = ALIGN as u64;
        let first = start - start % align;
        let last = (start + length as u64).next_multiple_of(align);
        let span = usize::try_from(last - first).map_err(io::Error::other)?;
        self.buffer.resize(span + ALIGN, 0);
        let shift = self.buffer.as_ptr().align_offset(ALIGN).min(ALIGN);
        let target = self.buffer.get_mut(shift..shift + span).ok_or(io::ErrorKind::InvalidInput)?;
        // The last block of a file may be short; what was asked for may not.
        let wanted = usize::try_from(start - first).map_err(io::Error::other)? + length;
        let mut filled = 0;
        while filled < wanted {
            let rest = target.get_mut(filled..).ok_or(io::ErrorKind::InvalidInput)?;
            match read_at(&self.file, rest, first + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        std::hint::black_box(target);
        Ok(())
    }
}

impl Reader for Positioned {
    fn fetch(&mut self, extents: &[Extent]) -> io::Result<()> {
        for extent in extents {
            if extent.offset.saturating_add(extent.bytes) > self.place.bytes {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "extent outside the table"));
            }
            let start = self.place.offset + extent.offset;
            let length = usize::try_from(extent.bytes).map_err(io::Error::other)?;
            if self.direct {
                self.read_direct(start, length)?;
                continue;
            }
            self.buffer.resize(length, 0);
            let mut filled = 0;
            while let Some(rest) = self.buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match read_at(&self.file, rest, start + filled as u64)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => filled += count,
                }
            }
            std::hint::black_box(self.buffer.as_slice());
        }
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn open_direct(place: &Place) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).custom_flags(libc::O_DIRECT).open(&place.path)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_direct(_place: &Place) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
