//! Rotations inside a kernel: the load with its sum of squares, the transform, and the way back.

use super::fwht::{Around, fwht, fwht_around};
use crate::rotation::{BlockRotation, Hadamard, Rotation};
use dhurandhar_leaf::simd::{Kernel, Simd};
use dhurandhar_leaf::simd::{dot, padded, total};

/// Writes `gain * P x` into the first `x.len()` entries of `z` and returns |x|²; `z` ends in zeros.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(crate) fn load_rotated<S: Simd>(
    simd: S,
    rotation: &Rotation,
    x: &[f32],
    z: &mut [f32],
    spare: &mut [f32],
) -> f32 {
    match rotation {
        Rotation::Hadamard(hadamard) => load_hadamard(simd, hadamard, x, z, spare),
        Rotation::Dense(dense) => {
            let squares = dot(simd, x, x);
            simd.run(MatVec { matrix: dense.rows(), x, out: z });
            squares
        }
        Rotation::Blocks(blocks) => {
            let squares = dot(simd, x, x);
            z[..x.len()].copy_from_slice(x);
            simd.run(Turn { blocks, inverse: false, x: z });
            squares
        }
        Rotation::Hybrid(hadamard, blocks) => {
            let squares = load_hadamard(simd, hadamard, x, spare, z);
            let gain = simd.splat(1.0 / hadamard.gain());
            for (out, v) in z.as_chunks_mut::<8>().0.iter_mut().zip(spare.as_chunks::<8>().0) {
                simd.store(simd.mul(simd.load(v), gain), out);
            }
            simd.run(Turn { blocks, inverse: false, x: z });
            squares
        }
        Rotation::Identity => {
            z[..x.len()].copy_from_slice(x);
            dot(simd, x, x)
        }
    }
}

/// Writes `factor * gain * P^T z` into `out`, destroying `z`.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(crate) fn store_unrotated<S: Simd>(
    simd: S,
    rotation: &Rotation,
    z: &mut [f32],
    spare: &mut [f32],
    factor: f32,
    out: &mut [f32],
) {
    match rotation {
        Rotation::Hadamard(hadamard) => store_hadamard(simd, hadamard, [z, spare], factor, out),
        Rotation::Dense(dense) => {
            simd.run(MatVec { matrix: dense.columns(), x: &z[..out.len()], out: spare });
            scale(simd, spare, factor, out);
        }
        Rotation::Blocks(blocks) => {
            simd.run(Turn { blocks, inverse: true, x: z });
            scale(simd, z, factor, out);
        }
        Rotation::Hybrid(hadamard, blocks) => {
            simd.run(Turn { blocks, inverse: true, x: z });
            store_hadamard(simd, hadamard, [z, spare], factor * (1.0 / hadamard.gain()), out);
        }
        Rotation::Identity => scale(simd, z, factor, out),
    }
}

/// Writes `x` with the signs of round 0 into `z`; returns |x|².
#[inline(always)]
pub(crate) fn load_flipped<S: Simd>(simd: S, hadamard: &Hadamard, x: &[f32], z: &mut [f32]) -> f32 {
    let mut squares = [simd.splat(0.0); 4];
    let signs = hadamard.signs(0).as_chunks::<8>().0;
    let (blocks, tail) = x.as_chunks::<8>();
    let (quads, rest) = blocks.as_chunks::<4>();
    let (z_quads, z_rest) = z.as_chunks_mut::<8>().0.split_at_mut(4 * quads.len());
    let (s_quads, s_rest) = signs.split_at(4 * quads.len());
    let quads = quads.iter().zip(z_quads.as_chunks_mut::<4>().0).zip(s_quads.as_chunks::<4>().0);
    // Four sums side by side, written out for compilers that save space.
    let [mut p, mut q, mut r, mut s] = squares;
    for ((x, z), signs) in quads {
        p = flipped(simd, p, &x[0], &mut z[0], &signs[0]);
        q = flipped(simd, q, &x[1], &mut z[1], &signs[1]);
        r = flipped(simd, r, &x[2], &mut z[2], &signs[2]);
        s = flipped(simd, s, &x[3], &mut z[3], &signs[3]);
    }
    squares = [p, q, r, s];
    let tail_block = [padded(tail)];
    let last = if tail.is_empty() { &[] } else { tail_block.as_slice() };
    let rest = rest.iter().chain(last);
    for (k, ((x, z), signs)) in rest.zip(z_rest).zip(s_rest).enumerate() {
        squares[k % 4] = flipped(simd, squares[k % 4], x, z, signs);
    }
    total(simd, squares)
}

