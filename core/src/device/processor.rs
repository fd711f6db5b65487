//! Instruction sets that decide which matrices a runtime copies into another layout.

use crate::leaf::named;
use crate::leaf::wire::wire_enum;
use serde::Serialize;

/// A processor, as far as llama.cpp's packed layouts tell them apart (`ggml-cpu/repack.cpp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Processor {
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512.
    Avx512,
    /// 64-bit Arm with the dot product instructions (Cortex-A55, A75 and later, Apple).
    ArmDotprod,
    /// 64-bit Arm without them (Cortex-A53, A72).
    Arm,
    /// Anything else: nothing is packed.
    Plain,
}

impl Processor {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Avx2 => "x86-64 with AVX2",
            Self::Avx512 => "x86-64 with AVX-512",
            Self::ArmDotprod => "Arm with dot products",
            Self::Arm => "Arm without dot products",
            Self::Plain => "a processor without packed layouts",
        }
    }
}

named!(Processor { Avx2 "avx2", Avx512 "avx512", ArmDotprod "arm-dotprod", Arm "arm", Plain "plain" });

wire_enum!(Processor { 0 Avx2, 1 Avx512, 2 ArmDotprod, 3 Arm, 4 Plain });
