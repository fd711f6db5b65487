//! Blocks whose 4-bit codes index a table: `iq4_nl`, `iq4_xs`, `mxfp4`.

use super::f16_at;

/// Non-linear 4-bit values (llama.cpp, `kvalues_iq4nl`).
const IQ4: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Twice the E2M1 values (llama.cpp, `kvalues_mxfp4`).
const E2M1_DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Blocks of 32: `d table[q]`.
pub(super) fn iq4_nl(block: &[u8], out: &mut [f32]) {
    halves(f16_at(block, 0), &IQ4, &block[2..18], out);
}

/// Super-blocks of 256 with 6-bit scales: `d (sc - 32) table[q]`.
pub(super) fn iq4_xs(block: &[u8], out: &mut [f32]) {
    let d = f16_at(block, 0);
    for (sub, values) in out.chunks_exact_mut(32).enumerate() {
        let low = (block[4 + sub / 2] >> (4 * (sub % 2))) & 15;
        let top = (block[2 + sub / 4] >> (2 * (sub % 4))) & 3;
        let dl = d * (f32::from(low | top << 4) - 32.0);
        halves(dl, &IQ4, &block[8 + sub * 16..24 + sub * 16], values);
    }
}

/// Blocks of 32 with a power-of-two scale (OCP microscaling): half the scale, since the table is doubled.
pub(super) fn mxfp4(block: &[u8], out: &mut [f32]) {
    let exponent = u32::from(block[0]);
    // 2^(e - 128), with the two smallest exponents as subnormals.
    let bits = if exponent < 2 { 0x0020_0000 << exponent } else { (exponent - 1) << 23 };
    halves(f32::from_bits(bits), &E2M1_DOUBLED, &block[1..17], out);
}

/// Low nibbles first, high nibbles second.
fn halves(scale: f32, table: &[i8; 16], packed: &[u8], out: &mut [f32]) {
    let half = packed.len();
    for (index, nibbles) in packed.iter().enumerate() {
        out[index] = scale * f32::from(table[usize::from(nibbles & 15)]);
        out[index + half] = scale * f32::from(table[usize::from(nibbles >> 4)]);
    }
}
