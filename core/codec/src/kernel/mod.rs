//! The inner loops, written once over [`Simd`] and compiled for every instruction set.
//!
//! All arithmetic is lane-wise IEEE addition, multiplication and comparison in one fixed order and nothing is
//! contracted into a multiply-add, so codes are the same bytes on x86-64, aarch64 and WASM. `Scalar` is the
//! twin that the others are held to.

mod batch;
pub(crate) mod fwht;
mod quantise;
mod rotate;
mod turned;

pub(crate) use batch::{DecodeBatch, EncodeBatch, ScoreBatch, read_scale, write_scale};
pub(crate) use rotate::RotateOne;

use dhurandhar_leaf::simd::{Isa, Kernel, Simd};

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
