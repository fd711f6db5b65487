//! The fast Walsh–Hadamard transform: Sylvester order, unnormalised, additions only.
//!
//! Every stage pairs entries a stride apart in ascending order of strides, so the roundings, and with them
//! the codes, do not depend on how many stages share a pass over memory.

use dhurandhar_leaf::simd::Simd;

/// Transforms `x` in place; its length is a power of two.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(crate) fn fwht<S: Simd>(simd: S, x: &mut [f32]) {
    match x.len() {
        0..=4 => small(x),
        8 => base::<S, 1>(simd, x),
        16 => base::<S, 2>(simd, x),
        32 => four(simd, x),
        64 if S::MANY_REGISTERS => base::<S, 8>(simd, x),
        128 if S::MANY_REGISTERS => base::<S, 16>(simd, x),
        _ => {
            let mut stride = if S::MANY_REGISTERS {
                base::<S, 16>(simd, x);
                128
            } else {
                four(simd, x);
                32
            };
            while stride * 2 < x.len() {
                two_stages(simd, x, stride);
                stride *= 4;
            }
            if stride < x.len() {
                one_stage(simd, x, stride);
            }
        }
    }
}

/// What happens to a window around its transform: signs before, a factor, signs after; -0.0 flips.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) before: Option<&'a [f32]>,
    pub(crate) factor: f32,
    pub(crate) after: Option<&'a [f32]>,
}

/// The transform with what is around it in one pass, where the window fits the registers; whether it did.
#[inline(always)]
pub(crate) fn fwht_around<S: Simd>(simd: S, x: &mut [f32], around: Around<'_>) -> bool {
    match x.len() {
        64 if S::MANY_REGISTERS => base_around::<S, 8>(simd, x, around),
        128 if S::MANY_REGISTERS => base_around::<S, 16>(simd, x, around),
        _ => return false,
    }
    true
}

#[inline(always)]
fn registers_of<const N: usize>(signs: &[f32]) -> Option<&[[f32; 8]; N]> {
    signs.as_chunks::<8>().0.first_chunk::<N>()
}

#[inline(always)]
fn base_around<S: Simd, const N: usize>(simd: S, x: &mut [f32], around: Around<'_>) {
    let before = around.before.and_then(registers_of::<N>);
    let after = around.after.and_then(registers_of::<N>);
    let Some(run) = x.as_chunks_mut::<8>().0.first_chunk_mut::<N>() else { return };
    let mut v = [simd.splat(0.0); N];
    match before {
        Some(signs) => {
            for ((v, lanes), signs) in v.iter_mut().zip(&*run).zip(signs) {
                *v = simd.butterflies(simd.flip(simd.load(lanes), simd.load(signs)));
            }
        }
        None => {
            for (v, lanes) in v.iter_mut().zip(&*run) {
                *v = simd.butterflies(simd.load(lanes));
            }
        }
    }
    registers(simd, &mut v);
    let factor = simd.splat(around.factor);
    match after {
        Some(signs) => {
            for ((out, v), signs) in run.iter_mut().zip(&v).zip(signs) {
                simd.store(simd.flip(simd.mul(*v, factor), simd.load(signs)), out);
            }
        }
        None => {
            for (out, v) in run.iter_mut().zip(&v) {
                simd.store(simd.mul(*v, factor), out);
            }
        }
    }
}

/// Transforms each run of `8 N` entries in registers.
#[inline(always)]
fn base<S: Simd, const N: usize>(simd: S, x: &mut [f32]) {
    for run in x.as_chunks_mut::<8>().0.as_chunks_mut::<N>().0 {
        let mut v = [simd.splat(0.0); N];
        for (v, lanes) in v.iter_mut().zip(&*run) {
            *v = simd.butterflies(simd.load(lanes));
        }
        registers(simd, &mut v);
        for (out, v) in run.iter_mut().zip(&v) {
            simd.store(*v, out);
        }
    }
}

/// Transforms each run of 32 entries in registers.
#[inline(always)]
fn four<S: Simd>(simd: S, x: &mut [f32]) {
    for [a, b, c, d] in x.as_chunks_mut::<8>().0.as_chunks_mut::<4>().0 {
        let v = [lanes(simd, a), lanes(simd, b), lanes(simd, c), lanes(simd, d)];
        store_four(simd, v, [a, b, c, d]);
    }
}

/// The stages within a register; no closure, since those are called where space is saved.
#[inline(always)]
fn lanes<S: Simd>(simd: S, x: &[f32; 8]) -> S::F {
    simd.butterflies(simd.load(x))
}

/// Two stages between four registers, stored; written out, since a compiler that saves space leaves loops as they are.
#[inline(always)]
fn store_four<S: Simd>(simd: S, [p, q, r, s]: [S::F; 4], [a, b, c, d]: [&mut [f32; 8]; 4]) {
    let (p, q, r, s) = (simd.add(p, q), simd.sub(p, q), simd.add(r, s), simd.sub(r, s));
    simd.store(simd.add(p, r), a);
    simd.store(simd.add(q, s), b);
    simd.store(simd.sub(p, r), c);
    simd.store(simd.sub(q, s), d);
}

/// Stages of stride 8, 16 … between whole registers.
#[inline(always)]
pub(crate) fn registers<S: Simd, const N: usize>(simd: S, v: &mut [S::F; N]) {
    let mut stride = 1;
    while stride < N {
        let mut at = 0;
        while at < N {
            if at & stride == 0 {
                let (a, b) = (v[at], v[at + stride]);
                v[at] = simd.add(a, b);
                v[at + stride] = simd.sub(a, b);
            }
            at += 1;
        }
        stride *= 2;
    }
}

#[inline(always)]
fn one_stage<S: Simd>(simd: S, x: &mut [f32], stride: usize) {
    for pair in x.chunks_exact_mut(2 * stride) {
        let (low, high) = pair.split_at_mut(stride);
        for (a, b) in low.as_chunks_mut::<8>().0.iter_mut().zip(high.as_chunks_mut::<8>().0) {
            let (p, q) = (simd.load(a), simd.load(b));
            simd.store(simd.add(p, q), a);
            simd.store(simd.sub(p, q), b);
        }
    }
}

#[inline(always)]
fn two_stages<S: Simd>(simd: S, x: &mut [f32], stride: usize) {
    for four in x.chunks_exact_mut(4 * stride) {
        let (low, high) = four.split_at_mut(2 * stride);
        let (a, b) = low.split_at_mut(stride);
        let (c, d) = high.split_at_mut(stride);
        let first = a.as_chunks_mut::<8>().0.iter_mut().zip(b.as_chunks_mut::<8>().0);
        let second = c.as_chunks_mut::<8>().0.iter_mut().zip(d.as_chunks_mut::<8>().0);
        for ((a, b), (c, d)) in first.zip(second) {
            store_four(simd, [simd.load(a), simd.load(b), simd.load(c), simd.load(d)], [a, b, c, d]);
        }
    }
}

fn small(x: &mut [f32]) {
    let mut stride = 1;
    while stride < x.len() {
        for at in 0..x.len() {
            if at & stride == 0 {
                let (a, b) = (x[at], x[at + stride]);
                (x[at], x[at + stride]) = (a + b, a - b);
            }
        }
        stride *= 2;
    }
}
