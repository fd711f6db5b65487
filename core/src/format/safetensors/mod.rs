//! Safetensors: eight bytes of length, then JSON with type, shape and extent of every tensor, then the data.

mod header;
mod scanner;

pub use header::{Header, TensorInfo, parse_header};
pub use scanner::{Entry, entries};

/// Longest header that the reference implementation accepts, in bytes.
const MAX_HEADER: u64 = 100_000_000;
const LENGTH_BYTES: u64 = 8;

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsError {
    /// The header goes on beyond these bytes: read more and try again.
    #[error("the header continues beyond the bytes at hand; at least {at_least} are needed")]
    NeedMore {
        /// Length of the shortest prefix that can get further, in bytes.
        at_least: u64,
    },
    /// The first eight bytes cannot be a length.
    #[error("byte 0: the header length is {found}; expected at most {most}")]
    Length {
        /// What stands there.
        found: u64,
        /// What the file has room for, or the format allows.
        most: u64,
    },
    /// Too short for any header.
    #[error("{found} bytes long; expected a safetensors header of at least 10")]
    Short {
        /// Length of the file.
        found: u64,
    },
    /// The header does not begin as JSON does.
    #[error("byte 8: the header begins with byte {found:#04x}; expected `{{`")]
    NoJson {
        /// What stands there.
        found: u8,
    },
    /// The header is not the JSON that it should be.
    #[error("{source_name}: {problem}")]
    Header {
        /// File name.
        source_name: String,
        /// What is wrong.
        problem: String,
    },
    /// A tensor whose entry does not fit.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// The data end before the header says.
    #[error("tensor `{tensor}` ends at byte {end}, but the file has {file_len}: it is truncated")]
    Truncated {
        /// The tensor that reaches furthest.
        tensor: String,
        /// Where it ends.
        end: u64,
        /// Length of the file.
        file_len: u64,
    },
}

/// The JSON at the beginning of a file of `file_len` bytes, from its first `bytes`, and where the data begin.
pub fn json(bytes: &[u8], file_len: Option<u64>) -> Result<(&[u8], u64), SafetensorsError> {
    let most = file_len.map_or(MAX_HEADER, |length| length.saturating_sub(LENGTH_BYTES).min(MAX_HEADER));
    let Some(prefix) = bytes.first_chunk::<8>() else {
        return match file_len {
            Some(found) if found < LENGTH_BYTES => Err(SafetensorsError::Short { found }),
            _ => Err(SafetensorsError::NeedMore { at_least: LENGTH_BYTES }),
        };
    };
    let length = u64::from_le_bytes(*prefix);
    if length > most {
        return Err(SafetensorsError::Length { found: length, most });
    }
    let data_offset = LENGTH_BYTES + length;
    let json = usize::try_from(data_offset).ok().and_then(|end| bytes.get(8..end));
    json.map(|json| (json, data_offset)).ok_or(match bytes.get(8).copied() {
        // Judged before megabytes are fetched.
        Some(found) if found != b'{' => SafetensorsError::NoJson { found },
        _ => SafetensorsError::NeedMore { at_least: data_offset },
    })
}
