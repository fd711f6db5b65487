//! NF4, the 4-bit normal-float format of QLoRA (Dettmers et al., arXiv:2305.14314), as bitsandbytes stores it.
//!
//! Blocks of 64 share a scale, their largest magnitude; the first of two elements takes the high nibble. With
//! double quantisation the scales, less their mean, are 8-bit codes of a dynamic map in blocks of 256. Both code
//! books are bit patterns: computing them again differs in the last place.

use crate::leaf::cast::to_f32;

/// Elements of a block.
pub const BLOCK: usize = 64;
/// Scales that share a nested scale.
const NESTED: usize = 256;

/// The 16 values, as bits, lowest first.
const CODES: [u32; 16] = [
    0xbf80_0000,
    0xbf32_39b1,
    0xbf06_6b30,
    0xbeca_32a0,
    0xbe91_a24d,
    0xbe3d_353f,
    0xbdba_7871,
    0x0000_0000,
    0x3da2_faff,
    0x3e24_cae3,
    0x3e7c_04dd,
    0x3ead_033a,
    0x3ee1_a4b8,
    0x3f10_07ab,
    0x3f39_13b3,
    0x3f80_0000,
];

/// Positive half of the 8-bit dynamic map, as bits; the negative half mirrors all but the last.
const POSITIVE: [u32; 128] = [
    0x3513_a3b7,
    0x365a_1a94,
    0x3702_05ff,
    0x37b2_4206,
    0x3837_8034,
    0x388a_efb3,
    0x38ba_1f4b,
    0x3923_d70b,
    0x398c_e705,
    0x39c7_e283,
    0x3a01_6f01,
    0x3a1e_ecc1,
    0x3a3c_6a80,
    0x3a59_e83e,
    0x3a77_65ff,
    0x3aa7_ef9d,
    0x3af1_a9fc,
    0x3b1d_b22d,
    0x3b42_8f5c,
    0x3b67_6c8a,
    0x3b86_24dd,
    0x3b98_9374,
    0x3bab_020d,
    0x3bbd_70a4,
    0x3bcf_df3b,
    0x3be2_4dd3,
    0x3bf4_bc6a,
    0x3c03_9581,
    0x3c0c_cccd,
    0x3c16_0418,
    0x3c1f_3b64,
    0x3c3a_e148,
    0x3c68_f5c3,
    0x3c8b_851f,
    0x3ca2_8f5d,
    0x3cb9_999a,
    0x3cd0_a3d7,
    0x3ce7_ae15,
    0x3cfe_b852,
    0x3d0a_e148,
    0x3d16_6667,
    0x3d21_eb85,
    0x3d2d_70a3,
    0x3d38_f5c3,
    0x3d44_7ae1,
    0x3d50_0000,
    0x3d5b_851f,
    0x3d67_0a3d,
    0x3d72_8f5d,
    0x3d7e_147b,
    0x3d84_cccd,
    0x3d8a_8f5d,
    0x3d90_51eb,
    0x3d96_147b,
    0x3d9b_d70a,
    0x3da1_999a,
    0x3da7_5c2a,
    0x3dad_1eb8,
    0x3db2_e148,
    0x3db8_a3d7,
    0x3dbe_6667,
    0x3dc4_28f7,
    0x3dc9_eb85,
    0x3ddb_3334,
    0x3df8_0000,
    0x3e0a_6666,
    0x3e18_cccd,
    0x3e27_3333,
    0x3e35_999a,
    0x3e44_0000,
    0x3e52_6666,
    0x3e60_cccd,
    0x3e6f_3333,
    0x3e7d_9999,
    0x3e86_0000,
    0x3e8d_3334,
    0x3e94_6666,
    0x3e9b_999a,
    0x3ea2_cccc,
    0x3eaa_0000,
    0x3eb1_3333,
    0x3eb8_6666,
    0x3ebf_999a,
    0x3ec6_cccc,
    0x3ece_0000,
    0x3ed5_3333,
    0x3edc_6666,
    0x3ee3_999a,
    0x3eea_cccc,
    0x3ef2_0000,
    0x3ef9_3332,
    0x3f00_3333,
    0x3f03_cccc,
    0x3f07_6666,
    0x3f0b_0000,
    0x3f0e_999a,
    0x3f12_3334,
    0x3f15_cccd,
    0x3f19_6666,
    0x3f1d_0000,
    0x3f20_999a,
    0x3f24_3334,
    0x3f27_cccd,
    0x3f2b_6666,
    0x3f2f_0000,
    0x3f32_999a,
    0x3f36_3334,
    0x3f39_cccd,
    0x3f3d_6666,
    0x3f41_0000,
    0x3f44_999a,
    0x3f48_3333,
    0x3f4b_cccd,
    0x3f4f_6666,
    0x3f53_0000,
    0x3f56_999a,
    0x3f5a_3333,
    0x3f5d_cccd,
    0x3f61_6666,
    0x3f65_0000,
    0x3f68_999a,
    0x3f6c_3333,
    0x3f6f_cccd,
    0x3f73_6666,
    0x3f77_0000,
    0x3f7a_999a,
    0x3f7e_3333,
    0x3f80_0000,
];

