//! Hadamard rotations of eight vectors at once, for widths that are no power of two.
//!
//! Turned round, a row holds one channel of all eight: stages need no shuffles, and the order of channels between rounds is
//! an order of rows. Sums are those of one vector after the other, in the same order, and so are the bits.

use core::ops::{Range, RangeInclusive};

use super::fwht::registers;
use super::rotate::load_flipped;
use crate::rotation::{Hadamard, Rotation};
use dhurandhar_leaf::simd::{Kernel, Simd};

/// Vectors that are turned together.
pub(crate) const VECTORS: usize = 8;
/// Windows whose rows stay in the first-level cache.
const WINDOWS: RangeInclusive<usize> = 64..=256;

type Row = [f32; 8];

/// Eight vectors, and room to turn them.
pub(crate) struct Turned<'a> {
    hadamard: &'a Hadamard,
    /// The vectors one after the other, each padded to `stride`.
    pub(crate) vectors: Vec<f32>,
    pub(crate) stride: usize,
    rows: Vec<Row>,
    spare: Vec<Row>,
}

impl<'a> Turned<'a> {
    /// Where the rotation is one that gains from it.
    pub(crate) fn new<S: Simd>(_: S, rotation: &'a Rotation, stride: usize) -> Option<Self> {
        let Rotation::Hadamard(hadamard) = rotation else { return None };
        let (dim, window) = (hadamard.dim(), hadamard.window());
        let fits = S::TURNS && window < dim && WINDOWS.contains(&window) && dim.is_multiple_of(8);
        fits.then(|| Self {
            hadamard,
            vectors: vec![0.0; VECTORS * stride],
            stride,
            rows: vec![[0.0; 8]; dim],
            spare: vec![[0.0; 8]; dim],
        })
    }

    /// Rotates eight vectors; gives their squared lengths.
    #[inline(always)]
    pub(crate) fn load<S: Simd>(&mut self, simd: S, vectors: &[f32]) -> [f32; VECTORS] {
        let mut squares = [0.0; VECTORS];
        let given = vectors.chunks_exact(self.hadamard.dim()).zip(self.vectors.chunks_exact_mut(self.stride));
        for (squares, (x, z)) in squares.iter_mut().zip(given) {
            *squares = load_flipped(simd, self.hadamard, x, z);
        }
        simd.run(There(self));
        squares
    }

    /// Turns them back and writes `factor * P^T z` of each into `out`.
    pub(crate) fn unrotate<S: Simd>(&mut self, simd: S, factors: &[f32; 8], out: &mut [f32]) {
        simd.run(Back { turned: self, factors, out });
    }
}

struct There<'a, 'b>(&'a mut Turned<'b>);

impl Kernel for There<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Turned { hadamard, vectors, stride, rows, spare } = self.0;
        let (dim, window) = (hadamard.dim(), hadamard.window());
        let factor = Factors::Same(simd.splat(hadamard.window_factor()));
        to_rows(simd, vectors, *stride, rows, 0..window);
        for round in 0..hadamard.rounds() {
            if round > 0 {
                let [order, _] = hadamard.orders(round);
                let signs = hadamard.signs(round).as_chunks::<8>().0;
                let places = order.as_chunks::<8>().0.iter().zip(spare.as_chunks_mut::<8>().0).zip(signs);
                for (at, ((order, out), signs)) in places.enumerate() {
                    let mut v = [simd.splat(0.0); 8];
                    for ((v, from), sign) in v.iter_mut().zip(order).zip(signs) {
                        *v = simd.flip(simd.load(&rows[*from as usize]), simd.splat(*sign));
                    }
                    short_stages(simd, v, 8 * at < window, out);
                }
                core::mem::swap(rows, spare);
            }
            long_stages(simd, &mut rows[..window], factor);
            let second = &mut rows[dim - window..];
            let signs = hadamard.inner_signs(round).as_chunks::<8>().0;
            for (eight, signs) in second.as_chunks_mut::<8>().0.iter_mut().zip(signs) {
                let mut v = [simd.splat(0.0); 8];
                for ((v, row), sign) in v.iter_mut().zip(&*eight).zip(signs) {
                    *v = simd.flip(simd.load(row), simd.splat(*sign));
                }
                short_stages(simd, v, true, eight);
            }
            long_stages(simd, second, factor);
        }
        for (at, rows) in rows.as_chunks::<8>().0.iter().enumerate() {
            let mut v = [simd.splat(0.0); 8];
            for (v, row) in v.iter_mut().zip(rows) {
                *v = simd.load(row);
            }
            from_rows(simd, v, at, vectors, *stride);
        }
    }
}

