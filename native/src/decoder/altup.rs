//! Gemma 3n's extras: AltUp (several streams, of which a layer computes one) and LAuReL (a low-rank residual).
//!
//! AltUp: Baykal et al., "Alternating Updates for Efficient Transformers"; LAuReL: Menghani et al., "LAuReL:
//! Learned Augmented Residual Layer".

use super::DecoderError;
use super::load::Loader;
use super::norm::Norm;
use super::projection::Projection;
use super::recipe::Recipe;
use burn::tensor::Tensor;

/// Smallest mean square that magnitudes are matched to.
const LEAST_SQUARE: f64 = 1e-5;

/// Opens one stream into several, and closes them again.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    open: Vec<Projection>,
    close: Vec<Projection>,
}

impl Streams {
    pub(super) fn load(loader: &Loader<'_>, streams: usize, hidden: usize) -> Result<Self, DecoderError> {
        Ok(Self {
            open: loader.stack("altup_proj", streams - 1, hidden)?,
            close: loader.stack("altup_unembd_proj", streams - 1, hidden)?,
        })
    }

    /// `[tokens, hidden]` to `[streams, tokens, hidden]`, all of one magnitude.
    pub(super) fn open(&self, x: &Tensor<2>) -> Tensor<3> {
        let target = mean_square(x.clone()).sqrt();
        let others = self.open.iter().map(|map| matched(map.apply(x.clone()), target.clone()));
        Tensor::stack(std::iter::once(x.clone()).chain(others).collect(), 0)
    }

    /// The mean of all streams, brought to the magnitude of the first.
    pub(super) fn close(&self, streams: &Tensor<3>) -> Tensor<2> {
        let first = stream(streams, 0);
        let target = mean_square(first.clone()).sqrt();
        let others = self.close.iter().enumerate();
        let sum = others.fold(first, |sum, (index, map)| {
            sum + matched(map.apply(stream(streams, index + 1)), target.clone())
        });
        sum / (self.close.len() + 1) as f64
    }
}

/// Predicts all streams before a layer and corrects them after it.
#[derive(Debug, Clone)]
pub(super) struct AltUp {
    streams: usize,
    active: usize,
    router: Projection,
    router_norm: Norm,
    router_scale: f64,
    predict: Projection,
    correct: Projection,
    correct_scale: Tensor<1>,
    laurel_left: Projection,
    laurel_right: Projection,
    laurel_norm: Norm,
}

impl AltUp {
    pub(super) fn load(
        loader: &Loader<'_>,
        recipe: &Recipe,
        layer: usize,
        (streams, rank, hidden): (usize, usize, usize),
    ) -> Result<Self, DecoderError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let map = |part: &str, shape| loader.projection(&name(part), shape, false, None);
        Ok(Self {
            streams,
            active: recipe.active_stream.min(streams - 1),
            router: map("altup_router", [streams, hidden])?,
            router_norm: loader.norm(&name("altup_router_norm.weight"), hidden, recipe)?,
            router_scale: 1.0 / hidden as f64,
            predict: map("altup_predict_coef", [streams * streams, streams])?,
            correct: map("altup_correct_coef", [streams, streams])?,
            correct_scale: loader.vector(&name("altup_correct_scale.weight"), hidden)?,
            laurel_left: map("laurel_l", [rank, hidden])?,
            laurel_right: map("laurel_r", [hidden, rank])?,
            laurel_norm: loader.norm(&name("laurel_post_norm.weight"), hidden, recipe)?,
        })
    }

    /// All streams as the layer expects them: each plus a mix of all, with coefficients from the active one.
    pub(super) fn predict(&self, streams: &Tensor<3>) -> Vec<Tensor<2>> {
        let all: Vec<_> = (0..self.streams).map(|index| stream(streams, index)).collect();
        let coefficients = self.predict.apply(self.routed(all[self.active].clone()));
        (0..self.streams)
            .map(|to| {
                (0..self.streams).fold(all[to].clone(), |sum, from| {
                    let weight = coefficients.clone().narrow(1, to * self.streams + from, 1);
                    sum + all[from].clone() * weight
                })
            })
            .collect()
    }

    /// The stream that the layer computes.
    pub(super) fn active<'p>(&self, predicted: &'p [Tensor<2>]) -> &'p Tensor<2> {
        &predicted[self.active]
    }

    /// `x + norm(right(left x))`.
    pub(super) fn laurel(&self, x: Tensor<2>) -> Tensor<2> {
        let low_rank = self.laurel_right.apply(self.laurel_left.apply(x.clone()));
        x + self.laurel_norm.apply(low_rank)
    }

    /// Spread what the layer changed over all streams.
    pub(super) fn correct(&self, predicted: Vec<Tensor<2>>, computed: Tensor<2>) -> Vec<Tensor<2>> {
        let coefficients = self.correct.apply(self.routed(computed.clone())) + 1.0;
        let change = computed - predicted[self.active].clone();
        let corrected = predicted.into_iter().enumerate();
        corrected.map(|(index, x)| x + change.clone() * coefficients.clone().narrow(1, index, 1)).collect()
    }

    /// The active stream as the per-layer embedding's gate sees it.
    pub(super) fn scaled(&self, corrected: &[Tensor<2>]) -> Tensor<2> {
        corrected[self.active].clone() * self.correct_scale.clone().unsqueeze()
    }

    fn routed(&self, x: Tensor<2>) -> Tensor<2> {
        self.router.apply(self.router_norm.apply(x) * self.router_scale).tanh()
    }
}

/// Stream `index` of `[streams, tokens, hidden]`.
pub(super) fn stream(streams: &Tensor<3>, index: usize) -> Tensor<2> {
    let [_, tokens, hidden] = streams.dims();
    streams.clone().narrow(0, index, 1).reshape([tokens, hidden])
}

fn mean_square(x: Tensor<2>) -> Tensor<2> {
    (x.clone() * x).mean_dim(1)
}

fn matched(x: Tensor<2>, target: Tensor<2>) -> Tensor<2> {
    let magnitude = mean_square(x.clone()).clamp_min(LEAST_SQUARE).sqrt();
    x * target / magnitude
}
