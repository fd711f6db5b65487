//! Blocks of 32 with one f16 scale: `q4_0`, `q4_1`, `q5_0`, `q5_1`, `q8_0`.
//!
//! Low nibbles are the first half of a block, high nibbles the second; the fifth bits are a 32-bit mask.

use super::f16_at;

const HALF: usize = 16;

/// `d (q - 8)`.
pub(super) fn q4_0(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    let (first, second) = out.split_at_mut(HALF);
    for ((packed, low), high) in block[2..18].iter().zip(first).zip(second) {
        *low = (f32::from(packed & 15) - 8.0) * d;
        *high = (f32::from(packed >> 4) - 8.0) * d;
    }
}

/// `d q + m`.
pub(super) fn q4_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    let (first, second) = out.split_at_mut(HALF);
    for ((packed, low), high) in block[4..20].iter().zip(first).zip(second) {
        *low = f32::from(packed & 15) * d + m;
        *high = f32::from(packed >> 4) * d + m;
    }
}

/// `d (q - 16)`, the fifth bit from the mask.
pub(super) fn q5_0(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    five_bits(&block[2..22], |index, code| out[index] = (f32::from(code) - 16.0) * d);
}

/// `d q + m`, the fifth bit from the mask.
pub(super) fn q5_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    five_bits(&block[4..24], |index, code| out[index] = f32::from(code) * d + m);
}

/// `d q`.
pub(super) fn q8_0(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (value, code) in out.iter_mut().zip(&block[2..34]) {
        *value = f32::from(code.cast_signed()) * d;
    }
}

/// Codes of 5 bits: 4 bytes of high bits, 16 bytes of nibbles.
fn five_bits(packed: &[u8], mut put: impl FnMut(usize, u8)) {
    let high = |index: usize| (packed[index / 8] >> (index % 8)) & 1;
    for (index, nibbles) in packed[4..20].iter().enumerate() {
        put(index, nibbles & 15 | high(index) << 4);
        put(index + HALF, nibbles >> 4 | high(index + HALF) << 4);
    }
}
