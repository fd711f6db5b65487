//! GGUF: a file's header and tensor table from its first bytes, and such a header written.
//!
//! Format: the GGUF specification of the ggml project, versions 2 and 3, little endian. Tokenizer arrays are
//! stepped over without being stored, and nothing is allocated ahead of bytes that are there.

mod cursor;
mod label;
mod metadata;
mod split;
mod table;
mod writer;

pub use label::quantisation;
pub use metadata::{Metadata, Value};
pub use split::siblings;
pub use table::TensorInfo;
pub use writer::{Header, Written, WrittenTensor};

use crate::leaf::BlockType;
use cursor::Cursor;

/// Largest header that is believed where the file's length is unknown, in bytes.
const MAX_HEADER: u64 = 1 << 30;
/// Fewest bytes of a metadata entry: an empty key, a type and a byte.
const LEAST_ENTRY: u64 = 13;
/// Fewest bytes of a table entry: an empty name, no dimensions, a type and an offset.
const LEAST_TENSOR: u64 = 24;

/// Why a GGUF file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// The header goes on beyond these bytes: read more and try again.
    #[error("the header continues beyond the bytes at hand; at least {at_least} are needed")]
    NeedMore {
        /// Length of the shortest prefix that can get further, in bytes; always more than was given.
        at_least: u64,
    },
    /// Another format.
    #[error("byte 0: the file starts with {found}; expected \"GGUF\"")]
    NotGguf {
        /// The first bytes.
        found: String,
    },
    /// Written for a big-endian machine.
    #[error(
        "byte 4: the file is big-endian GGUF; expected little-endian (convert it with gguf_convert_endian.py)"
    )]
    BigEndian,
    /// A version that is not read here.
    #[error("byte 4: GGUF version {found}; expected 2 or 3")]
    Version {
        /// What stands there.
        found: u32,
    },
    /// Something that does not fit where it stands.
    #[error("byte {offset}: {what} is {found}; expected {expected}")]
    Malformed {
        /// Position in the file.
        offset: u64,
        /// What is read there.
        what: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A key or a tensor name twice.
    #[error("byte {offset}: {what} `{name}` is given twice")]
    Duplicate {
        /// Position of the second occurrence.
        offset: u64,
        /// "key" or "tensor".
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A storage type that is not listed.
    #[error("byte {offset}: tensor `{tensor}` has type code {code}, {what}")]
    UnknownType {
        /// Position of the code.
        offset: u64,
        /// Tensor name.
        tensor: String,
        /// The code.
        code: u32,
        /// Whose type that is, as far as it is known.
        what: &'static str,
    },
    /// The data ends before the table says.
    #[error("tensor `{tensor}` ends at byte {end}, but the file has {file_len}: it is truncated")]
    Truncated {
        /// The tensor that reaches furthest.
        tensor: String,
        /// Where it ends.
        end: u64,
        /// Length of the file.
        file_len: u64,
    },
    /// A metadata key that is missing or does not fit.
    #[error("metadata `{key}` is {found}; expected {expected}")]
    Metadata {
        /// The key.
        key: String,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// The table contradicts the metadata or itself.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// Tensor name.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A part of a split model that is not there.
    #[error(
        "part {part} of {parts} of the split model is missing; expected all parts in one folder, or dropped together"
    )]
    MissingPart {
        /// From 1.
        part: u64,
        /// Parts in all.
        parts: u64,
    },
}

/// Header and tensor table.
#[derive(Debug, Clone, PartialEq)]
pub struct Gguf {
    /// Format version, 2 or 3.
    pub version: u32,
    /// Metadata, without long arrays and texts.
    pub metadata: Metadata,
    /// The tensor table in file order.
    pub tensors: Vec<TensorInfo>,
    /// Where tensor data begin, in bytes from the start of the file.
    pub data_offset: u64,
    /// Size of the file according to its table, final padding included, in bytes; of all parts of a split model.
    pub file_bytes: u64,
    /// Files that this was put together from.
    pub parts: u64,
}

/// Read the header and tensor table from the first `bytes` of a file of `file_len` bytes.
///
/// An incomplete prefix gives [`GgufError::NeedMore`]; everything else that is wrong names its byte offset.
///
/// `block_of` gives the block type of a code in files of an architecture.
pub fn read(
    bytes: &[u8],
    file_len: Option<u64>,
    block_of: fn(&str, u32) -> Option<BlockType>,
) -> Result<Gguf, GgufError> {
    magic(bytes)?;
    let limit = file_len.map_or(MAX_HEADER, |length| length.max(bytes.len() as u64));
    let mut cursor = Cursor::new(bytes, limit, file_len.is_some());
    cursor.skip("the magic", 4)?;
    let version = cursor.u32("the version")?;
    match version {
        2 | 3 => {}
        // A small number with its bytes in the other order.
        _ if version > 0 && version.to_le_bytes().starts_with(&[0, 0]) => return Err(GgufError::BigEndian),
        _ => return Err(GgufError::Version { found: version }),
    }
    let tensor_count = cursor.count("the tensor count", LEAST_TENSOR)?;
    let entry_count = cursor.count("the metadata count", LEAST_ENTRY)?;
    let metadata = Metadata::read(&mut cursor, entry_count)?;
    let alignment = metadata.alignment()?;
    let architecture = metadata.text("general.architecture").unwrap_or_default();
    let tensors = table::read(&mut cursor, tensor_count, alignment, |code| block_of(architecture, code))?;
    let data_offset = cursor.position().next_multiple_of(alignment);
    let file_bytes = table::check_extents(&tensors, data_offset, alignment, file_len)?;
    Ok(Gguf { version, metadata, tensors, data_offset, file_bytes, parts: 1 })
}

fn magic(bytes: &[u8]) -> Result<(), GgufError> {
    let seen = bytes.get(..4).unwrap_or(bytes);
    if b"GGUF".starts_with(seen) {
        return Ok(());
    }
    Err(GgufError::NotGguf { found: format!("{:?}", String::from_utf8_lossy(seen)) })
}
