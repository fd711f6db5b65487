//! A GGUF file with the adapter added to its weights: adapted matrices in f16, everything else byte for byte.
//!
//! Header, metadata and tokenizer stay as they are; in the tensor table only types and offsets change, which have a
//! fixed width.

use super::TrainError;
use super::gguf_lora::source_row;
use super::merge::{TOGETHER, join};
use super::params::{Pair, Parameters};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cli::files;
use crate::decoder::word;
use dhurandhar_core::model::import::gguf::{Gguf, TensorInfo, parse_gguf};
use half::f16;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// GGUF's number for half precision.
const TYPE_F16: u32 = 1;
/// Where `general.alignment` says nothing else.
const ALIGNMENT: u64 = 32;

/// Write the merged copy of a GGUF checkpoint to `path`, whole or not at all.
pub(crate) fn save(checkpoint: &Checkpoint, path: &Path, parameters: &Parameters) -> Result<(), TrainError> {
    let source = checkpoint.first_file();
    let wrong = |problem: String| TrainError::AdapterFile { path: checkpoint.path().to_owned(), problem };
    let gguf = parse_gguf(source, Some(source.len() as u64)).map_err(|error| wrong(error.to_string()))?;
    let pairs: Vec<Option<&Pair>> = gguf.tensors.iter().map(|info| adapted(info, parameters)).collect();
    let found = pairs.iter().flatten().count();
    if found != parameters.pairs.len() {
        return Err(wrong(format!(
            "{found} of {} adapted matrices found in the base",
            parameters.pairs.len()
        )));
    }
    let header =
        header(source, &gguf, &pairs).ok_or_else(|| wrong("a tensor table of another form".to_owned()))?;
    let writing = |problem| TrainError::io(path)(problem);
    let fill = |file: &mut File| -> Result<(), TrainError> {
        let mut file = BufWriter::new(file);
        file.write_all(&header).map_err(writing)?;
        for (info, pair) in gguf.tensors.iter().zip(&pairs) {
            let start = word(gguf.data_offset + info.offset);
            let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(writing);
            match pair {
                Some(pair) => merged(checkpoint, info, pair, &mut put)?,
                None => put(&source[start..start + word(info.bytes)])?,
            }
            let written = size(info, *pair);
            put(&vec![0; word(written.next_multiple_of(alignment(&gguf)) - written)])?;
            checkpoint.release(&info.name);
        }
        file.flush().map_err(writing)
    };
    files::write_with(path, fill, writing)
}

fn adapted<'a>(info: &TensorInfo, parameters: &'a Parameters) -> Option<&'a Pair> {
    let is = |pair: &&Pair| info.name == format!("blk.{}.{}.weight", pair.layer, pair.target.tensor());
    parameters.pairs.iter().find(is)
}

fn alignment(gguf: &Gguf) -> u64 {
    gguf.metadata.count("general.alignment").filter(|bytes| *bytes > 0).unwrap_or(ALIGNMENT)
}

/// Bytes of a tensor in the copy.
fn size(info: &TensorInfo, pair: Option<&Pair>) -> u64 {
    pair.map_or(info.bytes, |pair| (pair.outputs * pair.inputs * 2) as u64)
}

/// The header with the types and offsets of the copy.
fn header(source: &[u8], gguf: &Gguf, pairs: &[Option<&Pair>]) -> Option<Vec<u8>> {
    let mut header = source.get(..word(gguf.data_offset))?.to_vec();
    let mut at = table(&header, gguf)?;
    let mut offset = 0_u64;
    for (info, pair) in gguf.tensors.iter().zip(pairs) {
        at += before_type(info);
        if pair.is_some() {
            header.get_mut(at..at + 4)?.copy_from_slice(&TYPE_F16.to_le_bytes());
        }
        header.get_mut(at + 4..at + 12)?.copy_from_slice(&offset.to_le_bytes());
        at += 12;
        offset += size(info, *pair).next_multiple_of(alignment(gguf));
    }
    Some(header)
}

/// Bytes of a table entry before its type: name with length, number of sides, sides.
fn before_type(info: &TensorInfo) -> usize {
    8 + info.name.len() + 4 + 8 * word(u64::from(info.dimensions))
}

/// Where the tensor table begins: it ends at most an alignment before the data.
fn table(header: &[u8], gguf: &Gguf) -> Option<usize> {
    let length: usize = gguf.tensors.iter().map(|info| before_type(info) + 12).sum();
    let fits = |start: &usize| {
        let mut at = *start;
        gguf.tensors.iter().all(|info| {
            let name = header.get(at + 8..at + 8 + info.name.len());
            let stated = header.get(at..at + 8) == Some(&(info.name.len() as u64).to_le_bytes());
            at += before_type(info) + 12;
            stated && name == Some(info.name.as_bytes())
        })
    };
    let last = header.len().checked_sub(length)?;
    (0..=word(alignment(gguf))).filter_map(|padding| last.checked_sub(padding)).find(fits)
}

/// Give a matrix with its pair added, rows in the file's order, a few at a time.
fn merged(
    checkpoint: &Checkpoint,
    info: &TensorInfo,
    pair: &Pair,
    put: &mut impl FnMut(&[u8]) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let (found, expected) = (checkpoint.shape(&info.name).unwrap_or_default(), [pair.outputs, pair.inputs]);
    if found != expected {
        let (tensor, found) = (info.name.clone(), found.to_vec());
        return Err(CheckpointError::Shape { tensor, found, expected: expected.to_vec() }.into());
    }
    let together = (TOGETHER / (pair.inputs * 2).max(1)).clamp(1, pair.outputs.max(1));
    let mut bytes = vec![0; together * pair.inputs * 2];
    for first in (0..pair.outputs).step_by(together) {
        let bytes = &mut bytes[..together.min(pair.outputs - first) * pair.inputs * 2];
        let rows = bytes.par_chunks_exact_mut(pair.inputs * 2).enumerate();
        rows.try_for_each(|(at, out)| -> Result<(), TrainError> {
            let at = first + at;
            let mut row = vec![0.0; pair.inputs];
            checkpoint.read_row(&info.name, at, &mut row)?;
            let mut row: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
            join(pair, source_row(pair, checkpoint.architecture(), at), &mut row);
            let largest = f16::MAX.to_f64();
            for (out, value) in out.chunks_exact_mut(2).zip(row) {
                out.copy_from_slice(&f16::from_f64(value.clamp(-largest, largest)).to_le_bytes());
            }
            Ok(())
        })?;
        put(bytes)?;
    }
    Ok(())
}
