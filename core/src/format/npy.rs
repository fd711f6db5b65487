//! NumPy's format, versions 1.0 to 3.0 (numpy.lib.format): one array in C or Fortran order.

use std::ops::Range;

/// An array as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array<'a> {
    /// Type of an element, as the file spells it.
    pub descr: &'a str,
    /// Lengths of its axes, outermost first.
    pub shape: Vec<usize>,
    /// The first axis moves fastest, not the last.
    pub is_fortran: bool,
    /// Its values.
    pub data: &'a [u8],
}

/// Why bytes are no array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NpyError {
    /// The file ends early.
    #[error("{what} needs {expected} bytes")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes needed from the start of the file.
        expected: usize,
    },
    /// The header is not what the format says.
    #[error("{0}")]
    Header(&'static str),
}

/// Whether a file that begins with `bytes` is of this format.
pub fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x93NUMPY")
}

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Array<'_>, NpyError> {
    let slice = |range: Range<usize>, what| {
        let expected = range.end;
        bytes.get(range).ok_or(NpyError::Truncated { what, expected })
    };
    let version = slice(6..8, ".npy version")?[0];
    let from = if version == 1 { 10 } else { 12 };
    let length = slice(8..from, ".npy header length")?;
    let length = length.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    let end = from.saturating_add(length);
    let header = slice(from..end, ".npy header")?;
    let bad = NpyError::Header;
    let header = core::str::from_utf8(header).map_err(|_| bad("not text"))?;
    let descr = field(header, "descr").ok_or(bad("`descr` is missing"))?;
    let descr = quoted(descr).ok_or(bad("`descr` is a record of several fields; expected one type"))?;
    let fortran = field(header, "fortran_order").ok_or(bad("`fortran_order` is missing"))?;
    let is_fortran = match fortran {
        _ if fortran.starts_with("False") => false,
        _ if fortran.starts_with("True") => true,
        _ => return Err(bad("`fortran_order` is neither True nor False")),
    };
    let shape = field(header, "shape").and_then(parenthesised).ok_or(bad("`shape` is missing"))?;
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let shape: Result<Vec<usize>, _> = axes.map(str::parse).collect();
    let shape = shape.map_err(|_| bad("`shape` holds something that is no length"))?;
    Ok(Array { descr, shape, is_fortran, data: &bytes[end..] })
}

/// What follows `'key':` in a Python dictionary literal.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let at = header.find(&format!("'{key}'"))?;
    Some(header[at + key.len() + 2..].trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.split('\'').next()
}

fn parenthesised(text: &str) -> Option<&str> {
    text.strip_prefix('(')?.split(')').next()
}
