//! `q8_0` and `q4_0`: the cache types of llama.cpp, to which other codecs are compared.
//!
//! Blocks of 32 channels with one f16 scale each (ggml's `quantize_row_q8_0_ref` and `quantize_row_q4_0_ref`;
//! codes are stored as two's complement here, in planes). llama.cpp wants whole blocks; the last block of other
//! widths is shorter here. Since April 2026 llama.cpp turns keys and values by a Walsh–Hadamard transform before
//! coding (pull request 21038): `q4_0-hadamard` does so on runs of 64 channels.

use half::f16;

use super::pack::{pack_plane, plane_bytes, plane_name, unpack_plane};
use super::{Codec, CodecError, Layout, Planes, PlanesMut};

/// Channels that share a scale.
const BLOCK: usize = 32;

/// Channels of the widest transform.
const RUN: usize = 64;

/// Blocks of signed codes around zero.
#[derive(Debug, Clone)]
pub struct BlockCodec {
    layout: Layout,
    bits: u32,
    /// Channels of a transform: a power of two that divides the width; 1 is none.
    run: usize,
}

impl BlockCodec {
    /// `q8_0` for 8 `bits`, `q4_0` for 4; after a transform if `hadamard` is set.
    pub fn new(dim: usize, bits: u32, hadamard: bool) -> Result<Self, CodecError> {
        CodecError::check_dim(dim)?;
        if bits != 4 && bits != 8 {
            let (value, expected) = (bits.to_string(), "4 or 8".to_owned());
            return Err(CodecError::Parameter { field: "bits of a block code", value, expected });
        }
        let layout = Layout::new(dim)
            .plane("scales", 2 * dim.div_ceil(BLOCK))
            .plane(plane_name(bits), plane_bytes(dim, bits));
        let widest = 1 << dim.trailing_zeros().min(RUN.trailing_zeros());
        Ok(Self { layout, bits, run: if hadamard { widest } else { 1 } })
    }

    /// The code of one value under the inverse of its scale.
    fn code(&self, scaled: f32) -> u8 {
        if self.bits == 8 {
            return (libm::roundf(scaled) as i8).cast_unsigned();
        }
        // Truncation of a positive number, as ggml rounds.
        ((scaled + 8.5).clamp(0.0, 15.0) as u8).wrapping_sub(8) & 0xF
    }

    fn value(&self, code: u8) -> f32 {
        let signed = if self.bits == 8 { code.cast_signed() } else { (code << 4).cast_signed() >> 4 };
        f32::from(signed)
    }

    /// The scale of a block: the largest code stands for the value of the largest magnitude.
    fn scale(&self, block: &[f32]) -> f32 {
        let largest = block.iter().fold(0.0_f32, |most, &x| if x.abs() > most.abs() { x } else { most });
        if self.bits == 8 { largest.abs() / 127.0 } else { largest / -8.0 }
    }
}

/// The orthonormal Walsh–Hadamard transform of every run, its own inverse.
fn turn(x: &mut [f32], run: usize) {
    let factor = (1.0 / libm::sqrt(run as f64)) as f32;
    for x in x.chunks_exact_mut(run) {
        let mut stride = 1;
        while stride < run {
            for pair in x.chunks_exact_mut(2 * stride) {
                let (low, high) = pair.split_at_mut(stride);
                for (a, b) in low.iter_mut().zip(high) {
                    (*a, *b) = (*a + *b, *a - *b);
                }
            }
            stride *= 2;
        }
        for x in x {
            *x *= factor;
        }
    }
}

impl Codec for BlockCodec {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn label(&self) -> String {
        let turned = if self.run > 1 { format!(", Hadamard {}", self.run) } else { String::new() };
        format!("q{}_0{turned} ({:.2} bits)", self.bits, self.bits_per_channel())
    }

