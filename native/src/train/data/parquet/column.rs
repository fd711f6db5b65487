//! One column of text of a Parquet file: pages, levels, dictionaries.

use super::thrift::Thrift;

/// Values that a page may claim to hold; far more than any writer puts into one.
const MOST: usize = 1 << 28;

/// How a column's values stand in its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Levels {
    /// Repeated nodes on the way to the leaf.
    pub(super) repetition: u32,
    /// Nodes that may be missing on the way to the leaf.
    pub(super) definition: u32,
    /// Those up to and with the repeated node.
    pub(super) element: u32,
}

/// A value with its levels; `None` where it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) repetition: u32,
    pub(super) definition: u32,
    pub(super) text: Option<String>,
}

/// Read the chunk of a column that `meta` describes.
pub(super) fn read(file: &[u8], meta: &Thrift<'_>, levels: Levels) -> Result<Vec<Cell>, String> {
    let count = meta.size(5).filter(|count| *count <= MOST).ok_or("a column without a count")?;
    let data = meta.size(9).ok_or("a column without a place")?;
    let start = meta.size(11).filter(|dictionary| (4..data).contains(dictionary)).unwrap_or(data);
    let codec = meta.int(4).ok_or("a column without a compression")?;
    let mut rest = file.get(start..).ok_or("a column beyond the end of the file")?;
    let mut dictionary: Vec<String> = Vec::new();
    let mut cells = Vec::new();
    while cells.len() < count {
        let (header, after) = Thrift::parse(rest).ok_or("a page header that cannot be read")?;
        let sizes = header.size(2).zip(header.size(3)).filter(|(whole, _)| *whole <= MOST);
        let (whole, packed) = sizes.ok_or("a page without a size")?;
        let body = after.get(..packed).ok_or("a page that is cut short")?;
        rest = &after[packed..];
        match header.int(1) {
            Some(2) => {
                let about = header.field(7).ok_or("a dictionary without a header")?;
                let bytes = unpacked(codec, body, whole)?;
                dictionary = plain(&bytes, values(about)?)?;
            }
            Some(0) => {
                let about = header.field(5).ok_or("a page without a header")?;
                let bytes = unpacked(codec, body, whole)?;
                cells.extend(first_version(&bytes, about, levels, &dictionary)?);
            }
            Some(3) => {
                let about = header.field(8).ok_or("a page without a header")?;
                cells.extend(second_version(body, whole, codec, about, levels, &dictionary)?);
            }
            // Index pages hold no values.
            _ => {}
        }
    }
    Ok(cells)
}

fn values(header: &Thrift<'_>) -> Result<usize, String> {
    header.size(1).filter(|count| *count <= MOST).ok_or_else(|| "a page without a count".to_owned())
}

/// Levels, each after its length, and values, all packed together.
fn first_version(
    bytes: &[u8],
    header: &Thrift<'_>,
    levels: Levels,
    dictionary: &[String],
) -> Result<Vec<Cell>, String> {
    let count = values(header)?;
    let mut rest = bytes;
    let mut level = |most: u32| -> Result<Vec<u32>, String> {
        if most == 0 {
            return Ok(vec![0; count]);
        }
        let (length, after) = rest.split_first_chunk::<4>().ok_or("levels that are cut short")?;
        let length = u32::from_le_bytes(*length) as usize;
        let (own, after) = after.split_at_checked(length).ok_or("levels that are cut short")?;
        rest = after;
        hybrid(own, width(most), count)
    };
    let repetition = level(levels.repetition)?;
    let definition = level(levels.definition)?;
    assembled(&repetition, &definition, levels, rest, header.int(2), dictionary)
}

/// Levels of stated lengths, never packed, then values, packed or not.
fn second_version(
    body: &[u8],
    whole: usize,
    codec: i64,
    header: &Thrift<'_>,
    levels: Levels,
    dictionary: &[String],
) -> Result<Vec<Cell>, String> {
    let count = values(header)?;
    let lengths = header.size(6).zip(header.size(5)).ok_or("levels without a length")?;
    let cut = "levels that are cut short";
    let (repetition, rest) = body.split_at_checked(lengths.0).ok_or(cut)?;
    let (definition, rest) = rest.split_at_checked(lengths.1).ok_or(cut)?;
    let level = |bytes, most| if most == 0 { Ok(vec![0; count]) } else { hybrid(bytes, width(most), count) };
    let (repetition, definition) =
        (level(repetition, levels.repetition)?, level(definition, levels.definition)?);
    let left = whole.checked_sub(lengths.0 + lengths.1).ok_or(cut)?;
    let is_packed = header.field(7) != Some(&Thrift::Bool(false));
    let bytes = if is_packed { unpacked(codec, rest, left)? } else { rest.to_vec() };
    assembled(&repetition, &definition, levels, &bytes, header.int(4), dictionary)
}

