//! Which keys a query sees: causal, within a sliding window, and which of them a codec leaves alone.

use burn::tensor::{Device, Tensor, TensorData};

/// Added to scores of keys out of sight: far below any score, yet finite, so that no NaN arises.
const HIDDEN: f32 = -1e30;

/// Masks of one forward pass, built once for each kind of layer.
#[derive(Debug)]
pub(super) struct Masks {
    start: usize,
    device: Device,
    built: Vec<(Shape, Option<Tensor<3>>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    tokens: usize,
    first: usize,
    keys: usize,
    window: Option<usize>,
}

impl Masks {
    /// For queries from position `start` on.
    pub(super) fn new(start: usize, device: &Device) -> Self {
        Self { start, device: device.clone(), built: Vec::new() }
    }

    /// Position of the first query.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// What to add to scores `[heads, tokens, keys]` of keys from position `first`; `None` when all are seen.
    pub(super) fn additive(
        &mut self,
        tokens: usize,
        first: usize,
        keys: usize,
        window: Option<usize>,
    ) -> Option<Tensor<3>> {
        let shape = Shape { tokens, first, keys, window };
        if let Some((_, mask)) = self.built.iter().find(|(known, _)| *known == shape) {
            return mask.clone();
        }
        let sees =
            |query: usize, key: usize| key <= query && window.is_none_or(|window| query - key < window);
        let values = self.grid(tokens, first, keys, |query, key| if sees(query, key) { 0.0 } else { HIDDEN });
        let mask = values.iter().any(|value| *value < 0.0).then(|| self.tensor(values, tokens, keys));
        self.built.push((shape, mask.clone()));
        mask
    }

    /// One where a key is among the newest `recent` of a query, else zero.
    pub(super) fn recent(&self, tokens: usize, first: usize, keys: usize, recent: usize) -> Tensor<3> {
        let newest = |query: usize, key: usize| f32::from(key <= query && query - key < recent);
        self.tensor(self.grid(tokens, first, keys, newest), tokens, keys)
    }

    fn grid(
        &self,
        tokens: usize,
        first: usize,
        keys: usize,
        value: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        let queries = self.start..self.start + tokens;
        queries
            .flat_map(|query| (first..first + keys).map(move |key| (query, key)))
            .map(|(q, k)| value(q, k))
            .collect()
    }

    fn tensor(&self, values: Vec<f32>, tokens: usize, keys: usize) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, [1, tokens, keys]), &self.device)
    }
}
