//! Whole batches through the pipeline: rotate, quantise, scale, pack, and the way back.

use half::f16;

use super::quantise::{join_nibbles, nibble_values, quantise, table, values};
use super::rotate::{load_rotated, padded_len, store_unrotated};
use super::turned::{Turned, VECTORS};
use crate::CodecError;
use crate::pack::{pack_plane, plane_widths, unpack_plane};
use crate::planes::{Planes, PlanesMut};
use crate::rotation::Rotation;
use crate::turboquant::{ScaleFormat, ScaleMode, TurboQuant};
use dhurandhar_leaf::simd::dot;
use dhurandhar_leaf::simd::{Kernel, Simd};

/// Squared norms in this range neither overflow nor lose small entries; others are rescaled first.
const PLAIN_SQUARES: core::ops::Range<f32> = 8.7e-19..1.2e24;

/// The largest f32 scale that leaves room for every reconstructed value.
const MAX_F32_SCALE: f64 = 8.5e37;

/// Buffers of one vector, padded to whole registers.
pub(crate) struct Workspace {
    z: Vec<f32>,
    values: Vec<f32>,
    codes: Vec<u8>,
}

impl Workspace {
    pub(crate) fn new(dim: usize) -> Self {
        let n = padded_len(dim);
        Self { z: vec![0.0; n], values: vec![0.0; n], codes: vec![0; n] }
    }
}

/// Encodes whole vectors.
pub(crate) struct EncodeBatch<'a, 'b> {
    pub(crate) codec: &'a TurboQuant,
    pub(crate) vectors: &'a [f32],
    pub(crate) out: PlanesMut<'b>,
}

impl Kernel for EncodeBatch<'_, '_> {
    type Output = Result<(), CodecError>;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Result<(), CodecError> {
        let codec = self.codec;
        let mut work = Workspace::new(codec.dim);
        let mut turned = Turned::new(simd, &codec.rotation, work.z.len());
        let mut first = 0;
        for run in self.vectors.chunks(VECTORS * codec.dim) {
            // No closure: it would be compiled without the instruction set.
            let squares = match &mut turned {
                Some(turned) if run.len() == VECTORS * codec.dim => Some(turned.load(simd, run)),
                _ => None,
            };
            for (at, x) in run.chunks_exact(codec.dim).enumerate() {
                let vector = first + at;
                let squares = match (&squares, &turned) {
                    (Some(squares), Some(turned)) => {
                        let from = &turned.vectors[at * turned.stride..];
                        for (z, from) in work.z.as_chunks_mut::<8>().0.iter_mut().zip(from.as_chunks::<8>().0)
                        {
                            simd.store(simd.load(from), z);
                        }
                        squares[at]
                    }
                    _ => load_rotated(simd, &codec.rotation, x, &mut work.z, &mut work.values),
                };
                encode_one(simd, codec, (x, vector, squares), &mut work, &mut self.out)?;
            }
            first += VECTORS;
        }
        Ok(())
    }
}

/// Codes and scale of a vector whose rotated coordinates lie in `work.z`.
#[inline(always)]
fn encode_one<S: Simd>(
    simd: S,
    codec: &TurboQuant,
    (x, vector, mut squares): (&[f32], usize, f32),
    work: &mut Workspace,
    out: &mut PlanesMut<'_>,
) -> Result<(), CodecError> {
    let mut exponent = 0;
    if !PLAIN_SQUARES.contains(&squares) {
        let Some((y, power)) = rescaled(x, vector)? else {
            write_zero(out, vector);
            return Ok(());
        };
        squares = simd.run(Load { rotation: &codec.rotation, x: &y, work });
        exponent = power;
    }
    let norm = squares.sqrt();
    let factor = codec.unit / norm;
    quantise(simd, &codec.book, &work.z, factor, &mut work.codes);
    let ratio = match codec.scale_mode {
        ScaleMode::Paper => 1.0,
        mode => scale_ratio(simd, codec, mode, factor, work),
    };
    let scale = libm::ldexp(f64::from(norm) * f64::from(ratio), exponent);
    write_scale(codec.scale_format, scale, vector, out.row(0, vector))?;
    let codes = &work.codes[..codec.dim];
    if codec.whole_nibbles() {
        join_nibbles(simd, codes, out.row(1, vector));
        return Ok(());
    }
    let mut shift = 0;
    for (plane, width) in plane_widths(codec.book.bits()).enumerate() {
        pack_plane(codes, shift, width, out.row(plane + 1, vector));
        shift += width;
    }
    Ok(())
}

