//! Per-layer embeddings: rows of a table on disk, mixed with a projection of the token embedding.

use super::ffn::gated;
use super::load::Loader;
use super::norm::Norm;
use super::projection::Projection;
use super::recipe::{Activation, Recipe};
use super::{Backend, DecoderError, word};
use crate::checkpoint::Checkpoint;
use burn::tensor::{Tensor, TensorData};
use dhurandhar_core::model::architecture::PerLayerEmbedding;

const TABLE: &str = "per_layer_token_embd.weight";

/// The table and what every layer shares.
#[derive(Debug, Clone)]
pub(super) struct Ple {
    rows: usize,
    width: usize,
    layers: usize,
    projection: Projection,
    projection_scale: f64,
    norm: Norm,
}

/// A layer's own part.
#[derive(Debug, Clone)]
pub(super) struct PleGate {
    gate: Projection,
    projection: Projection,
    norm: Norm,
    activation: Activation,
}

impl Ple {
    pub(super) fn load(
        loader: &Loader<'_>,
        recipe: &Recipe,
        shape: &PerLayerEmbedding,
        layers: usize,
        hidden: usize,
    ) -> Result<Self, DecoderError> {
        let width = word(shape.width);
        loader.stays_on_disk(TABLE, [word(shape.rows), layers * width])?;
        Ok(Self {
            rows: word(shape.rows),
            width,
            layers,
            projection: loader.projection("per_layer_model_proj", [layers * width, hidden], false, None)?,
            projection_scale: (hidden as f64).powf(-0.5),
            norm: loader.norm("per_layer_proj_norm.weight", width, recipe)?,
        })
    }

    /// Inputs of every layer, `[layers, tokens, width]`, from the tokens and their scaled embeddings.
    pub(super) fn inputs(
        &self,
        checkpoint: &Checkpoint,
        tokens: &[u32],
        embedded: Tensor<2>,
        backend: &Backend,
    ) -> Result<Tensor<3>, DecoderError> {
        let row = self.layers * self.width;
        let mut looked_up = vec![0.0; tokens.len() * row];
        for (token, out) in tokens.iter().zip(looked_up.chunks_exact_mut(row)) {
            // Ids beyond the table read row 0, as the reference does.
            let id = usize::try_from(*token).unwrap_or(usize::MAX);
            checkpoint.read_row(TABLE, if id < self.rows { id } else { 0 }, out)?;
        }
        let shape = [tokens.len(), self.layers, self.width];
        let looked_up = Tensor::<3>::from_data(TensorData::new(looked_up, shape), &backend.device);
        let projected = (self.projection.apply(embedded) * self.projection_scale).reshape(shape);
        let table_scale = (self.width as f64).sqrt();
        let mixed = (self.norm.apply(projected) + looked_up * table_scale) * 0.5_f64.sqrt();
        Ok(mixed.swap_dims(0, 1))
    }
}

impl PleGate {
    pub(super) fn load(
        loader: &Loader<'_>,
        recipe: &Recipe,
        layer: usize,
        width: usize,
        hidden: usize,
    ) -> Result<Self, DecoderError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        Ok(Self {
            gate: loader.projection(&name("inp_gate"), [width, hidden], false, None)?,
            projection: loader.projection(&name("proj"), [hidden, width], false, None)?,
            norm: loader.norm(&name("post_norm.weight"), hidden, recipe)?,
            activation: recipe.activation,
        })
    }

    /// Bytes of its packed weights in memory.
    pub(super) fn packed_bytes(&self) -> usize {
        self.gate.packed_bytes() + self.projection.packed_bytes()
    }

    /// What the layer adds to the stream: `norm(proj(act(gate x) * input))`.
    pub(super) fn apply(&self, x: Tensor<2>, input: Tensor<2>) -> Tensor<2> {
        self.norm.apply(self.projection.apply(gated(self.activation, self.gate.apply(x), input)))
    }
}
