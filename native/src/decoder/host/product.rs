//! Products with frozen weights, which are decoded a few rows at a time into the cache.
//!
//! Decoding into padded rows also keeps row lengths that are multiples of a page from falling on each other in the
//! cache. The way back asks for no input unless a low-rank addition is trained.

use super::matmul::{Mat, Target, multiply};
use super::{HostOp, View, is_host, one, three};
use crate::decoder::packed::Packed;
use crate::decoder::projection::Weight;
use crate::decoder::{Dropout, single, word};
use burn::tensor::Tensor;
use dhurandhar_core::training::sum_parts;
use rayon::prelude::*;
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

/// Bytes of decoded rows that a thread works on: well within a second-level cache.
const CACHED: usize = 128 << 10;
/// Rows that are decoded together, at least; also what their number is a multiple of.
const ROWS: usize = 32;
/// Numbers between rows.
const PADDING: usize = 16;

thread_local! {
    static DECODED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Rows of a weight that are decoded together.
fn rows_together(columns: usize) -> usize {
    (CACHED / (columns.max(1) * size_of::<f32>()) / ROWS * ROWS).max(ROWS)
}

/// Let `use_rows` see rows in f32.
fn decoded<T>(weight: &Weight, rows: Range<usize>, use_rows: impl FnOnce(Mat<'_>) -> T) -> T {
    let [_, columns] = weight.shape();
    DECODED.with_borrow_mut(|room| {
        let stride = columns + PADDING;
        if room.len() < rows.len() * stride {
            room.resize(rows.len() * stride, 0.0);
        }
        let stride = weight.decode(rows.clone(), stride, room);
        use_rows(Mat::new(room, rows.len(), columns, stride))
    })
}

/// `x W^T` for `[tokens, in]` numbers, `[tokens, out]`, with `low B^T` added where there is one.
fn forward(weight: &Weight, x: &[f32], tokens: usize, low: Option<(&[f32], Mat<'_>, f32)>) -> Vec<f32> {
    let [outputs, columns] = weight.shape();
    let mut out = vec![0.0; tokens * outputs];
    let target = Target::new(&mut out);
    let together = rows_together(columns);
    let x = Mat::new(x, tokens, columns, columns);
    (0..outputs.div_ceil(together)).into_par_iter().for_each(|chunk| {
        let rows = chunk * together..((chunk + 1) * together).min(outputs);
        decoded(weight, rows.clone(), |weight| {
            let place = [rows.start, outputs];
            #[expect(unsafe_code, reason = "chunks of rows are columns of one product")]
            // SAFETY: `out` outlives the loop, holds zeros, and no two chunks share a column.
            unsafe {
                target.multiply([x, weight.transposed()], 1.0, false, place);
                if let Some((b, low, scale)) = low {
                    let rank = b.len() / outputs.max(1);
                    let b = Mat::new(&b[rows.start * rank..rows.end * rank], rows.len(), rank, rank);
                    target.multiply([low, b.transposed()], scale, true, place);
                }
            }
        });
    });
    out
}

/// `g W` for `[tokens, out]` numbers: `[tokens, in]`.
fn backward(weight: &Weight, gradient: &[f32], tokens: usize) -> Vec<f32> {
    let [outputs, columns] = weight.shape();
    let together = rows_together(columns);
    let rows = outputs.div_ceil(word(sum_parts(outputs as u64))).next_multiple_of(ROWS);
    let sums: Vec<Vec<f32>> = (0..outputs.div_ceil(rows))
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![0.0; tokens * columns];
            let end = ((part + 1) * rows).min(outputs);
            for first in (part * rows..end).step_by(together) {
                let rows = first..(first + together).min(end);
                let gradient = Mat::new(&gradient[first..], tokens, rows.len(), outputs);
                decoded(weight, rows, |weight| multiply([gradient, weight], 1.0, true, &mut sum, columns));
            }
            sum
        })
        .collect();
    let mut sums = sums.into_iter();
    let mut total = sums.next().unwrap_or_default();
    for part in sums {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

/// A frozen product.
pub(in crate::decoder) fn product(x: Tensor<2>, weight: &Weight) -> Tensor<2> {
    one(x, Frozen { weight: weight.clone() })
}

/// The same for a few tokens, with rows that are not decoded.
pub(in crate::decoder) fn few(x: Tensor<2>, weight: &Packed) -> Tensor<2> {
    one(x, Few { weight: weight.clone() })
}

/// The same for numbers: `[tokens, in]` to `[tokens, out]`.
pub(in crate::decoder) fn products(weight: &Weight, x: &[f32], tokens: usize) -> Vec<f32> {
    forward(weight, x, tokens, None)
}

/// Its gradient: `[tokens, out]` to `[tokens, in]`.
pub(in crate::decoder) fn product_back(weight: &Weight, gradient: &[f32], tokens: usize) -> Vec<f32> {
    backward(weight, gradient, tokens)
}

/// A low-rank addition: `scale (x A^T) B^T`, with some of `x` dropped where a mask says so.
#[derive(Debug, Clone, Copy)]
pub(in crate::decoder) struct Addition<'a> {
    /// `[rank, in]`.
    pub(in crate::decoder) a: &'a Tensor<2>,
    /// `[out, rank]`.
    pub(in crate::decoder) b: &'a Tensor<2>,
    pub(in crate::decoder) scale: f64,
    /// What the addition does not see; its key is this matrix' own.
    pub(in crate::decoder) dropout: Option<Dropout>,
}

/// `x W^T` with an addition, or nothing where the numbers are not at hand.
pub(in crate::decoder) fn adapted(
    x: &Tensor<2>,
    weight: &Weight,
    Addition { a, b, scale, dropout }: Addition<'_>,
) -> Option<Tensor<2>> {
    let scale = single(scale);
    (weight.on_host() && is_host(x))
        .then(|| three([x.clone(), a.clone(), b.clone()], Adapted { weight: weight.clone(), scale, dropout }))
}

#[derive(Debug)]
struct Frozen {
    weight: Weight,
}

impl HostOp for Frozen {
    fn keeps(&self) -> bool {
        false
    }

    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        let tokens = inputs[0].shape[0];
        (forward(&self.weight, inputs[0].values, tokens, None), vec![tokens, self.weight.shape()[0]])
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], _: &[bool]) -> Vec<Vec<f32>> {
        vec![backward(&self.weight, gradient, inputs[0].shape[0])]
    }
}

