//! From the decoder's rows to those of a runtime's cache, and back.
//!
//! The decoder has `[heads, tokens, channels]`, the cache tokens x heads x channels. llama.cpp turns neighbouring channels of
//! some families and keeps their keys so, whichever form the weights come in; the decoder turns channel `i` with `i + d/2`.
//! Codecs that scale blocks of channels see another block in each.

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

    /// Rows of the decoder as the cache has them.
    pub(super) fn to_cache(self, rows: &[f32], heads: usize, dim: usize) -> Vec<f32> {
        let tokens = rows.len() / (heads * dim).max(1);
        let mut out = vec![0.0; rows.len()];
        for (at, row) in rows.chunks_exact(dim.max(1)).enumerate() {
            let (head, token) = (at / tokens, at % tokens);
            let place = &mut out[(token * heads + head) * dim..][..dim];
            row.iter().enumerate().for_each(|(channel, value)| place[self.place(channel, dim)] = *value);
        }
        out
    }

    /// Rows of the cache as the decoder has them.
    pub(super) fn to_decoder(self, rows: &[f32], heads: usize, dim: usize) -> Vec<f32> {
        let tokens = rows.len() / (heads * dim).max(1);
        let mut out = vec![0.0; rows.len()];
        for (at, row) in rows.chunks_exact(dim.max(1)).enumerate() {
            let (token, head) = (at / heads, at % heads);
            let place = &mut out[(head * tokens + token) * dim..][..dim];
            place.iter_mut().enumerate().for_each(|(channel, value)| *value = row[self.place(channel, dim)]);
        }
        out
    }

    /// Where the cache has a channel of the decoder.
    fn place(self, channel: usize, dim: usize) -> usize {
        let half = dim / 2;
        // An odd last channel does not turn.
        if self == Self::Halves || channel >= 2 * half {
            channel
        } else {
            2 * (channel % half) + channel / half
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stand_side_by_side_and_go_back() {
        let plain: Vec<f32> = (0_u8..12).map(f32::from).collect();
        let rows = KeyOrder::Pairs.to_cache(&plain, 1, 6);
        assert_eq!(rows, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
        assert_eq!(KeyOrder::Pairs.to_decoder(&rows, 1, 6), plain);
        assert_eq!(KeyOrder::Halves.to_cache(&plain, 1, 6), plain);
        assert_eq!(KeyOrder::of("smollm3"), KeyOrder::Pairs);
        assert_eq!(KeyOrder::of("gemma3"), KeyOrder::Halves);
    }

    #[test]
    fn heads_of_a_token_stand_side_by_side_and_go_back() {
        let plain: Vec<f32> = (0_u8..18).map(f32::from).collect();
        let rows = KeyOrder::Pairs.to_cache(&plain, 2, 3);
        assert_eq!(rows[..9], [0.0, 1.0, 2.0, 9.0, 10.0, 11.0, 3.0, 4.0, 5.0]);
        for order in [KeyOrder::Pairs, KeyOrder::Halves] {
            assert_eq!(order.to_decoder(&order.to_cache(&plain, 2, 3), 2, 3), plain);
            assert_eq!(order.to_cache(&[], 2, 3), [0.0; 0]);
        }
    }
}
