//! Vision and audio towers, where their size follows from the config.

use super::reader::Reader;
use crate::format::document::{DocumentError, Fields, Value};
use crate::model::architecture::{Architecture, Encoder};
use crate::model::family;

const VISION: [&str; 10] = [
    "vision_config",
    "vision_tower_config",
    "visual",
    "vision_model",
    "vit_config",
    "vision_encoder_config",
    "visual_tokenizer_config",
    "visual_tokenizer",
    "image_encoder_config",
    "vision_encoder",
];
const AUDIO: [&str; 6] =
    ["audio_config", "speech_config", "audio_encoder_config", "sound_config", "audio", "audio_encoder"];

/// Fields that name a vision tower without describing it.
const NAMED: [&str; 4] = ["timm_model_ids", "vision_backbone_id", "vision_encoder", "image_encoder"];

/// Other parts of a checkpoint with pictures or sound, by the field that describes them.
const PARTS: [(&str, &str); 18] = [
    ("tts_config", "speech generator"),
    ("diffusion_head_config", "diffusion head"),
    ("latent_attention_config", "latent attention block"),
    ("vocoder_config", "vocoder"),
    ("talker_config", "talker"),
    ("code2wav_config", "decoder of sounds"),
    ("token2wav_config", "decoder of sounds"),
    ("depth_decoder_config", "decoder of sounds' codes"),
    ("codec_config", "codec of sounds"),
    ("qformer_config", "Q-Former"),
    ("encoder_config", "speech encoder"),
    ("projector_config", "projector"),
    ("acoustic_tokenizer_config", "acoustic tokenizer"),
    ("acoustic_tokenizer_encoder_config", "acoustic tokenizer"),
    ("semantic_tokenizer_config", "semantic tokenizer"),
    ("semantic_tokenizer_encoder_config", "semantic tokenizer"),
    ("vq_config", "picture generator"),
    ("high_res_vision_config", "second vision tower"),
];

/// The same beside a text model's own fields.
const BESIDE: [(&str, &str); 5] = [
    ("tts_config", "speech generator"),
    ("img_processor", "vision tower"),
    ("audio_processor", "audio tower"),
    ("vision_lora", "LoRA for pictures"),
    ("speech_lora", "LoRA for sounds"),
];

/// Put the sizes of the towers, projections included, into `architecture`; what is not known is named.
pub(super) fn read(reader: &mut Reader<'_>, architecture: &mut Architecture) -> Result<(), DocumentError> {
    let hidden = architecture.hidden_size;
    let family = if reader.known { reader.family.name } else { "" };
    let shipped = |count: u64| Encoder { parameters: count, bytes: count.saturating_mul(2) };
    let inner = reader.outer.map("thinker_config").ok().flatten();
    if let Some(fields) = section(reader, inner.as_ref(), &VISION)? {
        let counted = family::vision(&reader.outer, &fields, family, hidden)?;
        architecture.vision = counted.map(shipped);
        if counted.is_none() {
            reader.assume(
                "the config has a vision tower whose size is not worked out here: not counted".into(),
            );
            reader.uncounted.push("vision tower".into());
        }
    }
    if architecture.vision.is_none() {
        architecture.vision = family::patches(&reader.outer, hidden)?.map(shipped);
    }
    let named = NAMED.iter().any(|name| reader.outer.has(name));
    if named && architecture.vision.is_none() && reader.uncounted.is_empty() {
        reader
            .assume("the config names a vision tower whose size is not worked out here: not counted".into());
        reader.uncounted.push("vision tower".into());
    }
    if reader.outer.text("speech_encoder").ok().flatten().is_some() {
        reader.assume(
            "the config names a speech encoder whose size is not worked out here: not counted".into(),
        );
        reader.uncounted.push("speech encoder".into());
    }
    if reader.outer.has("mm_vision_tower") && architecture.vision.is_none() {
        reader
            .assume("the config names a vision tower that stands in another checkpoint: not counted".into());
        reader.uncounted.push("vision tower".into());
    }
    if let Some(fields) = section(reader, inner.as_ref(), &AUDIO)? {
        let counted = family::audio(&reader.outer, &fields, family, hidden)?;
        architecture.audio = counted.map(shipped);
        if counted.is_none() {
            reader.assume(
                "the config has an audio tower whose size is not worked out here: not counted".into(),
            );
            reader.uncounted.push("audio tower".into());
        }
    }
    parts(reader);
    Ok(())
}

/// Name the parts whose size is not known.
fn parts(reader: &mut Reader<'_>) {
    let is_part =
        |name: &'static str| reader.outer.node(name).is_some_and(|node| matches!(node.value, Value::Map(_)));
    let listed: &[(&str, &str)] = if reader.nested { &PARTS } else { &BESIDE };
    let mut found: Vec<&str> =
        listed.iter().filter(|(name, _)| is_part(name)).map(|(_, what)| *what).collect();
    found.dedup();
    // MiniCPM-V's newer forms merge picture tokens within the tower, which is counted without.
    if reader.outer.has("insert_layer_id") {
        found.push("merger of picture tokens");
    }
    for what in found {
        let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        reader.assume(format!(
            "the config has {article} {what} whose size is not worked out here: not counted"
        ));
        reader.uncounted.push(what.into());
    }
}

fn section<'a>(
    reader: &Reader<'a>,
    inner: Option<&Fields<'a>>,
    names: &[&'static str],
) -> Result<Option<Fields<'a>>, DocumentError> {
    for fields in [Some(&reader.outer), inner].into_iter().flatten() {
        for name in names {
            if fields.node(name).is_some_and(|node| matches!(node.value, Value::Map(_))) {
                return fields.map(name);
            }
        }
    }
    Ok(None)
}