/// The sign flips of round 0 during the load, then the rounds of windows and flips.
#[inline(always)]
fn load_hadamard<S: Simd>(simd: S, hadamard: &Hadamard, x: &[f32], z: &mut [f32], spare: &mut [f32]) -> f32 {
    let squares = load_flipped(simd, hadamard, x, z);
    for round in 0..hadamard.rounds() {
        if round > 0 {
            reorder(&hadamard.orders(round)[0], z, spare);
            for (z, signs) in
                z.as_chunks_mut::<8>().0.iter_mut().zip(hadamard.signs(round).as_chunks::<8>().0)
            {
                simd.store(simd.flip(simd.load(z), simd.load(signs)), z);
            }
        }
        forward_round(simd, hadamard, round, z);
    }
    squares
}

/// Writes eight entries with their signs; returns `sum` with their squares added.
#[inline(always)]
fn flipped<S: Simd>(simd: S, sum: S::F, x: &[f32; 8], z: &mut [f32; 8], signs: &[f32; 8]) -> S::F {
    let v = simd.load(x);
    simd.store(simd.flip(v, simd.load(signs)), z);
    simd.add(sum, simd.mul(v, v))
}

#[inline(always)]
fn forward_round<S: Simd>(simd: S, hadamard: &Hadamard, round: usize, z: &mut [f32]) {
    let (dim, window) = (hadamard.dim(), hadamard.window());
    if window < dim {
        simd.run(First { hadamard, x: &mut z[..window] });
        simd.run(Window { hadamard, round, inverse: false, x: &mut z[dim - window..dim] });
    } else {
        fwht(simd, &mut z[..window]);
    }
}

#[inline(always)]
fn store_hadamard<S: Simd>(
    simd: S,
    hadamard: &Hadamard,
    [z, spare]: [&mut [f32]; 2],
    factor: f32,
    out: &mut [f32],
) {
    let (dim, window) = (hadamard.dim(), hadamard.window());
    for round in (0..hadamard.rounds()).rev() {
        if window < dim {
            simd.run(Window { hadamard, round, inverse: true, x: &mut z[dim - window..dim] });
            simd.run(First { hadamard, x: &mut z[..window] });
        } else {
            fwht(simd, &mut z[..window]);
        }
        if round > 0 {
            for (z, signs) in
                z.as_chunks_mut::<8>().0.iter_mut().zip(hadamard.signs(round).as_chunks::<8>().0)
            {
                simd.store(simd.flip(simd.load(z), simd.load(signs)), z);
            }
            reorder(&hadamard.orders(round)[1], z, spare);
        }
    }
    let multiplier = simd.splat(factor);
    let signs = hadamard.signs(0);
    let (blocks, tail) = out.as_chunks_mut::<8>();
    let whole = 8 * blocks.len();
    for ((out, z), signs) in blocks.iter_mut().zip(z.as_chunks::<8>().0).zip(signs.as_chunks::<8>().0) {
        simd.store(simd.flip(simd.mul(simd.load(z), multiplier), simd.load(signs)), out);
    }
    for ((out, z), sign) in tail.iter_mut().zip(&z[whole..]).zip(&signs[whole..]) {
        *out = f32::from_bits((z * factor).to_bits() ^ sign.to_bits());
    }
}

/// Puts channel `order[i]` at i, for as many as the order has.
#[inline(always)]
fn reorder(order: &[u32], z: &mut [f32], spare: &mut [f32]) {
    let spare = &mut spare[..order.len()];
    spare.copy_from_slice(&z[..order.len()]);
    for (z, &from) in z.iter_mut().zip(order) {
        *z = spare[from as usize];
    }
}

