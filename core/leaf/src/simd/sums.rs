//! Sums of products in a fixed order.

use super::lanes::Simd;

/// Sum of products: lane l of accumulator k adds entries 32 i + 8 k + l in order.
///
/// Slices of different or odd length are summed over the shorter, as if padded with zeros.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    let (a, a_tail) = a[..n].as_chunks::<8>();
    let (b, b_tail) = b[..n].as_chunks::<8>();
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = [simd.splat(0.0); 4];
    for (a, b) in a4.iter().zip(b4) {
        for k in 0..4 {
            sums[k] = simd.add(sums[k], simd.mul(simd.load(&a[k]), simd.load(&b[k])));
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum = simd.add(*sum, simd.mul(simd.load(a), simd.load(b)));
    }
    if !a_tail.is_empty() {
        let (p, q) = (padded(a_tail), padded(b_tail));
        let sum = &mut sums[a_rest.len()];
        *sum = simd.add(*sum, simd.mul(simd.load(&p), simd.load(&q)));
    }
    total(simd, sums)
}

/// Fewer than eight entries, filled up with zeros.
#[inline(always)]
pub fn padded(tail: &[f32]) -> [f32; 8] {
    core::array::from_fn(|lane| tail.get(lane).copied().unwrap_or(0.0))
}

/// The four accumulators of [`dot`] in their fixed order.
#[inline(always)]
pub fn total<S: Simd>(simd: S, sums: [S::F; 4]) -> f32 {
    simd.sum(simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])))
}
