//! The inner loops, written once over [`Simd`] and compiled for every instruction set.
//!
//! All arithmetic is lane-wise IEEE addition, multiplication and comparison in one fixed order and nothing is
//! contracted into a multiply-add, so codes are the same bytes on x86-64, aarch64 and WASM. `Scalar` is the
//! twin that the others are held to.
#![expect(clippy::inline_always, reason = "intrinsics must be inlined into the function that enables them")]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod batch;
pub(crate) mod fwht;
#[cfg(target_arch = "aarch64")]
mod neon;
mod quantise;
mod rotate;
mod scalar;
mod simd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

pub(crate) use batch::{DecodeBatch, EncodeBatch, ScoreBatch, read_scale, write_scale};
pub(crate) use rotate::RotateOne;
pub(crate) use simd::{Kernel, Simd};

/// The instruction set that a codec's loops run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust, everywhere; the reference for the others.
    Scalar,
    /// x86-64 with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// aarch64.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// WASM compiled with `simd128`.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(Simd128),
}

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use simd128::Simd128;

impl Isa {
    /// The fastest instruction set of this processor.
    #[allow(unreachable_code, reason = "each target keeps one of the arms")]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        return Avx2::detect().map_or(Self::Scalar, Self::Avx2);
        #[cfg(target_arch = "aarch64")]
        return Self::Neon(Neon::new());
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return Self::Simd128(Simd128::new());
        Self::Scalar
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128(_) => "simd128",
        }
    }

    /// Runs a kernel on this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Scalar => scalar::Scalar.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => simd.run(kernel),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128(simd) => simd.run(kernel),
        }
    }
}

/// The inner product of two vectors in the kernels' fixed order.
pub(crate) fn dot_product(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl Kernel for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f32 {
            quantise::dot(simd, self.0, self.1)
        }
    }
    isa.run(Dot(a, b))
}

/// The Walsh–Hadamard transform of one slice, unnormalised; its length is a power of two.
pub(crate) fn fwht_in_place(isa: Isa, x: &mut [f32]) {
    struct Transform<'a>(&'a mut [f32]);
    impl Kernel for Transform<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            fwht::fwht(simd, self.0);
        }
    }
    isa.run(Transform(x));
}
