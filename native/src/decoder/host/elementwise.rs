//! Norms, rotations and gates.

use super::{HostOp, View, one, two};
use crate::decoder::Activation;
use burn::tensor::Tensor;
use dhurandhar_core::layer;
use rayon::prelude::*;
use std::sync::Arc;

/// Numbers that one thread takes at a time, about; no more are not shared, since rayon takes longer to wake than they do.
const RUN: usize = 1 << 14;

/// Numbers of whole rows of `width` in a run.
fn run(width: usize) -> usize {
    (RUN / width).max(1) * width
}

/// RMS normalisation of the last dimension.
pub(in crate::decoder) fn normed<const D: usize>(
    x: Tensor<D>,
    weight: Option<Arc<Vec<f32>>>,
    eps: f32,
) -> Tensor<D> {
    one(x, Norm { weight, eps })
}

#[derive(Debug)]
struct Norm {
    weight: Option<Arc<Vec<f32>>>,
    eps: f32,
}

impl Norm {
    fn weight(&self) -> Option<&[f32]> {
        self.weight.as_ref().map(|weight| weight.as_slice())
    }
}

impl HostOp for Norm {
    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        let View { values, shape } = inputs[0];
        let width = shape[shape.len() - 1];
        let mut out = vec![0.0; values.len()];
        if values.len() <= RUN {
            layer::rms_norm(values, self.weight(), width, self.eps, &mut out);
        } else {
            let runs = out.par_chunks_mut(run(width)).zip(values.par_chunks(run(width)));
            runs.for_each(|(out, x)| layer::rms_norm(x, self.weight(), width, self.eps, out));
        }
        (out, shape.to_vec())
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], _: &[bool]) -> Vec<Vec<f32>> {
        let View { values, shape } = inputs[0];
        let width = shape[shape.len() - 1];
        let mut out = vec![0.0; values.len()];
        let given = values.par_chunks(run(width)).zip(gradient.par_chunks(run(width)));
        out.par_chunks_mut(run(width)).zip(given).for_each(|(out, (x, gradient))| {
            layer::rms_norm_back(x, self.weight(), width, self.eps, gradient, out);
        });
        vec![out]
    }
}

/// Rows of `[heads, tokens, width]` turned by their tokens' angles, each `[tokens, width / 2]`.
pub(in crate::decoder) fn rotated(x: Tensor<3>, angles: Arc<[Vec<f32>; 2]>) -> Tensor<3> {
    one(x, Rotate { angles })
}

#[derive(Debug)]
struct Rotate {
    angles: Arc<[Vec<f32>; 2]>,
}

impl Rotate {
    fn turn(&self, x: &[f32], shape: &[usize], back: bool) -> Vec<f32> {
        let [_, tokens, width] = [0, 1, 2].map(|at| shape[at]);
        let mut out = vec![0.0; x.len()];
        let angles = self.angles.each_ref().map(Vec::as_slice);
        let head = tokens * width;
        if x.len() <= RUN {
            let heads = out.chunks_mut(head).zip(x.chunks(head));
            heads.for_each(|(out, x)| layer::rotate(x, width, angles, back, out));
        } else {
            let heads = out.par_chunks_mut(head).zip(x.par_chunks(head));
            heads.for_each(|(out, x)| layer::rotate(x, width, angles, back, out));
        }
        out
    }
}

impl HostOp for Rotate {
    fn keeps(&self) -> bool {
        false
    }

    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        (self.turn(inputs[0].values, inputs[0].shape, false), inputs[0].shape.to_vec())
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], _: &[bool]) -> Vec<Vec<f32>> {
        vec![self.turn(gradient, inputs[0].shape, true)]
    }
}

/// `activation(gate) * up`.
pub(in crate::decoder) fn gated(activation: Activation, gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    two(gate, up, Gate { activation })
}

#[derive(Debug)]
struct Gate {
    activation: Activation,
}

impl HostOp for Gate {
    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        let [gate, up] = [inputs[0].values, inputs[1].values];
        let mut out = vec![0.0; gate.len()];
        if gate.len() <= RUN {
            layer::gate(self.activation, gate, up, &mut out);
        } else {
            let given = gate.par_chunks(RUN).zip(up.par_chunks(RUN));
            let runs = out.par_chunks_mut(RUN).zip(given);
            runs.for_each(|(out, (gate, up))| layer::gate(self.activation, gate, up, out));
        }
        (out, inputs[0].shape.to_vec())
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], _: &[bool]) -> Vec<Vec<f32>> {
        let [gate, up] = [inputs[0].values, inputs[1].values];
        let (mut by_gate, mut by_up) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
        let given = gate.par_chunks(RUN).zip(up.par_chunks(RUN)).zip(gradient.par_chunks(RUN));
        let out = by_gate.par_chunks_mut(RUN).zip(by_up.par_chunks_mut(RUN));
        out.zip(given).for_each(|((by_gate, by_up), ((gate, up), gradient))| {
            layer::gate_back(self.activation, [gate, up], gradient, [by_gate, by_up]);
        });
        vec![by_gate, by_up]
    }
}
