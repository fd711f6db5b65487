//! Sequences side by side in one pass, a layer at a time: what training needs of the decoder.
//!
//! The caller owns the stream between layers, so it can keep each layer's input, drop the tape and run a layer again
//! for its gradients. Keys and values that later layers read pass through the row, so that their gradients can be
//! brought back to the layer that made them.

use super::altup::stream;
use super::cache::KvCache;
use super::{Adapters, Decoder, DecoderError, Pass, Shared};
use crate::decoder::word;
use burn::tensor::Tensor;

/// Sequences that share a pass without seeing each other.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    decoder: &'a Decoder,
    positions: Vec<usize>,
    lengths: Vec<usize>,
    inputs: Option<Tensor<3>>,
    shared: Shared,
    cache: KvCache,
}

impl<'a> Row<'a> {
    /// Embed `tokens`, which are sequences of these lengths one after the other.
    ///
    /// Gives the row and what its first layer takes, `[streams, tokens, hidden]`.
    pub(crate) fn open(
        decoder: &'a Decoder,
        tokens: &[u32],
        lengths: &[usize],
    ) -> Result<(Self, Tensor<3>), DecoderError> {
        let limit = word(decoder.checkpoint.architecture().max_context_tokens);
        if let Some(length) = lengths.iter().find(|length| **length > limit) {
            return Err(DecoderError::Context { position: *length, limit });
        }
        let (x, inputs) = decoder.open(tokens)?;
        let row = Self {
            decoder,
            positions: lengths.iter().flat_map(|length| 0..*length).collect(),
            lengths: lengths.to_vec(),
            inputs,
            shared: Shared::new(0, &decoder.backend),
            cache: decoder.new_cache(),
        };
        Ok((row, x))
    }

    /// Run one layer, `[streams, tokens, hidden]` to the same.
    ///
    /// Its keys and values are kept only if a later layer reads them.
    pub(crate) fn layer(
        &mut self,
        index: usize,
        x: Tensor<3>,
        adapters: &Adapters,
    ) -> Result<Tensor<3>, DecoderError> {
        self.cache.take(index);
        let mut pass = Pass {
            backend: &self.decoder.backend,
            ropes: &self.decoder.ropes,
            positions: &self.positions,
            segments: &self.lengths,
            shared: &mut self.shared,
            adapters: Some(adapters),
            cache: &mut self.cache,
            hook: None,
        };
        let input = self.inputs.as_ref().map(|inputs| stream(inputs, index));
        let out = self.decoder.blocks[index].apply(x, input, &mut pass)?;
        if !self.decoder.blocks.iter().any(|block| block.donor() == Some(index)) {
            self.cache.take(index);
        }
        Ok(out)
    }

    /// The layer whose keys and values a layer reads, if not its own.
    pub(crate) fn donor(&self, layer: usize) -> Option<usize> {
        self.decoder.blocks[layer].donor()
    }

    /// Keys and values that a layer keeps for later ones.
    pub(crate) fn keys_values(&self, layer: usize) -> Option<(Tensor<3>, Tensor<3>)> {
        self.cache.span(layer).map(|span| (span.keys.clone(), span.values.clone()))
    }

    /// Let later layers read these in place of what a layer made.
    pub(crate) fn lend(&mut self, layer: usize, keys_values: (Tensor<3>, Tensor<3>)) {
        self.cache.put(layer, keys_values);
    }

    /// Normed hidden states `[tokens, hidden]` from what the last layer gives.
    pub(crate) fn close(&self, x: &Tensor<3>) -> Tensor<2> {
        self.decoder.close(x)
    }
}
