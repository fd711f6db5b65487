//! A word that looks random, from its number.
//!
//! splitmix64 (Steele, Lea, Flood 2014): the n-th word can be computed alone, and any machine repeats it bit for bit.

/// The splitmix64 output function: a bijection on 64-bit words.
pub fn mix64(word: u64) -> u64 {
    let z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Values around zero, most within three, for tests.
#[cfg(test)]
pub(crate) fn around_zero(seed: u64, count: usize) -> Vec<f32> {
    let unit = |at: usize, term: u64| {
        let word = mix64(seed.wrapping_mul(1 << 40) ^ ((at as u64) << 4) ^ term);
        (word >> 40) as f32 / (1 << 24) as f32
    };
    // The sum of twelve uniform values has a variance of one.
    (0..count).map(|at| (0..12).map(|term| unit(at, term)).sum::<f32>() - 6.0).collect()
}

#[cfg(test)]
mod tests {
    use super::mix64;

    #[test]
    fn first_word_of_the_reference_generator() {
        // splitmix64 with state 0 starts with this word.
        assert_eq!(mix64(0), 0xe220_a839_7b1d_cdaf);
    }
}
