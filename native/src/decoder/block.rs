//! One layer of the decoder: attention, FFN, and what Gemma adds around them.

use super::altup::AltUp;
use super::attention::Attention;
use super::ffn::Ffn;
use super::load::Loader;
use super::norm::Norm;
use super::ple::PleGate;
use super::projection::Projection;
use super::recipe::Recipe;
use super::{DecoderError, Pass, word};
use burn::tensor::Tensor;
use dhurandhar_core::model::Architecture;
use dhurandhar_core::model::architecture::{Ffn as FfnShape, Mixer};
use dhurandhar_core::training::Target;

/// A layer.
#[derive(Debug, Clone)]
pub(super) struct Block {
    attention_norm: Norm,
    attention: Attention,
    /// After attention, before the sum (Gemma).
    attention_post: Option<Norm>,
    ffn_norm: Norm,
    ffn: Ffn,
    /// After the FFN, before the sum (Gemma).
    ffn_post: Option<Norm>,
    ple: Option<PleGate>,
    /// Factor on the layer's output (Gemma 4).
    output_scale: Option<f32>,
    altup: Option<AltUp>,
    residual_scale: f64,
}

impl Block {
    pub(super) fn load(
        loader: &Loader<'_>,
        recipe: &Recipe,
        architecture: &Architecture,
        index: usize,
    ) -> Result<Self, DecoderError> {
        let layer = &architecture.layers[index];
        let hidden = word(architecture.hidden_size);
        let refuse = |found| DecoderError::Layer { layer: index, found };
        let Mixer::Attention(attention) = &layer.mixer else { return Err(refuse("a recurrence")) };
        let width = match layer.ffn {
            FfnShape::Dense { width, gated: true } => word(width),
            FfnShape::Dense { .. } => return Err(refuse("an FFN without a gate")),
            FfnShape::Experts { .. } => return Err(refuse("experts")),
            FfnShape::None => return Err(refuse("no FFN")),
        };
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let norm = |part: &str| loader.norm(&name(part), hidden, recipe);
        let sandwich = layer.norms == 4;
        let extras = &architecture.extras;
        let altup = (extras.altup_streams > 1).then(|| {
            let shape = (word(extras.altup_streams), word(extras.laurel_rank), hidden);
            AltUp::load(loader, recipe, index, shape)
        });
        let ple = architecture.ple.as_ref().filter(|ple| ple.gated);
        let ple = ple.map(|ple| PleGate::load(loader, recipe, index, word(ple.width), hidden));
        let output_scale = extras.layer_scalar.then(|| loader.scalar(&name("layer_output_scale")));
        Ok(Self {
            attention_norm: norm("attn_norm")?,
            attention: Attention::load(loader, recipe, index, attention, hidden)?,
            attention_post: sandwich.then(|| norm("post_attention_norm")).transpose()?,
            ffn_norm: norm("ffn_norm")?,
            ffn: Ffn::load(loader, recipe, index, hidden, width)?,
            ffn_post: sandwich.then(|| norm("post_ffw_norm")).transpose()?,
            ple: ple.transpose()?,
            output_scale: output_scale.transpose()?,
            altup: altup.transpose()?,
            residual_scale: recipe.residual_scale,
        })
    }

    /// Bytes of its packed weights in memory.
    pub(super) fn packed_bytes(&self) -> usize {
        let ple = self.ple.as_ref().map_or(0, PleGate::packed_bytes);
        self.attention.packed_bytes() + self.ffn.packed_bytes() + ple
    }

    /// A projection, if the layer has it.
    pub(super) fn projection(&self, target: Target) -> Option<&Projection> {
        self.attention.projection(target).or_else(|| self.ffn.projection(target))
    }

    /// The layer whose keys and values this one reads, if not its own.
    pub(super) fn donor(&self) -> Option<usize> {
        self.attention.donor()
    }

    /// What attention scores are multiplied by.
    pub(super) fn attention_scale(&self) -> f64 {
        self.attention.scale()
    }

    /// `[streams, tokens, hidden]` to the same; `ple` is this layer's `[tokens, width]`.
    pub(super) fn apply(
        &self,
        streams: Tensor<3>,
        ple: Option<Tensor<2>>,
        pass: &mut Pass<'_, '_>,
    ) -> Result<Tensor<3>, DecoderError> {
        if let Some(altup) = &self.altup {
            return self.apply_streams(altup, &streams, ple, pass);
        }
        let [_, tokens, hidden] = streams.dims();
        let x = streams.reshape([tokens, hidden]);
        let mixed = self.attend(self.attention_norm.apply(x.clone()), pass)?;
        let x = x + scaled(mixed, self.residual_scale);
        let x = x.clone() + scaled(self.feed(x, pass), self.residual_scale);
        let x = match (&self.ple, ple) {
            (Some(gate), Some(input)) => x.clone() + gate.apply(x, input),
            _ => x,
        };
        let x = match self.output_scale {
            Some(scale) => x * scale,
            None => x,
        };
        Ok(x.reshape([1, tokens, hidden]))
    }

    fn apply_streams(
        &self,
        altup: &AltUp,
        streams: &Tensor<3>,
        ple: Option<Tensor<2>>,
        pass: &mut Pass<'_, '_>,
    ) -> Result<Tensor<3>, DecoderError> {
        let predicted = altup.predict(streams);
        let active = altup.active(&predicted).clone();
        let normed = self.attention_norm.apply(active.clone());
        let laurel = altup.laurel(normed.clone());
        let attended = active + self.attend(normed, pass)?;
        let x = (attended + laurel) * 0.5_f64.sqrt();
        let x = x.clone() + self.feed(x, pass);
        let mut corrected = altup.correct(predicted, x);
        if let (Some(gate), Some(input)) = (&self.ple, ple) {
            let addition = gate.apply(altup.scaled(&corrected), input);
            for stream in corrected.iter_mut().skip(1) {
                *stream = stream.clone() + addition.clone();
            }
        }
        Ok(Tensor::stack(corrected, 0))
    }

    fn attend(&self, normed: Tensor<2>, pass: &mut Pass<'_, '_>) -> Result<Tensor<2>, DecoderError> {
        let mixed = self.attention.apply(normed, pass)?;
        Ok(self.attention_post.as_ref().map_or(mixed.clone(), |norm| norm.apply(mixed)))
    }

    fn feed(&self, x: Tensor<2>, pass: &Pass<'_, '_>) -> Tensor<2> {
        let out = self.ffn.apply(self.ffn_norm.apply(x), pass);
        self.ffn_post.as_ref().map_or(out.clone(), |norm| norm.apply(out))
    }
}

#[expect(clippy::float_cmp, reason = "one is the exact neutral value that most families have")]
fn scaled(x: Tensor<2>, scale: f64) -> Tensor<2> {
    if scale == 1.0 { x } else { x * scale }
}
