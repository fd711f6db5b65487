//! Mixed precision: a fixed set of outlier channels at more bits than the rest, two TurboQuant instances side
//! by side.
//!
//! The paper's "2.5 bits" are 32 channels at 3 bits and 96 at 2: 2.25 bits of codes, 2.5 with the two scales
//! stored in f16. Presets here are named by what they store.

use super::turboquant::{TurboQuant, TurboQuantConfig};
use super::{Codec, CodecError, Layout, Planes, PlanesMut};

/// Vectors gathered at a time.
const CHUNK: usize = 64;

/// Two codecs over disjoint channels.
#[derive(Debug, Clone)]
pub struct MixedPrecision {
    /// Ascending channels of the wider codes, then those of the others.
    order: Vec<usize>,
    outliers: TurboQuant,
    rest: TurboQuant,
    layout: Layout,
}

impl MixedPrecision {
    /// `outlier_channels` at `outlier_bits`, the others at `config.bits`; both parts follow `config`.
    ///
    /// The channels may come in any order; they must be distinct, within `dim`, and neither none nor all.
    pub fn new(
        dim: usize,
        outlier_channels: &[usize],
        outlier_bits: u32,
        config: TurboQuantConfig,
    ) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        let mut is_outlier = vec![false; dim];
        for &channel in outlier_channels {
            match is_outlier.get_mut(channel) {
                Some(mark) if !*mark => *mark = true,
                _ => {
                    let expected = format!("distinct channels below {dim}");
                    let value = channel.to_string();
                    return Err(CodecError::Parameter { field: "outlier channel", value, expected });
                }
            }
        }
        let count = outlier_channels.len();
        if count == 0 || count >= dim {
            let expected = format!("at least 1 and fewer than {dim}");
            return Err(CodecError::Parameter {
                field: "outlier channels",
                value: count.to_string(),
                expected,
            });
        }
        let outliers = TurboQuant::new(count, TurboQuantConfig { bits: outlier_bits, ..config })?;
        let rest = TurboQuant::new(dim - count, config)?;
        let mut order: Vec<usize> = (0..dim).filter(|&channel| is_outlier[channel]).collect();
        order.extend((0..dim).filter(|&channel| !is_outlier[channel]));
        let layout = Layout::new(dim).extend(outliers.layout()).extend(rest.layout());
        Ok(Self { order, outliers, rest, layout })
    }

    /// A quarter of the channels, those with the most energy in `sample`, at one bit more than the rest.
    ///
    /// At d = 128 and f16 scales that is 2.5 stored bits per channel for `bits` = 2 and 3.5 for 3.
    pub fn quarter(dim: usize, sample: &[f32], config: TurboQuantConfig) -> Result<Self, CodecError> {
        Self::new(dim, &Self::quarter_channels(dim, sample), config.bits + 1, config)
    }

    /// The channels that [`MixedPrecision::quarter`] gives the wider codes.
    pub fn quarter_channels(dim: usize, sample: &[f32]) -> Vec<usize> {
        loudest_channels(sample, dim, (dim / 4).max(1))
    }

    fn split(&self, vectors: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut outliers, mut rest) = (Vec::new(), Vec::new());
        let (first, second) = self.order.split_at(self.outliers.dim());
        for x in vectors.chunks_exact(self.order.len()) {
            outliers.extend(first.iter().map(|&channel| x[channel]));
            rest.extend(second.iter().map(|&channel| x[channel]));
        }
        (outliers, rest)
    }

    /// An error of one part in terms of whole vectors.
    fn locate(&self, error: CodecError, part: usize, first: usize) -> CodecError {
        match error.in_chunk(first) {
            CodecError::NotFinite { vector, channel, value } => {
                CodecError::NotFinite { vector, channel: self.order[part + channel], value }
            }
            other => other,
        }
    }
}

/// The `count` channels with the most energy over all vectors of `sample`, loudest first.
pub fn loudest_channels(sample: &[f32], dim: usize, count: usize) -> Vec<usize> {
    let mut energy = vec![0.0_f64; dim];
    for x in sample.chunks_exact(dim.max(1)) {
        for (energy, &value) in energy.iter_mut().zip(x) {
            *energy += f64::from(value) * f64::from(value);
        }
    }
    let mut channels: Vec<usize> = (0..dim).collect();
    channels.sort_by(|&a, &b| energy[b].total_cmp(&energy[a]).then(a.cmp(&b)));
    channels.truncate(count);
    channels
}