struct Back<'a, 'b> {
    turned: &'a mut Turned<'b>,
    factors: &'a [f32; 8],
    out: &'a mut [f32],
}

impl Kernel for Back<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Turned { hadamard, vectors, stride, rows, spare } = self.turned;
        let (dim, window) = (hadamard.dim(), hadamard.window());
        to_rows(simd, vectors, *stride, rows, dim - window..dim);
        for round in (0..hadamard.rounds()).rev() {
            let [first_factors, second_factors] = hadamard.factors_back(round);
            long_stages(simd, &mut rows[dim - window..], Factors::Each(second_factors));
            let first = &mut rows[..window];
            for eight in first.as_chunks_mut::<8>().0 {
                let mut v = [simd.splat(0.0); 8];
                for (v, row) in v.iter_mut().zip(&*eight) {
                    *v = simd.load(row);
                }
                short_stages(simd, v, true, eight);
            }
            long_stages(simd, first, Factors::Each(first_factors));
            if round > 0 {
                let [_, order] = hadamard.orders(round);
                let places = order.as_chunks::<8>().0.iter().zip(spare.as_chunks_mut::<8>().0);
                for (at, (order, out)) in places.enumerate() {
                    let mut v = [simd.splat(0.0); 8];
                    for (v, from) in v.iter_mut().zip(order) {
                        *v = simd.load(&rows[*from as usize]);
                    }
                    short_stages(simd, v, 8 * at >= dim - window, out);
                }
                core::mem::swap(rows, spare);
            }
        }
        let factors = simd.load(self.factors);
        for (at, rows) in rows.as_chunks::<8>().0.iter().enumerate() {
            let mut v = [simd.splat(0.0); 8];
            for (v, row) in v.iter_mut().zip(rows) {
                *v = simd.mul(simd.load(row), factors);
            }
            from_rows(simd, v, at, self.out, dim);
        }
    }
}

/// Stores eight rows, after the stages of strides 1, 2 and 4 where they are of a window.
#[inline(always)]
fn short_stages<S: Simd>(simd: S, mut v: [S::F; 8], of_window: bool, out: &mut [Row; 8]) {
    if of_window {
        registers(simd, &mut v);
    }
    for (out, v) in out.iter_mut().zip(&v) {
        simd.store(*v, out);
    }
}

/// Eight vectors, `stride` apart, to as many rows as there are; those of a window go through its first stages.
#[inline(always)]
fn to_rows<S: Simd>(simd: S, vectors: &[f32], stride: usize, rows: &mut [Row], window: Range<usize>) {
    let (vectors, _) = vectors.as_chunks::<8>();
    let blocks = stride / 8;
    for (at, out) in rows.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mut square = [simd.splat(0.0); 8];
        for (vector, square) in square.iter_mut().enumerate() {
            *square = simd.load(&vectors[vector * blocks + at]);
        }
        short_stages(simd, simd.transpose(square), window.contains(&(8 * at)), out);
    }
}

/// The way back for the rows of eight channels.
#[inline(always)]
fn from_rows<S: Simd>(simd: S, rows: [S::F; 8], at: usize, vectors: &mut [f32], stride: usize) {
    let (vectors, _) = vectors.as_chunks_mut::<8>();
    let blocks = stride / 8;
    for (vector, row) in simd.transpose(rows).iter().enumerate() {
        simd.store(*row, &mut vectors[vector * blocks + at]);
    }
}

/// What rows are multiplied by after a transform.
#[derive(Clone, Copy)]
enum Factors<'a, F> {
    Same(F),
    Each(&'a [f32]),
}

/// The stages of strides 8 and more, then the factors.
#[inline(always)]
fn long_stages<S: Simd>(simd: S, rows: &mut [Row], factors: Factors<'_, S::F>) {
    match rows.len() {
        64 => pass::<S, 8, 8, 64>(simd, rows, Some(factors)),
        128 => pass::<S, 16, 8, 128>(simd, rows, Some(factors)),
        _ => {
            pass::<S, 8, 8, 64>(simd, rows, None);
            pass::<S, 4, 64, 256>(simd, rows, Some(factors));
        }
    }
}

