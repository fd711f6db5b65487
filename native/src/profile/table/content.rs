//! Incompressible bytes from a seed; any page can be computed alone, so a file proves itself.

use dhurandhar_core::leaf::mix64;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes compared at each sampled place.
const SAMPLE: usize = 4096;
const SAMPLES: u64 = 62;

/// Fills `buffer` with the content at byte `offset` (a multiple of 8).
pub(crate) fn fill(seed: u64, offset: u64, buffer: &mut [u8]) {
    let start = mix64(seed);
    for (index, chunk) in buffer.chunks_mut(8).enumerate() {
        let word = mix64(start.wrapping_add(offset / 8 + index as u64)).to_le_bytes();
        chunk.iter_mut().zip(word).for_each(|(byte, source)| *byte = source);
    }
}

/// What a report calls this content.
pub(crate) fn name(seed: u64) -> String {
    format!("splitmix64:{seed}")
}

/// Whether `file` holds this content: first, last and seeded pages in between compared byte by byte.
pub(crate) fn matches(file: &mut File, bytes: u64, seed: u64) -> io::Result<bool> {
    let mut found = vec![0; SAMPLE];
    let mut expected = vec![0; SAMPLE];
    for offset in sampled(bytes, seed) {
        let length = usize::try_from((bytes - offset).min(SAMPLE as u64)).map_err(io::Error::other)?;
        let (found, expected) = (&mut found[..length], &mut expected[..length]);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(found)?;
        fill(seed, offset, expected);
        if found != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sixteen hexadecimal digits over sampled pages of `bytes` bytes from `start`.
pub(crate) fn fingerprint(file: &mut File, start: u64, bytes: u64) -> io::Result<String> {
    let mut page = vec![0; SAMPLE];
    let mut state = mix64(bytes);
    for offset in sampled(bytes, 0) {
        let length = usize::try_from((bytes - offset).min(SAMPLE as u64)).map_err(io::Error::other)?;
        file.seek(SeekFrom::Start(start + offset))?;
        file.read_exact(&mut page[..length])?;
        for chunk in page[..length].chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            state = mix64(state ^ u64::from_le_bytes(word));
        }
    }
    Ok(format!("{state:016x}"))
}

fn sampled(bytes: u64, seed: u64) -> impl Iterator<Item = u64> {
    let pages = bytes.div_ceil(SAMPLE as u64).max(1);
    let inner = (0..SAMPLES).map(move |index| mix64(seed ^ mix64(index)) % pages);
    [0, pages - 1].into_iter().chain(inner).map(|page| page * SAMPLE as u64).filter(move |at| *at < bytes)
}

#[cfg(test)]
mod tests {
    use super::{fill, fingerprint, matches};
    use std::io::Write;

    #[test]
    fn any_page_can_be_computed_alone() {
        let mut whole = vec![0; 64];
        fill(42, 0, &mut whole);
        let mut part = vec![0; 16];
        fill(42, 24, &mut part);
        assert_eq!(whole[24..40], part);
        let mut other = vec![0; 64];
        fill(43, 0, &mut other);
        assert_ne!(whole, other);
    }

    #[test]
    fn a_single_foreign_page_at_the_end_is_noticed() {
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = vec![0; 40_960];
        fill(42, 0, &mut bytes);
        file.write_all(&bytes).unwrap();
        assert!(matches(&mut file, 40_960, 42).unwrap());
        assert!(!matches(&mut file, 40_960, 41).unwrap());
        let print = fingerprint(&mut file, 0, 40_960).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let mut changed = tempfile::tempfile().unwrap();
        changed.write_all(&bytes).unwrap();
        assert!(!matches(&mut changed, 40_960, 42).unwrap());
        assert_ne!(print, fingerprint(&mut changed, 0, 40_960).unwrap());
    }
}