/// A load outside the hot loop, so that its code is not there twice.
struct Load<'a> {
    rotation: &'a Rotation,
    x: &'a [f32],
    work: &'a mut Workspace,
}

impl Kernel for Load<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        load_rotated(simd, self.rotation, self.x, &mut self.work.z, &mut self.work.values)
    }
}

/// Stored scale over norm, from the codes just made.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn scale_ratio<S: Simd>(
    simd: S,
    codec: &TurboQuant,
    mode: ScaleMode,
    factor: f32,
    work: &mut Workspace,
) -> f32 {
    values(simd, &codec.book, &work.codes, &mut work.values);
    work.values[codec.dim..].fill(0.0);
    let own = dot(simd, &work.values, &work.values);
    let shared = dot(simd, &work.z, &work.values) * factor;
    let dim = codec.dim as f32;
    match mode {
        ScaleMode::Paper => 1.0,
        ScaleMode::Norm => (dim / own).sqrt(),
        ScaleMode::Unbiased => dim / shared,
        ScaleMode::LeastSquares => shared / own,
    }
}

/// Checks a vector of unusual size and brings it near one by a power of two; `None` is the zero vector.
#[cold]
fn rescaled(x: &[f32], vector: usize) -> Result<Option<(Vec<f32>, i32)>, CodecError> {
    if let Some(channel) = x.iter().position(|value| !value.is_finite()) {
        return Err(CodecError::NotFinite { vector, channel, value: x[channel] });
    }
    let largest = x.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Ok(None);
    }
    let exponent = libm::ilogb(f64::from(largest));
    let y = x.iter().map(|&value| libm::ldexp(f64::from(value), -exponent) as f32).collect();
    Ok(Some((y, exponent)))
}

#[cold]
fn write_zero(out: &mut PlanesMut<'_>, vector: usize) {
    for plane in 0..out.len() {
        out.row(plane, vector).fill(0);
    }
}

/// Stores a scale, little-endian.
#[inline(always)]
pub(crate) fn write_scale(
    format: ScaleFormat,
    scale: f64,
    vector: usize,
    out: &mut [u8],
) -> Result<(), CodecError> {
    match format {
        ScaleFormat::F16 if scale <= 65504.0 => {
            out.copy_from_slice(&f16::from_f32(scale as f32).to_le_bytes());
            Ok(())
        }
        ScaleFormat::F32 if scale <= MAX_F32_SCALE => {
            out.copy_from_slice(&(scale as f32).to_le_bytes());
            Ok(())
        }
        ScaleFormat::F16 => Err(CodecError::ScaleOverflow { vector, scale, format: "f16", max: 65504.0 }),
        ScaleFormat::F32 => {
            Err(CodecError::ScaleOverflow { vector, scale, format: "f32", max: MAX_F32_SCALE })
        }
    }
}

/// Reads a scale; anything an encoder does not write is an error.
#[inline(always)]
pub(crate) fn read_scale(bytes: &[u8], vector: usize) -> Result<f32, CodecError> {
    let scale = match *bytes {
        [a, b] => f16::from_le_bytes([a, b]).to_f32(),
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
        _ => f32::NAN,
    };
    if scale >= 0.0 && f64::from(scale) <= MAX_F32_SCALE {
        Ok(scale)
    } else {
        Err(CodecError::CorruptScale { vector, scale })
    }
}

