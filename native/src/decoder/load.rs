//! From a checkpoint's tensors to the decoder's parts, with every name accounted for.

use super::norm::Norm;
use super::packed::Packed;
use super::projection::{Projection, Weight};
use super::recipe::Recipe;
use super::{Backend, DecoderError, word};
use crate::checkpoint::{Checkpoint, CheckpointError};
use burn::tensor::{Tensor, TensorData};
use dhurandhar_core::model::{Role, inventory};
use dhurandhar_core::weights::nf4::Nf4;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Names that files carry and no decoder reads.
const IGNORED: [&str; 2] = ["rope_freqs.weight", "output.weight"];

/// How matrices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// As suits the backend: mapped on the CPU, in f32 on a GPU.
    Backend,
    /// Mapped, and decoded whenever they are used.
    Mapped,
    /// Those of the layers in NF4, in memory; the rest mapped.
    Nf4 {
        /// Double quantisation.
        double: bool,
    },
    /// All of them in f32 on a GPU: what a tape over all layers would keep anyway. On the CPU, whose tape keeps none, as
    /// without it.
    Dense {
        /// Those of the layers as NF4 gives them back, with double quantisation or without.
        nf4: Option<bool>,
    },
}

/// Reads tensors and remembers which.
#[derive(Debug)]
pub(super) struct Loader<'a> {
    checkpoint: &'a Arc<Checkpoint>,
    backend: &'a Backend,
    keep: Keep,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Loader<'a> {
    /// For a checkpoint that has every tensor its architecture asks for.
    pub(super) fn new(
        checkpoint: &'a Arc<Checkpoint>,
        backend: &'a Backend,
        keep: Keep,
    ) -> Result<Self, DecoderError> {
        let wanted = inventory::tensors(checkpoint.architecture())
            .into_iter()
            .filter(|tensor| !matches!(tensor.role, Role::Unused | Role::Vision | Role::Audio));
        let missing: Vec<String> = wanted
            .map(|tensor| tensor.name)
            .filter(|name| !checkpoint.has(name) && !checkpoint.has(&name.replace(".weight", ".0.weight")))
            .collect();
        if !missing.is_empty() {
            let missing = missing.iter().map(|name| checkpoint.shown(name)).collect();
            return Err(CheckpointError::Missing(missing).into());
        }
        let keep = match keep {
            Keep::Dense { nf4 } if backend.limit.is_none() => {
                nf4.map_or(Keep::Mapped, |double| Keep::Nf4 { double })
            }
            keep => keep,
        };
        Ok(Self { checkpoint, backend, keep, used: RefCell::default() })
    }

    /// Refuse a checkpoint with tensors of the decoder that nothing has read.
    pub(super) fn finish(self) -> Result<(), DecoderError> {
        let architecture = self.checkpoint.architecture();
        if architecture.embeddings.tied && self.checkpoint.differ("output.weight", "token_embd.weight") {
            let name = self.checkpoint.shown("output.weight");
            return Err(CheckpointError::Unsupported(format!(
                "`{name}` differs from the embeddings, though `tie_word_embeddings` is true: transformers 4 ties them, 5 does not; expected one or the other"
            ))
            .into());
        }
        let carried: BTreeSet<String> = inventory::tensors(architecture)
            .into_iter()
            .filter(|tensor| tensor.role == Role::Unused)
            .map(|tensor| tensor.name)
            .collect();
        let used = self.used.into_inner();
        // Shared layers' own keys and values, whether or not the family is known to carry them.
        let shared = |name: &str| {
            let Some((layer, part)) = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) else {
                return false;
            };
            let layer = layer.parse().ok().and_then(|layer: usize| architecture.layers.get(layer));
            let borrowed =
                layer.and_then(|layer| layer.attention()).is_some_and(|attention| !attention.owns_cache());
            borrowed && (part.starts_with("attn_k") || part.starts_with("attn_v"))
        };
        let unexpected: Vec<String> = self
            .checkpoint
            .unused(&used)
            .filter(|name| !carried.contains(*name) && !IGNORED.contains(name) && !shared(name))
            .map(|name| self.checkpoint.shown(name))
            .collect();
        if unexpected.is_empty() { Ok(()) } else { Err(CheckpointError::Unexpected(unexpected).into()) }
    }

    /// A vector.
    pub(super) fn vector(&self, name: &str, length: usize) -> Result<Tensor<1>, DecoderError> {
        let values = self.read(name, &[length])?;
        Ok(Tensor::from_data(TensorData::new(values, [length]), &self.backend.device))
    }

    /// A learned scalar.
    pub(super) fn scalar(&self, name: &str) -> Result<f32, DecoderError> {
        Ok(self.read(name, &[1])?[0])
    }

    /// A norm, as a plain factor.
    pub(super) fn norm(&self, name: &str, length: usize, recipe: &Recipe) -> Result<Norm, DecoderError> {
        let weight = self.vector(name, length)?;
        let weight = if recipe.norm_offset { weight + 1.0 } else { weight };
        Ok(Norm::new(weight, recipe.norm_eps))
    }

    /// `{name}.weight` of shape `[out, in]` with `{name}.bias` where there is one.
    ///
    /// `interleaved` is the head_dim by which rows are put back from llama.cpp's order.
    pub(super) fn projection(
        &self,
        name: &str,
        [rows, columns]: [usize; 2],
        biased: bool,
        interleaved: Option<usize>,
    ) -> Result<Projection, DecoderError> {
        let weight = self.matrix(&format!("{name}.weight"), [rows, columns], interleaved)?;
        let bias = if biased {
            let mut bias = self.read(&format!("{name}.bias"), &[rows])?;
            if let Some(head_dim) = interleaved {
                bias = half_split(&bias, 1, head_dim);
            }
            Some(Tensor::from_data(TensorData::new(bias, [rows]), &self.backend.device))
        } else {
            None
        };
        Ok(Projection::new(weight, bias, self.backend.half))
    }

    /// Square maps stored as one stack (GGUF) or one by one (Hugging Face).
    pub(super) fn stack(
        &self,
        name: &str,
        count: usize,
        hidden: usize,
    ) -> Result<Vec<Projection>, DecoderError> {
        let whole = format!("{name}.weight");
        if !self.checkpoint.has(&whole) {
            let one = |index| self.projection(&format!("{name}.{index}"), [hidden, hidden], false, None);
            return (0..count).map(one).collect();
        }
        let values = self.read(&whole, &[count * hidden, hidden])?;
        let parts = values.chunks_exact(hidden * hidden);
        parts
            .map(|part| {
                let weight = self.upload(&whole, part.to_vec(), [hidden, hidden])?;
                Ok(Projection::new(Weight::Dense(vec![weight]), None, None))
            })
            .collect()
    }

    /// A matrix: left in the mapping on the CPU, else on the device in pieces that fit its buffers.
    pub(super) fn matrix(
        &self,
        name: &str,
        [rows, columns]: [usize; 2],
        interleaved: Option<usize>,
    ) -> Result<Weight, DecoderError> {
        let limit = match self.keep {
            Keep::Backend | Keep::Dense { .. } => self.backend.limit,
            Keep::Mapped | Keep::Nf4 { .. } => None,
        };
        let Some(limit) = limit else { return self.kept(name, [rows, columns], interleaved) };
        let mut values = self.read(name, &[rows, columns])?;
        if let Some(head_dim) = interleaved {
            values = half_split(&values, columns, head_dim);
        }
        if let Keep::Dense { nf4 } = self.keep {
            if let Some(double) = nf4.filter(|_| packs(name)) {
                Nf4::quantise(&values, double).dequantise(0, &mut values);
            }
            self.checkpoint.release(name);
        }
        let most = (word(limit) / (columns * size_of::<f32>())).max(1);
        let pieces = values.chunks(most * columns);
        let half = self.backend.half.filter(|_| packs(name));
        let pieces = pieces.map(|part| {
            let piece = self.upload(name, part.to_vec(), [part.len() / columns, columns])?;
            Ok(half.map_or_else(|| piece.clone(), |half| piece.clone().cast(half)))
        });
        Ok(Weight::Dense(pieces.collect::<Result<_, DecoderError>>()?))
    }

    /// A matrix on the host.
    fn kept(
        &self,
        name: &str,
        shape: [usize; 2],
        interleaved: Option<usize>,
    ) -> Result<Weight, DecoderError> {
        let in_layer = name.starts_with("blk.");
        if in_layer {
            self.backend.check_buffer(name, shape[0] * shape[1])?;
        }
        let stored = self.checkpoint.stored_rows(name, shape)?;
        self.used.borrow_mut().insert(name.to_owned());
        let uploaded = self.backend.limit.is_some();
        let packed = Packed::new(self.checkpoint, stored, shape, interleaved, uploaded);
        Ok(match self.keep {
            Keep::Nf4 { double } if packs(name) => {
                let packed = packed.to_nf4(double);
                self.checkpoint.release(name);
                Weight::Nf4(packed)
            }
            _ => Weight::Packed(packed),
        })
    }

    /// Account for a table that is read row by row, after checking its shape.
    pub(super) fn stays_on_disk(&self, name: &str, [rows, columns]: [usize; 2]) -> Result<(), DecoderError> {
        let found = self.checkpoint.shape(name).unwrap_or_default();
        if found != [rows, columns] {
            return Err(CheckpointError::Shape {
                tensor: self.checkpoint.shown(name),
                found: found.to_vec(),
                expected: vec![rows, columns],
            }
            .into());
        }
        self.used.borrow_mut().insert(name.to_owned());
        Ok(())
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, DecoderError> {
        let values = self.checkpoint.read(name, shape)?;
        self.used.borrow_mut().insert(name.to_owned());
        Ok(values)
    }

    fn upload(&self, name: &str, values: Vec<f32>, shape: [usize; 2]) -> Result<Tensor<2>, DecoderError> {
        self.backend.check_buffer(name, values.len())?;
        Ok(Tensor::from_data(TensorData::new(values, shape), &self.backend.device))
    }
}

/// Whether a matrix goes into NF4: those of the layers that a decoder multiplies the stream by.
fn packs(name: &str) -> bool {
    name.starts_with("blk.") && !name.contains("altup_") && !name.contains("laurel_")
}

/// Rows of each head from interleaved pairs to the half-split order: row `2i + j` of a head becomes `i + j d/2`.
fn half_split(rows: &[f32], columns: usize, head_dim: usize) -> Vec<f32> {
    let half = head_dim / 2;
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(head_dim * columns) {
        for index in 0..head_dim {
            let from = 2 * (index % half) + index / half;
            out.extend_from_slice(&head[from * columns..(from + 1) * columns]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::half_split;

    #[test]
    fn interleaved_rows_return_to_halves() {
        // Two heads of four rows, one column.
        let interleaved = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0];
        assert_eq!(half_split(&interleaved, 1, 4), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }
}
