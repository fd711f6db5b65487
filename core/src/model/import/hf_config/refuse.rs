//! Configs that are no decoder-only language model's, or no model's at all: named, not guessed.

use super::ConfigError;
use crate::format::document::{Fields, Value};
use crate::model::family::{DRAFT_HEADS, ENCODER_DECODERS, ENCODER_HEADS, ENCODERS, UNDESCRIBED};

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
    (&["do_sample"], "a generation config"),
    (&["transformers_version", "eos_token_id"], "a generation config"),
    (&["transformers_version", "bos_token_id"], "a generation config"),
    (&["architectures_list"], "a list of models"),
];

/// Refuse JSON that is another kind of file, which has neither a type nor layers.
pub(super) fn other_kinds(source: &str, outer: &Fields<'_>) -> Result<(), ConfigError> {
    let layered = ["num_hidden_layers", "n_layer", "num_layers", "text_config", "model_type", "hidden_size"];
    if layered.iter().any(|name| outer.has(name)) {
        return Ok(());
    }
    match OTHERS.iter().find(|(names, _)| names.iter().all(|name| outer.has(name))) {
        Some((_, what)) => {
            Err(ConfigError::OtherKind { source_name: source.to_owned(), what: (*what).to_owned() })
        }
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
    if ENCODERS.contains(&model_type) {
        return refuse("an encoder without a decoder");
    }
    // Token types are a BERT habit that no decoder has kept.
    let headed = outer
        .texts("architectures")?
        .iter()
        .any(|class| ENCODER_HEADS.iter().any(|end| class.ends_with(end)));
    let is_decoder = outer.flag("is_decoder")? == Some(true);
    if !is_decoder && (headed || outer.has("type_vocab_size")) {
        return refuse("an encoder without a decoder, by its fields");
    }
    let drafts = |class: &String| DRAFT_HEADS.iter().any(|end| class.ends_with(end));
    if outer.texts("architectures")?.iter().any(drafts) {
        return refuse("a draft head, which runs beside its model");
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
