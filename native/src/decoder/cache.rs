//! The KV cache: one span of keys and values for each layer that owns one.

use super::hook::{KvHook, Site};
use super::{Backend, DecoderError};
use burn::tensor::{Tensor, TensorData};
use half::f16;

/// What the queries of a layer see.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// `[kv_heads, tokens, head_dim]`; decoded ones where a hook keeps no recent window.
    pub(super) keys: Tensor<3>,
    /// The same for values.
    pub(super) values: Tensor<3>,
    /// What a codec gives back for tokens outside its recent window.
    pub(super) coded: Option<(Tensor<3>, Tensor<3>)>,
    /// Position of the first token kept.
    pub(super) first: usize,
}

/// Keys and values of a sequence, by layer.
#[derive(Debug, Clone)]
pub struct KvCache {
    spans: Vec<Option<Span>>,
    length: usize,
}

impl KvCache {
    /// An empty cache for so many layers.
    pub fn new(layers: usize) -> Self {
        Self { spans: vec![None; layers], length: 0 }
    }

    /// Tokens cached.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is cached.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Channels times tokens kept in all layers, keys and values.
    pub fn elements(&self) -> usize {
        let elements = |tensor: &Tensor<3>| tensor.dims().iter().product::<usize>();
        self.spans.iter().flatten().map(|span| elements(&span.keys) + elements(&span.values)).sum()
    }

    pub(super) fn span(&self, layer: usize) -> Option<&Span> {
        self.spans.get(layer).and_then(Option::as_ref)
    }

    /// Take what a layer keeps out of the cache.
    pub(super) fn take(&mut self, layer: usize) -> Option<Span> {
        self.spans.get_mut(layer).and_then(Option::take)
    }

    /// Put keys and values, `[kv_heads, tokens, head_dim]` from position 0 on, in a layer's place.
    pub(super) fn put(&mut self, layer: usize, (keys, values): (Tensor<3>, Tensor<3>)) {
        if let Some(slot) = self.spans.get_mut(layer) {
            *slot = Some(Span { keys, values, coded: None, first: 0 });
        }
    }

    pub(super) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }

    /// Add the keys and values of new tokens to a layer; a window drops what no later query sees.
    pub(super) fn append(
        &mut self,
        layer: usize,
        window: Option<usize>,
        (keys, values): (Tensor<3>, Tensor<3>),
        hook: Option<&mut dyn KvHook>,
        backend: &Backend,
    ) -> Result<(), DecoderError> {
        let start = self.length;
        let new = match hook {
            None => Span { keys, values, coded: None, first: start },
            Some(hook) => {
                let (shapes, mut host) =
                    ([keys.dims(), values.dims()], [backend.host(keys)?, backend.host(values)?]);
                let near = (hook.recent_window() > 0).then(|| host.clone().map(halved));
                let [[heads, _, key_dim], [_, _, value_dim]] = shapes;
                let [keys, values] = &mut host;
                hook.write(Site { layer, start, heads, key_dim, value_dim }, keys, values);
                let back = |host: [Vec<f32>; 2]| {
                    let [keys, values] = host;
                    let tensor =
                        |rows, shape| Tensor::from_data(TensorData::new(rows, shape), &backend.device);
                    (tensor(keys, shapes[0]), tensor(values, shapes[1]))
                };
                let ((keys, values), coded) = match near {
                    Some(near) => (back(near), Some(back(host))),
                    None => (back(host), None),
                };
                Span { keys, values, coded, first: start }
            }
        };
        let slot = &mut self.spans[layer];
        *slot = Some(match slot.take() {
            None => new,
            Some(old) => old.last(window.map(|window| window - 1)).join(new),
        });
        Ok(())
    }
}

impl Span {
    /// The newest `keep` tokens.
    fn last(self, keep: Option<usize>) -> Self {
        let length = self.keys.dims()[1];
        let Some(drop) = keep.and_then(|keep| length.checked_sub(keep)).filter(|drop| *drop > 0) else {
            return self;
        };
        // At least one token stays, since no backend has empty tensors everywhere.
        let drop = drop.min(length - 1);
        let tail = |tensor: Tensor<3>| tensor.narrow(1, drop, length - drop);
        Self {
            keys: tail(self.keys),
            values: tail(self.values),
            coded: self.coded.map(|(keys, values)| (tail(keys), tail(values))),
            first: self.first + drop,
        }
    }

    fn join(self, new: Self) -> Self {
        let join = |old, new| Tensor::cat(vec![old, new], 1);
        Self {
            keys: join(self.keys, new.keys),
            values: join(self.values, new.values),
            coded: self.coded.zip(new.coded).map(|((keys, values), (new_keys, new_values))| {
                (join(keys, new_keys), join(values, new_values))
            }),
            first: self.first,
        }
    }
}

/// Rows in half precision.
fn halved(mut rows: Vec<f32>) -> Vec<f32> {
    for value in &mut rows {
        *value = f16::from_f32(*value).to_f32();
    }
    rows
}
