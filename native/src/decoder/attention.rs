//! Grouped-query attention over the cache.

use super::cache::Span;
use super::hook::KvHook;
use super::load::Loader;
use super::mask::Masks;
use super::norm::Norm;
use super::projection::Projection;
use super::recipe::Recipe;
use super::rope::Rotation;
use super::{DecoderError, Pass, host, single, word};
use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};
use dhurandhar_core::model::architecture::{Attention as Shape, KvSource};
use dhurandhar_core::training::Target;

/// One layer's attention.
#[derive(Debug, Clone)]
pub(super) struct Attention {
    layer: usize,
    donor: Option<usize>,
    window: Option<usize>,
    /// Turns at the base of sliding layers.
    local: bool,
    query_heads: usize,
    kv_heads: usize,
    head_dim: usize,
    value_dim: usize,
    scale: f64,
    score_cap: Option<f64>,
    query: Projection,
    /// Absent where another layer's cache is read.
    key: Option<Projection>,
    /// Absent where values are the keys before their norm.
    value: Option<Projection>,
    output: Projection,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    value_norm: Option<Norm>,
    rotated: bool,
}

impl Attention {
    pub(super) fn load(
        loader: &Loader<'_>,
        recipe: &Recipe,
        layer: usize,
        shape: &Shape,
        hidden: usize,
    ) -> Result<Self, DecoderError> {
        let (query_heads, kv_heads) = (word(shape.query_heads), word(shape.kv_heads));
        let (head_dim, value_dim) = (word(shape.k_head_dim), word(shape.v_head_dim));
        if shape.output_gate {
            return Err(DecoderError::Layer { layer, found: "gated attention" });
        }
        let name = |part: &str| format!("blk.{layer}.{part}");
        let donor = match shape.kv {
            KvSource::Own => None,
            KvSource::Shared { donor, .. } => Some(donor),
        };
        let turn = recipe.interleaved.then_some(head_dim);
        let bias = shape.qkv_bias;
        let own = donor.is_none();
        let norm =
            |part: &str, there: bool| there.then(|| loader.norm(&name(part), head_dim, recipe)).transpose();
        let key = own.then(|| loader.projection(&name("attn_k"), [kv_heads * head_dim, hidden], bias, turn));
        let value = (own && !shape.values_from_keys)
            .then(|| loader.projection(&name("attn_v"), [kv_heads * value_dim, hidden], bias, None));
        Ok(Self {
            layer,
            donor,
            window: shape.window.map(word),
            local: recipe.local[layer],
            query_heads,
            kv_heads,
            head_dim,
            value_dim,
            scale: recipe.attention_scale.unwrap_or((head_dim as f64).powf(-0.5)),
            score_cap: recipe.score_cap,
            query: loader.projection(&name("attn_q"), [query_heads * head_dim, hidden], bias, turn)?,
            key: key.transpose()?,
            value: value.transpose()?,
            output: loader.projection(
                &name("attn_output"),
                [hidden, query_heads * value_dim],
                shape.output_bias,
                None,
            )?,
            query_norm: norm("attn_q_norm.weight", shape.qk_norm)?,
            key_norm: norm("attn_k_norm.weight", shape.qk_norm && own)?,
            value_norm: (recipe.value_norm && own).then(|| Norm::plain(recipe.norm_eps)),
            rotated: !recipe.unrotated[layer],
        })
    }

    /// Bytes of its packed weights in memory.
    pub(super) fn packed_bytes(&self) -> usize {
        let shared = [self.key.as_ref(), self.value.as_ref()];
        let own = [Some(&self.query), Some(&self.output)];
        own.into_iter().chain(shared).flatten().map(Projection::packed_bytes).sum()
    }

    /// One of its projections.
    pub(super) fn projection(&self, target: Target) -> Option<&Projection> {
        match target {
            Target::Query => Some(&self.query),
            Target::Key => self.key.as_ref(),
            Target::Value => self.value.as_ref(),
            Target::Output => Some(&self.output),
            Target::Gate | Target::Up | Target::Down => None,
        }
    }

    /// The layer whose keys and values this one reads, if not its own.
    pub(super) fn donor(&self) -> Option<usize> {
        self.donor
    }

