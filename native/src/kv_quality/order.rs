//! The order in which a runtime's cache holds the channels of keys.
//!
//! llama.cpp turns neighbouring channels of some families and keeps their keys so, whichever form the weights come in;
//! the decoder turns channel `i` with `i + d/2`. Codecs that scale blocks of channels see another block in each.

/// Order of a model's keys in its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// As the decoder has them.
    Halves,
    /// Channel `i + j d/2` at `2i + j`.
    Pairs,
}

impl KeyOrder {
    /// That of llama.cpp's cache.
    pub(super) fn of(family: &str) -> Self {
        if crate::decoder::interleaves(family) { Self::Pairs } else { Self::Halves }
    }

    /// Rows of `dim` channels from the decoder's order to the cache's.
    pub(super) fn to_cache(self, rows: &mut [f32], dim: usize) {
        self.moved(rows, dim, |half, at| 2 * (at % half) + at / half);
    }

    /// And back.
    pub(super) fn to_decoder(self, rows: &mut [f32], dim: usize) {
        self.moved(rows, dim, |half, at| at / 2 + at % 2 * half);
    }

    fn moved(self, rows: &mut [f32], dim: usize, place: impl Fn(usize, usize) -> usize) {
        let half = dim / 2;
        if self == Self::Halves || half == 0 {
            return;
        }
        let mut moved = vec![0.0; dim];
        for row in rows.chunks_exact_mut(dim) {
            // An odd last channel does not turn.
            moved.copy_from_slice(row);
            for (at, value) in row[..2 * half].iter().enumerate() {
                moved[place(half, at)] = *value;
            }
            row.copy_from_slice(&moved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stand_side_by_side_and_go_back() {
        let plain: Vec<f32> = (0_u8..12).map(f32::from).collect();
        let mut rows = plain.clone();
        KeyOrder::Pairs.to_cache(&mut rows, 6);
        assert_eq!(rows, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
        KeyOrder::Pairs.to_decoder(&mut rows, 6);
        assert_eq!(rows, plain);
        KeyOrder::Halves.to_cache(&mut rows, 6);
        assert_eq!(rows, plain);
        assert_eq!(KeyOrder::of("smollm3"), KeyOrder::Pairs);
        assert_eq!(KeyOrder::of("gemma3"), KeyOrder::Halves);
    }
}
