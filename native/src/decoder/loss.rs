//! Cross-entropy of the next token with its gradient, without ever holding all logits or the whole head.
//!
//! The head is frozen, so the gradient of the hidden states is known in closed form: `(softmax - one-hot) W`, through
//! the logits' divisor and cap. Rows of hidden states and of the head are taken in pieces.

use super::{Decoder, DecoderError, host, single};
use crate::decoder::word;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use dhurandhar_core::layer::cross_entropy;
use dhurandhar_core::training::{logit_rows, shard_rows};
use rayon::prelude::*;
use std::ops::Range;

/// Loss of some positions.
#[derive(Debug)]
pub(crate) struct HeadLoss {
    /// Negative log likelihood of each position, in nats.
    pub(crate) nll: Vec<f32>,
    /// Gradient of their sum with respect to the hidden states, `[positions, hidden]`, where it was asked for.
    pub(crate) gradient: Option<Tensor<2>>,
}

impl Decoder {
    /// Loss of `targets` given normed hidden states `[positions, hidden]`.
    pub(crate) fn head_loss(
        &self,
        hidden: &Tensor<2>,
        targets: &[u32],
        with_gradient: bool,
    ) -> Result<HeadLoss, DecoderError> {
        let rows = word(logit_rows(self.vocab as u64));
        let (mut nll, mut gradients) = (Vec::with_capacity(targets.len()), Vec::new());
        for (chunk, targets) in targets.chunks(rows).enumerate() {
            let part = hidden.clone().narrow(0, chunk * rows, targets.len());
            let piece = self.piece_loss(&part, targets, with_gradient)?;
            nll.extend(piece.nll);
            gradients.extend(piece.gradient);
        }
        let gradient = with_gradient.then(|| Tensor::cat(gradients, 0));
        Ok(HeadLoss { nll, gradient })
    }

    fn piece_loss(
        &self,
        hidden: &Tensor<2>,
        targets: &[u32],
        with_gradient: bool,
    ) -> Result<HeadLoss, DecoderError> {
        if self.head.on_host() && host::is_host(hidden) {
            return self.piece_loss_on_host(hidden, targets, with_gradient);
        }
        let shards = self.head.pieces(word(shard_rows(self.hidden as u64)));
        let device = &self.backend.device;
        let logits: Vec<Tensor<2>> = shards
            .iter()
            .map(|rows| {
                self.finished(hidden.clone().matmul(self.head.piece(rows.clone(), device).transpose()))
            })
            .collect();
        let largest =
            Tensor::cat(logits.iter().map(|logits| logits.clone().max_dim(1)).collect(), 1).max_dim(1);
        let sums = logits.iter().map(|logits| (logits.clone() - largest.clone()).exp().sum_dim(1));
        let total = Tensor::cat(sums.collect(), 1).sum_dim(1).log() + largest;
        let hits: Vec<Hits> = shards.iter().map(|rows| Hits::new(targets, rows, self)).collect();
        let chosen = logits
            .iter()
            .zip(&hits)
            .map(|(logits, hits)| logits.clone().gather(1, hits.columns.clone()) * hits.inside.clone());
        let chosen = Tensor::cat(chosen.collect(), 1).sum_dim(1);
        let nll = self.backend.host(total.clone() - chosen)?;
        if !with_gradient {
            return Ok(HeadLoss { nll, gradient: None });
        }
        let mut gradient: Option<Tensor<2>> = None;
        for ((rows, logits), hits) in shards.iter().zip(logits).zip(hits) {
            let probabilities = (logits.clone() - total.clone()).exp();
            let update = hits.inside.neg();
            let difference = probabilities.scatter(1, hits.columns, update, IndexingUpdateOp::Add);
            let through = self.through_cap(difference, logits) / self.recipe.logit_divisor;
            let part = through.matmul(self.head.piece(rows.clone(), device));
            gradient = Some(match gradient {
                Some(sum) => sum + part,
                None => part,
            });
        }
        Ok(HeadLoss { nll, gradient })
    }

    fn piece_loss_on_host(
        &self,
        hidden: &Tensor<2>,
        targets: &[u32],
        with_gradient: bool,
    ) -> Result<HeadLoss, DecoderError> {
        let (rows, device) = (targets.len(), &self.backend.device);
        let mut products = host::products(&self.head, &self.backend.host(hidden.clone())?, rows);
        let (divisor, cap) = (single(self.recipe.logit_divisor), self.recipe.logit_cap.map(single));
        let losses = products.par_chunks_mut(self.vocab).zip(targets).map(|(row, target)| {
            let target = word(u64::from(*target)).min(row.len() - 1);
            cross_entropy(row, target, divisor, cap)
        });
        let nll = losses.collect();
        let gradient = with_gradient.then(|| {
            let gradient = host::product_back(&self.head, &products, rows);
            Tensor::from_data(TensorData::new(gradient, [rows, self.hidden]), device)
        });
        Ok(HeadLoss { nll, gradient })
    }

    /// Logits from products with the head.
    pub(super) fn finished(&self, products: Tensor<2>) -> Tensor<2> {
        let logits = products / self.recipe.logit_divisor;
        match self.recipe.logit_cap {
            Some(cap) => (logits / cap).tanh() * cap,
            None => logits,
        }
    }

    /// Back through `cap tanh(z / cap)`: the derivative is `1 - (logit / cap)^2`.
    fn through_cap(&self, gradient: Tensor<2>, logits: Tensor<2>) -> Tensor<2> {
        match self.recipe.logit_cap {
            Some(cap) => {
                let share = logits / cap;
                gradient * ((share.clone() * share).neg() + 1.0)
            }
            None => gradient,
        }
    }
}

/// Where targets lie within a shard of the vocabulary.
struct Hits {
    /// Column of each target, 0 where it lies elsewhere; `[positions, 1]`.
    columns: Tensor<2, Int>,
    /// One where it lies here; `[positions, 1]`.
    inside: Tensor<2>,
}

impl Hits {
    fn new(targets: &[u32], rows: &Range<usize>, decoder: &Decoder) -> Self {
        let place =
            |target: &u32| word(u64::from(*target)).checked_sub(rows.start).filter(|at| *at < rows.len());
        let columns: Vec<i32> =
            targets.iter().map(|t| place(t).and_then(|at| i32::try_from(at).ok()).unwrap_or(0)).collect();
        let inside: Vec<f32> = targets.iter().map(|t| f32::from(u8::from(place(t).is_some()))).collect();
        let shape = [targets.len(), 1];
        let device = &decoder.backend.device;
        Self {
            columns: Tensor::from_data(TensorData::new(columns, shape), device),
            inside: Tensor::from_data(TensorData::new(inside, shape), device),
        }
    }
}
