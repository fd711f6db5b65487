//! Tensors of floats from the bytes of a `.npy` or `.safetensors` file: f64, f32, f16 and bf16, in single precision and row-major.

use super::npy::{self, NpyError};
use super::safetensors::{self, SafetensorsError};
use crate::leaf::cast::to_f32;
use half::{bf16, f16};
use thiserror::Error;

/// A tensor read into single precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name in the file; empty in `.npy`.
    pub name: String,
    /// Lengths of its axes, outermost first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl Tensor {
    /// The length of the last axis: the channels of a vector. A scalar has one.
    pub fn channels(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Vectors of a head, if it is `[.., heads, tokens, channels]`; a tensor of two axes is one head.
    pub fn head_vectors(&self) -> Option<usize> {
        let [.., _, tokens, _] = *self.shape else { return None };
        Some(tokens).filter(|&tokens| tokens > 0)
    }
}

/// Why bytes are not a tensor file that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TensorFileError {
    /// Neither format's beginning.
    #[error("not a .npy or .safetensors file: it begins with {found}")]
    Format {
        /// The first bytes, in hexadecimal.
        found: String,
    },
    /// The file ends early.
    #[error("{what} needs {expected} bytes; the file has {got}")]
    Truncated {
        /// What was being read.
        what: String,
        /// Bytes needed from the start of the file.
        expected: u64,
        /// Bytes there are.
        got: usize,
    },
    /// The header is not what the format says.
    #[error("{format} header: {problem}")]
    Header {
        /// The format.
        format: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor of integers or something else.
    #[error("{}{dtype}{}; expected f64, f32, f16 or bf16{}", of(name), order(dtype), expected_order(dtype))]
    Dtype {
        /// The tensor; empty in `.npy`.
        name: String,
        /// Its type as the file spells it.
        dtype: String,
    },
    /// Shape and bytes disagree.
    #[error("{} of shape {shape:?} takes {expected} bytes; the file gives it {got}", named(name))]
    Size {
        /// The tensor; empty in `.npy`.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes that the shape takes, or "too many".
        expected: String,
        /// Bytes there are.
        got: usize,
    },
}

fn named(name: &str) -> String {
    if name.is_empty() { "the array".to_owned() } else { format!("tensor `{name}`") }
}

fn of(name: &str) -> String {
    named(name) + " is "
}

/// NumPy's sign for the order of bytes in which the first is the highest.
fn order(dtype: &str) -> &'static str {
    if dtype.starts_with('>') { " (big-endian)" } else { "" }
}

fn expected_order(dtype: &str) -> &'static str {
    if dtype.starts_with('>') { ", little-endian: save array.astype('<f4')" } else { "" }
}

/// All floating-point tensors of a file, `.npy` or `.safetensors` by its first bytes, by name.
///
/// In `.safetensors` integer tensors are passed over; a file without any float tensor gives an empty list.
pub fn read_tensors(bytes: &[u8]) -> Result<Vec<Tensor>, TensorFileError> {
    if npy::is_npy(bytes) {
        return Ok(vec![read_npy(bytes)?]);
    }
    if bytes.get(8) == Some(&b'{') {
        return read_safetensors(bytes);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(TensorFileError::Format {
            found: "PK: a ZIP archive, as of .npz; save one array with numpy.save".to_owned(),
        });
    }
    let found = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    Err(TensorFileError::Format { found: if found.is_empty() { "nothing".to_owned() } else { found } })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
}

impl Dtype {
    fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn values(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F64 => bytes.as_chunks().0.iter().map(|&eight| to_f32(f64::from_le_bytes(eight))).collect(),
            Self::F32 => bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
            Self::F16 => bytes.as_chunks().0.iter().map(|&two| f16::from_le_bytes(two).to_f32()).collect(),
            Self::Bf16 => bytes.as_chunks().0.iter().map(|&two| bf16::from_le_bytes(two).to_f32()).collect(),
        }
    }
}

