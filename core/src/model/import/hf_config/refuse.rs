//! Configs that are no decoder-only language model's, or no model's at all: named, not guessed.

use super::ConfigError;
use crate::format::document::{DocumentError, Fields, Value};
use crate::model::family;
use crate::model::family::{
    DRAFT_FIELDS, DRAFT_HEADS, ENCODER_DECODERS, ENCODER_HEADS, ENCODERS, OF_OTHER_THINGS, PARTS, UNDESCRIBED,
};

/// Fields that only other kinds of JSON have, and what those are.
const OTHERS: &[(&[&str], &str)] = &[
    (&["peft_type"], "a LoRA adapter's config, not a model's"),
    (&["_class_name", "_diffusers_version"], "a diffusion model's config"),
    (&["_diffusers_version"], "a diffusion model's config"),
    (&["tokenizer_class", "added_tokens_decoder"], "a tokenizer's config"),
    (&["tokenizer_class", "model_max_length"], "a tokenizer's config"),
    (&["added_tokens", "pre_tokenizer"], "a tokenizer"),
    (&["chat_template"], "a chat template"),
    (&["image_processor_type"], "a picture processor's config"),
    (&["feature_extractor_type"], "a sound processor's config"),
    (&["processor_class"], "a processor's config"),
    (&["dim", "n_layers", "n_heads"], "a params.json of Mistral's or Meta's own format"),
    (&["log_history", "global_step"], "the state of a training run"),
    (&["medusa_num_heads"], "the config of draft heads, which run beside their model"),
    (&["do_sample"], "a generation config"),
    (&["transformers_version", "eos_token_id"], "a generation config"),
    (&["transformers_version", "bos_token_id"], "a generation config"),
    (&["architectures_list"], "a list of models"),
    (&["bos_token", "eos_token"], "a list of special tokens"),
    (&["eos_token", "pad_token"], "a list of special tokens"),
    (&["bits", "group_size", "desc_act"], "the settings of a quantiser"),
    (&["producer", "quantization"], "an account of a quantisation"),
    (&["__version__"], "the settings of sentence-transformers"),
    (&["model", "search"], "the settings of ONNX Runtime GenAI"),
    (&["schemaVersion", "layers"], "a registry's manifest"),
    (&["video_processor_type"], "a video processor's config"),
    (&["zero_optimization"], "the settings of DeepSpeed"),
];
/// The same beside fields that models have, too.
const LIKE_MODELS: &[(&[&str], &str)] = &[
    (&["_diffusers_version"], "a diffusion model's config"),
    (&["lora_parameters"], "a LoRA adapter's config, not a model's"),
    (&["model_config", "quantization"], "the settings of a model compiled by MLC"),
];

/// Refuse JSON that is another kind of file, which has neither a type nor layers.
pub(super) fn other_kinds(source: &str, outer: &Fields<'_>) -> Result<(), ConfigError> {
    let named = |list: &[(&'static [&'static str], &'static str)]| {
        list.iter().find(|(names, _)| names.iter().all(|name| outer.has(name))).map(|(_, what)| *what)
    };
    let other = |what: &str| {
        let (source_name, what) = (source.to_owned(), what.to_owned());
        Err(ConfigError::OtherKind { source_name, what })
    };
    if let Some(what) = named(LIKE_MODELS) {
        return other(what);
    }
    let layered = ["num_hidden_layers", "n_layer", "num_layers", "text_config", "model_type", "hidden_size"];
    if layered.iter().any(|name| outer.has(name)) {
        return Ok(());
    }
    let numbers = outer.entries().iter().all(|(_, node)| matches!(node.value, Value::Integer(_)));
    match named(OTHERS) {
        Some(what) => other(what),
        None if numbers && !outer.entries().is_empty() => other("a vocabulary, or numbers by name"),
        None => Ok(()),
    }
}

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
    // What is called so, and is no decoder that is listed, stands beside a tower of pictures and encodes.
    let encodes = model_type.ends_with("_text_model") && family::family(model_type).is_none();
    if ENCODERS.contains(&model_type) || encodes && !UNDESCRIBED.iter().any(|(name, _)| *name == model_type) {
        return refuse("an encoder without a decoder");
    }
    if let Some((_, what)) = OF_OTHER_THINGS.iter().find(|(name, _)| *name == model_type) {
        return refuse(what);
    }
    let whole = ["text_config", "llm_config", "language_config"].iter().any(|name| outer.has(name));
    if !whole && PARTS.iter().any(|end| model_type.ends_with(end)) {
        return refuse("a part of a model, which encodes pictures or sounds");
    }
    // Token types are a BERT habit that no decoder has kept.
    let classes = outer.texts("architectures")?;
    let headed = classes.iter().any(|class| ENCODER_HEADS.iter().any(|end| class.ends_with(end)));
    let is_decoder = outer.flag("is_decoder")? == Some(true);
    if headed && family::family(model_type).is_some() {
        return refuse("a decoder that labels tokens or pictures in place of predicting tokens");
    }
    if !is_decoder && (headed || outer.has("type_vocab_size")) {
        return refuse("an encoder without a decoder, by its fields");
    }
    let drafts = |class: &String| DRAFT_HEADS.iter().any(|end| class.ends_with(end));
    if classes.iter().any(drafts) || DRAFT_FIELDS.iter().any(|name| outer.has(name)) {
        return refuse("a draft head, which runs beside its model");
    }
    let undescribed = |wanted: &str| UNDESCRIBED.iter().find(|(name, _)| *name == wanted);
    match classes.iter().find_map(|class| undescribed(class)).or(undescribed(model_type)) {
        Some((_, what)) => Err(ConfigError::Undescribed {
            source_name: source.to_owned(),
            model_type: model_type.to_owned(),
            what: (*what).to_owned(),
        }),
        None => Ok(()),
    }
}

