//! Super-blocks of 256 with two levels of scales: `q2_k` to `q6_k`.

use super::f16_at;

/// 16 sub-blocks of 16: `d (sc & 15) q - dmin (sc >> 4)`.
pub(super) fn q2(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
    for (sub, values) in out.chunks_exact_mut(16).enumerate() {
        let scale = scales[sub];
        let (dl, ml) = (d * f32::from(scale & 15), dmin * f32::from(scale >> 4));
        // 128 values per half, four bit planes of 32 bytes.
        let (half, plane, offset) = (sub / 8, sub % 8 / 2, sub % 2 * 16);
        for (value, packed) in values.iter_mut().zip(&codes[half * 32 + offset..]) {
            *value = dl * f32::from((packed >> (2 * plane)) & 3) - ml;
        }
    }
}

/// 16 sub-blocks of 16 with signed 6-bit scales: `d (sc - 32) (q - 4 (1 - high))`.
pub(super) fn q3(block: &[u8], out: &mut [f32]) {
    let (high, codes, packed_scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = f16_at(block, 108);
    for (sub, values) in out.chunks_exact_mut(16).enumerate() {
        let dl = d * (f32::from(q3_scale(packed_scales, sub)) - 32.0);
        let (half, plane, offset) = (sub / 8, sub % 8 / 2, sub % 2 * 16);
        let mask = 1u8 << (half * 4 + plane);
        for (index, value) in values.iter_mut().enumerate() {
            let low = (codes[half * 32 + offset + index] >> (2 * plane)) & 3;
            let lift = if high[offset + index] & mask == 0 { 4.0 } else { 0.0 };
            *value = dl * (f32::from(low) - lift);
        }
    }
}

/// The 6-bit scale of sub-block `sub`: 4 low bits in the first 8 bytes, 2 high bits in the last 4.
fn q3_scale(packed: &[u8], sub: usize) -> u8 {
    let low = if sub < 8 { packed[sub] & 15 } else { packed[sub - 8] >> 4 };
    let high = (packed[8 + sub % 4] >> (2 * (sub / 4))) & 3;
    low | high << 4
}

/// 8 sub-blocks of 32: `d sc q - dmin m`.
pub(super) fn q4(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    let (scales, codes) = (&block[4..16], &block[16..144]);
    for (sub, values) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, sub);
        let (dl, ml) = (d * f32::from(scale), dmin * f32::from(min));
        let shift = 4 * (sub % 2);
        for (value, packed) in values.iter_mut().zip(&codes[sub / 2 * 32..]) {
            *value = dl * f32::from((packed >> shift) & 15) - ml;
        }
    }
}

/// As [`q4`], with a fifth bit from a mask.
pub(super) fn q5(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    let (scales, high, codes) = (&block[4..16], &block[16..48], &block[48..176]);
    for (sub, values) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, sub);
        let (dl, ml) = (d * f32::from(scale), dmin * f32::from(min));
        let shift = 4 * (sub % 2);
        for (index, value) in values.iter_mut().enumerate() {
            let low = (codes[sub / 2 * 32 + index] >> shift) & 15;
            let code = low | ((high[index] >> sub) & 1) << 4;
            *value = dl * f32::from(code) - ml;
        }
    }
}

/// Scale and minimum of sub-block `sub`, 6 bits each in 12 bytes.
fn scale_and_min(packed: &[u8], sub: usize) -> (u8, u8) {
    if sub < 4 {
        (packed[sub] & 63, packed[sub + 4] & 63)
    } else {
        let low = packed[sub + 4];
        (low & 15 | packed[sub - 4] >> 6 << 4, low >> 4 | packed[sub] >> 6 << 4)
    }
}

/// 16 sub-blocks of 16 with 8-bit scales: `d sc (q - 32)`.
pub(super) fn q6(block: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = f16_at(block, 208);
    for (sub, values) in out.chunks_exact_mut(16).enumerate() {
        let dl = d * f32::from(scales[sub].cast_signed());
        // 128 values per half: quarters of 32 share 64 low bytes and 32 high bytes.
        let (half, quarter, offset) = (sub / 8, sub % 8 / 2, sub % 2 * 16);
        let low_at = half * 64 + quarter % 2 * 32 + offset;
        for (index, value) in values.iter_mut().enumerate() {
            let nibble = (low[low_at + index] >> (quarter / 2 * 4)) & 15;
            let top = (high[half * 32 + offset + index] >> (2 * quarter)) & 3;
            *value = dl * (f32::from(nibble | top << 4) - 32.0);
        }
    }
}
