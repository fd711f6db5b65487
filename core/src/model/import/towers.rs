//! Words by which names tell what stands beside a decoder in one file with it: towers, projections, heads that speak, layers
//! that draft. All readers of tensors use this list.

use crate::model::tensor::Role;

/// Sounds come first: their projections have the words of those of pictures in them.
const WORDS: [(Role, &[&str]); 3] = [
    (Role::Unused, &["mtp.", "mtp_", "nextn."]),
    (
        Role::Audio,
        &[
            "acoustic_",
            "apm.",
            "audio",
            "code2wav.",
            "semantic_connector.",
            "semantic_tokenizer.",
            "speech",
            "talker.",
            "token2wav.",
            "tts.",
        ],
    ),
    (
        Role::Vision,
        &[
            "aligner.",
            "connector.",
            "generation_",
            "image_",
            "img_processor.",
            "img_projection.",
            "language_projection.",
            "mlp_AR.",
            "modality_projection",
            "multi_modal_projector.",
            "patch_merge",
            "projector.",
            "qformer.",
            "query_tokens",
            "resampler",
            "sam_model.",
            "video_",
            "view_seperator",
            "vision",
            "visual",
            "vit.",
            "vpm.",
            "vqmodel.",
            "vte.",
        ],
    ),
];

/// What a tensor belongs to beside the decoder, by its name: a tower, or layers that only draft. A word counts where a part
/// of the name begins with it.
pub(super) fn of(name: &str) -> Option<Role> {
    let begins = |word: &str| {
        name.match_indices(word)
            .any(|(at, _)| at == 0 || matches!(name.as_bytes().get(at - 1), Some(b'.' | b'_')))
    };
    WORDS.iter().find(|(_, words)| words.iter().any(|word| begins(word))).map(|(role, _)| *role)
}
