//! Families told by parts of tensor names alone, for checkpoints without a config.

/// Parts that only one family has.
const MARKS: [(&str, &str); 6] = [
    ("layer_scalar", "gemma4"),
    ("altup", "gemma3n"),
    ("linear_attn.", "qwen3_5"),
    ("operator_norm", "lfm2"),
    ("mamba.", "granitemoehybrid"),
    ("self_attn.qkv_proj", "phi3"),
];

/// The family's name, given whether any tensor's name contains a part.
pub(in crate::model) fn by_parts(has: &dyn Fn(&str) -> bool) -> &'static str {
    if let Some((_, family)) = MARKS.iter().find(|(mark, _)| has(mark)) {
        return family;
    }
    match (has("pre_feedforward_layernorm"), has("q_norm"), has("q_proj.bias"), has("experts.")) {
        (true, true, ..) => "gemma3",
        (true, false, ..) => "gemma2",
        (false, true, _, true) => "qwen3_moe",
        (false, true, _, false) => "qwen3",
        (false, false, true, true) => "qwen2_moe",
        (false, false, true, false) => "qwen2",
        (false, false, false, true) => "mixtral",
        (false, false, false, false) => "llama",
    }
}