/// Refuse a text model that attends to both sides. A part of a model with pictures may do so over the picture alone.
pub(super) fn both_sides(source: &str, model_type: &str, text: &Fields<'_>) -> Result<(), ConfigError> {
    // Newer configs write a word here where pictures alone are attended to so.
    let says = |name, wanted| text.node(name).is_some_and(|node| node.value == Value::Bool(wanted));
    if says("use_bidirectional_attention", true) || says("is_causal", false) {
        return Err(ConfigError::NotDecoderOnly {
            source_name: source.to_owned(),
            model_type: model_type.to_owned(),
            what: "an encoder without a decoder, by its attention to both sides".to_owned(),
        });
    }
    Ok(())
}

/// A type that is not listed, and that lacks what every language model has, is taken for something else.
pub(super) fn without_words(source: &str, model_type: &str, error: DocumentError) -> ConfigError {
    const EVERY: [&str; 5] =
        ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"];
    match error {
        DocumentError::Missing { field, .. } if EVERY.contains(&field.as_str()) => {
            ConfigError::NotDecoderOnly {
                source_name: source.to_owned(),
                model_type: model_type.to_owned(),
                what: format!("not listed, and has no `{field}` under any of its usual names"),
            }
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::import::hf_config::parse;

    /// The sizes of a small decoder under a type of another kind, and what is said of it.
    #[test]
    fn what_is_no_decoder_is_named() {
        const SIZES: &str = r#""hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "intermediate_size": 128, "vocab_size": 100"#;
        for (fields, words) in [
            (r#""model_type": "blip_2_qformer""#, "a part of a model"),
            (r#""model_type": "voxtral_encoder""#, "a part of a model"),
            (r#""model_type": "tapas""#, "an encoder without a decoder"),
            (r#""model_type": "siglip_text_model""#, "an encoder without a decoder"),
            (r#""model_type": "owlv2_text_model""#, "an encoder without a decoder"),
            (
                r#""model_type": "gpt2", "add_cross_attention": true, "n_positions": 64"#,
                "`add_cross_attention`",
            ),
            (r#""model_type": "t5gemma2_decoder""#, "an encoder-decoder"),
            (r#""model_type": "colpali""#, "a retrieval model"),
            (
                r#""model_type": "git", "architectures": ["Grok1ForCausalLM"]"#,
                "a dense FFN beside its experts",
            ),
            (r#""model_type": "git""#, "a BERT decoder"),
            (r#""model_type": "qwen3", "architectures": ["Qwen3ForTokenClassification"]"#, "labels tokens"),
            (r#""model_type": "llama", "architectures": ["Eagle3LlamaForCausalLM"]"#, "a draft head"),
            (r#""model_type": "kimi_audio""#, "a speech model"),
            (r#""model_type": "qwen3", "architectures": ["DFlashDraftModel"]"#, "a draft head"),
            (r#""model_type": "qwen3", "dflash_config": {"block_size": 16}"#, "a draft head"),
            (r#""model_type": "llama", "audio_dual_ffn_layers": [0, 1]"#, "`audio_dual_ffn_layers`"),
            (r#""model_type": "phi4flash""#, "a cache that half of its layers share"),
        ] {
            let error = parse("config.json", format!("{{{fields}, {SIZES}}}").as_bytes()).unwrap_err();
            assert!(error.to_string().contains(words), "{fields}: {error}");
        }
        for (bytes, words) in [
            (r#"{"model_type": "bit", "embedding_size": 64}"#, "`bit` is not listed, and has no `"),
            (r#"{"medusa_num_heads": 5, "medusa_num_layers": 1}"#, "draft heads"),
            (r#"{"hidden_size": 64}"#, "is missing"),
            (r#"{"bos_token": "<s>", "eos_token": "</s>"}"#, "a list of special tokens"),
            (r#"{"<|extra|>": 32000, "<|end|>": 32001}"#, "a vocabulary"),
            (r#"{"bits": 4, "group_size": 128, "desc_act": false}"#, "the settings of a quantiser"),
            (r#"{"_class_name": "T", "_diffusers_version": "0.3", "num_layers": 4}"#, "a diffusion model"),
            (r#"{"num_layers": 16, "lora_parameters": {"rank": 8}}"#, "a LoRA adapter"),
        ] {
            let error = parse("config.json", bytes.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(words), "{bytes}: {error}");
        }
    }

    /// SantaCoder calls itself GPT-2 and has one KV head.
    #[test]
    fn queries_share_a_head_where_gpt_2_says_so() {
        let config = |extra: &str| {
            let fields = r#""model_type": "gpt2", "n_embd": 2048, "n_layer": 24, "n_head": 16, "vocab_size": 49280, "n_positions": 2048"#;
            parse("config.json", format!("{{{fields}{extra}}}").as_bytes()).unwrap()
        };
        let heads = |extra: &str| {
            config(extra).architecture.attention_layers().next().map(|(_, attention)| attention.kv_heads)
        };
        assert_eq!(heads(""), Some(16));
        assert_eq!(heads(r#", "attention_head_type": "multiquery""#), Some(1));
    }
}
