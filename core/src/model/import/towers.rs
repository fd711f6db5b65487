//! Beginnings of names of what stands beside a decoder in one file with it: towers, projections, heads that speak, layers that
//! draft. Both readers of tensors use these lists.

use crate::model::tensor::Role;

const VISION: &[&str] = &[
    "resampler.",
    "visual.",
    "vision.",
    "vision_model.",
    "vision_tower.",
    "multi_modal_projector.",
    "mm_projector.",
    "vpm.",
    "sam_model.",
    "projector.",
    "view_seperator",
    "vte.",
    "qformer.",
    "query_tokens",
    "language_projection.",
    "img_projection.",
    "img_processor.",
];
const AUDIO: &[&str] = &[
    "audio.",
    "audio_tower.",
    "apm.",
    "audio_projector.",
    "talker.",
    "token2wav.",
    "code2wav.",
    "tts.",
    "acoustic_tokenizer.",
    "semantic_tokenizer.",
    "acoustic_connector.",
    "semantic_connector.",
];
const DRAFTS: &[&str] = &["mtp.", "nextn."];

/// What a tensor outside the decoder belongs to, by its name: a tower, or layers that only draft.
pub(super) fn of(name: &str) -> Option<Role> {
    let stem = name.strip_prefix("model.").unwrap_or(name);
    let begins = |names: &[&str]| names.iter().any(|name| stem.starts_with(name));
    match () {
        () if begins(VISION) => Some(Role::Vision),
        () if begins(AUDIO) => Some(Role::Audio),
        () if begins(DRAFTS) => Some(Role::Unused),
        () => None,
    }
}
