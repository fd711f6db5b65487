//! A checkpoint with the adapter added to its weights: same files, names and types, ready for any runtime.
//!
//! Works on safetensors checkpoints, a file at a time; tensors without an adapter are copied byte for byte.

use super::TrainError;
use super::params::{Pair, Parameters};
use super::tensors::write_whole;
use half::{bf16, f16};
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
        let mut bytes = std::fs::read(&file).map_err(TrainError::io(&file))?;
        let wrong = |problem: String| TrainError::AdapterFile { path: file.clone(), problem };
        merged += merge(&mut bytes, parameters, root).map_err(wrong)?;
        write_whole(&out.join(file.file_name().unwrap_or_default()), &bytes)?;
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

/// Add every pair whose matrix is in this file; gives how many were.
fn merge(bytes: &mut [u8], parameters: &Parameters, root: &str) -> Result<usize, String> {
    let length = bytes.first_chunk::<8>().map_or(0, |raw| u64::from_le_bytes(*raw));
    let data = usize::try_from(length).ok().and_then(|length| length.checked_add(8));
    let data = data.filter(|data| *data <= bytes.len()).ok_or("no safetensors header")?;
    let header: BTreeMap<String, Value> =
        serde_json::from_slice(&bytes[8..data]).map_err(|error| error.to_string())?;
    let mut merged = 0;
    for pair in &parameters.pairs {
        let name = format!("{}.weight", super::peft::module(root, pair.layer, pair.target));
        let Some(entry) = header.get(&name) else { continue };
        let wanted = [pair.outputs as u64, pair.inputs as u64];
        let shape: Vec<u64> = list(entry, "shape");
        let offsets = list(entry, "data_offsets");
        let dtype = entry.get("dtype").and_then(Value::as_str).unwrap_or("none");
        let range = match offsets.as_slice() {
            &[start, end] => usize::try_from(start).ok().zip(usize::try_from(end).ok()),
            _ => None,
        };
        let part = range.and_then(|(start, end)| bytes.get_mut(data + start..data + end));
        let part = part.ok_or_else(|| format!("`{name}` lies beyond the end of the file"))?;
        if shape != wanted {
            return Err(format!("`{name}` has shape {shape:?}; expected {wanted:?}"));
        }
        add(part, dtype, pair).map_err(|problem| format!("`{name}` {problem}"))?;
        merged += 1;
    }
    Ok(merged)
}

fn list(entry: &Value, key: &str) -> Vec<u64> {
    entry.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Add `scale B A` to a stored matrix, and bring its rows to DoRA's lengths; rounds once.
fn add(part: &mut [u8], dtype: &str, pair: &Pair) -> Result<(), String> {
    let width = match dtype {
        "F32" => 4,
        "F16" | "BF16" => 2,
        other => return Err(format!("is stored as {other}; expected F32, F16 or BF16")),
    };
    if part.len() != pair.outputs * pair.inputs * width {
        return Err("has fewer bytes than its shape says".to_owned());
    }
    part.par_chunks_exact_mut(pair.inputs * width).enumerate().for_each(|(at, row)| {
        let mut values: Vec<f64> = row.chunks_exact(width).map(|value| stored(value, dtype)).collect();
        join(pair, at, &mut values);
        row.chunks_exact_mut(width).zip(values).for_each(|(value, sum)| store(value, dtype, sum));
    });
    Ok(())
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

fn stored(value: &[u8], dtype: &str) -> f64 {
    match (dtype, value) {
        ("F32", &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
        ("F16", &[a, b]) => f16::from_le_bytes([a, b]).to_f64(),
        (_, &[a, b]) => bf16::from_le_bytes([a, b]).to_f64(),
        _ => f64::NAN,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "weights are stored in at most single precision")]
fn store(value: &mut [u8], dtype: &str, sum: f64) {
    match dtype {
        "F32" => value.copy_from_slice(&(sum as f32).to_le_bytes()),
        "F16" => value.copy_from_slice(&f16::from_f64(sum).to_le_bytes()),
        _ => value.copy_from_slice(&bf16::from_f64(sum).to_le_bytes()),
    }
}
