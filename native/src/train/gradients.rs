//! Gradients of the adapters for sequences side by side: layer by layer, or on one tape.
//!
//! Layer by layer: a forward pass without a tape keeps each layer's input; then, from the last layer to the first,
//! each is run again on a tape of its own, against the gradient of its output. A layer whose keys and values are read
//! later gets their gradients too. The head's gradient is known in closed form (`decoder/loss.rs`).

use super::params::{Factors, OnDevice};
use crate::decoder::{Adapters, Backend, Decoder, DecoderError, Dropout, Row};
use burn::tensor::{Gradients, Int, Tensor, TensorData};
use dhurandhar_core::training::Mode;
use std::collections::BTreeMap;

/// Sequences for one pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Batch {
    /// Tokens of all sequences, one after the other.
    pub(crate) tokens: Vec<u32>,
    /// Lengths of the sequences.
    pub(crate) lengths: Vec<usize>,
    /// Positions whose successor is predicted, within `tokens`.
    pub(crate) positions: Vec<usize>,
    /// Those successors.
    pub(crate) targets: Vec<u32>,
}

impl Batch {
    /// Add a sequence; `trained` says which of its tokens count.
    pub(crate) fn push(&mut self, ids: &[u32], trained: &[bool]) {
        let start = self.tokens.len();
        self.tokens.extend(ids);
        self.lengths.push(ids.len());
        for at in (1..ids.len()).filter(|at| trained.get(*at) == Some(&true)) {
            self.positions.push(start + at - 1);
            self.targets.push(ids[at]);
        }
    }
}

/// Gradients by pair, as the parameters are laid out.
pub(crate) type Sums = Vec<Factors>;

/// How a pass is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) mode: Mode,
    pub(crate) dropout: Option<Dropout>,
    /// What each position's loss is multiplied by before gradients are added up.
    pub(crate) weight: f64,
}

/// Add the gradients of a pass to `sums`; gives the loss of every position, in nats.
pub(crate) fn accumulate(
    decoder: &Decoder,
    parameters: &OnDevice,
    batch: &Batch,
    how: How,
    sums: &mut Sums,
) -> Result<Vec<f32>, DecoderError> {
    match how.mode {
        Mode::LayerWise => layer_wise(decoder, parameters, batch, how, sums),
        Mode::FullTape => full_tape(decoder, parameters, batch, how, sums),
    }
}

/// Loss of every position without gradients.
pub(crate) fn evaluate(
    decoder: &Decoder,
    parameters: &OnDevice,
    batch: &Batch,
) -> Result<Vec<f32>, DecoderError> {
    let (mut row, mut x) = Row::open(decoder, &batch.tokens, &batch.lengths)?;
    let adapters = parameters.plain(None);
    for layer in 0..decoder.layers() {
        x = row.layer(layer, x, &adapters)?;
    }
    let hidden = chosen(row.close(&x), batch, decoder.backend());
    Ok(decoder.head_loss(&hidden, &batch.targets, false)?.nll)
}

/// The hidden states that predict something.
fn chosen(hidden: Tensor<2>, batch: &Batch, backend: &Backend) -> Tensor<2> {
    let indices: Vec<i32> = batch.positions.iter().filter_map(|at| i32::try_from(*at).ok()).collect();
    let length = indices.len();
    hidden.select(0, Tensor::<1, Int>::from_data(TensorData::new(indices, [length]), &backend.device))
}

/// Loss, and the scalar whose gradient is that of the weighted loss: `sum(hidden * gradient)`.
fn objective(
    decoder: &Decoder,
    hidden: Tensor<2>,
    batch: &Batch,
    weight: f64,
) -> Result<(Vec<f32>, Tensor<1>), DecoderError> {
    let hidden = chosen(hidden, batch, decoder.backend());
    let loss = decoder.head_loss(&hidden.clone().inner(), &batch.targets, true)?;
    let gradient = loss.gradient.unwrap_or_else(|| hidden.zeros_like().inner());
    Ok((loss.nll, (hidden * (gradient * weight)).sum()))
}

