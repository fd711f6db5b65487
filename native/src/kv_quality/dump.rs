//! Real keys, values and queries as a safetensors file in f16: `layer.N.keys`, `layer.N.values` and `layer.N.queries`, each
//! `[heads, tokens, channels]`, after norm and rotary embedding, the first window's oldest token first, channels of keys and
//! queries in the order of llama.cpp's cache.

use super::hook::{Recorder, Rows};
use super::order::KeyOrder;
use half::f16;
use safetensors::{Dtype, SafeTensorError, View};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// What of a window is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DumpChoice {
    /// Layers; all that own a cache when empty.
    pub layers: Vec<usize>,
    /// Tokens from the start of the window; all when `None`.
    pub tokens: Option<usize>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// A layer without keys of its own.
    #[error("layer {layer} keeps no keys; expected one of {expected}")]
    Layer {
        /// What was asked for.
        layer: usize,
        /// Layers that own a cache.
        expected: String,
    },
    /// The format.
    #[error("keys and values cannot be written: {0}")]
    Format(SafeTensorError),
    /// The file.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// Write what was recorded, whole or not at all.
pub(super) fn write(
    path: &Path,
    recorded: &Recorder,
    choice: &DumpChoice,
    order: KeyOrder,
) -> Result<(), DumpError> {
    let bytes = file(recorded, choice, order)?;
    let failed = |source| DumpError::Io { path: path.to_owned(), source };
    crate::cli::files::write(path, &bytes).map_err(failed)
}

/// The bytes of the file.
fn file(recorded: &Recorder, choice: &DumpChoice, order: KeyOrder) -> Result<Vec<u8>, DumpError> {
    let owners: Vec<usize> = recorded.keys.keys().copied().collect();
    if let Some(&layer) = choice.layers.iter().find(|layer| !owners.contains(layer)) {
        let expected = owners.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        return Err(DumpError::Layer { layer, expected });
    }
    let mut tensors = Vec::new();
    for layer in owners.iter().filter(|layer| choice.layers.is_empty() || choice.layers.contains(layer)) {
        let Some(keys) = recorded.keys.get(layer) else { continue };
        let queries = recorded.queries.get(layer).map(|rows| Rows {
            heads: rows.len() / (keys.elements.len() / keys.heads.max(1)).max(1),
            dim: keys.dim,
            elements: rows.clone(),
        });
        let parts =
            [("keys", Some(keys)), ("values", recorded.values.get(layer)), ("queries", queries.as_ref())];
        for (name, rows) in parts.into_iter().filter_map(|(name, rows)| Some((name, rows?))) {
            let order = if name == "values" { KeyOrder::Halves } else { order };
            tensors.push((format!("layer.{layer}.{name}"), Halves::of(rows, choice.tokens, order)));
        }
    }
    safetensors::serialize(tensors, None).map_err(DumpError::Format)
}

/// A tensor in f16.
struct Halves {
    shape: [usize; 3],
    data: Vec<u8>,
}

impl Halves {
    /// The first tokens of every head.
    fn of(rows: &Rows, tokens: Option<usize>, order: KeyOrder) -> Self {
        let all = rows.elements.len() / (rows.heads * rows.dim).max(1);
        let kept = tokens.unwrap_or(all).min(all);
        let mut data = Vec::with_capacity(rows.heads * kept * rows.dim * 2);
        for head in 0..rows.heads {
            let values = order.to_cache(&rows.head(head)[..kept * rows.dim], 1, rows.dim);
            data.extend(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()));
        }
        Self { shape: [rows.heads, kept, rows.dim], data }
    }
}

impl View for Halves {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (&*self.data).into()
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhurandhar_core::format::tensors::read_tensors;

    fn recorded() -> Recorder {
        let mut recorded = Recorder::default();
        let rows = |heads: usize, scale: f32| -> Vec<f32> {
            (0..heads * 3 * 2).map(|at| at as f32 * scale).collect()
        };
        for layer in [1, 4] {
            recorded.keys.insert(layer, Rows { heads: 2, dim: 2, elements: rows(2, 1.0) });
            recorded.values.insert(layer, Rows { heads: 2, dim: 2, elements: rows(2, 0.5) });
            recorded.queries.insert(layer, rows(4, 0.25));
        }
        recorded
    }

    #[test]
    fn a_dump_reads_back_head_by_head() {
        let choice = DumpChoice { layers: vec![4], tokens: Some(2) };
        let mut tensors = read_tensors(&file(&recorded(), &choice, KeyOrder::Halves).unwrap()).unwrap();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<_> =
            tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.clone())).collect();
        let shape = |heads| vec![heads, 2, 2];
        let expected =
            [("layer.4.keys", shape(2)), ("layer.4.queries", shape(4)), ("layer.4.values", shape(2))];
        assert_eq!(names, expected);
        assert_eq!(tensors[0].values, [0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0]);
        assert_eq!(
            read_tensors(&file(&recorded(), &DumpChoice::default(), KeyOrder::Halves).unwrap())
                .unwrap()
                .len(),
            6
        );
    }

    #[test]
    fn a_layer_without_keys_is_named() {
        let choice = DumpChoice { layers: vec![1, 2], tokens: None };
        let error = file(&recorded(), &choice, KeyOrder::Halves).unwrap_err().to_string();
        assert_eq!(error, "layer 2 keeps no keys; expected one of 1, 4");
    }
}
