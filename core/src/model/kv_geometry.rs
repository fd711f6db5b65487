//! The layers of a model as far as its KV cache is concerned.

use super::architecture::{Architecture, KvSource, Mixer};
use crate::codec::kv_cache::{KvGeometry, KvLayer};

impl Architecture {
    /// What each layer caches; widths beyond 32 bits are refused later as too wide for a codec.
    pub fn kv_geometry(&self) -> KvGeometry {
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let cached = |mixer: &Mixer| match mixer {
            Mixer::Recurrent(_) | Mixer::None => KvLayer::Recurrent,
            Mixer::Attention(attention) | Mixer::Both(attention, _) => match attention.kv {
                KvSource::Shared { donor, .. } => KvLayer::Shared { donor },
                KvSource::Own => KvLayer::Own {
                    heads: narrow(attention.kv_heads),
                    k_dim: narrow(attention.k_head_dim),
                    v_dim: narrow(attention.v_head_dim),
                    window: attention.window,
                },
            },
        };
        KvGeometry::new(self.layers.iter().map(|layer| cached(&layer.mixer)).collect())
    }
}
