//! Choices with which llama.cpp does not start.

use super::{KvFormat, Scenario, kv_cache};
use crate::model::Architecture;

/// Why llama.cpp makes no context (`llama-context.cpp`, `llama_init_from_model`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Quantised values can be read by flash attention only.
    #[error("values in {format} need flash attention; expected flash attention, or f16, bf16 or f32 values")]
    ValuesNeedFlashAttention {
        /// Format of the values.
        format: KvFormat,
    },
    /// A head does not divide into blocks.
    #[error(
        "{side} in {format} need heads of a multiple of {block} channels; layer {layer} has {channels}; expected f16, \
         bf16 or f32 {side}"
    )]
    HeadWidth {
        /// `keys` or `values`.
        side: &'static str,
        /// Their format.
        format: KvFormat,
        /// Channels of a block.
        block: u64,
        /// The first layer that does not divide.
        layer: usize,
        /// Channels of its heads.
        channels: u64,
    },
}

/// What llama.cpp refuses of `scenario`; nothing for other runtimes.
pub fn refused(model: &Architecture, scenario: &Scenario) -> Option<Refusal> {
    if !scenario.runtime.is_llama_cpp() {
        return None;
    }
    let (k, v) = (block(scenario.k), block(scenario.v));
    if v > 1 && !scenario.flash_attention {
        return Some(Refusal::ValuesNeedFlashAttention { format: scenario.v });
    }
    let undivided = |side, format, block: u64, layer, channels: u64| {
        let found = block > 1 && !channels.is_multiple_of(block);
        found.then_some(Refusal::HeadWidth { side, format, block, layer, channels })
    };
    model
        .attention_layers()
        .filter(|(_, attention)| attention.owns_cache() && attention.kv_heads > 0)
        .find_map(|(layer, attention)| {
            let heads = kv_cache::cached(model, attention, scenario.runtime);
            let keys = undivided("keys", scenario.k, k, layer, heads.k.1);
            keys.or_else(|| undivided("values", scenario.v, v, layer, heads.v.1))
        })
}

/// Channels of a block; 1 for formats without.
fn block(format: KvFormat) -> u64 {
    match format {
        KvFormat::Block(block) => block.elements(),
        KvFormat::TurboQuant(_) | KvFormat::Bits(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Runtime;
    use crate::model::registry;

    #[test]
    fn quantised_values_need_flash_attention_in_llama_cpp_only() {
        let model = registry::model("qwen3-0.6b").unwrap();
        let plain = Scenario { flash_attention: false, v: KvFormat::Q8_0, ..Scenario::for_model(&model) };
        let why = refused(&model.architecture, &plain).unwrap();
        assert!(why.to_string().starts_with("values in q8_0 need flash attention"));
        assert_eq!(refused(&model.architecture, &Scenario { flash_attention: true, ..plain.clone() }), None);
        assert_eq!(refused(&model.architecture, &Scenario { runtime: Runtime::Vllm, ..plain.clone() }), None);
        assert_eq!(refused(&model.architecture, &Scenario { v: KvFormat::F16, ..plain }), None);
    }

    #[test]
    fn heads_divide_into_blocks() {
        let mut model = registry::model("qwen3-0.6b").unwrap();
        let scenario = Scenario { k: KvFormat::Q4_0, ..Scenario::for_model(&model) };
        for layer in &mut model.architecture.layers {
            layer.attention_mut().unwrap().k_head_dim = 80;
        }
        let why = refused(&model.architecture, &scenario).unwrap().to_string();
        assert!(why.contains("multiple of 32 channels; layer 0 has 80"), "{why}");
    }
}
