//! Attention of a layer: scores, weights and what they mix, head by head.

use super::matmul::{Mat, multiply};
use super::{HostOp, View, three};
use burn::tensor::Tensor;
use dhurandhar_core::layer::{Sight, softmax, softmax_back};
use rayon::prelude::*;
use std::ops::Range;

/// Multiplications that are not shared, since rayon takes longer to wake than they do.
const FEW: usize = 1 << 19;

/// What a layer's attention is made of.
#[derive(Debug, Clone)]
pub(in crate::decoder) struct Heads {
    /// What scores are multiplied by.
    pub(in crate::decoder) scale: f32,
    /// `cap tanh(score / cap)`.
    pub(in crate::decoder) cap: Option<f32>,
    /// Positions seen, the query's own included.
    pub(in crate::decoder) window: Option<usize>,
    /// Position of the first query.
    pub(in crate::decoder) start: usize,
    /// Position of the first key.
    pub(in crate::decoder) first: usize,
    /// Lengths of sequences that lie side by side and do not see each other; one sequence when empty.
    pub(in crate::decoder) segments: Vec<usize>,
}

/// `softmax(scale Q K^T) V` of `[query_heads, tokens, width]`, `[kv_heads, keys, width]` and
/// `[kv_heads, keys, value_width]`: `[tokens, query_heads * value_width]`.
pub(in crate::decoder) fn attend(heads: Heads, inputs: [Tensor<3>; 3]) -> Tensor<2> {
    three(inputs, heads)
}

/// Queries and keys that see each other, and how.
struct Part {
    queries: Range<usize>,
    keys: Range<usize>,
    sight: Sight,
}

/// Sizes of the inputs.
#[derive(Clone, Copy)]
struct Sizes {
    query_heads: usize,
    group: usize,
    tokens: usize,
    keys: usize,
    width: usize,
    value_width: usize,
}

impl Sizes {
    fn of(inputs: &[View<'_>]) -> Self {
        let [q, k, v] = [0, 1, 2].map(|at| inputs[at].shape);
        Self {
            query_heads: q[0],
            group: q[0] / k[0],
            tokens: q[1],
            keys: k[1],
            width: q[2],
            value_width: v[2],
        }
    }

    /// Rows of one head within `[heads, length, width]`.
    fn head<'a>(
        values: &'a [f32],
        head: usize,
        length: usize,
        width: usize,
        rows: &Range<usize>,
    ) -> &'a [f32] {
        let start = head * length * width;
        &values[start + rows.start * width..start + rows.end * width]
    }
}

impl Heads {
    fn parts(&self, sizes: Sizes) -> Vec<Part> {
        if self.segments.is_empty() {
            let sight = Sight { start: self.start, first: self.first, keys: sizes.keys, window: self.window };
            return vec![Part { queries: 0..sizes.tokens, keys: 0..sizes.keys, sight }];
        }
        let mut at = 0;
        let part = |length: &usize| {
            let rows = at..at + length;
            at = rows.end;
            let sight = Sight { start: 0, first: 0, keys: *length, window: self.window };
            Part { queries: rows.clone(), keys: rows, sight }
        };
        self.segments.iter().map(part).collect()
    }

    /// Scaled scores of a head's queries, `[queries, keys]`.
    fn scores(&self, part: &Part, q: &[f32], k: &[f32], width: usize) -> Vec<f32> {
        let (queries, keys) = (part.queries.len(), part.keys.len());
        let mut scores = vec![0.0; queries * keys];
        let factors = [Mat::new(q, queries, width, width), Mat::new(k, keys, width, width).transposed()];
        multiply(factors, self.scale, false, &mut scores, keys);
        scores
    }