    fn encode_into(&self, vectors: &[f32], mut out: PlanesMut<'_>) -> Result<(), CodecError> {
        self.check_input(vectors, &out)?;
        let mut turned = vec![0.0; self.dim()];
        let mut codes = vec![0; self.dim()];
        for (vector, x) in vectors.chunks_exact(self.dim()).enumerate() {
            if let Some(channel) = x.iter().position(|x| !x.is_finite()) {
                return Err(CodecError::NotFinite { vector, channel, value: x[channel] });
            }
            turned.copy_from_slice(x);
            if self.run > 1 {
                turn(&mut turned, self.run);
            }
            let blocks = turned.chunks(BLOCK).zip(codes.chunks_mut(BLOCK));
            for ((block, codes), stored) in blocks.zip(out.row(0, vector).as_chunks_mut::<2>().0) {
                let scale = self.scale(block);
                let half = f16::from_f32(scale);
                if !half.is_finite() {
                    let (scale, max) = (f64::from(scale), 65504.0);
                    return Err(CodecError::ScaleOverflow { vector, scale, format: "f16", max });
                }
                *stored = half.to_le_bytes();
                // The inverse of a scale that is next to nothing is infinite; so small a block is zero.
                let inverse = if (1.0 / scale).is_finite() { 1.0 / scale } else { 0.0 };
                codes.iter_mut().zip(block).for_each(|(code, x)| *code = self.code(x * inverse));
            }
            pack_plane(&codes, 0, self.bits, out.row(1, vector));
        }
        Ok(())
    }

    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_output(&packed, out)?;
        let mut codes = vec![0; self.dim()];
        for (vector, out) in out.chunks_exact_mut(self.dim()).enumerate() {
            codes.fill(0);
            unpack_plane(packed.row(1, vector), 0, self.bits, &mut codes);
            let blocks = out.chunks_mut(BLOCK).zip(codes.chunks(BLOCK));
            for ((out, codes), scale) in blocks.zip(packed.row(0, vector).as_chunks::<2>().0) {
                let scale = f16::from_le_bytes(*scale).to_f32();
                if !scale.is_finite() {
                    return Err(CodecError::CorruptScale { vector, scale });
                }
                out.iter_mut().zip(codes).for_each(|(x, code)| *x = scale * self.value(*code));
            }
            if self.run > 1 {
                turn(out, self.run);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quality::compare;
    use crate::{Random, Source};

    /// A block as the file format stores it, decoded by the reader of checkpoints.
    fn as_in_a_file(codec: &BlockCodec, x: &[f32]) -> Vec<f32> {
        use dhurandhar_leaf::BlockType;
        use dhurandhar_leaf::dequantise::dequantise;
        let packed = codec.encode(x).unwrap();
        let mut codes = vec![0; x.len()];
        unpack_plane(packed.planes().row(1, 0), 0, codec.bits, &mut codes);
        let mut bytes = packed.planes().row(0, 0).to_vec();
        let kind = if codec.bits == 8 {
            bytes.extend(&codes);
            BlockType::Q8_0
        } else {
            let nibble = |code: u8| code.wrapping_add(8) & 0xF;
            bytes.extend((0..16).map(|at| nibble(codes[at]) | (nibble(codes[at + 16]) << 4)));
            BlockType::Q4_0
        };
        let mut out = vec![0.0; x.len()];
        dequantise(kind, &bytes, &mut out).unwrap();
        out
    }

    #[test]
    fn values_are_those_of_the_file_format() {
        for seed in 0..50 {
            let x = Random::new(seed, 5).normals(32);
            for bits in [4, 8] {
                let codec = BlockCodec::new(32, bits, false).unwrap();
                assert_eq!(codec.decode(&codec.encode(&x).unwrap()).unwrap(), as_in_a_file(&codec, &x));
            }
        }
    }

    #[test]
    fn bits_count_the_scales() {
        for (dim, bits, expected) in [(64, 8, 8.5), (64, 4, 4.5), (128, 4, 4.5), (80, 8, 8.6)] {
            assert!((BlockCodec::new(dim, bits, true).unwrap().bits_per_channel() - expected).abs() < 1e-12);
        }
        assert!(BlockCodec::new(64, 5, false).is_err());
    }

    #[test]
    fn the_transform_helps_vectors_with_loud_channels_and_is_undone() {
        let x = Source::OutlierChannels.generate(200, 128, 3);
        let error = |hadamard| {
            let codec = BlockCodec::new(128, 4, hadamard).unwrap();
            compare(&x, &codec.decode(&codec.encode(&x).unwrap()).unwrap(), 128).nmse
        };
        assert!(error(true) < 0.6 * error(false), "{} {}", error(true), error(false));
        let mut turned = x[..128].to_vec();
        turn(&mut turned, 64);
        turn(&mut turned, 64);
        assert!(turned.iter().zip(&x).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0)));
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        let codec = BlockCodec::new(32, 8, false).unwrap();
        let mut x = vec![1.0; 64];
        x[40] = f32::NAN;
        assert!(matches!(codec.encode(&x), Err(CodecError::NotFinite { vector: 1, channel: 8, .. })));
        x[40] = 1e8;
        assert!(matches!(codec.encode(&x), Err(CodecError::ScaleOverflow { vector: 1, .. })));
    }

    proptest! {
        #[test]
        fn errors_stay_below_a_step(seed in any::<u64>(), dim in 1_usize..200, power in -20_i32..4) {
            let factor = 10.0_f32.powi(power);
            let x: Vec<f32> = Random::new(seed, 1).normals(dim).iter().map(|x| x * factor).collect();
            for bits in [4, 8] {
                let codec = BlockCodec::new(dim, bits, false).unwrap();
                let decoded = codec.decode(&codec.encode(&x).unwrap()).unwrap();
                for (x, y) in x.chunks(BLOCK).zip(decoded.chunks(BLOCK)) {
                    // A code's step, half an f16's step of the scale, and the smallest f16.
                    let most = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                    let step = if bits == 8 { most / 127.0 * 0.5 } else { most / 8.0 };
                    let room = step * 1.001 + most * 5e-4 + 128.0 * 6e-8;
                    prop_assert!(x.iter().zip(y).all(|(x, y)| (x - y).abs() <= room));
                }
            }
        }
    }
}