fn tensor(name: &str, dtype: Dtype, shape: Vec<usize>, data: &[u8]) -> Result<Tensor, TensorFileError> {
    let size = shape.iter().try_fold(dtype.bytes(), |size, &length| size.checked_mul(length));
    if size != Some(data.len()) {
        let expected = size.map_or_else(|| "too many".to_owned(), |size| size.to_string());
        return Err(TensorFileError::Size { name: name.to_owned(), shape, expected, got: data.len() });
    }
    Ok(Tensor { name: name.to_owned(), shape, values: dtype.values(data) })
}

fn slice<'a>(bytes: &'a [u8], from: u64, to: u64, what: &str) -> Result<&'a [u8], TensorFileError> {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range.and_then(|(from, to)| bytes.get(from..to)).ok_or_else(|| TensorFileError::Truncated {
        what: what.to_owned(),
        expected: to,
        got: bytes.len(),
    })
}

fn read_npy(bytes: &[u8]) -> Result<Tensor, TensorFileError> {
    let array = npy::read(bytes).map_err(|error| match error {
        NpyError::Truncated { what, expected } => {
            TensorFileError::Truncated { what: what.to_owned(), expected: expected as u64, got: bytes.len() }
        }
        NpyError::Header(problem) => TensorFileError::Header { format: ".npy", problem: problem.to_owned() },
    })?;
    let dtype = match array.descr {
        "<f8" => Dtype::F64,
        "<f4" => Dtype::F32,
        "<f2" => Dtype::F16,
        "bfloat16" | "<bf2" => Dtype::Bf16,
        other => return Err(TensorFileError::Dtype { name: String::new(), dtype: other.to_owned() }),
    };
    let mut read = tensor("", dtype, array.shape, array.data)?;
    if array.is_fortran {
        read.values = row_major(&read.values, &read.shape);
    }
    Ok(read)
}

/// Values whose first axis moves fastest, in the order in which the last one does.
fn row_major(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let mut place = vec![0; shape.len()];
    let steps: Vec<usize> = shape
        .iter()
        .scan(1, |step, length| {
            let this = *step;
            *step *= length;
            Some(this)
        })
        .collect();
    let mut all = Vec::with_capacity(values.len());
    for _ in values {
        let at: usize = place.iter().zip(&steps).map(|(place, step)| place * step).sum();
        all.extend(values.get(at));
        for (place, length) in place.iter_mut().zip(shape).rev() {
            *place += 1;
            if *place < *length {
                break;
            }
            *place = 0;
        }
    }
    all
}