/// Writes the values of a vector's codes into `z`.
#[inline(always)]
fn load_values<S: Simd>(
    simd: S,
    codec: &TurboQuant,
    table: S::Table,
    packed: &Planes<'_>,
    vector: usize,
    (z, codes): (&mut [f32], &mut [u8]),
) {
    if codec.whole_nibbles() {
        nibble_values(simd, table, packed.row(1, vector), z);
        return;
    }
    unpack(codec, packed, vector, codes);
    values(simd, &codec.book, codes, z);
}

#[inline(always)]
fn unpack(codec: &TurboQuant, packed: &Planes<'_>, vector: usize, codes: &mut [u8]) {
    codes.fill(0);
    let mut shift = 0;
    for (plane, width) in plane_widths(codec.book.bits()).enumerate() {
        unpack_plane(packed.row(plane + 1, vector), shift, width, &mut codes[..codec.dim]);
        shift += width;
    }
}

/// Decodes whole vectors.
pub(crate) struct DecodeBatch<'a> {
    pub(crate) codec: &'a TurboQuant,
    pub(crate) packed: Planes<'a>,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for DecodeBatch<'_> {
    type Output = Result<(), CodecError>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Result<(), CodecError> {
        let codec = self.codec;
        let table = table(simd, &codec.book);
        let mut work = Workspace::new(codec.dim);
        let mut turned = Turned::new(simd, &codec.rotation, work.z.len());
        let mut first = 0;
        for run in self.out.chunks_mut(VECTORS * codec.dim) {
            if let Some(turned) = turned.as_mut().filter(|_| run.len() == VECTORS * codec.dim) {
                let mut factors = [0.0; VECTORS];
                for (at, factor) in factors.iter_mut().enumerate() {
                    let vector = first + at;
                    *factor = read_scale(self.packed.row(0, vector), vector)? * codec.inverse_unit;
                    let z = &mut turned.vectors[at * turned.stride..(at + 1) * turned.stride];
                    load_values(simd, codec, table, &self.packed, vector, (z, &mut work.codes));
                }
                turned.unrotate(simd, &factors, run);
                for (at, out) in run.chunks_exact_mut(codec.dim).enumerate() {
                    // A vector of zeros has no signs.
                    if read_scale(self.packed.row(0, first + at), first + at)? == 0.0 {
                        out.fill(0.0);
                    }
                }
                first += VECTORS;
                continue;
            }
            for (at, out) in run.chunks_exact_mut(codec.dim).enumerate() {
                let scale = read_scale(self.packed.row(0, first + at), first + at)?;
                if scale == 0.0 {
                    out.fill(0.0);
                    continue;
                }
                load_values(simd, codec, table, &self.packed, first + at, (&mut work.z, &mut work.codes));
                let factor = scale * codec.inverse_unit;
                store_unrotated(simd, &codec.rotation, &mut work.z, &mut work.values, factor, out);
            }
            first += VECTORS;
        }
        Ok(())
    }
}

/// Inner products of a rotated query with packed vectors, without reconstructing them.
pub(crate) struct ScoreBatch<'a> {
    pub(crate) codec: &'a TurboQuant,
    pub(crate) rotated_query: &'a [f32],
    pub(crate) packed: Planes<'a>,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for ScoreBatch<'_> {
    type Output = Result<(), CodecError>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Result<(), CodecError> {
        let codec = self.codec;
        let mut work = Workspace::new(codec.dim);
        let root = (codec.dim as f32).sqrt();
        let table = table(simd, &codec.book);
        for (vector, out) in self.out.iter_mut().enumerate() {
            let scale = read_scale(self.packed.row(0, vector), vector)?;
            load_values(simd, codec, table, &self.packed, vector, (&mut work.z, &mut work.codes));
            *out = scale / root * dot(simd, self.rotated_query, &work.z[..codec.dim]);
        }
        Ok(())
    }
}
