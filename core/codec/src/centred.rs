//! Centring: subtract a fixed vector before coding, once per layer and head.
//!
//! Keys after RoPE carry a large constant part (half of their energy and more). Softmax does not see a vector
//! that is subtracted from every key, so attention may score the centred keys directly (SageAttention uses the
//! same identity). Sink tokens lie far from the mean and are hurt by it: keep the first few in full precision.

use super::{Codec, CodecError, Layout, Planes, PlanesMut};
use dhurandhar_leaf::simd::Isa;
use dhurandhar_leaf::simd::dot_product;

/// Vectors shifted at a time.
const CHUNK: usize = 64;

/// How many first tokens the recommended key preset keeps in f16.
pub const SINK_TOKENS: usize = 4;

/// A codec for vectors around a fixed centre. The centre is stored once, not per vector.
#[derive(Debug)]
pub struct Centred<C> {
    codec: C,
    centre: Vec<f32>,
}

impl<C: Codec> Centred<C> {
    /// Codes x - centre with `codec`; the centre has as many channels.
    pub fn new(codec: C, centre: Vec<f32>) -> Result<Self, CodecError> {
        super::check_length("centre", centre.len(), 1, codec.dim())?;
        if let Some(channel) = centre.iter().position(|value| !value.is_finite()) {
            return Err(CodecError::NotFinite { vector: 0, channel, value: centre[channel] });
        }
        Ok(Self { codec, centre })
    }

    /// The centre.
    pub fn centre(&self) -> &[f32] {
        &self.centre
    }
}

/// The mean of all vectors of `sample`; zeros if there are none.
pub fn mean_vector(sample: &[f32], dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dim];
    let rows = sample.chunks_exact(dim.max(1));
    let count = rows.len().max(1) as f64;
    for x in rows {
        for (sum, &value) in sums.iter_mut().zip(x) {
            *sum += f64::from(value);
        }
    }
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

impl<C: Codec> Codec for Centred<C> {
    fn layout(&self) -> &Layout {
        self.codec.layout()
    }

    fn label(&self) -> String {
        format!("{}, centred", self.codec.label())
    }

    fn encode_into(&self, vectors: &[f32], out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        let pieces = out.chunks(CHUNK).into_iter().zip(vectors.chunks(CHUNK * self.dim()));
        for (index, (out, x)) in pieces.enumerate() {
            let mut shifted = x.to_vec();
            for x in shifted.chunks_exact_mut(self.dim()) {
                x.iter_mut().zip(&self.centre).for_each(|(x, centre)| *x -= centre);
            }
            self.codec.encode_into(&shifted, out).map_err(|error| error.in_chunk(index * CHUNK))?;
        }
        Ok(())
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.codec.decode_into(packed, out)?;
        for x in out.chunks_exact_mut(self.dim()) {
            x.iter_mut().zip(&self.centre).for_each(|(x, centre)| *x += centre);
        }
        Ok(())
    }

    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.codec.inner_products(query, packed, out)?;
        let shift = dot_product(Isa::detect(), query, &self.centre);
        for product in out {
            *product += shift;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::compare;
    use crate::{Source, TurboQuant, TurboQuantConfig};

    #[test]
    fn biased_keys_lose_most_of_their_error() {
        let x = Source::ChannelBias.generate(500, 64, 1);
        let plain = TurboQuant::new(64, TurboQuantConfig::new(3)).unwrap();
        let centred = Centred::new(plain.clone(), mean_vector(&x, 64)).unwrap();
        let error =
            |codec: &dyn Codec| compare(&x, &codec.decode(&codec.encode(&x).unwrap()).unwrap(), 64).mse;
        assert!(error(&centred) < error(&plain) / 5.0);
        let packed = centred.encode(&x).unwrap();
        let decoded = centred.decode(&packed).unwrap();
        let mut scores = vec![0.0; 500];
        centred.inner_products(&x[..64], packed.planes(), &mut scores).unwrap();
        for (score, y) in scores.iter().zip(decoded.chunks_exact(64)) {
            let direct = dot_product(Isa::SCALAR, &x[..64], y);
            assert!((score - direct).abs() < 1e-4 * direct.abs() + 1e-3);
        }
        assert!(Centred::new(plain.clone(), vec![0.0; 63]).is_err());
        assert!(Centred::new(plain, vec![f32::NAN; 64]).is_err());
    }
}
