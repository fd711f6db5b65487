//! A checkpoint with the adapter added to its weights: same files, names and types, ready for any runtime.
//!
//! Works on safetensors checkpoints, a few rows at a time, so that merging takes no more memory than training did;
//! tensors without an adapter are copied byte for byte.

use super::TrainError;
use super::params::{Pair, Parameters};
use super::write_whole;
use crate::checkpoint::tensor_table::{Stored, Table, header_bytes};
use crate::cli::files;
use dhurandhar_core::leaf::BlockType;
use dhurandhar_core::leaf::cast::to_f32;
use half::{bf16, f16};
use rayon::prelude::*;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Bytes of rows that are merged together, about.
pub(super) const TOGETHER: usize = 4 << 20;

/// Files beside the weights that a merged checkpoint needs as they are.
const BESIDE: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

/// Write the merged checkpoint of `base` (a folder, or a safetensors file in one) into `out`.
pub(crate) fn save(base: &Path, out: &Path, parameters: &Parameters, root: &str) -> Result<(), TrainError> {
    let folder = if base.is_dir() { base } else { base.parent().unwrap_or(Path::new(".")) };
    let files = weights(base, folder)?;
    if files.is_empty() {
        let problem = "has no safetensors to merge into".to_owned();
        return Err(TrainError::Data { path: base.to_owned(), problem });
    }
    std::fs::create_dir_all(out).map_err(TrainError::io(out))?;
    let mut merged = 0;
    for file in files {
        merged += merge(&file, &out.join(file.file_name().unwrap_or_default()), parameters, root)?;
    }
    if merged != parameters.pairs.len() {
        let problem = format!("{merged} of {} adapted matrices found in the base", parameters.pairs.len());
        return Err(TrainError::Data { path: base.to_owned(), problem });
    }
    for name in BESIDE.iter().filter(|name| folder.join(name).is_file()) {
        let text = std::fs::read(folder.join(name)).map_err(TrainError::io(&folder.join(name)))?;
        write_whole(&out.join(name), &text)?;
    }
    Ok(())
}

/// The files of weights that a checkpoint consists of.
fn weights(base: &Path, folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let is_weights = |path: &Path| path.extension().is_some_and(|ending| ending == "safetensors");
    if !base.is_dir() {
        return Ok(if is_weights(base) { vec![base.to_owned()] } else { Vec::new() });
    }
    let entries = std::fs::read_dir(folder).map_err(TrainError::io(folder))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        is_weights(path) && name.starts_with("model")
    });
    files.sort();
    Ok(files)
}

/// A matrix within a file that a pair is added to.
struct Place<'a> {
    start: u64,
    end: u64,
    block: BlockType,
    pair: &'a Pair,
}

/// Copy a file with every pair added whose matrix is in it, whole or not at all; gives how many were.
fn merge(from: &Path, to: &Path, parameters: &Parameters, root: &str) -> Result<usize, TrainError> {
    let mut source = File::open(from).map_err(TrainError::io(from))?;
    let places = places(&mut source, from, parameters, root)?;
    let reading = |problem| TrainError::io(from)(problem);
    let writing = |problem| TrainError::io(to)(problem);
    let copy = |target: &mut File| -> Result<(), TrainError> {
        source.rewind().map_err(reading)?;
        let mut at = 0;
        for place in &places {
            std::io::copy(&mut (&source).take(place.start - at), target).map_err(writing)?;
            let row = (place.end - place.start) / (place.pair.outputs as u64).max(1);
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            let mut rows = vec![0; (TOGETHER / row.max(1)).clamp(1, place.pair.outputs) * row];
            let together = (rows.len() / row.max(1)).max(1);
            for first in (0..place.pair.outputs).step_by(together) {
                let count = together.min(place.pair.outputs - first);
                let rows = &mut rows[..count * row];
                source.read_exact(rows).map_err(reading)?;
                add(rows, first, place.block, place.pair);
                target.write_all(rows).map_err(writing)?;
            }
            at = place.end;
        }
        std::io::copy(&mut source, target).map_err(writing)?;
        Ok(())
    };
    files::write_with(to, copy, writing)?;
    Ok(places.len())
}

