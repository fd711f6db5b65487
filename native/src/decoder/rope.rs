//! Rotary position embedding, half-split as in the Hugging Face implementations.

use super::settings::{Settings, finite};
use super::{DecoderError, host, single};
use crate::checkpoint::Checkpoint;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Inverse frequencies of one kind of layer: `head_dim / 2` of them, zero where channels do not turn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rope {
    frequencies: Vec<f32>,
}

/// Cosines and sines of some positions, `[1, tokens, head_dim / 2]`.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    cos: Tensor<3>,
    sin: Tensor<3>,
    /// The same on the host.
    numbers: Arc<[Vec<f32>; 2]>,
}

/// How frequencies are stretched beyond the trained context.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scaling {
    None,
    Linear(f64),
    /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, a ramp between.
    Llama3 {
        factor: f64,
        low: f64,
        high: f64,
        original: f64,
    },
    /// Gemma 4: only this share of the channels turns, at the pace of the whole head.
    Proportional {
        share: f64,
        factor: f64,
    },
}

impl Rope {
    /// Read the parameters of sliding or full layers.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        settings: Settings<'_>,
        head_dim: usize,
        sliding: bool,
    ) -> Result<Self, DecoderError> {
        let family = checkpoint.architecture().family.as_str();
        let (theta, scaling) = match settings.config() {
            Some(config) => from_config(config, family, sliding)?,
            None => from_gguf(settings, family, sliding)?,
        };
        let mut frequencies = frequencies(head_dim, theta, scaling);
        // llama.cpp's converters store Llama 3 scaling (and Gemma 4's still channels) as divisors.
        if settings.is_gguf() && !sliding && checkpoint.has("rope_freqs.weight") {
            let divisors = checkpoint.read("rope_freqs.weight", &[head_dim / 2])?;
            for (frequency, divisor) in frequencies.iter_mut().zip(divisors) {
                *frequency /= divisor;
            }
        }
        Ok(Self { frequencies })
    }

    /// Angles of these positions.
    pub(super) fn rotation(&self, positions: &[usize], device: &Device) -> Rotation {
        let half = self.frequencies.len();
        let angles = positions
            .iter()
            .flat_map(|position| self.frequencies.iter().map(move |frequency| *position as f32 * frequency));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.map(|angle| (angle.cos(), angle.sin())).unzip();
        let tensor = |values: &[f32]| {
            Tensor::from_data(TensorData::new(values.to_vec(), [1, positions.len(), half]), device)
        };
        Rotation { cos: tensor(&cos), sin: tensor(&sin), numbers: Arc::new([cos, sin]) }
    }
}

impl Rotation {
    /// Turn `[heads, tokens, head_dim]`: channel `i` with channel `i + head_dim / 2`.
    pub(super) fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        if host::is_host(&x) {
            return host::rotated(x, self.numbers.clone());
        }
        let half = x.dims()[2] / 2;
        let (first, second) = (x.clone().narrow(2, 0, half), x.narrow(2, half, half));
        let left = first.clone() * self.cos.clone() - second.clone() * self.sin.clone();
        let right = second * self.cos.clone() + first * self.sin.clone();
        Tensor::cat(vec![left, right], 2)
    }
}

fn from_config(config: &Value, family: &str, sliding: bool) -> Result<(f64, Scaling), DecoderError> {
    let kind = if sliding { "sliding_attention" } else { "full_attention" };
    // transformers 5 nests everything in `rope_parameters`, by layer type where there are two.
    let newer = config.get("rope_parameters").filter(|value| value.is_object());
    let parameters = newer.map(|parameters| parameters.get(kind).unwrap_or(parameters));
    let own = |key: &str| finite(key, parameters.and_then(|parameters| parameters.get(key)));
    let outer = |key: &str| finite(key, config.get(key));
    let local = if sliding { outer("rope_local_base_freq")? } else { None };
    let theta =
        match own("rope_theta")?.or(local).or(if newer.is_none() { outer("rope_theta")? } else { None }) {
            _ if sliding && newer.is_none() && local.is_none() && has_local_base(family) => 10_000.0,
            Some(theta) => theta,
            None => 10_000.0,
        };
    let older =
        config.get("rope_scaling").filter(|value| value.is_object() && !(sliding && has_local_base(family)));
    let scaling = match parameters.or(older) {
        Some(fields) => scaling(fields)?,
        None if family == "gemma4" && !sliding => Scaling::Proportional { share: 0.25, factor: 1.0 },
        None => Scaling::None,
    };
    Ok((theta, scaling))
}