fn read_safetensors(bytes: &[u8]) -> Result<Vec<Tensor>, TensorFileError> {
    let bad = |problem: String| TensorFileError::Header { format: ".safetensors", problem };
    let (json, data) = safetensors::json(bytes, None).map_err(|error| match error {
        SafetensorsError::NeedMore { at_least } => TensorFileError::Truncated {
            what: ".safetensors header".to_owned(),
            expected: at_least,
            got: bytes.len(),
        },
        other => bad(other.to_string()),
    })?;
    let mut tensors = Vec::new();
    for entry in safetensors::entries(json).map_err(bad)? {
        let name = entry.name;
        let dtype = match entry.dtype.as_str() {
            "F32" => Dtype::F32,
            "F16" => Dtype::F16,
            "BF16" => Dtype::Bf16,
            "F64" => Dtype::F64,
            _ => continue,
        };
        let [from, to] = entry.data_offsets.map(|offset| data.saturating_add(offset));
        let values = slice(bytes, from, to, &format!("tensor `{name}`"))?;
        let narrow =
            |length: u64| usize::try_from(length).map_err(|_| bad(format!("`{name}`: an axis of {length}")));
        let shape = entry.shape.into_iter().map(narrow).collect::<Result<_, _>>()?;
        tensors.push(tensor(&name, dtype, shape, values)?);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn npy_in_two_widths() {
        let data: Vec<u8> =
            [1.5_f32, -2.0, 0.25, 3.0, 4.0, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensor = &read_tensors(&npy("<f4", "(2, 3)", &data)).unwrap()[0];
        assert_eq!((tensor.shape.as_slice(), tensor.channels(), tensor.values[2]), (&[2, 3][..], 3, 0.25));
        let data: Vec<u8> =
            [f16::from_f32(1.5), f16::from_f32(-2.0)].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(read_tensors(&npy("<f2", "(2,)", &data)).unwrap()[0].values, [1.5, -2.0]);
        let data_64: Vec<u8> = [1.5_f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(read_tensors(&npy("<f8", "(2,)", &data_64)).unwrap()[0].values, [1.5, -2.0]);
        let error = read_tensors(&npy("<i8", "(2,)", &[0; 16])).unwrap_err();
        assert_eq!(error.to_string(), "the array is <i8; expected f64, f32, f16 or bf16");
        assert!(matches!(
            read_tensors(&npy("<f4", "(2, 3)", &data)),
            Err(TensorFileError::Size { got: 4, .. })
        ));
    }

    #[test]
    fn safetensors_by_name_in_three_types() {
        let header = r#"{"__metadata__":{"a":"b"},"k":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]},
            "ids":{"dtype":"I64","shape":[1],"data_offsets":[4,12]},
            "v":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#;
        let mut data: Vec<u8> = [1.0, -3.0].iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
        data.extend([0; 8]);
        data.extend(7.0_f32.to_le_bytes());
        let tensors = read_tensors(&safetensors(header, &data)).unwrap();
        assert_eq!(tensors.len(), 2);
        assert_eq!((tensors[0].name.as_str(), tensors[0].values.as_slice()), ("k", &[1.0, -3.0][..]));
        assert_eq!(tensors[1].values, [7.0]);
        let error = read_tensors(&safetensors(header, &data[..14])).unwrap_err();
        assert!(matches!(error, TensorFileError::Truncated { .. }), "{error}");
        let wide = r#"{"k":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
        assert_eq!(read_tensors(&safetensors(wide, &2.5_f64.to_le_bytes())).unwrap()[0].values, [2.5]);
        let huge = format!(r#"{{"k":{{"dtype":"F32","shape":[{0},{0}],"data_offsets":[0,4]}}}}"#, usize::MAX);
        assert!(matches!(read_tensors(&safetensors(&huge, &[0; 4])), Err(TensorFileError::Size { .. })));
    }

    #[test]
    fn an_array_in_fortran_order_is_turned() {
        // [[0, 1, 2], [3, 4, 5]], column after column.
        let data: Vec<u8> = [0.0_f32, 3.0, 1.0, 4.0, 2.0, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut bytes = npy("<f4", "(2, 3)", &data);
        let at = bytes.windows(7).position(|seven| seven == b"False, ").unwrap();
        bytes[at..at + 7].copy_from_slice(b"True,  ");
        let tensor = &read_tensors(&bytes).unwrap()[0];
        assert_eq!(
            (tensor.shape.as_slice(), &tensor.values[..]),
            (&[2, 3][..], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0][..])
        );
        bytes[at..at + 7].copy_from_slice(b"Maybe, ");
        assert!(read_tensors(&bytes).unwrap_err().to_string().contains("neither True nor False"));
    }

    #[test]
    fn other_files_are_refused() {
        let error = read_tensors(b"PK\x03\x04").unwrap_err();
        assert!(error.to_string().contains("a ZIP archive, as of .npz"), "{error}");
        let error = read_tensors(b"GGUF").unwrap_err();
        assert_eq!(error.to_string(), "not a .npy or .safetensors file: it begins with 47 47 55 46");
        assert!(read_tensors(&[]).unwrap_err().to_string().ends_with("nothing"));
    }

    proptest! {
        #[test]
        fn damaged_files_are_errors_or_tensors(cut in 0_usize..200, at in 0_usize..200, byte in any::<u8>()) {
            let header = r#"{"v":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
            for mut bytes in [safetensors(header, &[0; 16]), npy("<f4", "(2, 2)", &[0; 16])] {
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
                let _ = read_tensors(&bytes);
                bytes.truncate(cut);
                let _ = read_tensors(&bytes);
            }
        }
    }
}
