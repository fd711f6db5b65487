//! KV-cache codecs: TurboQuant (arXiv:2504.19874), the RotorQuant family, and the seed project's own pair.
//!
//! A [`Codec`] turns batches of vectors of `dim` f32 channels into [`Packed`] planes and back. Its bits per
//! channel count everything that is stored: codes, scales and padding bits. The same seed gives the same bytes
//! on every target. Nothing here starts threads: split a batch with [`PlanesMut::chunks`] and encode the
//! pieces wherever there are cores.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "codecs narrow on purpose; widths and bits are checked to be at most 8192 and 8 on the way in"
)]
#![expect(clippy::inline_always, reason = "intrinsics must be inlined into the function that enables them")]
#![expect(
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "x, y, z, q and k are the field's names"
)]

pub mod attention;
mod blocks;
mod centred;
pub mod cost;
mod error;
pub mod fingerprint;
mod kernel;
mod kind;
pub mod kv_cache;
pub mod logits;
mod mixed;
pub mod pack;
mod planes;
mod qjl;
pub mod quality;
mod random;
pub mod report;
pub mod rotation;
pub mod scalar;
pub mod seed;
pub mod sweep;
mod synthetic;
pub mod theory;
mod turboquant;

pub use blocks::BlockCodec;
pub use centred::{Centred, SINK_TOKENS, mean_vector};
pub use error::{CodecError, MAX_DIM};
pub use kind::{CodecKind, UnknownCodec};
pub use mixed::{MixedPrecision, loudest_channels};
pub use planes::{Layout, Packed, Plane, Planes, PlanesMut};
pub use qjl::{ProdConfig, SketchKind, TurboQuantProd};
pub use random::Random;
pub use synthetic::Source;
pub use turboquant::{DEFAULT_SEED, ScaleFormat, ScaleMode, TurboQuant, TurboQuantConfig};

use dhurandhar_leaf::simd::{Isa, dot_product};

/// A lossy code for vectors of a fixed number of channels.
pub trait Codec: core::fmt::Debug + Send + Sync {
    /// The planes and what each spends on a vector.
    fn layout(&self) -> &Layout;

    /// A name that says what is stored, with its true bits per channel.
    fn label(&self) -> String;

    /// Encodes `out.vectors()` vectors; `vectors` holds `out.vectors() * dim` values.
    ///
    /// Errors name the vector by its index in this call. Zero vectors encode to zero bytes.
    fn encode_into(&self, vectors: &[f32], out: PlanesMut<'_>) -> Result<(), CodecError>;

    /// Decodes every vector of `packed` into `out`, which holds `packed.vectors() * dim` values.
    fn decode_into(&self, packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError>;

    /// The inner product of `query` (`dim` values) with every packed vector, into `out`.
    fn inner_products(&self, query: &[f32], packed: Planes<'_>, out: &mut [f32]) -> Result<(), CodecError> {
        self.check_query(query, &packed, out)?;
        let dim = self.dim();
        let mut decoded = vec![0.0; 64 * dim];
        for (first, (chunk, out)) in packed.chunks(64).into_iter().zip(out.chunks_mut(64)).enumerate() {
            let decoded = &mut decoded[..out.len() * dim];
            self.decode_into(chunk, decoded).map_err(|error| error.in_chunk(64 * first))?;
            for (product, vector) in out.iter_mut().zip(decoded.chunks_exact(dim)) {
                *product = dot_product(Isa::detect(), query, vector);
            }
        }
        Ok(())
    }

    /// Channels of a vector.
    fn dim(&self) -> usize {
        self.layout().dim()
    }

    /// Stored bits per channel, scales included.
    fn bits_per_channel(&self) -> f64 {
        self.layout().bits_per_channel()
    }

    /// Encodes a whole number of vectors.
    fn encode(&self, vectors: &[f32]) -> Result<Packed, CodecError> {
        let dim = self.dim();
        if !vectors.len().is_multiple_of(dim) {
            let expected = format!("a multiple of {dim}");
            return Err(CodecError::Length { what: "input", got: vectors.len(), expected });
        }
        let mut packed = Packed::zeroed(self.layout(), vectors.len() / dim);
        self.encode_into(vectors, packed.planes_mut())?;
        Ok(packed)
    }

    /// Decodes a whole batch.
    fn decode(&self, packed: &Packed) -> Result<Vec<f32>, CodecError> {
        let mut out = vec![0.0; packed.vectors() * self.dim()];
        self.decode_into(packed.planes(), &mut out)?;
        Ok(out)
    }

    #[doc(hidden)]
    fn check_input(&self, vectors: &[f32], out: &PlanesMut<'_>) -> Result<(), CodecError> {
        out.as_shared().check(self.layout())?;
        check_length("input", vectors.len(), out.vectors(), self.dim())
    }

    #[doc(hidden)]
    fn check_output(&self, packed: &Planes<'_>, out: &[f32]) -> Result<(), CodecError> {
        packed.check(self.layout())?;
        check_length("output", out.len(), packed.vectors(), self.dim())
    }

    #[doc(hidden)]
    fn check_query(&self, query: &[f32], packed: &Planes<'_>, out: &[f32]) -> Result<(), CodecError> {
        packed.check(self.layout())?;
        check_length("query", query.len(), 1, self.dim())?;
        check_length("output", out.len(), packed.vectors(), 1)
    }
}

fn check_length(what: &'static str, got: usize, vectors: usize, dim: usize) -> Result<(), CodecError> {
    if vectors.checked_mul(dim) == Some(got) {
        return Ok(());
    }
    Err(CodecError::Length { what, got, expected: format!("{vectors} x {dim}") })
}