fn assembled(
    repetition: &[u32],
    definition: &[u32],
    levels: Levels,
    bytes: &[u8],
    encoding: Option<i64>,
    dictionary: &[String],
) -> Result<Vec<Cell>, String> {
    let present = definition.iter().filter(|level| **level == levels.definition).count();
    let texts = match encoding {
        Some(0) => plain(bytes, present)?,
        Some(2 | 8) if present == 0 => Vec::new(),
        Some(2 | 8) => {
            let (width, codes) = bytes.split_first().ok_or("codes that are cut short")?;
            let code =
                |code: u32| dictionary.get(code as usize).cloned().ok_or("a code beyond its dictionary");
            hybrid(codes, u32::from(*width), present)?.into_iter().map(code).collect::<Result<_, _>>()?
        }
        other => return Err(format!("values of encoding {other:?}; expected plain or dictionary")),
    };
    let mut texts = texts.into_iter();
    let cell = |(repetition, definition): (&u32, &u32)| Cell {
        repetition: *repetition,
        definition: *definition,
        text: if *definition == levels.definition { texts.next() } else { None },
    };
    Ok(repetition.iter().zip(definition).map(cell).collect())
}

/// Bits that hold numbers up to `most`.
fn width(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// Texts, each after its length.
fn plain(bytes: &[u8], count: usize) -> Result<Vec<String>, String> {
    let mut rest = bytes;
    let mut texts = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>().ok_or("texts that are cut short")?;
        let length = u32::from_le_bytes(*length) as usize;
        let (text, after) = after.split_at_checked(length).ok_or("texts that are cut short")?;
        texts.push(String::from_utf8(text.to_vec()).map_err(|_| "a text that is not UTF-8")?);
        rest = after;
    }
    Ok(texts)
}

/// Runs of one number, and numbers packed in groups of eight.
fn hybrid(bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>, String> {
    let cut = "numbers that are cut short";
    if width > 32 {
        return Err("numbers wider than 32 bits".to_owned());
    }
    let mut rest = bytes;
    let mut numbers = Vec::with_capacity(count.min(bytes.len().saturating_mul(8)));
    while numbers.len() < count {
        let mut head = 0_u64;
        for shift in (0..35).step_by(7) {
            let (byte, after) = rest.split_first().ok_or(cut)?;
            rest = after;
            head |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let left = count - numbers.len();
        let length = usize::try_from(head >> 1).map_err(|_| cut)?;
        if head & 1 == 0 {
            let (value, after) = rest.split_at_checked(width.div_ceil(8) as usize).ok_or(cut)?;
            rest = after;
            let value = value.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            numbers.extend(std::iter::repeat_n(value, length.min(left)));
        } else {
            // The last group may lack the bytes of values that are not there.
            let bytes = length.checked_mul(width as usize).ok_or(cut)?.min(rest.len());
            let (group, after) = rest.split_at(bytes);
            rest = after;
            let packed = (0..length.saturating_mul(8).min(left)).map(|at| bits(group, at, width));
            numbers.extend(packed.collect::<Option<Vec<u32>>>().ok_or(cut)?);
        }
        if length == 0 {
            return Err(cut.to_owned());
        }
    }
    Ok(numbers)
}

/// Number `at` of numbers of `width` bits, the least significant bit first.
fn bits(bytes: &[u8], at: usize, width: u32) -> Option<u32> {
    let mut value = 0;
    for bit in 0..width {
        let place = at * width as usize + bit as usize;
        value |= u32::from(bytes.get(place / 8)? >> (place % 8) & 1) << bit;
    }
    Some(value)
}

fn unpacked(codec: i64, bytes: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let bytes = match codec {
        0 => bytes.to_vec(),
        1 => snap::raw::Decoder::new().decompress_vec(bytes).map_err(|error| format!("a page: {error}"))?,
        other => {
            let name = match other {
                2 => "gzip",
                4 => "Brotli",
                6 => "Zstandard",
                _ => "another kind",
            };
            return Err(format!("pages packed by {name}; expected Snappy or none"));
        }
    };
    if bytes.len() == length { Ok(bytes) } else { Err("a page of another length than stated".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::{bits, hybrid, plain, width};

    #[test]
    fn runs_and_groups_of_numbers() {
        // Eight numbers of three bits, the format's own example, after a run of four ones.
        let bytes = [0x08, 0x01, 0x03, 0x88, 0xc6, 0xfa];
        assert_eq!(hybrid(&bytes, 3, 12).unwrap(), [1, 1, 1, 1, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(hybrid(&bytes, 3, 2).unwrap(), [1, 1]);
        assert!(hybrid(&bytes[..4], 3, 12).is_err());
        assert!(hybrid(&[0], 1, 3).is_err());
        assert_eq!([width(0), width(1), width(3), width(4)], [0, 1, 2, 3]);
        assert_eq!(bits(&[0b1010_0000], 1, 5), None);
    }

    #[test]
    fn texts_after_their_lengths() {
        assert_eq!(plain(&[1, 0, 0, 0, b'a', 0, 0, 0, 0], 2).unwrap(), ["a", ""]);
        assert!(plain(&[9, 0, 0, 0, b'a'], 1).unwrap_err().contains("cut short"));
        assert!(plain(&[1, 0, 0, 0, 0xff], 1).unwrap_err().contains("UTF-8"));
    }
}