/// A matrix (or any run of numbers) in NF4.
#[derive(Debug, Clone, PartialEq)]
pub struct Nf4 {
    elements: usize,
    codes: Vec<u8>,
    scales: Scales,
}

/// Scales of the blocks.
#[derive(Debug, Clone, PartialEq)]
pub enum Scales {
    /// One f32 each.
    Single(Vec<f32>),
    /// One byte each.
    Double {
        /// Codes of the dynamic map.
        codes: Vec<u8>,
        /// Largest magnitude in each 256 scales, less the mean.
        nested: Vec<f32>,
        /// Mean of all scales.
        mean: f32,
    },
}

impl Nf4 {
    /// Quantise finite numbers; a last block may be short.
    pub fn quantise(values: &[f32], double: bool) -> Self {
        let book = CODES.map(f32::from_bits);
        let mut codes = vec![0u8; values.len().div_ceil(2)];
        let mut scales = Vec::with_capacity(values.len().div_ceil(BLOCK));
        for (block, out) in values.chunks(BLOCK).zip(codes.chunks_mut(BLOCK / 2)) {
            let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let divisor = if largest > 0.0 { largest } else { 1.0 };
            for (place, value) in block.iter().enumerate() {
                let code = nearest(&book, value / divisor);
                out[place / 2] |= if place % 2 == 0 { code << 4 } else { code };
            }
            scales.push(largest);
        }
        let scales = if double { Scales::nested(&scales) } else { Scales::Single(scales) };
        Self { elements: values.len(), codes, scales }
    }

    /// Numbers stored.
    pub fn len(&self) -> usize {
        self.elements
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.elements == 0
    }

    /// Bytes of codes and scales.
    pub fn bytes(&self) -> usize {
        let scales = match &self.scales {
            Scales::Single(scales) => scales.len() * 4,
            Scales::Double { codes, nested, .. } => codes.len() + nested.len() * 4 + 4,
        };
        self.codes.len() + scales
    }

    /// Packed codes, two in a byte.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Scales of the blocks.
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// Decode into `out` from block `first` on; what lies beyond the last element stays as it is.
    pub fn dequantise(&self, first: usize, out: &mut [f32]) {
        let book = CODES.map(f32::from_bits);
        let codes = self.codes.get(first * (BLOCK / 2)..).unwrap_or_default();
        for (at, (out, codes)) in out.chunks_mut(BLOCK).zip(codes.chunks(BLOCK / 2)).enumerate() {
            let scale = self.scales.at(first + at);
            let left = self.elements.saturating_sub((first + at) * BLOCK).min(out.len());
            for (pair, code) in out[..left].chunks_mut(2).zip(codes) {
                pair[0] = book[usize::from(code >> 4)] * scale;
                if let Some(second) = pair.get_mut(1) {
                    *second = book[usize::from(code & 15)] * scale;
                }
            }
        }
    }
}