    /// What scores are multiplied by.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// `[tokens, hidden]` to the same; new keys and values go into the pass's cache.
    pub(super) fn apply(&self, x: Tensor<2>, pass: &mut Pass<'_, '_>) -> Result<Tensor<2>, DecoderError> {
        let rotation = self.rotated.then(|| pass.rotation(self.head_dim, self.local)).transpose()?;
        let query = pass.project(self.layer, Target::Query, &self.query, x.clone());
        let query = heads(query, self.query_heads, self.head_dim);
        let mut query = turned(normed(query, self.query_norm.as_ref()), rotation.as_ref());
        if let Some(hook) = pass.hook.as_deref_mut().filter(|hook| hook.wants_queries()) {
            let shape = query.dims();
            let mut rows = pass.backend.host(query)?;
            hook.queries(self.layer, pass.cache.len(), self.head_dim, &mut rows);
            query = Tensor::from_data(TensorData::new(rows, shape), &pass.backend.device);
        }
        if let Some(key) = &self.key {
            let raw = pass.project(self.layer, Target::Key, key, x.clone());
            let value = match &self.value {
                Some(value) => pass.project(self.layer, Target::Value, value, x),
                None => raw.clone(),
            };
            let key = heads(raw, self.kv_heads, self.head_dim);
            let key = turned(normed(key, self.key_norm.as_ref()), rotation.as_ref());
            let value = normed(heads(value, self.kv_heads, self.value_dim), self.value_norm.as_ref());
            let hook = pass.hook.as_mut().map(|hook| &mut **hook as &mut dyn KvHook);
            pass.cache.append(self.layer, self.window, (key, value), hook, pass.backend)?;
        }
        let recent = pass.hook.as_ref().map_or(0, |hook| hook.recent_window());
        let source = self.donor.unwrap_or(self.layer);
        let span = pass.cache.span(source).ok_or(DecoderError::Layer {
            layer: self.layer,
            found: "a donor of keys and values that has none",
        })?;
        let masks = &mut pass.shared.masks;
        let mixed = match pass.segments {
            segments if host::is_host(&query) && (recent == 0 || span.coded.is_none()) => {
                self.mix_on_host(query, span, masks.start(), segments)
            }
            [] | [_] => self.mix(query, span, masks, recent),
            segments => self.mix_apart(&query, span, masks, segments),
        };
        Ok(pass.project(self.layer, Target::Output, &self.output, mixed))
    }

    fn mix_on_host(&self, query: Tensor<3>, span: &Span, start: usize, segments: &[usize]) -> Tensor<2> {
        let heads = host::Heads {
            scale: single(self.scale),
            cap: self.score_cap.map(single),
            window: self.window,
            start,
            first: span.first,
            segments: segments.to_vec(),
        };
        host::attend(heads, [query, span.keys.clone(), span.values.clone()])
    }

    /// Sequences that lie side by side: each sees itself alone.
    fn mix_apart(&self, query: &Tensor<3>, span: &Span, masks: &mut Masks, segments: &[usize]) -> Tensor<2> {
        let mut at = 0;
        let parts = segments.iter().map(|length| {
            let part = |tensor: &Tensor<3>| tensor.clone().narrow(1, at, *length);
            let own = Span { keys: part(&span.keys), values: part(&span.values), coded: None, first: 0 };
            let mixed = self.mix(part(query), &own, masks, 0);
            at += length;
            mixed
        });
        Tensor::cat(parts.collect(), 0)
    }

    /// `softmax(Q K^T) V` with the query heads of a group folded into the rows.
    fn mix(&self, query: Tensor<3>, span: &Span, masks: &mut Masks, recent: usize) -> Tensor<2> {
        let [_, tokens, _] = query.dims();
        let keys = span.keys.dims()[1];
        let group = self.query_heads / self.kv_heads;
        let query = (query * self.scale).reshape([self.kv_heads, group * tokens, self.head_dim]);
        let flat = [self.query_heads, tokens, keys];
        let scores = |keys: &Tensor<3>| {
            let scores = query.clone().matmul(keys.clone().swap_dims(1, 2)).reshape(flat);
            match self.score_cap {
                Some(cap) => (scores / cap).tanh() * cap,
                None => scores,
            }
        };
        let grouped = |weights: Tensor<3>| weights.reshape([self.kv_heads, group * tokens, keys]);
        let attend = |scores: Tensor<3>, masks: &mut Masks| {
            let mask = masks.additive(tokens, span.first, keys, self.window);
            softmax(mask.map_or(scores.clone(), |mask| scores + mask), 2)
        };
        let mixed = match span.coded.as_ref().filter(|_| recent > 0) {
            None => grouped(attend(scores(&span.keys), masks)).matmul(span.values.clone()),
            Some((coded_keys, coded_values)) => {
                let near = masks.recent(tokens, span.first, keys, recent);
                let far = near.clone().neg() + 1.0;
                let both = scores(&span.keys) * near.clone() + scores(coded_keys) * far.clone();
                let weights = attend(both, masks);
                grouped(weights.clone() * near).matmul(span.values.clone())
                    + grouped(weights * far).matmul(coded_values.clone())
            }
        };
        let heads = mixed.reshape([self.query_heads, tokens, self.value_dim]);
        heads.swap_dims(0, 1).reshape([tokens, self.query_heads * self.value_dim])
    }
}

/// `[tokens, heads x width]` to `[heads, tokens, width]`.
fn heads(x: Tensor<2>, heads: usize, width: usize) -> Tensor<3> {
    let [tokens, _] = x.dims();
    x.reshape([tokens, heads, width]).swap_dims(0, 1)
}

fn normed(x: Tensor<3>, norm: Option<&Norm>) -> Tensor<3> {
    norm.map_or(x.clone(), |norm| norm.apply(x))
}

fn turned(x: Tensor<3>, rotation: Option<&Rotation>) -> Tensor<3> {
    rotation.map_or(x.clone(), |rotation| rotation.apply(x))
}
