//! Where keys and values are written: codecs put what they would decode in place of what was computed.

/// Keys and values of one layer on their way into the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Layer that owns the cache.
    pub layer: usize,
    /// Position of the first row.
    pub start: usize,
    /// KV heads.
    pub heads: usize,
    /// Channels of a key.
    pub key_dim: usize,
    /// Channels of a value.
    pub value_dim: usize,
}

/// What stands between the projections and the cache.
pub trait KvHook {
    /// Replace keys, after their norm and rotary embedding, and values by what the cache will give back.
    ///
    /// Both are `[heads, tokens, channels]`, oldest token first.
    fn write(&mut self, site: Site, keys: &mut [f32], values: &mut [f32]);

    /// Newest tokens that queries still see uncoded, in half precision.
    fn recent_window(&self) -> usize {
        0
    }

    /// Whether [`KvHook::queries`] wants to be called.
    fn wants_queries(&self) -> bool {
        false
    }

    /// Queries of a layer after norm and rotary embedding, `[query heads, tokens, dim]`, unscaled; they may be replaced.
    fn queries(&mut self, _layer: usize, _start: usize, _dim: usize, _rows: &mut [f32]) {}
}
