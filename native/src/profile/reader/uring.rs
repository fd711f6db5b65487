//! All reads of a token handed to io_uring at once, through the page cache or past it (Linux).
#![expect(
    unsafe_code,
    reason = "the kernel writes into a buffer that must outlive the request; a test reads with it"
)]

use crate::profile::seam::Reader;
use crate::profile::spec::Place;
use dhurandhar_core::storage::Extent;
use io_uring::{IoUring, opcode, types};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Requests in flight at most; a token of more slices takes several rounds.
const DEPTH: u32 = 64;

pub(super) struct Uring {
    /// Before the buffer, so that it is dropped first.
    ring: IoUring,
    file: File,
    place: Place,
    /// Alignment of offsets and lengths: a page past the cache, else a byte.
    align: u64,
    reads: Vec<Read>,
    buffer: Vec<u8>,
}

/// One read: a span of the file into a span of the buffer.
struct Read {
    offset: u64,
    at: usize,
    length: usize,
    /// Bytes that must come; an aligned span may end behind the file.
    wanted: usize,
    filled: usize,
}

/// Whether the kernel lets this process use io_uring. A filter may kill the process instead of saying no.
pub(super) fn allowed() -> io::Result<()> {
    IoUring::new(1).map(drop)
}

impl Uring {
    pub(super) fn open(place: &Place, direct: bool) -> io::Result<Self> {
        let file = if direct { super::positioned::open_direct(place)? } else { File::open(&place.path)? };
        if !direct {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random)?;
        }
        let align = if direct { super::positioned::ALIGN as u64 } else { 1 };
        let ring = IoUring::new(DEPTH)?;
        Ok(Self { ring, file, place: place.clone(), align, reads: Vec::new(), buffer: Vec::new() })
    }

    /// Works out the reads of `extents` and makes room for them.
    fn lay_out(&mut self, extents: &[Extent]) -> io::Result<()> {
        self.reads.clear();
        let mut at = 0;
        for extent in extents {
            if extent.offset.saturating_add(extent.bytes) > self.place.bytes {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "extent outside the table"));
            }
            let start = self.place.offset + extent.offset;
            let offset = start - start % self.align;
            let end = start + extent.bytes;
            let length =
                usize::try_from(end.next_multiple_of(self.align) - offset).map_err(io::Error::other)?;
            let wanted = usize::try_from(end - offset).map_err(io::Error::other)?;
            self.reads.push(Read { offset, at, length, wanted, filled: 0 });
            at += length;
        }
        self.buffer.resize(at + usize::try_from(self.align).map_err(io::Error::other)?, 0);
        Ok(())
    }

    /// Sends the reads numbered `batch`, at most [`DEPTH`], and waits for all of them.
    fn round(&mut self, batch: &[usize], shift: usize) -> io::Result<()> {
        for &index in batch {
            let read = &self.reads[index];
            let rest = &mut self.buffer[shift + read.at + read.filled..shift + read.at + read.length];
            let length = u32::try_from(rest.len()).map_err(io::Error::other)?;
            let entry = opcode::Read::new(types::Fd(self.file.as_raw_fd()), rest.as_mut_ptr(), length)
                .offset(read.offset + read.filled as u64)
                .build()
                .user_data(index as u64);
            // SAFETY: the span lies in `buffer`, which is neither resized nor freed before its answer is taken
            // below; `give_up` leaks it when answers stay out.
            unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
        }
        let mut open = batch.len();
        let mut outcome = Ok(());
        while open > 0 {
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    self.give_up();
                    return Err(error);
                }
                _ => {}
            }
            for answer in self.ring.completion() {
                open -= 1;
                let read =
                    usize::try_from(answer.user_data()).ok().and_then(|index| self.reads.get_mut(index));
                match (usize::try_from(answer.result()), read) {
                    (Ok(0), _) => outcome = Err(io::ErrorKind::UnexpectedEof.into()),
                    (Ok(count), Some(read)) => read.filled += count,
                    (Err(_), _) => outcome = Err(io::Error::from_raw_os_error(-answer.result())),
                    (_, None) => outcome = Err(io::ErrorKind::InvalidData.into()),
                }
            }
        }
        outcome
    }

    /// Leaves the buffer to requests that are still out.
    fn give_up(&mut self) {
        Vec::leak(std::mem::take(&mut self.buffer));
    }
}

impl Reader for Uring {
    fn fetch(&mut self, extents: &[Extent]) -> io::Result<()> {
        self.lay_out(extents)?;
        let align = usize::try_from(self.align).map_err(io::Error::other)?;
        let shift = self.buffer.as_ptr().align_offset(align).min(align);
        loop {
            let open: Vec<usize> = (0..self.reads.len())
                .filter(|&index| self.reads[index].filled < self.reads[index].wanted)
                .collect();
            if open.is_empty() {
                std::hint::black_box(self.buffer.as_slice());
                return Ok(());
            }
            for batch in open.chunks(DEPTH as usize) {
                self.round(batch, shift)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Uring;
    use crate::profile::seam::Reader;
    use crate::profile::spec::Place;
    use dhurandhar_core::storage::Extent;
    use std::io::Write;

    #[test]
    fn a_batch_brings_the_bytes_of_the_file() {
        let byte = |at: u64| u8::try_from(at * 7 % 251).unwrap();
        let bytes: Vec<u8> = (0..400_000).map(byte).collect();
        let mut file = tempfile::NamedTempFile::new_in(std::env::current_dir().unwrap()).unwrap();
        file.write_all(&bytes).unwrap();
        file.as_file().sync_all().unwrap();
        let place = Place { path: file.path().to_owned(), offset: 77, bytes: 399_923 };
        // More reads than fit in flight, the last of them at the file's uneven end.
        let mut extents: Vec<Extent> = (0..200).map(|at| Extent { offset: at * 1999, bytes: 128 }).collect();
        extents.push(Extent { offset: 399_000, bytes: 923 });
        for direct in [false, true] {
            let mut reader = match Uring::open(&place, direct) {
                Ok(reader) => reader,
                Err(error) => {
                    eprintln!("skipped, direct {direct}: {error}");
                    continue;
                }
            };
            reader.fetch(&extents).unwrap();
            let align = usize::try_from(reader.align).unwrap();
            let shift = reader.buffer.as_ptr().align_offset(align).min(align);
            for read in &reader.reads {
                for (skip, value) in reader.buffer[shift + read.at..][..read.wanted].iter().enumerate() {
                    assert_eq!(*value, byte(read.offset + skip as u64), "direct {direct}, {}", read.offset);
                }
            }
            let cut = [Extent { offset: 399_922, bytes: 2 }];
            assert!(reader.fetch(&cut).is_err());
        }
    }
}