#[inline(always)]
fn normalise<S: Simd>(simd: S, hadamard: &Hadamard, x: &mut [f32]) {
    let factor = simd.splat(hadamard.window_factor());
    let (blocks, tail) = x.as_chunks_mut::<8>();
    for block in blocks {
        simd.store(simd.mul(simd.load(block), factor), block);
    }
    for value in tail {
        *value *= hadamard.window_factor();
    }
}

#[inline(always)]
fn scale<S: Simd>(simd: S, z: &[f32], factor: f32, out: &mut [f32]) {
    let multiplier = simd.splat(factor);
    let (blocks, tail) = out.as_chunks_mut::<8>();
    let whole = 8 * blocks.len();
    for (out, z) in blocks.iter_mut().zip(z.as_chunks::<8>().0) {
        simd.store(simd.mul(simd.load(z), multiplier), out);
    }
    for (out, z) in tail.iter_mut().zip(&z[whole..]) {
        *out = z * factor;
    }
}

/// The first window of a width that is not a power of two.
struct First<'a> {
    hadamard: &'a Hadamard,
    x: &'a mut [f32],
}

impl Kernel for First<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let around = Around { before: None, factor: self.hadamard.window_factor(), after: None };
        if !fwht_around(simd, self.x, around) {
            fwht(simd, self.x);
            normalise(simd, self.hadamard, self.x);
        }
    }
}

/// The second, overlapping window of a width that is not a power of two.
struct Window<'a> {
    hadamard: &'a Hadamard,
    round: usize,
    inverse: bool,
    x: &'a mut [f32],
}

impl Kernel for Window<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let signs = self.hadamard.inner_signs(self.round);
        let (before, after) = if self.inverse { (None, Some(signs)) } else { (Some(signs), None) };
        let around = Around { before, factor: self.hadamard.window_factor(), after };
        if fwht_around(simd, self.x, around) {
            return;
        }
        if !self.inverse {
            flip_all(simd, signs, self.x);
        }
        fwht(simd, self.x);
        normalise(simd, self.hadamard, self.x);
        if self.inverse {
            flip_all(simd, signs, self.x);
        }
    }
}

#[inline(always)]
fn flip_all<S: Simd>(simd: S, signs: &[f32], x: &mut [f32]) {
    let (blocks, tail) = x.as_chunks_mut::<8>();
    let whole = 8 * blocks.len();
    for (block, signs) in blocks.iter_mut().zip(signs.as_chunks::<8>().0) {
        simd.store(simd.flip(simd.load(block), simd.load(signs)), block);
    }
    for (value, sign) in tail.iter_mut().zip(&signs[whole..]) {
        *value = f32::from_bits(value.to_bits() ^ sign.to_bits());
    }
}

/// A square matrix, row after row, times a vector; entries of `out` beyond it are left alone.
struct MatVec<'a> {
    matrix: &'a [f32],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for MatVec<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (out, row) in self.out.iter_mut().zip(self.matrix.chunks_exact(self.x.len())) {
            *out = dot(simd, row, self.x);
        }
    }
}

/// All blocks of a block rotation, in place.
struct Turn<'a> {
    blocks: &'a BlockRotation,
    inverse: bool,
    x: &'a mut [f32],
}

impl Kernel for Turn<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        if self.inverse { self.blocks.inverse(self.x) } else { self.blocks.forward(self.x) }
    }
}

/// One vector rotated: out = P x, or P^T x.
pub(crate) struct RotateOne<'a> {
    pub(crate) rotation: &'a Rotation,
    pub(crate) inverse: bool,
    pub(crate) x: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Kernel for RotateOne<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let dim = self.x.len();
        let mut z = vec![0.0; padded_len(dim)];
        let mut spare = z.clone();
        let factor = 1.0 / self.rotation.gain();
        if self.inverse {
            z[..dim].copy_from_slice(self.x);
            store_unrotated(simd, self.rotation, &mut z, &mut spare, factor, self.out);
        } else {
            load_rotated(simd, self.rotation, self.x, &mut z, &mut spare);
            scale(simd, &z, factor, self.out);
        }
    }
}

/// Length of working buffers: whole groups of sixteen.
pub(crate) fn padded_len(dim: usize) -> usize {
    dim.next_multiple_of(16)
}
