//! Where keys and values are written: codecs put what they would decode in place of what was computed.

/// Keys or values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Keys, after their norm and rotary embedding.
    Keys,
    /// Values, after their norm where the family has one.
    Values,
}

/// Rows of one layer on their way into the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Layer that owns the cache.
    pub layer: usize,
    /// Keys or values.
    pub part: Part,
    /// Position of the first row.
    pub start: usize,
    /// KV heads.
    pub heads: usize,
    /// Channels of a head.
    pub head_dim: usize,
}

/// What stands between the projections and the cache.
pub trait KvHook {
    /// Replace rows by what the cache will give back.
    ///
    /// `rows` is `[heads, tokens, head_dim]`, oldest token first.
    fn write(&mut self, site: Site, rows: &mut [f32]);

    /// Newest tokens that queries still see as they were computed.
    fn recent_window(&self) -> usize {
        0
    }

    /// Whether [`KvHook::queries`] wants to be called.
    fn wants_queries(&self) -> bool {
        false
    }

    /// Queries of a layer after norm and rotary embedding, `[query heads, tokens, head_dim]`, unscaled.
    fn queries(&mut self, _layer: usize, _start: usize, _rows: &[f32]) {}
}