impl Codec for MixedPrecision {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn label(&self) -> String {
        let part = |part: &TurboQuant| (part.dim(), part.config().bits);
        let ((wide, more), (narrow, fewer)) = (part(&self.outliers), part(&self.rest));
        let bits = self.bits_per_channel();
        format!("TurboQuant {bits} bits, {wide}@{more} + {narrow}@{fewer}")
    }

    fn encode_into(&self, vectors: &[f32], out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        let part = self.outliers.dim();
        let pieces = out.chunks(CHUNK).into_iter().zip(vectors.chunks(CHUNK * self.dim()));
        for (index, (mut out, x)) in pieces.enumerate() {
            let (outliers, rest) = self.split(x);
            let first = index * CHUNK;
            self.outliers.encode_into(&outliers, out.skip(0)).map_err(|e| self.locate(e, 0, first))?;
            let out = out.skip(self.outliers.layout().planes().len());
            self.rest.encode_into(&rest, out).map_err(|e| self.locate(e, part, first))?;
        }
        Ok(())
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_output(&packed, out)?;
        let part = self.outliers.dim();
        let planes = self.outliers.layout().planes().len();
        let pieces = packed.chunks(CHUNK).into_iter().zip(out.chunks_mut(CHUNK * self.dim()));
        for (index, (packed, out)) in pieces.enumerate() {
            let n = packed.vectors();
            let (mut outliers, mut rest) = (vec![0.0; n * part], vec![0.0; n * (self.dim() - part)]);
            let located = |error: CodecError| error.in_chunk(index * CHUNK);
            self.rest.decode_into(packed.skip(planes), &mut rest).map_err(located)?;
            self.outliers.decode_into(packed, &mut outliers).map_err(located)?;
            let parts = outliers.chunks_exact(part).zip(rest.chunks_exact(self.dim() - part));
            for (out, (outliers, rest)) in out.chunks_exact_mut(self.dim()).zip(parts) {
                for (&channel, &value) in self.order.iter().zip(outliers.iter().chain(rest)) {
                    out[channel] = value;
                }
            }
        }
        Ok(())
    }

    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_query(query, &packed, out)?;
        let (outliers, rest) = self.split(query);
        let planes = self.outliers.layout().planes().len();
        let mut other = vec![0.0; out.len()];
        self.rest.inner_products(&rest, packed.skip(planes), &mut other)?;
        self.outliers.inner_products(&outliers, packed, out)?;
        for (out, other) in out.iter_mut().zip(other) {
            *out += other;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use dhurandhar_leaf::simd::Isa;
    use dhurandhar_leaf::simd::dot_product;

    #[test]
    fn presets_store_what_they_are_named_after() {
        let sample = Random::new(1, 1).normals(128 * 4);
        for (bits, stored) in [(2, 2.5), (3, 3.5)] {
            let codec = MixedPrecision::quarter(128, &sample, TurboQuantConfig::new(bits)).unwrap();
            assert!((codec.bits_per_channel() - stored).abs() < 1e-12);
            let packed = codec.encode(&sample).unwrap();
            assert_eq!(packed.bytes().len() * 8, (stored * 512.0) as usize);
        }
    }

    #[test]
    fn outlier_channels_are_found_and_kept_better() {
        let mut x = Random::new(2, 2).normals(64 * 200);
        for x in x.chunks_exact_mut(64) {
            x[5] *= 20.0;
            x[40] *= 20.0;
        }
        assert_eq!(loudest_channels(&x, 64, 2).iter().sum::<usize>(), 45);
        let codec = MixedPrecision::new(64, &[40, 5], 6, TurboQuantConfig::new(3)).unwrap();
        let packed = codec.encode(&x).unwrap();
        let decoded = codec.decode(&packed).unwrap();
        let error = |channel: usize| -> f32 {
            x.iter().zip(&decoded).skip(channel).step_by(64).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
        };
        assert!(error(5) / 400.0 < error(6));
        let mut scores = vec![0.0; 200];
        codec.inner_products(&x[..64], packed.planes(), &mut scores).unwrap();
        for (score, y) in scores.iter().zip(decoded.chunks_exact(64)) {
            let direct = dot_product(Isa::SCALAR, &x[..64], y);
            assert!((score - direct).abs() < 1e-4 * direct.abs() + 1e-2);
        }
        assert!(MixedPrecision::new(64, &[5, 5], 6, TurboQuantConfig::new(3)).is_err());
        assert!(MixedPrecision::new(64, &[64], 6, TurboQuantConfig::new(3)).is_err());
        assert!(MixedPrecision::new(64, &[], 6, TurboQuantConfig::new(3)).is_err());
        x[64 + 40] = f32::NAN;
        assert!(matches!(codec.encode(&x), Err(CodecError::NotFinite { vector: 1, channel: 40, .. })));
    }
}