fn full_tape(
    decoder: &Decoder,
    parameters: &OnDevice,
    batch: &Batch,
    how: How,
    sums: &mut Sums,
) -> Result<Vec<f32>, DecoderError> {
    let (mut row, mut x) = Row::open(decoder, &batch.tokens, &batch.lengths)?;
    let adapters = parameters.tracked(how.dropout, None);
    for layer in 0..decoder.layers() {
        x = row.layer(layer, x, &adapters)?;
    }
    let (nll, objective) = objective(decoder, row.close(&x), batch, how.weight)?;
    if objective.is_tracked() {
        collect(decoder.backend(), parameters, &adapters, &mut objective.backward(), sums, None)?;
    }
    Ok(nll)
}

fn layer_wise(
    decoder: &Decoder,
    parameters: &OnDevice,
    batch: &Batch,
    how: How,
    sums: &mut Sums,
) -> Result<Vec<f32>, DecoderError> {
    let (mut row, x) = Row::open(decoder, &batch.tokens, &batch.lengths)?;
    let plain = parameters.plain(how.dropout);
    let mut inputs = vec![x];
    for layer in 0..decoder.layers() {
        let x = row.layer(layer, inputs[layer].clone(), &plain)?;
        inputs.push(x);
    }
    let kept: Vec<_> = (0..decoder.layers()).map(|layer| row.keys_values(layer)).collect();
    let mut donated: BTreeMap<usize, (Tensor<3>, Tensor<3>)> = BTreeMap::new();
    let last = inputs.split_off(decoder.layers()).remove(0).autodiff().require_grad();
    let (nll, head) = objective(decoder, row.close(&last), batch, how.weight)?;
    let mut gradients = head.backward();
    let Some(mut flowing) = last.grad_remove(&mut gradients) else { return Ok(nll) };
    drop((gradients, last));
    for (layer, x) in inputs.into_iter().enumerate().rev() {
        // Nothing below the first layer is trained.
        let x = if layer > 0 { x.autodiff().require_grad() } else { x };
        let adapters = parameters.tracked(how.dropout, Some(layer));
        let donor = row.donor(layer);
        let lent = donor.and_then(|donor| kept[donor].clone());
        let lent = lent.map(|(k, v)| (k.autodiff().require_grad(), v.autodiff().require_grad()));
        if let (Some(donor), Some(lent)) = (donor, &lent) {
            row.lend(donor, lent.clone());
        }
        let out = row.layer(layer, x.clone(), &adapters)?;
        let mut objective = (out * flowing.clone()).sum();
        if let (Some((gk, gv)), Some((k, v))) = (donated.remove(&layer), row.keys_values(layer)) {
            objective = objective + (k * gk).sum() + (v * gv).sum();
        }
        if !objective.is_tracked() {
            continue;
        }
        let mut gradients = objective.backward();
        collect(decoder.backend(), parameters, &adapters, &mut gradients, sums, Some(layer))?;
        if let (Some(donor), Some((k, v))) = (donor, lent)
            && let (Some(gk), Some(gv)) = (k.grad_remove(&mut gradients), v.grad_remove(&mut gradients))
        {
            let sum = match donated.remove(&donor) {
                Some((k, v)) => (k + gk, v + gv),
                None => (gk, gv),
            };
            donated.insert(donor, sum);
        }
        if layer > 0 {
            let Some(next) = x.grad_remove(&mut gradients) else { break };
            flowing = next;
        }
    }
    Ok(nll)
}

/// Bring the gradients of adapters to the host and add them up.
fn collect(
    backend: &Backend,
    parameters: &OnDevice,
    adapters: &Adapters,
    gradients: &mut Gradients,
    sums: &mut Sums,
    only: Option<usize>,
) -> Result<(), DecoderError> {
    for (index, layer, target) in
        parameters.places().filter(|(_, at, _)| only.is_none_or(|layer| layer == *at))
    {
        let Some(pair) = adapters.get(layer, target) else { continue };
        let [a, b, lengths] = &mut sums[index];
        for (factor, sum) in [(&pair.a, a), (&pair.b, b)] {
            add(sum, factor.grad_remove(gradients).map(|gradient| backend.host(gradient)).transpose()?);
        }
        if let Some(magnitude) = &pair.magnitude {
            let gradient = magnitude.lengths.grad_remove(gradients);
            add(lengths, gradient.map(|gradient| backend.host(gradient)).transpose()?);
        }
    }
    Ok(())
}

fn add(sum: &mut [f32], gradient: Option<Vec<f32>>) {
    sum.iter_mut().zip(gradient.into_iter().flatten()).for_each(|(sum, part)| *sum += part);
}
