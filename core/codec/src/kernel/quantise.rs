//! From rotated coordinates to codes and back, and sums in a fixed order.

use crate::scalar::Codebook;
use dhurandhar_leaf::simd::Simd;

/// Up to this width counting every threshold in registers beats a table.
const COUNTED_BITS: u32 = 5;

/// Codes of `z * factor`; `z` and `codes` are padded to multiples of 16.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(crate) fn quantise<S: Simd>(simd: S, book: &Codebook, z: &[f32], factor: f32, codes: &mut [u8]) {
    match book.bits() {
        1 => count::<S, 0>(simd, book, z, factor, codes),
        2 => count::<S, 1>(simd, book, z, factor, codes),
        3 => count::<S, 3>(simd, book, z, factor, codes),
        4 => count::<S, 7>(simd, book, z, factor, codes),
        COUNTED_BITS => count::<S, 15>(simd, book, z, factor, codes),
        _ => book.codes(z, factor, codes),
    }
}

#[inline(always)]
fn count<S: Simd, const T: usize>(simd: S, book: &Codebook, z: &[f32], factor: f32, codes: &mut [u8]) {
    let Some(bounds) = book.thresholds().first_chunk::<T>() else { return };
    let mut thresholds = [simd.splat(0.0); T];
    for (threshold, bound) in thresholds.iter_mut().zip(bounds) {
        *threshold = simd.splat(*bound);
    }
    let (factor, bit) = (simd.splat(factor), simd.int(i32::from(book.sign_bit())));
    let pairs = z.as_chunks::<8>().0.as_chunks::<2>().0;
    for ([low, high], out) in pairs.iter().zip(codes.as_chunks_mut::<16>().0) {
        let low = eight_codes(simd, simd.mul(simd.load(low), factor), &thresholds, bit);
        let high = eight_codes(simd, simd.mul(simd.load(high), factor), &thresholds, bit);
        simd.store_bytes(simd.narrow(low, high), out);
    }
}

/// Sign and number of thresholds below, for eight coordinates.
#[inline(always)]
fn eight_codes<S: Simd, const T: usize>(simd: S, z: S::F, thresholds: &[S::F; T], bit: S::I) -> S::I {
    let magnitude = simd.abs(z);
    let mut count = simd.int(0);
    for threshold in thresholds {
        count = simd.count_ge(count, magnitude, *threshold);
    }
    simd.mark_negative(count, z, bit)
}

/// Values of codes, in standard deviations; both slices are padded to multiples of 16.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(crate) fn values<S: Simd>(simd: S, book: &Codebook, codes: &[u8], out: &mut [f32]) {
    if book.bits() > 4 {
        for (value, code) in out.iter_mut().zip(codes) {
            *value = book.table()[usize::from(*code)];
        }
        return;
    }
    let table = table(simd, book);
    for (codes, out) in
        codes.as_chunks::<16>().0.iter().zip(out.as_chunks_mut::<8>().0.as_chunks_mut::<2>().0)
    {
        let (low, high) = simd.lookup(table, simd.load_bytes(codes));
        simd.store(low, &mut out[0]);
        simd.store(high, &mut out[1]);
    }
}

/// The values of codes below 16 as a register table; unused entries are zero.
#[inline(always)]
pub(crate) fn table<S: Simd>(simd: S, book: &Codebook) -> S::Table {
    let mut values = [0.0; 16];
    values.copy_from_slice(&book.table()[..16]);
    simd.table(&values)
}

/// Values of a nibble plane of at least sixteen bytes: low nibbles are the first half of the vector.
#[inline(always)]
pub(crate) fn nibble_values<S: Simd>(simd: S, table: S::Table, plane: &[u8], out: &mut [f32]) {
    let bytes = plane.len();
    let (first, second) = out.split_at_mut(bytes);
    let (runs, rest) = plane.as_chunks::<16>();
    let halves = first.as_chunks_mut::<16>().0.iter_mut().zip(second.as_chunks_mut::<16>().0);
    for (packed, (first, second)) in runs.iter().zip(halves) {
        sixteen_values(simd, table, packed, first, second);
    }
    // The last sixteen once more where they are no run of their own.
    let last = bytes.saturating_sub(16);
    let end =
        (plane.last_chunk::<16>(), first.last_chunk_mut::<16>(), second[last..].first_chunk_mut::<16>());
    if let ((Some(packed), Some(first), Some(second)), false) = (end, rest.is_empty()) {
        sixteen_values(simd, table, packed, first, second);
    }
}

#[inline(always)]
fn sixteen_values<S: Simd>(
    simd: S,
    table: S::Table,
    packed: &[u8; 16],
    first: &mut [f32; 16],
    second: &mut [f32; 16],
) {
    let (low, high) = simd.nibbles(simd.load_bytes(packed));
    for (codes, out) in [(low, first), (high, second)] {
        let (a, b) = simd.lookup(table, codes);
        let (halves, _) = out.as_chunks_mut::<8>();
        simd.store(a, &mut halves[0]);
        simd.store(b, &mut halves[1]);
    }
}

/// The nibble plane of codes below 16, for an even number of at least thirty-two.
#[inline(always)]
pub(crate) fn join_nibbles<S: Simd>(simd: S, codes: &[u8], plane: &mut [u8]) {
    let (low, high) = codes.split_at(plane.len());
    let halves = low.as_chunks::<16>().0.iter().zip(high.as_chunks::<16>().0);
    for (out, (low, high)) in plane.as_chunks_mut::<16>().0.iter_mut().zip(halves) {
        simd.store_bytes(simd.join_nibbles(simd.load_bytes(low), simd.load_bytes(high)), out);
    }
    if !plane.len().is_multiple_of(16)
        && let (Some(out), Some(low), Some(high)) =
            (plane.last_chunk_mut::<16>(), low.last_chunk::<16>(), high.last_chunk::<16>())
    {
        simd.store_bytes(simd.join_nibbles(simd.load_bytes(low), simd.load_bytes(high)), out);
    }
}