/// Families whose sliding layers turn at a base of their own.
fn has_local_base(family: &str) -> bool {
    matches!(family, "gemma3" | "gemma3n" | "gemma4")
}

fn scaling(fields: &Value) -> Result<Scaling, DecoderError> {
    let number = |key: &str| finite(key, fields.get(key));
    let need = |key: &str| {
        number(key)?
            .ok_or_else(|| DecoderError::setting(key, "missing".into(), "a number beside rope_type".into()))
    };
    let kind = fields.get("rope_type").or(fields.get("type")).and_then(Value::as_str).unwrap_or("default");
    Ok(match kind {
        "default" => Scaling::None,
        "linear" => Scaling::Linear(need("factor")?),
        "llama3" => Scaling::Llama3 {
            factor: need("factor")?,
            low: need("low_freq_factor")?,
            high: need("high_freq_factor")?,
            original: need("original_max_position_embeddings")?,
        },
        "proportional" => Scaling::Proportional {
            share: number("partial_rotary_factor")?.unwrap_or(1.0),
            factor: number("factor")?.unwrap_or(1.0),
        },
        other => {
            let expected = "default, linear, llama3 or proportional".to_owned();
            return Err(DecoderError::setting("rope_type", other.to_owned(), expected));
        }
    })
}

fn from_gguf(settings: Settings<'_>, family: &str, sliding: bool) -> Result<(f64, Scaling), DecoderError> {
    let Some(values) = settings.gguf() else { return Ok((10_000.0, Scaling::None)) };
    let theta = values.number("rope.freq_base");
    if sliding && has_local_base(family) {
        return Ok((values.number("rope.freq_base_swa").unwrap_or(10_000.0), Scaling::None));
    }
    let factor = values.number("rope.scaling.factor").unwrap_or(1.0);
    let scaling = match values.text("rope.scaling.type").unwrap_or("none") {
        "linear" => Scaling::Linear(factor),
        "none" => Scaling::None,
        other => {
            let expected = "none or linear".to_owned();
            return Err(DecoderError::setting("rope.scaling.type", other.to_owned(), expected));
        }
    };
    Ok((theta.unwrap_or(10_000.0), scaling))
}

/// `theta^(-2i / head_dim)`, stretched.
fn frequencies(head_dim: usize, theta: f64, scaling: Scaling) -> Vec<f32> {
    let half = head_dim / 2;
    let base = |index: usize| theta.powf(-2.0 * index as f64 / head_dim as f64);
    (0..half)
        .map(|index| match scaling {
            Scaling::None => base(index),
            Scaling::Linear(factor) => base(index) / factor,
            Scaling::Llama3 { factor, low, high, original } => {
                let (frequency, turns) = (base(index), original * base(index) / TAU);
                if turns < low {
                    frequency / factor
                } else if turns > high {
                    frequency
                } else {
                    let smooth = (turns - low) / (high - low);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
            Scaling::Proportional { share, factor } => {
                let turning = share * head_dim as f64 / 2.0;
                if (index as f64) < turning.floor() { base(index) / factor } else { 0.0 }
            }
        })
        .map(single)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_keeps_short_waves_and_stretches_long_ones() {
        let plain = frequencies(64, 5e5, Scaling::None);
        let scaled =
            frequencies(64, 5e5, Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 });
        assert!((plain[0] - scaled[0]).abs() < f32::EPSILON);
        assert!((plain[31] / scaled[31] - 8.0).abs() < 1e-5);
        assert!(scaled.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn proportional_turns_a_share_of_the_channels_at_the_whole_heads_pace() {
        let plain = frequencies(32, 1e6, Scaling::None);
        let partial = frequencies(32, 1e6, Scaling::Proportional { share: 0.25, factor: 1.0 });
        assert_eq!(partial[..4], plain[..4]);
        assert!(partial[4..].iter().all(|frequency| *frequency == 0.0));
    }
}
