//! A linear map with frozen weights.

use super::host;
use super::nf4::Nf4Matrix;
use super::packed::Packed;
use burn::tensor::{Device, FloatDType, Tensor};
use std::ops::Range;

/// `y = x W^T + b`.
#[derive(Debug, Clone)]
pub(super) struct Projection {
    weight: Weight,
    bias: Option<Tensor<1>>,
    /// What its product is computed in, if not in f32.
    half: Option<FloatDType>,
}

/// A matrix `[out, in]`, as checkpoints store it.
#[derive(Debug, Clone)]
pub(super) enum Weight {
    /// On the device, in pieces of whole rows.
    Dense(Vec<Tensor<2>>),
    /// In the checkpoint's mapping.
    Packed(Packed),
    /// In NF4, in memory.
    Nf4(Nf4Matrix),
}

impl Projection {
    /// From `[out, in]` and an optional `[out]`; `half` is what its product is computed in, if not f32.
    pub(super) fn new(weight: Weight, bias: Option<Tensor<1>>, half: Option<FloatDType>) -> Self {
        Self { weight, bias, half }
    }

    /// Bytes of its packed weight in memory.
    pub(super) fn packed_bytes(&self) -> usize {
        self.weight.packed_bytes()
    }

    /// `[tokens, in]` to `[tokens, out]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        self.biased(self.product(x))
    }

    /// The same without the bias.
    pub(super) fn product(&self, x: Tensor<2>) -> Tensor<2> {
        match self.half {
            Some(half) => self.weight.apply_in(half, x),
            None => self.weight.apply(x),
        }
    }

    /// The product with `scale (x A^T) B^T` added, in one go where that can be had.
    pub(super) fn adapted(&self, x: &Tensor<2>, addition: host::Addition<'_>) -> Option<Tensor<2>> {
        let product = host::adapted(x, &self.weight, addition).filter(|_| self.half.is_none())?;
        Some(self.biased(product))
    }

    /// A product with the bias added.
    pub(super) fn biased(&self, y: Tensor<2>) -> Tensor<2> {
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        }
    }

    /// Squared length of each of the weight's rows, `[out]`.
    pub(super) fn row_squares(&self, device: &Device) -> Tensor<1> {
        let pieces = self.weight.pieces(usize::MAX).into_iter().map(|rows| {
            let rows = self.weight.piece(rows, device);
            (rows.clone() * rows).sum_dim(1).squeeze_dim::<1>(1)
        });
        Tensor::cat(pieces.collect(), 0)
    }
}

impl Weight {
    /// `[tokens, in]` to `[tokens, out]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Packed(packed) if packed.takes(&x) => packed.apply(x),
            _ if self.on_host() && host::is_host(&x) => host::product(x, self),
            Self::Packed(packed) => packed.apply(x),
            Self::Nf4(packed) => packed.apply(x),
            Self::Dense(pieces) if pieces.len() == 1 => x.matmul(pieces[0].clone().transpose()),
            Self::Dense(pieces) => {
                let parts = pieces.iter().map(|piece| x.clone().matmul(piece.clone().transpose()));
                Tensor::cat(parts.collect(), 1)
            }
        }
    }

    /// The same in half precision; the sums come back in f32.
    fn apply_in(&self, half: FloatDType, x: Tensor<2>) -> Tensor<2> {
        let device = x.device().inner();
        let x = x.cast(half);
        let product = |weight: Tensor<2>| x.clone().matmul(weight.cast(half).transpose());
        let product = match self {
            Self::Packed(packed) => product(packed.dense(&device)),
            Self::Nf4(packed) => product(packed.dense(&device)),
            Self::Dense(pieces) => Tensor::cat(pieces.iter().cloned().map(product).collect(), 1),
        };
        product.cast(FloatDType::F32)
    }

    /// Ranges of rows that can be had in f32 one after the other, each of at most `most`.
    pub(super) fn pieces(&self, most: usize) -> Vec<Range<usize>> {
        let lengths = match self {
            Self::Dense(pieces) => pieces.iter().map(|piece| piece.dims()[0]).collect(),
            Self::Packed(packed) => vec![packed.rows()],
            Self::Nf4(packed) => vec![packed.rows],
        };
        let mut ranges = Vec::new();
        let mut first = 0;
        for length in lengths {
            let end = first + length;
            ranges.extend(
                (first..end)
                    .step_by(most.clamp(1, length.max(1)))
                    .map(|at| at..at.saturating_add(most.max(1)).min(end)),
            );
            first = end;
        }
        ranges
    }

    /// Rows of one of [`Self::pieces`] in f32.
    pub(super) fn piece(&self, rows: Range<usize>, device: &Device) -> Tensor<2> {
        match self {
            Self::Packed(packed) => packed.dense_rows(rows, device),
            Self::Nf4(packed) => packed.dense(device).narrow(0, rows.start, rows.len()),
            Self::Dense(pieces) => {
                let mut first = 0;
                for piece in pieces {
                    let length = piece.dims()[0];
                    if rows.start < first + length {
                        let rows = piece.clone().narrow(0, rows.start - first, rows.len());
                        return rows.cast(FloatDType::F32);
                    }
                    first += length;
                }
                Tensor::zeros([0, 0], device)
            }
        }
    }

    /// Bytes in memory beside the checkpoint's mapping.
    pub(super) fn packed_bytes(&self) -> usize {
        match self {
            Self::Nf4(packed) => packed.bytes(),
            Self::Packed(_) | Self::Dense(_) => 0,
        }
    }

    /// Whether its numbers can be decoded here, for the host's products.
    pub(super) fn on_host(&self) -> bool {
        match self {
            Self::Dense(_) => false,
            Self::Packed(packed) => packed.on_host(),
            Self::Nf4(_) => true,
        }
    }

    /// Rows and columns.
    pub(super) fn shape(&self) -> [usize; 2] {
        match self {
            Self::Packed(packed) => packed.shape(),
            Self::Nf4(packed) => [packed.rows, packed.columns],
            Self::Dense(pieces) => pieces
                .iter()
                .map(Tensor::dims)
                .fold([0, 0], |[rows, _], [more, columns]| [rows + more, columns]),
        }
    }

    /// Write rows that are on the host into `out`, `stride` apart or closer; gives how far apart they are.
    pub(super) fn decode(&self, rows: Range<usize>, stride: usize, out: &mut [f32]) -> usize {
        match self {
            Self::Packed(packed) => packed.decode(rows, stride, out),
            Self::Nf4(packed) => return packed.decode(rows, stride, out),
            // Those of a device are never asked for.
            Self::Dense(_) => {}
        }
        stride
    }
}