/// Where this file's adapted matrices lie, in its order.
fn places<'a>(
    source: &mut File,
    path: &Path,
    parameters: &'a Parameters,
    root: &str,
) -> Result<Vec<Place<'a>>, TrainError> {
    let wrong = |problem: String| TrainError::AdapterFile { path: path.to_owned(), problem };
    let size = source.metadata().map_err(TrainError::io(path))?.len();
    let mut first = [0; 8];
    source.read_exact(&mut first).map_err(TrainError::io(path))?;
    let length = header_bytes(first, size).ok_or_else(|| wrong("no safetensors header".into()))?;
    let mut header = vec![0; length];
    source.read_exact(&mut header).map_err(TrainError::io(path))?;
    let table = Table::parse(&header).map_err(wrong)?;
    let mut places = Vec::new();
    for pair in &parameters.pairs {
        let name = format!("{}.weight", super::peft::module(root, pair.layer, pair.target));
        let Some(Stored { block, shape, range }) = table.tensor(&name).map_err(wrong)? else { continue };
        let wanted = [pair.outputs, pair.inputs];
        if shape != wanted {
            return Err(wrong(format!("`{name}` has shape {shape:?}; expected {wanted:?}")));
        }
        if range.end > size {
            return Err(wrong(format!("`{name}` lies beyond the end of the file")));
        }
        places.push(Place { start: range.start, end: range.end, block, pair });
    }
    places.sort_by_key(|place| place.start);
    match places.windows(2).find(|pair| pair[1].start < pair[0].end) {
        Some(_) => Err(wrong("two adapted matrices lie on one another".into())),
        None => Ok(places),
    }
}

/// Add `scale B A` to stored rows from `first` on, and bring them to DoRA's lengths; rounds once.
fn add(rows: &mut [u8], first: usize, block: BlockType, pair: &Pair) {
    let width = if block == BlockType::F32 { 4 } else { 2 };
    rows.par_chunks_exact_mut(pair.inputs * width).enumerate().for_each(|(at, row)| {
        let mut values: Vec<f64> = row.chunks_exact(width).map(|value| stored(value, block)).collect();
        join(pair, first + at, &mut values);
        row.chunks_exact_mut(width).zip(values).for_each(|(value, sum)| store(value, block, sum));
    });
}

/// Row `at` of a matrix with `scale B A` added, and brought to DoRA's length.
pub(super) fn join(pair: &Pair, at: usize, values: &mut [f64]) {
    let [a, b, lengths] = &pair.factors;
    let b = &b[at * pair.rank..(at + 1) * pair.rank];
    for (column, value) in values.iter_mut().enumerate() {
        let products =
            b.iter().enumerate().map(|(k, b)| f64::from(*b) * f64::from(a[k * pair.inputs + column]));
        *value += products.sum::<f64>() * pair.scale;
    }
    if let Some(length) = lengths.get(at) {
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let stretch = if norm > 0.0 { f64::from(*length) / norm } else { 1.0 };
        for value in values {
            *value *= stretch;
        }
    }
}

fn stored(value: &[u8], block: BlockType) -> f64 {
    match (block, value) {
        (BlockType::F32, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
        (BlockType::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f64(),
        (_, &[a, b]) => bf16::from_le_bytes([a, b]).to_f64(),
        _ => f64::NAN,
    }
}

fn store(value: &mut [u8], block: BlockType, sum: f64) {
    match block {
        BlockType::F32 => value.copy_from_slice(&to_f32(sum).to_le_bytes()),
        BlockType::F16 => value.copy_from_slice(&f16::from_f64(sum).to_le_bytes()),
        _ => value.copy_from_slice(&bf16::from_f64(sum).to_le_bytes()),
    }
}
