//! Compressed twins (`.br`, `.gz`) for hosts that serve them, kept by content hash: each file is compressed once.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::disk;
use crate::path::extension;

/// Which twins to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// None.
    Off,
    /// Only those kept from an earlier build: quick, for rebuilding while somebody waits.
    Kept,
    /// All.
    Full,
}

/// Smaller files gain nothing over their headers.
const LEAST_BYTES: usize = 256;
/// Of gzip, where nothing is kept.
const QUICK_LEVEL: u32 = 4;
const COMPRESSIBLE: [&str; 10] = ["html", "css", "js", "wasm", "svg", "xml", "txt", "json", "csv", "yaml"];

/// Extensions of twins, the smaller one first.
pub const EXTENSIONS: [&str; 2] = ["br", "gz"];

/// Extension of a twin and the bytes in it.
pub type Twin = (&'static str, Vec<u8>);

/// The twins of a file; `cache` is the folder where they are kept.
pub fn twins(place: &str, bytes: &[u8], compression: Compression, cache: &Path) -> Result<Vec<Twin>> {
    if compression == Compression::Off || !gains(place, bytes) {
        return Ok(Vec::new());
    }
    let hash = blake3::hash(bytes).to_hex();
    let mut twins = Vec::new();
    let packers = [brotli as fn(&[u8]) -> Result<Vec<u8>>, gzip];
    for (extension, pack) in EXTENSIONS.into_iter().zip(packers) {
        let kept = cache.join(format!("{hash}.{extension}"));
        match fs::read(&kept) {
            Ok(packed) => twins.push((extension, packed)),
            Err(_) if compression == Compression::Kept => {}
            Err(_) => {
                let packed = pack(bytes)?;
                disk::write_if_different(&kept, &packed)?;
                twins.push((extension, packed));
            }
        }
    }
    Ok(twins)
}

/// Gzip at a level that answers while somebody waits; `None` for what gains nothing by it.
pub fn quick(place: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if gains(place, bytes) { gzip_at(flate2::Compression::new(QUICK_LEVEL), bytes).ok() } else { None }
}

fn gains(place: &str, bytes: &[u8]) -> bool {
    bytes.len() >= LEAST_BYTES && COMPRESSIBLE.contains(&extension(place))
}

/// Brotli at its highest quality.
pub fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &parameters).context("brotli failed")?;
    Ok(packed)
}

/// Gzip at its highest level, without a time in the header: same bytes, same file.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    gzip_at(flate2::Compression::best(), bytes)
}

fn gzip_at(level: flate2::Compression, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).context("gzip failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_made_once_and_unpack_to_the_same_bytes() {
        let cache = tempfile::tempdir().unwrap();
        let text = "a line of text\n".repeat(100).into_bytes();
        assert!(twins("a.html", &text, Compression::Kept, cache.path()).unwrap().is_empty());
        let made = twins("a.html", &text, Compression::Full, cache.path()).unwrap();
        assert_eq!(made.iter().map(|twin| twin.0).collect::<Vec<_>>(), ["br", "gz"]);
        assert_eq!(twins("b.html", &text, Compression::Kept, cache.path()).unwrap(), made);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &made[0].1[..], &mut unpacked).unwrap();
        assert_eq!(unpacked, text);
    }

    #[test]
    fn small_and_packed_files_have_no_twins() {
        let cache = tempfile::tempdir().unwrap();
        for (place, bytes) in [("a.html", vec![b'a'; 10]), ("a.png", vec![b'a'; 1000])] {
            assert!(twins(place, &bytes, Compression::Full, cache.path()).unwrap().is_empty());
        }
    }
}
