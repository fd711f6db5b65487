//! Instruction sets: loops are written once over `Simd` and compiled for each of them.
//!
//! All arithmetic is lane-wise IEEE addition, multiplication and comparison in one fixed order and nothing is contracted
//! into a multiply-add, so results are the same bits on x86-64, aarch64 and WASM. `Scalar` is the twin that the
//! others are held to.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod sums;

pub use lanes::{Kernel, Simd, Split, widened};
pub use sums::{dot, padded, total};

/// The instruction set that loops run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2<false>),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(simd128::Simd128),
}

impl Isa {
    /// Plain Rust, the reference for the others; left out of modules that are compiled for one instruction set.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    pub const SCALAR: Self = Self(Set::Scalar);

    /// The fastest instruction set of this processor.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let fastest = avx2::Avx2::<false>::detect().map_or(Set::Scalar, Set::Avx2);
        #[cfg(target_arch = "aarch64")]
        let fastest = Set::Neon(neon::Neon::new());
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let fastest = Set::Simd128(simd128::Simd128::new());
        #[cfg(not(any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            all(target_arch = "wasm32", target_feature = "simd128")
        )))]
        let fastest = Set::Scalar;
        Self(fastest)
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Set::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Set::Simd128(_) => "simd128",
        }
    }

    /// Runs a kernel that multiplies integers on this instruction set, with AVX-512's VNNI where the processor has it:
    /// up to a fifth faster than AVX2 alone.
    pub fn run_integers<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if let (Set::Avx2(_), Some(simd)) = (self.0, avx2::Avx2::<true>::detect()) {
            return simd.run(kernel);
        }
        self.run(kernel)
    }

    /// Runs a kernel on this instruction set.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Set::Scalar => scalar::Scalar.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(simd) => simd.run(kernel),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Set::Simd128(simd) => simd.run(kernel),
        }
    }
}

/// The inner product of two vectors in the kernels' fixed order.
pub fn dot_product(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl Kernel for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f32 {
            dot(simd, self.0, self.1)
        }
    }
    isa.run(Dot(a, b))
}