impl Scales {
    fn nested(scales: &[f32]) -> Self {
        let mean =
            to_f32(scales.iter().map(|scale| f64::from(*scale)).sum::<f64>() / scales.len().max(1) as f64);
        let book = dynamic_map();
        let mut codes = Vec::with_capacity(scales.len());
        let mut nested = Vec::with_capacity(scales.len().div_ceil(NESTED));
        for block in scales.chunks(NESTED) {
            let largest = block.iter().fold(0.0_f32, |largest, scale| largest.max((scale - mean).abs()));
            let divisor = if largest > 0.0 { largest } else { 1.0 };
            codes.extend(block.iter().map(|scale| nearest(&book, (scale - mean) / divisor)));
            nested.push(largest);
        }
        Self::Double { codes, nested, mean }
    }

    /// Scale of a block; 0 beyond the last.
    fn at(&self, block: usize) -> f32 {
        match self {
            Self::Single(scales) => scales.get(block).copied().unwrap_or(0.0),
            Self::Double { codes, nested, mean } => match (codes.get(block), nested.get(block / NESTED)) {
                (Some(code), Some(nested)) => dynamic_value(*code) * nested + mean,
                _ => 0.0,
            },
        }
    }
}

/// Value of a code of the dynamic map.
fn dynamic_value(code: u8) -> f32 {
    let place = usize::from(code);
    match place {
        127 => 0.0,
        0..127 => -f32::from_bits(POSITIVE[126 - place]),
        _ => f32::from_bits(POSITIVE[place - 128]),
    }
}

fn dynamic_map() -> [f32; 256] {
    let mut book = [0.0; 256];
    for (code, value) in (0..=u8::MAX).zip(&mut book) {
        *value = dynamic_value(code);
    }
    book
}

/// Index of the nearest value of an ascending book of at most 256; the lower one of two equally near.
fn nearest(book: &[f32], value: f32) -> u8 {
    let above = book.partition_point(|code| *code < value).min(book.len() - 1);
    let below = above.saturating_sub(1);
    let index = if (value - book[below]).abs() <= (book[above] - value).abs() { below } else { above };
    u8::try_from(index).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn books_ascend_and_hold_their_ends() {
        let book = CODES.map(f32::from_bits);
        assert!(book.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!([book[0], book[7], book[15]].map(f32::to_bits), [0xbf80_0000, 0, 0x3f80_0000]);
        let map = dynamic_map();
        assert!(map.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(map[127] == 0.0 && (map[255] - 1.0).abs() < f32::EPSILON && map[0] > -1.0);
    }

    #[test]
    fn a_short_last_block_and_odd_lengths() {
        let values: Vec<f32> = (0_u8..131).map(|i| (f32::from(i) * 0.37).sin()).collect();
        for double in [false, true] {
            let packed = Nf4::quantise(&values, double);
            assert_eq!((packed.len(), packed.codes().len()), (131, 66));
            let mut out = vec![9.0; 131];
            packed.dequantise(0, &mut out);
            assert!(out.iter().zip(&values).all(|(a, b)| (a - b).abs() < 0.17));
            let mut tail = vec![9.0; 67];
            packed.dequantise(1, &mut tail);
            assert_eq!(tail[..], out[64..]);
        }
        let zeros = Nf4::quantise(&[0.0; 64], true);
        let mut out = [1.0; 64];
        zeros.dequantise(0, &mut out);
        assert!(out.iter().all(|value| *value == 0.0));
    }

    proptest! {
        /// No element is further from its value than half the widest gap of the book, times the scale.
        #[test]
        fn the_error_is_bounded_by_the_books_gaps(values in proptest::collection::vec(-8.0_f32..8.0, 1..200)) {
            let packed = Nf4::quantise(&values, false);
            let mut out = vec![0.0; values.len()];
            packed.dequantise(0, &mut out);
            for (block, decoded) in values.chunks(BLOCK).zip(out.chunks(BLOCK)) {
                let scale = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                for (value, decoded) in block.iter().zip(decoded) {
                    prop_assert!((value - decoded).abs() <= 0.152 * scale + 1e-6);
                }
            }
        }
    }
}