#[derive(Debug)]
struct Few {
    weight: Packed,
}

impl HostOp for Few {
    fn keeps(&self) -> bool {
        false
    }

    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        let tokens = inputs[0].shape[0];
        (self.weight.products(inputs[0].values, tokens), vec![tokens, self.weight.rows()])
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], _: &[bool]) -> Vec<Vec<f32>> {
        vec![backward(&Weight::Packed(self.weight.clone()), gradient, inputs[0].shape[0])]
    }
}

#[derive(Debug)]
struct Adapted {
    weight: Weight,
    scale: f32,
    dropout: Option<Dropout>,
}

impl Adapted {
    /// What each number of `x` is multiplied by for the addition; the same on the way back.
    fn mask(&self, length: usize) -> Option<Vec<f32>> {
        self.dropout.map(|dropout| dropout.mask(length))
    }
}

/// `x` without what is dropped.
fn thinned<'a>(x: &'a [f32], mask: Option<&[f32]>) -> Cow<'a, [f32]> {
    match mask {
        None => Cow::Borrowed(x),
        Some(mask) => x.iter().zip(mask).map(|(x, mask)| x * mask).collect(),
    }
}

/// `scale a b` as a matrix of its own.
fn new_product(a: Mat<'_>, b: Mat<'_>, scale: f32, [rows, columns]: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; rows * columns];
    multiply([a, b], scale, false, &mut out, columns);
    out
}

impl HostOp for Adapted {
    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>) {
        let [outputs, columns] = self.weight.shape();
        let [x, a, b] = [0, 1, 2].map(|at| inputs[at].values);
        let (tokens, rank) = (inputs[0].shape[0], inputs[1].shape[0]);
        let seen = thinned(x, self.mask(x.len()).as_deref());
        let seen = Mat::new(&seen, tokens, columns, columns);
        let low = new_product(seen, Mat::new(a, rank, columns, columns).transposed(), 1.0, [tokens, rank]);
        let low = Mat::new(&low, tokens, rank, rank);
        (forward(&self.weight, x, tokens, Some((b, low, self.scale))), vec![tokens, outputs])
    }

    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], wanted: &[bool]) -> Vec<Vec<f32>> {
        let [outputs, columns] = self.weight.shape();
        let [x, a, b] = [0, 1, 2].map(|at| inputs[at].values);
        let (tokens, rank) = (inputs[0].shape[0], inputs[1].shape[0]);
        let g = Mat::new(gradient, tokens, outputs, outputs);
        let mask = self.mask(x.len());
        let seen = thinned(x, mask.as_deref());
        let seen = Mat::new(&seen, tokens, columns, columns);
        let a = Mat::new(a, rank, columns, columns);
        let through = new_product(g, Mat::new(b, outputs, rank, rank), self.scale, [tokens, rank]);
        let through = Mat::new(&through, tokens, rank, rank);
        let by_x = || {
            if !wanted[0] {
                return Vec::new();
            }
            let mut by_x = backward(&self.weight, gradient, tokens);
            let Some(mask) = &mask else {
                multiply([through, a], 1.0, true, &mut by_x, columns);
                return by_x;
            };
            let added = new_product(through, a, 1.0, [tokens, columns]);
            by_x.iter_mut().zip(added).zip(mask).for_each(|((by_x, added), mask)| *by_x += added * mask);
            by_x
        };
        let by_factors = || {
            let low = new_product(seen, a.transposed(), 1.0, [tokens, rank]);
            let low = Mat::new(&low, tokens, rank, rank);
            let by_a = new_product(through.transposed(), seen, 1.0, [rank, columns]);
            let by_b = new_product(g.transposed(), low, self.scale, [outputs, rank]);
            (by_a, by_b)
        };
        let (by_x, (by_a, by_b)) = rayon::join(by_x, by_factors);
        vec![by_x, by_a, by_b]
    }
}