    fn mix_head(&self, inputs: &[View<'_>], sizes: Sizes, head: usize) -> Vec<f32> {
        let Sizes { tokens, keys, width, value_width, group, .. } = sizes;
        let mut out = vec![0.0; tokens * value_width];
        for part in self.parts(sizes) {
            let q = Sizes::head(inputs[0].values, head, tokens, width, &part.queries);
            let k = Sizes::head(inputs[1].values, head / group, keys, width, &part.keys);
            let v = Sizes::head(inputs[2].values, head / group, keys, value_width, &part.keys);
            let mut weights = self.scores(&part, q, k, width);
            softmax(&mut weights, part.sight, self.cap);
            let count = part.keys.len();
            let factors = [
                Mat::new(&weights, part.queries.len(), count, count),
                Mat::new(v, count, value_width, value_width),
            ];
            let out = &mut out[part.queries.start * value_width..part.queries.end * value_width];
            multiply(factors, 1.0, false, out, value_width);
        }
        out
    }

    /// Gradients of one query head's queries, keys and values; `gradient` has a row of all heads a token.
    fn head_back(&self, inputs: &[View<'_>], sizes: Sizes, head: usize, gradient: &[f32]) -> [Vec<f32>; 3] {
        let Sizes { query_heads, tokens, keys, width, value_width, group } = sizes;
        let mut by_q = vec![0.0; tokens * width];
        let mut by_k = vec![0.0; keys * width];
        let mut by_v = vec![0.0; keys * value_width];
        for part in self.parts(sizes) {
            let (queries, count) = (part.queries.len(), part.keys.len());
            let q = Sizes::head(inputs[0].values, head, tokens, width, &part.queries);
            let k = Sizes::head(inputs[1].values, head / group, keys, width, &part.keys);
            let v = Sizes::head(inputs[2].values, head / group, keys, value_width, &part.keys);
            let stride = query_heads * value_width;
            let gradient = &gradient[part.queries.start * stride + head * value_width..];
            let gradient = Mat::new(gradient, queries, value_width, stride);
            let scores = self.scores(&part, q, k, width);
            let mut weights = scores.clone();
            softmax(&mut weights, part.sight, self.cap);
            let mut flow = vec![0.0; queries * count];
            let v = Mat::new(v, count, value_width, value_width);
            multiply([gradient, v.transposed()], 1.0, false, &mut flow, count);
            let weighted = Mat::new(&weights, queries, count, count).transposed();
            let out = &mut by_v[part.keys.start * value_width..part.keys.end * value_width];
            multiply([weighted, gradient], 1.0, false, out, value_width);
            softmax_back(&weights, &mut flow, part.sight, self.cap.map(|cap| (cap, scores.as_slice())));
            let flow = Mat::new(&flow, queries, count, count);
            let out = &mut by_q[part.queries.start * width..part.queries.end * width];
            multiply([flow, Mat::new(k, count, width, width)], self.scale, false, out, width);
            let out = &mut by_k[part.keys.start * width..part.keys.end * width];
            let factors = [flow.transposed(), Mat::new(q, queries, width, width)];
            multiply(factors, self.scale, false, out, width);
        }
        [by_q, by_k, by_v]
    }
}

impl HostOp for Heads {
    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        let sizes = Sizes::of(inputs);
        let Sizes { query_heads, tokens, keys, width, value_width, .. } = sizes;
        let mix = |head| self.mix_head(inputs, sizes, head);
        let heads: Vec<Vec<f32>> = if query_heads * tokens * keys * (width + value_width) <= FEW {
            (0..query_heads).map(mix).collect()
        } else {
            (0..query_heads).into_par_iter().map(mix).collect()
        };
        let row = query_heads * value_width;
        let mut out = vec![0.0; tokens * row];
        for (token, out) in out.chunks_exact_mut(row.max(1)).enumerate() {
            for (out, head) in out.chunks_exact_mut(value_width.max(1)).zip(&heads) {
                out.copy_from_slice(&head[token * value_width..(token + 1) * value_width]);
            }
        }
        (out, vec![tokens, row])
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], _: &[bool]) -> Vec<Vec<f32>> {
        let sizes = Sizes::of(inputs);
        let heads: Vec<[Vec<f32>; 3]> = (0..sizes.query_heads)
            .into_par_iter()
            .map(|head| self.head_back(inputs, sizes, head, gradient))
            .collect();
        let mut out = [Vec::new(), Vec::new(), Vec::new()];
        for (head, gradients) in heads.into_iter().enumerate() {
            let [by_q, by_k, by_v] = gradients;
            out[0].extend(by_q);
            for (sum, part) in out[1..].iter_mut().zip([by_k, by_v]) {
                // The heads of a group share keys and values.
                if head % sizes.group == 0 {
                    sum.extend(part);
                } else {
                    let start = sum.len() - part.len();
                    sum[start..].iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
                }
            }
        }
        out.into()
    }
}
