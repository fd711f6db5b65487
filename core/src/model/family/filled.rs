//! What classes of transformers fill into a text part that leaves a field out, where that is not what the part's family fills in: by the
//! type of the part, or of the wrapper around it.

/// Types, with fields and values.
const FILLED: &[(&str, &[(&str, u64)])] = &[
    (
        "voxtral",
        &[
            ("vocab_size", 131_072),
            ("hidden_size", 3_072),
            ("intermediate_size", 8_192),
            ("num_hidden_layers", 30),
            ("num_key_value_heads", 8),
            ("max_position_embeddings", 131_072),
            ("head_dim", 128),
        ],
    ),
    (
        "voxtral_realtime",
        &[
            ("vocab_size", 131_072),
            ("hidden_size", 3_072),
            ("intermediate_size", 9_216),
            ("num_hidden_layers", 26),
            ("num_attention_heads", 32),
            ("num_key_value_heads", 8),
            ("max_position_embeddings", 131_072),
            ("head_dim", 128),
            ("sliding_window", 8_192),
        ],
    ),
    (
        "glmasr",
        &[
            ("vocab_size", 59_264),
            ("hidden_size", 2_048),
            ("intermediate_size", 6_144),
            ("num_hidden_layers", 28),
            ("num_attention_heads", 16),
            ("num_key_value_heads", 4),
            ("max_position_embeddings", 8_192),
        ],
    ),
    (
        "qwen2_5_omni_text",
        &[
            ("vocab_size", 152_064),
            ("hidden_size", 3_584),
            ("intermediate_size", 18_944),
            ("num_hidden_layers", 28),
            ("num_attention_heads", 28),
            ("num_key_value_heads", 4),
        ],
    ),
    ("cosmos3_edge_text", &[("num_key_value_heads", 8)]),
    ("granite_docling_text", &[("num_key_value_heads", 4)]),
    ("paddleocr_vl_text", &[("head_dim", 128), ("num_key_value_heads", 2)]),
];

/// Fields that are filled into a part of type `part` within `whole`, and the type that does it; nothing where the family decides.
pub(in crate::model) fn filled(
    whole: &str,
    part: &str,
) -> Option<(&'static str, &'static [(&'static str, u64)])> {
    FILLED.iter().find(|(name, _)| *name == whole || *name == part).copied()
}

/// Wrappers whose class ties the table to the head (transformers 5.24), and those whose class does not, whatever their text part says.
const TYING: &[&str] = &[
    "cohere2_vision",
    "deepseek_vl",
    "deepseek_vl_hybrid",
    "ernie4_5_vl_moe",
    "gemma3",
    "gemma4",
    "gemma4_unified",
    "got_ocr2",
    "granite_docling",
    "hyperclovax_vision_v2",
    "internvl",
    "janus",
    "kimi_k25",
    "lfm2_vl",
    "lfm3_vl",
    "lighton_ocr",
    "minicpm_ocr",
    "mistral3",
    "ovis2",
    "paddleocr_vl",
    "paligemma",
    "pp_chart2table",
];
const UNTYING: &[&str] = &[
    "apertus1p5",
    "aria",
    "cosmos3_edge",
    "cosmos3_omni",
    "exaone4_5",
    "fuyu",
    "glm46v",
    "glmga",
    "idefics2",
    "idefics3",
    "llava_next",
    "minicpmv4_6",
    "minicpmv4_7",
    "mllama",
    "molmo2",
    "muse_glimmer",
    "qianfan_ocr",
    "qwen3_5",
    "qwen3_5_moe",
    "qwen3_vl",
    "qwen3_vl_moe",
    "smolvlm",
    "step3p7",
    "video_llava",
    "vipllava",
];

/// Whether a wrapper's class ties the output head where the wrapper itself says nothing; none for one that is not listed.
pub(in crate::model) fn wrapper_ties(whole: &str) -> Option<bool> {
    let ties = TYING.contains(&whole);
    (ties || UNTYING.contains(&whole)).then_some(ties)
}
