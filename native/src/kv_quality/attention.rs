//! Attention of one layer with exact and with coded keys and values, head by head on all cores.

use dhurandhar_core::codec::CodecError;
use dhurandhar_core::codec::attention::{AttentionError, Head, causal_attention_error};
use rayon::prelude::*;

/// Every so many positions a query is compared.
const QUERY_STRIDE: usize = 16;
/// Heaviest tokens compared.
const TOP: usize = 5;

/// One layer's tensors, `[heads, tokens, dim]`; query heads share KV heads in groups.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub(crate) dim: usize,
    pub(crate) tokens: usize,
    pub(crate) queries: &'a [f32],
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
}

impl Layer<'_> {
    /// The average over query heads and positions.
    pub(crate) fn compare(
        &self,
        coded_keys: &[f32],
        coded_values: &[f32],
    ) -> Result<AttentionError, CodecError> {
        let length = self.tokens * self.dim;
        let (query_heads, kv_heads) = (self.queries.len() / length, self.keys.len() / length);
        let group = (query_heads / kv_heads.max(1)).max(1);
        let errors: Result<Vec<AttentionError>, CodecError> = (0..query_heads)
            .into_par_iter()
            .map(|head| {
                let own = head * length..(head + 1) * length;
                let kv = head / group;
                let shared = kv * length..(kv + 1) * length;
                let exact = Head {
                    dim: self.dim,
                    queries: &self.queries[own],
                    keys: &self.keys[shared.clone()],
                    values: &self.values[shared.clone()],
                };
                let (keys, values) = (&coded_keys[shared.clone()], &coded_values[shared]);
                causal_attention_error(exact, keys, values, QUERY_STRIDE, TOP)
            })
            .collect();
        Ok(AttentionError::mean(&errors?))
    }
}
