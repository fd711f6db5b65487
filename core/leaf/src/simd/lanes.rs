//! What a kernel may ask of an instruction set: eight floats, eight integers, sixteen bytes.
//!
//! A value of a type that implements [`Simd`] is proof that the instructions exist, so its methods are safe.

/// A loop that can be compiled for any instruction set. `run` must be `#[inline(always)]`.
pub trait Kernel {
    /// What the loop gives.
    type Output;
    /// Runs it on an instruction set.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Thirty-two integers, whole and as `256 high + low`, for instructions that multiply bytes.
#[derive(Debug, Clone, Copy)]
pub struct Split<'a> {
    /// The integers.
    pub whole: &'a [i16; 32],
    /// Their upper bytes.
    pub high: &'a [i8; 32],
    /// Their lower bytes.
    pub low: &'a [i8; 32],
}

/// A number of f16.
#[inline(always)]
pub fn widened(bits: u16) -> f32 {
    const EXPONENT: u32 = 0x7C00 << 13;
    // Exponents of f32 start 112 below those of f16.
    const SHIFT: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = u32::from(bits & 0x7FFF) << 13;
    // What is not finite keeps its largest exponent.
    let finite = (f32::from_bits(magnitude) * SHIFT).to_bits();
    let magnitude = if magnitude >= EXPONENT { magnitude | 0x7F80_0000 } else { finite };
    f32::from_bits(magnitude | u32::from(bits & 0x8000) << 16)
}

/// Lane-wise operations; every implementation gives the same bits.
#[expect(missing_docs, reason = "named after what each lane does")]
pub trait Simd: Copy {
    /// Whether sixteen `F` fit the registers; otherwise transforms start from runs of four.
    const MANY_REGISTERS: bool;

    /// Whether eight vectors are worth turning round, so that each register holds one channel of all.
    const TURNS: bool = false;

    /// Eight f32.
    type F: Copy;
    /// Eight i32.
    type I: Copy;
    /// Sixteen bytes.
    type B: Copy;
    /// Sixteen i16.
    type W: Copy;
    /// Thirty-two bytes below 64, or any until they are masked.
    type C: Copy;
    /// Sums of products as they are gathered.
    type Sum: Copy;
    /// Sixteen f32 to look up by byte.
    type Table: Copy;

    /// Enters a function that has the instruction set enabled.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    fn splat(self, x: f32) -> Self::F;
    fn load(self, x: &[f32; 8]) -> Self::F;
    fn store(self, v: Self::F, out: &mut [f32; 8]);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn abs(self, v: Self::F) -> Self::F;
    /// Exclusive or of the bits: flips signs where `mask` is -0.0.
    fn flip(self, v: Self::F, mask: Self::F) -> Self::F;
    /// The Hadamard transform of eight lanes: strides 1, 2, 4, unnormalised.
    fn butterflies(self, v: Self::F) -> Self::F;
    /// ((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7)).
    fn sum(self, v: Self::F) -> f32;

    /// Lane j of row i becomes lane i of row j.
    #[inline(always)]
    fn transpose(self, rows: [Self::F; 8]) -> [Self::F; 8] {
        let mut lanes = [[0.0; 8]; 8];
        lanes.iter_mut().zip(rows).for_each(|(lanes, row)| self.store(row, lanes));
        core::array::from_fn(|j| self.load(&core::array::from_fn(|i| lanes[i][j])))
    }

    fn int(self, x: i32) -> Self::I;
    /// `count` plus one in every lane where `v >= threshold`.
    fn count_ge(self, count: Self::I, v: Self::F, threshold: Self::F) -> Self::I;
    /// `code` with `bit` set in every lane where `v < 0`.
    fn mark_negative(self, code: Self::I, v: Self::F, bit: Self::I) -> Self::I;
    /// Sixteen lanes of 0..=255 as bytes, in order.
    fn narrow(self, low: Self::I, high: Self::I) -> Self::B;

    fn load_bytes(self, x: &[u8; 16]) -> Self::B;
    fn store_bytes(self, v: Self::B, out: &mut [u8; 16]);
    /// The low and the high nibble of every byte.
    fn nibbles(self, v: Self::B) -> (Self::B, Self::B);
    /// `low | high << 4` for bytes below 16.
    fn join_nibbles(self, low: Self::B, high: Self::B) -> Self::B;
    fn table(self, values: &[f32; 16]) -> Self::Table;
    /// The table's values at sixteen indices below 16.
    fn lookup(self, table: Self::Table, index: Self::B) -> (Self::F, Self::F);

    fn load_words(self, x: &[i16; 16]) -> Self::W;
    /// Sixteen bytes in two's complement as words, in order.
    fn signed_words(self, v: Self::B) -> Self::W;
    /// `sum` plus, in lane k, the products of words 2k and 2k + 1; wraps.
    fn dot_words(self, sum: Self::I, a: Self::W, b: Self::W) -> Self::I;
    /// Eight integers as floats, rounded to the nearest.
    fn int_floats(self, v: Self::I) -> Self::F;
    /// Eight numbers of f16.
    fn halves(self, x: &[u16; 8]) -> Self::F;

    fn join(self, first: Self::B, second: Self::B) -> Self::C;
    fn load_codes(self, x: &[u8; 32]) -> Self::C;
    fn low_nibbles(self, v: Self::C) -> Self::C;
    fn high_nibbles(self, v: Self::C) -> Self::C;
    fn or_codes(self, a: Self::C, b: Self::C) -> Self::C;
    /// 16 in every byte whose bit of `bits` is set.
    fn spread_bits(self, bits: u32) -> Self::C;
    /// 16 in every byte that has this bit set.
    fn fifth_bits<const BIT: i32>(self, v: Self::C) -> Self::C;
    /// `(v >> SHIFT & 3) << 4` of every byte.
    fn top_bits<const SHIFT: i32>(self, v: Self::C) -> Self::C;
    /// In lane k, the products of codes 4k to 4k + 3.
    fn dot_codes(self, codes: Self::C, x: Split<'_>) -> Self::I;
    fn no_sum(self) -> Self::Sum;
    /// `sum` plus [`Self::dot_codes`], the first sixteen codes times one scale, the others times another; wraps.
    fn scaled_dot(self, sum: Self::Sum, codes: Self::C, scales: [i16; 2], x: Split<'_>) -> Self::Sum;
    fn total(self, sum: Self::Sum) -> Self::I;
}