/// Stages between `N` rows that lie `STRIDE` apart, in runs of `LENGTH`.
#[inline(always)]
fn pass<S: Simd, const N: usize, const STRIDE: usize, const LENGTH: usize>(
    simd: S,
    rows: &mut [Row],
    factors: Option<Factors<'_, S::F>>,
) {
    for (run, rows) in rows.as_chunks_mut::<LENGTH>().0.iter_mut().enumerate() {
        // Of a length that is known, so that no index is checked.
        let each = match factors {
            Some(Factors::Each(each)) => each.as_chunks::<LENGTH>().0.get(run),
            _ => None,
        };
        for first in 0..STRIDE {
            let mut v = [simd.splat(0.0); N];
            for (at, v) in v.iter_mut().enumerate() {
                *v = simd.load(&rows[first + STRIDE * at]);
            }
            registers(simd, &mut v);
            if let Some(each) = each {
                for (at, v) in v.iter_mut().enumerate() {
                    *v = simd.mul(*v, simd.splat(each[first + STRIDE * at]));
                }
            } else if let Some(Factors::Same(factor)) = factors {
                for v in &mut v {
                    *v = simd.mul(*v, factor);
                }
            }
            for (at, v) in v.iter().enumerate() {
                simd.store(*v, &mut rows[first + STRIDE * at]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Codec, Random, TurboQuant, TurboQuantConfig};
    use dhurandhar_leaf::simd::{Isa, Kernel, Simd};

    struct Square([[f32; 8]; 8]);

    impl Kernel for Square {
        type Output = [[f32; 8]; 8];
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> [[f32; 8]; 8] {
            let mut rows = [simd.splat(0.0); 8];
            rows.iter_mut().zip(&self.0).for_each(|(row, lanes)| *row = simd.load(lanes));
            let mut out = self.0;
            out.iter_mut().zip(simd.transpose(rows)).for_each(|(out, row)| simd.store(row, out));
            out
        }
    }

    #[test]
    fn lanes_become_rows() {
        let square: [[f32; 8]; 8] = std::array::from_fn(|i| std::array::from_fn(|j| (8 * i + j) as f32));
        let turned: [[f32; 8]; 8] = std::array::from_fn(|i| std::array::from_fn(|j| square[j][i]));
        for isa in [Isa::SCALAR, Isa::detect()] {
            assert_eq!(isa.run(Square(square)), turned);
        }
    }

    #[test]
    fn eight_vectors_at_once_give_the_bits_of_one_after_the_other() {
        for (dim, bits) in
            [(72, 4), (80, 4), (96, 3), (120, 4), (160, 4), (192, 2), (264, 4), (384, 4), (520, 4)]
        {
            let codec = TurboQuant::new(dim, TurboQuantConfig::new(bits)).unwrap();
            let mut x = Random::new(7, 3).normals(19 * dim);
            x[2 * dim..3 * dim].fill(0.0);
            // Squares beyond f32, and squares that vanish.
            x[4 * dim..5 * dim].iter_mut().for_each(|x| *x *= 1e-30);
            x[9 * dim..10 * dim].iter_mut().for_each(|x| *x *= 1e-25);
            let together = codec.encode(&x).unwrap();
            let mut back = vec![f32::NAN; x.len()];
            codec.decode_into(together.planes(), &mut back).unwrap();
            for (vector, (x, back)) in x.chunks_exact(dim).zip(back.chunks_exact(dim)).enumerate() {
                let alone = codec.encode(x).unwrap();
                for plane in 0..codec.layout().planes().len() {
                    let (row, own) = (together.planes(), alone.planes());
                    assert_eq!(row.row(plane, vector), own.row(plane, 0), "{dim} {vector} {plane}");
                }
                let mut own = vec![f32::NAN; dim];
                codec.decode_into(alone.planes(), &mut own).unwrap();
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&own), bits(back), "{dim} {vector}");
            }
        }
    }

    #[test]
    fn a_number_that_is_none_is_named_by_its_vector() {
        let codec = TurboQuant::new(96, TurboQuantConfig::new(4)).unwrap();
        let mut x = Random::new(7, 4).normals(16 * 96);
        x[11 * 96 + 5] = f32::NAN;
        assert!(codec.encode(&x).unwrap_err().to_string().contains("11"));
    }
}
