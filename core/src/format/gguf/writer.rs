//! Writes a header, version 3, little endian.

use crate::leaf::BlockType;

/// Alignment of tensor data, in bytes.
const ALIGNMENT: u64 = 32;

/// Type codes of metadata values.
mod kind {
    pub(super) const U32: u32 = 4;
    pub(super) const I32: u32 = 5;
    pub(super) const F32: u32 = 6;
    pub(super) const BOOL: u32 = 7;
    pub(super) const TEXT: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
}

/// A tensor of a written header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenTensor {
    /// Name in the file.
    pub name: String,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes, without padding.
    pub bytes: u64,
    /// Type of its blocks.
    pub block: BlockType,
    /// Rows; 1 for a vector.
    pub rows: u64,
}

/// A finished header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Header, metadata and tensor table, padded to the alignment.
    pub bytes: Vec<u8>,
    /// Length of the whole file, in bytes.
    pub file_bytes: u64,
    /// The tensors behind it, in the order of the file.
    pub tensors: Vec<WrittenTensor>,
}

/// A header under construction.
#[derive(Debug, Default)]
pub struct Header {
    entries: Vec<u8>,
    entry_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data_bytes: u64,
    placed: Vec<WrittenTensor>,
}

impl Header {
    fn key(&mut self, key: &str, kind: u32) {
        string(&mut self.entries, key);
        self.entries.extend(kind.to_le_bytes());
        self.entry_count += 1;
    }

    fn array(&mut self, key: &str, kind: u32, length: usize) {
        self.key(key, kind::ARRAY);
        self.entries.extend(kind.to_le_bytes());
        self.entries.extend((length as u64).to_le_bytes());
    }

    /// A text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key, kind::TEXT);
        string(&mut self.entries, value);
    }

    /// A whole number; what does not fit 32 bits is written as the largest that does.
    pub fn count(&mut self, key: &str, value: u64) {
        self.key(key, kind::U32);
        self.entries.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }

    /// A number.
    pub fn number(&mut self, key: &str, value: f32) {
        self.key(key, kind::F32);
        self.entries.extend(value.to_le_bytes());
    }

    /// Whole numbers.
    pub fn counts(&mut self, key: &str, values: &[u64]) {
        self.array(key, kind::I32, values.len());
        for value in values {
            self.entries.extend(i32::try_from(*value).unwrap_or(i32::MAX).to_le_bytes());
        }
    }

    /// Numbers.
    pub fn numbers(&mut self, key: &str, values: impl ExactSizeIterator<Item = f32>) {
        self.array(key, kind::F32, values.len());
        for value in values {
            self.entries.extend(value.to_le_bytes());
        }
    }

    /// Flags.
    pub fn flags(&mut self, key: &str, values: impl ExactSizeIterator<Item = bool>) {
        self.array(key, kind::BOOL, values.len());
        self.entries.extend(values.map(u8::from));
    }

    /// Texts.
    pub fn texts(&mut self, key: &str, values: &[String]) {
        self.array(key, kind::TEXT, values.len());
        for value in values {
            string(&mut self.entries, value);
        }
    }

    /// A tensor that follows the last one; dimensions are those of the format, row length first.
    pub fn tensor(&mut self, name: &str, dimensions: &[u64], block: BlockType) {
        string(&mut self.tensors, name);
        self.tensors.extend(u32::try_from(dimensions.len()).unwrap_or(u32::MAX).to_le_bytes());
        for dimension in dimensions {
            self.tensors.extend(dimension.to_le_bytes());
        }
        self.tensors.extend(block.gguf_code().to_le_bytes());
        self.tensors.extend(self.data_bytes.to_le_bytes());
        self.tensor_count += 1;
        let rows = dimensions.iter().skip(1).product();
        let bytes = block.size(rows, dimensions.first().copied().unwrap_or(0));
        self.placed.push(WrittenTensor {
            name: name.to_owned(),
            offset: self.data_bytes,
            bytes,
            block,
            rows,
        });
        self.data_bytes += bytes.next_multiple_of(ALIGNMENT);
    }

    /// The bytes.
    pub fn finish(self) -> Written {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(self.tensor_count.to_le_bytes());
        bytes.extend(self.entry_count.to_le_bytes());
        bytes.extend(self.entries);
        bytes.extend(self.tensors);
        while !(bytes.len() as u64).is_multiple_of(ALIGNMENT) {
            bytes.push(0);
        }
        let start = bytes.len() as u64;
        let at = |tensor: WrittenTensor| WrittenTensor { offset: start + tensor.offset, ..tensor };
        let tensors = self.placed.into_iter().map(at).collect();
        Written { bytes, file_bytes: start + self.data_bytes, tensors }
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
