//! Models that are no decoder-only language models, or whose memory is not understood here: named, not guessed.

use super::ConfigError;
use crate::document::{DocumentError, Fields};

/// Encoders, by `model_type`.
const ENCODERS: &[&str] = &[
    "albert",
    "audio-spectrogram-transformer",
    "beit",
    "bert",
    "bert-generation",
    "big_bird",
    "camembert",
    "canine",
    "clip",
    "clip_text_model",
    "clip_vision_model",
    "convbert",
    "convnext",
    "data2vec-text",
    "deberta",
    "deberta-v2",
    "deit",
    "depth_anything",
    "dinov2",
    "dinov3_vit",
    "distilbert",
    "electra",
    "ernie",
    "esm",
    "eurobert",
    "flaubert",
    "funnel",
    "hubert",
    "jina-bert",
    "layoutlm",
    "layoutlmv3",
    "longformer",
    "luke",
    "megatron-bert",
    "mobilebert",
    "mobilevit",
    "modernbert",
    "mpnet",
    "neobert",
    "new",
    "nomic_bert",
    "nystromformer",
    "rembert",
    "resnet",
    "roberta",
    "roberta-prelayernorm",
    "roformer",
    "sam",
    "segformer",
    "siglip",
    "siglip2",
    "siglip_vision_model",
    "squeezebert",
    "swin",
    "vit",
    "vit_mae",
    "wav2vec2",
    "wav2vec2-bert",
    "wavlm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "yolos",
];

/// Encoder-decoders, by `model_type`.
const ENCODER_DECODERS: &[&str] = &[
    "bart",
    "blenderbot",
    "encoder-decoder",
    "florence2",
    "led",
    "longt5",
    "m2m_100",
    "marian",
    "mbart",
    "moonshine",
    "mt5",
    "mvp",
    "nllb-moe",
    "pegasus",
    "pix2struct",
    "prophetnet",
    "seamless_m4t",
    "speech-encoder-decoder",
    "speecht5",
    "switch_transformers",
    "t5",
    "t5gemma",
    "t5gemma2",
    "trocr",
    "umt5",
    "vision-encoder-decoder",
    "whisper",
];

/// Decoders with blocks that nothing here describes, by `model_type`, and what they have.
const UNDESCRIBED: &[(&str, &str)] = &[
    ("bamba", "Mamba-2 blocks placed by `attn_layer_indices`"),
    ("blt", "byte-level transformers around its own"),
    ("doge", "experts looked up by product keys"),
    ("falcon_h1", "attention and Mamba-2 side by side in one layer"),
    ("falcon_mamba", "Mamba blocks"),
    ("hrm_text", "layers that run in cycles"),
    ("jamba", "Mamba blocks"),
    ("jetmoe", "experts in its attention"),
    ("kimi_linear", "Kimi delta attention blocks"),
    ("longcat_flash", "two attention blocks in a layer"),
    ("mamba", "Mamba blocks"),
    ("mamba2", "Mamba-2 blocks only"),
    ("minimax", "lightning attention blocks"),
    ("nemotron_h", "layers that are attention, Mamba-2 or FFN alone"),
    ("recurrent_gemma", "RG-LRU blocks"),
    ("rwkv", "RWKV blocks"),
    ("rwkv7", "RWKV blocks"),
    ("xlstm", "xLSTM blocks"),
    ("zamba", "shared attention blocks"),
    ("zamba2", "shared attention blocks"),
];

/// Endings of architecture class names that only encoders have.
const ENCODER_HEADS: &[&str] =
    &["ForMaskedLM", "ForPreTraining", "ForTokenClassification", "ForImageClassification"];

/// Refuse what is not a decoder-only language model.
pub(super) fn check(source: &str, model_type: &str, outer: &Fields<'_>) -> Result<(), ConfigError> {
    let refuse = |what: &str| {
        let (source, model_type) = (source.to_owned(), model_type.to_owned());
        Err(ConfigError::NotDecoderOnly { source_name: source, model_type, what: what.to_owned() })
    };
    let encoder_decoder = outer.flag("is_encoder_decoder")? == Some(true);
    if encoder_decoder || ENCODER_DECODERS.contains(&model_type) {
        return refuse("an encoder-decoder model");
    }
    if ENCODERS.contains(&model_type) {
        return refuse("an encoder without a decoder");
    }
    // Token types are a BERT habit that no decoder has kept.
    let headed =
        architectures(outer)?.iter().any(|class| ENCODER_HEADS.iter().any(|ending| class.ends_with(ending)));
    let is_decoder = outer.flag("is_decoder")? == Some(true);
    if !is_decoder && (headed || outer.has("type_vocab_size")) {
        return refuse("an encoder without a decoder, by its fields");
    }
    match UNDESCRIBED.iter().find(|(name, _)| *name == model_type) {
        Some((_, what)) => Err(ConfigError::Undescribed {
            source_name: source.to_owned(),
            model_type: model_type.to_owned(),
            what: (*what).to_owned(),
        }),
        None => Ok(()),
    }
}

fn architectures(outer: &Fields<'_>) -> Result<Vec<String>, DocumentError> {
    outer.texts("architectures")
}
