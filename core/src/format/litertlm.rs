//! LiteRT-LM bundles (`.litertlm`): which sections a file has.
//!
//! `LITERTLM`, three `u32` of a version, four bytes of padding, the end of the header as `u64`, and a FlatBuffers table, all
//! little-endian (`schema/core/litertlm_header_schema.fbs` of google-ai-edge/LiteRT-LM). The header takes some kilobytes.

/// How a bundle begins.
pub const MAGIC: &[u8] = b"LITERTLM";
/// Where the table begins.
const TABLE: usize = 32;
/// Longest header read, in bytes; LiteRT-LM's own writer ends at 16 KiB.
const MAX_HEADER: usize = 1 << 20;
/// Most sections read.
const MAX_SECTIONS: usize = 1 << 10;

/// What a bundle's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Version of the format: major, minor, patch.
    pub version: [u64; 3],
    /// Its sections, in the file's order.
    pub sections: Vec<Section>,
}

/// One section of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it holds, in words.
    pub kind: &'static str,
    /// What its model does, such as `prefill_decode`; none where it says nothing.
    pub model: Option<String>,
    /// Bytes from its beginning to its end.
    pub bytes: u64,
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Read more of the file and call again.
    #[error("the header continues beyond the bytes at hand; at least {at_least} are needed")]
    NeedMore {
        /// Length of the shortest prefix that can get further, in bytes.
        at_least: u64,
    },
    /// The header is not what the format says.
    #[error("{0}")]
    Header(&'static str),
}

/// Reads a bundle's header from the first `bytes` of a file; `file_len` is the whole file's length.
pub fn read(bytes: &[u8], file_len: Option<u64>) -> Result<Bundle, BundleError> {
    let bad = BundleError::Header;
    let length = file_len.unwrap_or(u64::MAX).max(bytes.len() as u64);
    let upto = |end: usize| {
        bytes.get(..end).ok_or(if length < end as u64 {
            bad("the file ends within the header")
        } else {
            BundleError::NeedMore { at_least: end as u64 }
        })
    };
    upto(TABLE)?;
    let end = number(bytes, 24, 8).and_then(|end| usize::try_from(end).ok()).unwrap_or(usize::MAX);
    if !(TABLE + 4..=MAX_HEADER).contains(&end) {
        return Err(bad("the header's end lies outside of what a header takes"));
    }
    let header = upto(end)?;
    let version = [8, 12, 16].map(|at| number(header, at, 4).unwrap_or_default());
    if version[0] != 1 {
        return Err(bad("a version of the format that is not known; expected 1"));
    }
    let sections = sections(header).ok_or(bad("its table of sections is broken"))?;
    if sections.iter().any(|(range, _)| range.start > range.end || range.end > length) {
        return Err(bad("a section lies beyond the file's end"));
    }
    let sections = sections
        .into_iter()
        .map(|(range, section)| Section { bytes: range.end - range.start, ..section })
        .collect();
    Ok(Bundle { version, sections })
}

/// The sections with where they lie, or none where an offset leads out of the header.
fn sections(header: &[u8]) -> Option<Vec<(std::ops::Range<u64>, Section)>> {
    let root = Table::behind(header, TABLE)?;
    let listed = root.table(1)?.list(0)?;
    let section = |table: Table<'_>| {
        let kind = kind(table.number(3, 1).unwrap_or_default());
        let model = table.list(0).unwrap_or_default().into_iter().find_map(model_type);
        let at = |field| table.number(field, 8).unwrap_or_default();
        (at(1)..at(2), Section { kind, model, bytes: 0 })
    };
    Some(listed.into_iter().map(section).collect())
}

/// The value of a pair `model_type`, without the prefix that all have.
fn model_type(pair: Table<'_>) -> Option<String> {
    const STRING: u64 = 9;
    if pair.text(0)? != "model_type" || pair.number(1, 1)? != STRING {
        return None;
    }
    let value = pair.table(2)?.text(0)?;
    Some(value.strip_prefix("tf_lite_").unwrap_or(value).to_owned())
}

/// `AnySectionDataType`.
fn kind(code: u64) -> &'static str {
    match code {
        1 => "other data",
        2 => "unused bytes",
        3 => "TFLite model",
        4 => "SentencePiece tokenizer",
        5 => "model's settings",
        6 => "tokenizer",
        7 => "TFLite weights",
        8 => "executor's settings",
        _ => "unknown data",
    }
}

fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(width)?)?;
    Some(digits.iter().rev().fold(0, |sum, &digit| sum << 8 | u64::from(digit)))
}

/// A FlatBuffers table: fields by number, each where the table of offsets says.
#[derive(Clone, Copy)]
struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    /// The table that the offset at `at` leads to.
    fn behind(bytes: &'a [u8], at: usize) -> Option<Self> {
        let at = at.checked_add(usize::try_from(number(bytes, at, 4)?).ok()?)?;
        Some(Self { bytes, at })
    }

    /// Where field `field` lies; none where the writer left it out.
    fn field(self, field: usize) -> Option<usize> {
        // A signed offset back to the table of offsets.
        let back = u32::try_from(number(self.bytes, self.at, 4)?).ok()?;
        let back = isize::try_from(back.cast_signed()).ok()?.checked_neg()?;
        let offsets = self.at.checked_add_signed(back)?;
        let entry = 4 + 2 * field;
        if entry + 2 > usize::try_from(number(self.bytes, offsets, 2)?).ok()? {
            return None;
        }
        let offset = usize::try_from(number(self.bytes, offsets.checked_add(entry)?, 2)?).ok()?;
        if offset == 0 { None } else { self.at.checked_add(offset) }
    }

    fn number(self, field: usize, width: usize) -> Option<u64> {
        number(self.bytes, self.field(field)?, width)
    }

    fn table(self, field: usize) -> Option<Self> {
        Self::behind(self.bytes, self.field(field)?)
    }

    fn text(self, field: usize) -> Option<&'a str> {
        let at = self.table(field)?.at;
        let length = usize::try_from(number(self.bytes, at, 4)?).ok()?;
        core::str::from_utf8(self.bytes.get(at + 4..)?.get(..length)?).ok()
    }

    /// The tables of a list.
    fn list(self, field: usize) -> Option<Vec<Self>> {
        let at = self.table(field)?.at;
        let length = usize::try_from(number(self.bytes, at, 4)?).ok()?;
        if length > MAX_SECTIONS {
            return None;
        }
        (0..length).map(|index| Self::behind(self.bytes, at + 4 + 4 * index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Written by litert-lm-builder 0.18.1; the whole file had 4,325,476 bytes.
    const HEADER: &[u8] = include_bytes!("../../../tests/fixtures/header.litertlm");
    const LENGTH: Option<u64> = Some(4_325_476);

    #[test]
    fn a_bundle_of_the_builder_is_read() {
        let bundle = read(HEADER, LENGTH).unwrap();
        assert_eq!(bundle.version, [1, 7, 0]);
        let seen: Vec<_> = bundle
            .sections
            .iter()
            .map(|s| (s.kind, s.model.as_deref().unwrap_or_default(), s.bytes))
            .collect();
        let expected = [
            ("TFLite model", "prefill_decode", 3_000_000),
            ("TFLite model", "embedder", 40_000),
            ("TFLite weights", "per_layer_embedder", 1_200_000),
            ("SentencePiece tokenizer", "", 20_000),
            ("other data", "", 100),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_missing_is_asked_for_and_what_is_broken_named() {
        let needed = |have: usize| read(&HEADER[..have], LENGTH).unwrap_err();
        assert_eq!(needed(10), BundleError::NeedMore { at_least: 32 });
        assert_eq!(needed(40), BundleError::NeedMore { at_least: 880 });
        let cut = read(&HEADER[..40], Some(40)).unwrap_err();
        assert_eq!(cut, BundleError::Header("the file ends within the header"));
        let short = read(HEADER, Some(1_000_000)).unwrap_err();
        assert_eq!(short, BundleError::Header("a section lies beyond the file's end"));
        let mut newer = HEADER.to_vec();
        newer[8] = 2;
        assert!(read(&newer, LENGTH).unwrap_err().to_string().contains("not known"));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 24..HEADER.len(), value in any::<u8>(), other in any::<prop::sample::Index>(), second in any::<u8>()) {
            let mut bytes = HEADER.to_vec();
            bytes[at] = value;
            let other = other.index(bytes.len());
            bytes[other] = second;
            drop(read(&bytes, LENGTH));
        }
    }
}
