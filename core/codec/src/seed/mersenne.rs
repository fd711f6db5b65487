//! MT19937 (Matsumoto and Nishimura 1998), seeded by a 32-bit number.

const N: usize = 624;
const M: usize = 397;

/// The generator's state.
#[derive(Debug, Clone)]
pub(super) struct MersenneTwister {
    state: Box<[u32; N]>,
    next: usize,
}

impl MersenneTwister {
    pub(super) fn new(seed: u32) -> Self {
        let mut state = Box::new([seed; N]);
        for index in 1..N {
            let before = state[index - 1];
            state[index] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
        }
        Self { state, next: N }
    }

    /// The next 32 bits.
    pub(super) fn word(&mut self) -> u32 {
        if self.next == N {
            self.refill();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    fn refill(&mut self) {
        for index in 0..N {
            let y = (self.state[index] & 0x8000_0000) | (self.state[(index + 1) % N] & 0x7FFF_FFFF);
            let odd = if y & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[index] = self.state[(index + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_word_is_the_standard_one() {
        // C++ [rand.predef]: the 10000th invocation of a default-constructed mt19937 produces 4123659995.
        let mut words = MersenneTwister::new(5489);
        assert_eq!((0..10_000).map(|_| words.word()).last(), Some(4_123_659_995));
    }
}
