//! Why a checkpoint cannot be used.

use dhurandhar_core::leaf::dequantise::DequantiseError;
use std::path::PathBuf;

/// Anything wrong with a checkpoint's files, header, tensors or tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {problem}", .path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// The system's word.
        problem: std::io::Error,
    },
    /// Neither a GGUF file nor safetensors with their `config.json`.
    #[error("{}: {found}; expected a .gguf file, a .safetensors file or a folder with config.json", .path.display())]
    Unknown {
        /// File or folder.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// A header that does not follow its format.
    #[error("{}: {problem}", .path.display())]
    Header {
        /// File.
        path: PathBuf,
        /// What is wrong, with what was expected.
        problem: String,
    },
    /// A tensor whose data lie beyond the end of the file.
    #[error("{}: `{tensor}` ends at byte {end}, but the file has {length}: the download is cut short", .path.display())]
    Truncated {
        /// File.
        path: PathBuf,
        /// Tensor.
        tensor: String,
        /// Byte after its last.
        end: u64,
        /// Bytes in the file.
        length: u64,
    },
    /// A tensor that the model needs.
    #[error("{} tensor(s) missing: {}", .0.len(), listed(.0))]
    Missing(Vec<String>),
    /// Tensors of the decoder that this model's description gives no place.
    #[error("{} tensor(s) the model has no place for: {}", .0.len(), listed(.0))]
    Unexpected(Vec<String>),
    /// A tensor of another shape.
    #[error("`{tensor}` has shape {found:?}; expected {expected:?}")]
    Shape {
        /// Tensor.
        tensor: String,
        /// Shape in the file, rows first.
        found: Vec<usize>,
        /// Shape that the architecture asks for.
        expected: Vec<usize>,
    },
    /// A row beyond a table's end.
    #[error("row {row} of `{tensor}` asked for; it has {rows}")]
    Row {
        /// Table.
        tensor: String,
        /// Row asked for.
        row: usize,
        /// Rows there are.
        rows: usize,
    },
    /// Weights that are no numbers.
    #[error("`{tensor}` holds {value} at element {index}; expected finite weights")]
    NotFinite {
        /// Tensor.
        tensor: String,
        /// First such element.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// Blocks that cannot be decoded.
    #[error("`{tensor}`: {problem}")]
    Blocks {
        /// Tensor.
        tensor: String,
        /// Why not.
        problem: DequantiseError,
    },
    /// A model this decoder does not run.
    #[error("{0}")]
    Unsupported(String),
    /// No tokenizer, or one that cannot be built.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
}

/// The first few names of a list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
