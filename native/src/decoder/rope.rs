//! Rotary position embedding, half-split as in the Hugging Face implementations.

use super::settings::{Settings, finite};
use super::{DecoderError, host, single};
use crate::checkpoint::{Checkpoint, GgufValues};
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
        let (theta, scaling) = match settings.gguf() {
            None => from_config(settings, family, sliding)?,
            Some(values) => from_gguf(values, family, sliding, head_dim)?,
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

/// Base and scaling of a config's sliding or full layers, as transformers' classes read them.
fn from_config(settings: Settings<'_>, family: &str, sliding: bool) -> Result<(f64, Scaling), DecoderError> {
    let Some(config) = settings.config() else { return Ok((10_000.0, Scaling::None)) };
    let given = |key: &str| config.get(key).filter(|value| !value.is_null());
    let set = |key: &str| match given(key) {
        Some(value) if !value.is_object() => {
            Err(DecoderError::setting(key, value.to_string(), "an object, or null".into()))
        }
        // An empty one says nothing.
        given => Ok(given.filter(|value| value.as_object().is_some_and(|fields| !fields.is_empty()))),
    };
    let newer = set("rope_parameters")?;
    let older = set("rope_scaling")?;
    let apart = has_local_base(family);
    let kind = if sliding { "sliding_attention" } else { "full_attention" };
    // Nested by layer type where there are two bases.
    let own = match newer {
        None => None,
        Some(parameters) if apart => {
            if let Some(flat) = parameters.get("rope_theta").or(parameters.get("rope_type")) {
                let found = format!("one set ({flat})");
                let expected = "a set for full_attention and one for sliding_attention".to_owned();
                return Err(DecoderError::setting("rope_parameters", found, expected));
            }
            parameters.get(kind).filter(|value| !value.is_null())
        }
        Some(parameters) => Some(parameters),
    };
    let local = apart && sliding;
    // Older files state the scaling beside the base; it never was about layers with a base of their own.
    let older = older.filter(|_| !local && family != "gemma4");
    let outer = if local { "rope_local_base_freq" } else { "rope_theta" };
    // What `rope_scaling` replaces, the base of `rope_parameters` is part of.
    let stated = if apart { own } else { older.or(own) };
    let theta = match finite("rope_theta", stated.and_then(|fields| fields.get("rope_theta")))? {
        Some(theta) => Some(theta),
        None => finite(outer, config.get(outer))?.or(settings.class_number(outer)?),
    };
    let scaling = match older.or(own) {
        Some(fields) => scaling(fields, given("max_position_embeddings"))?,
        None if family == "gemma4" && !sliding && newer.is_none() => {
            Scaling::Proportional { share: 0.25, factor: 1.0 }
        }
        None => Scaling::None,
    };
    Ok((theta.unwrap_or(10_000.0), scaling))
}

/// Families whose sliding layers turn at a base of their own.
pub(super) fn has_local_base(family: &str) -> bool {
    matches!(family, "gemma3" | "gemma3n" | "gemma4")
}

fn scaling(fields: &Value, context: Option<&Value>) -> Result<Scaling, DecoderError> {
    let number = |key: &str| finite(key, fields.get(key));
    let need = |key: &str| {
        number(key)?
            .ok_or_else(|| DecoderError::setting(key, "missing".into(), "a number next to rope_type".into()))
    };
    let kind = fields.get("rope_type").or(fields.get("type")).and_then(Value::as_str).unwrap_or("default");
    let (scaling, read): (_, &[&str]) = match kind {
        // Three axes of a picture's positions, which are one and the same in text.
        "default" | "mrope" => (Scaling::None, &["mrope_section", "mrope_interleaved"]),
        "linear" => (Scaling::Linear(need("factor")?), &["factor"]),
        "llama3" => {
            let original = match number("original_max_position_embeddings")? {
                Some(original) => original,
                None => finite("max_position_embeddings", context)?.unwrap_or(f64::INFINITY),
            };
            let (low, high) = (need("low_freq_factor")?, need("high_freq_factor")?);
            let read = &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];
            (Scaling::Llama3 { factor: need("factor")?, low, high, original }, read)
        }
        "proportional" => {
            let share = number("partial_rotary_factor")?.unwrap_or(1.0);
            let factor = number("factor")?.unwrap_or(1.0);
            (Scaling::Proportional { share, factor }, &["factor", "partial_rotary_factor"])
        }
        other => {
            let expected = "default, linear, llama3 or proportional".to_owned();
            return Err(DecoderError::setting("rope_type", other.to_owned(), expected));
        }
    };
    for (key, value) in fields.as_object().into_iter().flatten() {
        let whole = key == "partial_rotary_factor" && value.as_f64() == Some(1.0);
        // Left by trainers beside types that do not look at them.
        let inert = key == "original_max_position_embeddings" || (kind == "default" && key == "factor");
        let known =
            ["rope_type", "type", "rope_theta"].contains(&key.as_str()) || read.contains(&key.as_str());
        if !(known || whole || inert || value.is_null()) {
            let expected = format!("no such key with rope_type {kind}");
            return Err(DecoderError::setting(key, value.to_string(), expected));
        }
    }
    Ok(scaling)
}

/// Base and scaling of a file's sliding or full layers, as llama.cpp reads them.
fn from_gguf(
    values: &GgufValues,
    family: &str,
    sliding: bool,
    head_dim: usize,
) -> Result<(f64, Scaling), DecoderError> {
    let turned = values.count("rope.dimension_count_swa").filter(|_| sliding);
    if let Some(turned) = turned.or(values.count("rope.dimension_count")).filter(|turned| *turned != head_dim)
    {
        let expected = format!("{head_dim}, the channels of a head");
        return Err(DecoderError::setting("rope.dimension_count", turned.to_string(), expected));
    }
    let theta = values.number("rope.freq_base");
    if sliding && has_local_base(family) {
        return Ok((values.number("rope.freq_base_swa").unwrap_or(10_000.0), Scaling::None));
    }
    // Linear is what llama.cpp takes where no type is stated; older files name the factor otherwise.
    let factor = values.number("rope.scaling.factor").or(values.number("rope.scale_linear"));
    let scaling = match (values.text("rope.scaling.type").unwrap_or("linear"), factor.unwrap_or(0.0)) {
        ("none", _) | ("linear", 0.0) => Scaling::None,
        ("linear", factor) => Scaling::Linear(factor),
        (other, _) => {
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
