//! GGML block types: how many elements a block holds and how many bytes it takes.
//!
//! Sizes are those of the GGUF format's block structures (llama.cpp, `ggml-common.h`).

use crate::wire::wire_listed;
use serde::Serialize;

macro_rules! block_types {
    ($($variant:ident $name:literal $code:literal $elements:literal $bytes:literal;)*) => {
        /// Storage type of a tensor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum BlockType {
            $(
                #[doc = concat!("`", $name, "`: ", $elements, " elements in ", $bytes, " bytes.")]
                #[serde(rename = $name)]
                $variant,
            )*
        }

        impl BlockType {
            /// Every type, in the order of the format's codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The type's usual name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The type with this code in a GGUF tensor table.
            pub const fn from_gguf_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The type's code in a GGUF tensor table.
            pub const fn gguf_code(self) -> u32 {
                match self { $(Self::$variant => $code),* }
            }

            /// Elements in one block.
            pub const fn elements(self) -> u64 {
                match self { $(Self::$variant => $elements),* }
            }

            /// Bytes of one block.
            pub const fn bytes(self) -> u64 {
                match self { $(Self::$variant => $bytes),* }
            }
        }
    };
}

block_types! {
    F32 "f32" 0 1 4;
    F16 "f16" 1 1 2;
    Q4_0 "q4_0" 2 32 18;
    Q4_1 "q4_1" 3 32 20;
    Q5_0 "q5_0" 6 32 22;
    Q5_1 "q5_1" 7 32 24;
    Q8_0 "q8_0" 8 32 34;
    Q8_1 "q8_1" 9 32 36;
    Q2K "q2_k" 10 256 84;
    Q3K "q3_k" 11 256 110;
    Q4K "q4_k" 12 256 144;
    Q5K "q5_k" 13 256 176;
    Q6K "q6_k" 14 256 210;
    Q8K "q8_k" 15 256 292;
    Iq2Xxs "iq2_xxs" 16 256 66;
    Iq2Xs "iq2_xs" 17 256 74;
    Iq3Xxs "iq3_xxs" 18 256 98;
    Iq1S "iq1_s" 19 256 50;
    Iq4Nl "iq4_nl" 20 32 18;
    Iq3S "iq3_s" 21 256 110;
    Iq2S "iq2_s" 22 256 82;
    Iq4Xs "iq4_xs" 23 256 136;
    I8 "i8" 24 1 1;
    I16 "i16" 25 1 2;
    I32 "i32" 26 1 4;
    I64 "i64" 27 1 8;
    F64 "f64" 28 1 8;
    Iq1M "iq1_m" 29 256 56;
    Bf16 "bf16" 30 1 2;
    Tq1_0 "tq1_0" 34 256 54;
    Tq2_0 "tq2_0" 35 256 66;
    Mxfp4 "mxfp4" 39 32 17;
    Nvfp4 "nvfp4" 40 64 36;
    Q1_0 "q1_0" 41 128 18;
    Q2_0 "q2_0" 42 64 18;
    U8 "u8" 1001 1 1;
    F8 "f8" 1002 1 1;
    F4 "f4" 1003 2 1;
    F6 "f6" 1004 4 3;
    C64 "c64" 1005 1 8;
}

impl BlockType {
    /// Bytes of `rows` rows of `row_length` elements; a row that is not a multiple of the block is rounded up.
    pub const fn size(self, rows: u64, row_length: u64) -> u64 {
        rows.saturating_mul(row_length.div_ceil(self.elements()).saturating_mul(self.bytes()))
    }
}

wire_listed!(BlockType);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_per_element_follow_the_block_structures() {
        for (block, bits) in [
            (BlockType::Q2K, 2.625),
            (BlockType::Q3K, 3.4375),
            (BlockType::Q4K, 4.5),
            (BlockType::Iq4Xs, 4.25),
            (BlockType::Q6K, 6.5625),
            (BlockType::Q8_0, 8.5),
            (BlockType::Mxfp4, 4.25),
            (BlockType::Q1_0, 1.125),
            (BlockType::Tq1_0, 1.6875),
        ] {
            let stored = block.bytes() as f64 * 8.0 / block.elements() as f64;
            assert!((stored - bits).abs() < 1e-12, "{}", block.name());
        }
    }

    #[test]
    fn codes_are_unique_and_round_up_partial_blocks() {
        assert_eq!(BlockType::from_gguf_code(12), Some(BlockType::Q4K));
        assert_eq!(BlockType::from_gguf_code(4), None);
        assert_eq!(BlockType::Q4_0.size(2, 33), 72);
    }
}
