//! Vision and audio towers, where their size follows from the config.

use super::super::draft::MAX_WIDTH;
use super::reader::Reader;
use crate::document::{DocumentError, Fields};

/// Parameters of Gemma 4's vision tower of 16 layers of 768 channels (gemma-4-E2B's safetensors header).
const GEMMA4_VISION: u64 = 167_365_056;
/// Parameters of Gemma 4's audio tower of 12 layers of 1024 channels (gemma-4-E2B's safetensors header).
const GEMMA4_AUDIO: u64 = 304_825_088;
/// Channels that Gemma 4's audio tower hands to its projection.
const GEMMA4_AUDIO_OUTPUT: u64 = 1_536;
/// A tower's parameter count and its bytes in bf16.
type Tower = Option<(u64, u64)>;

/// Sizes of the vision and the audio tower, projections into a stream of `hidden` channels included.
pub(super) fn read(reader: &mut Reader<'_>, hidden: u64) -> Result<(Tower, Tower), DocumentError> {
    let vision = match section(reader, &["vision_config", "vision_tower_config", "visual"])? {
        Some(fields) => vision(reader, &fields, hidden)?,
        None => None,
    };
    let audio = match section(reader, &["audio_config", "speech_config", "audio_encoder_config"])? {
        Some(fields) => audio(reader, &fields, hidden)?,
        None => None,
    };
    let shipped = |parameters: Option<u64>| parameters.map(|count| (count, count * 2));
    Ok((shipped(vision), shipped(audio)))
}

fn section<'a>(reader: &Reader<'a>, names: &[&'static str]) -> Result<Option<Fields<'a>>, DocumentError> {
    match names.iter().find(|name| reader.outer.has(name)) {
        Some(name) => reader.outer.map(name),
        None => Ok(None),
    }
}

fn vision(reader: &mut Reader<'_>, fields: &Fields<'_>, hidden: u64) -> Result<Option<u64>, DocumentError> {
    // Other families write some of these as lists; their towers are not counted anyway.
    let size = |name| fields.integer(name, 1..=MAX_WIDTH);
    let layers_and_width = || Ok::<_, DocumentError>((size("num_hidden_layers")?, size("hidden_size")?));
    if reader.is("gemma4") && layers_and_width()? == (Some(16), Some(768)) {
        return Ok(Some(GEMMA4_VISION + 768 * hidden));
    }
    if reader.is("gemma3")
        && fields.text("model_type")? == Some("siglip_vision_model")
        && let (Some(layers), Some(width)) = layers_and_width()?
        && let (Some(inner), Some(image), Some(patch)) =
            (size("intermediate_size")?, size("image_size")?, size("patch_size")?)
    {
        return Ok(Some(gemma3_siglip(layers, width, inner, image / patch, patch, hidden)));
    }
    reader.assume("the config has a vision tower whose size it does not give: not counted".into());
    Ok(None)
}

/// SigLIP with biases everywhere, Gemma 3's soft-token norm and its projection (transformers, `SiglipVisionModel`).
fn gemma3_siglip(layers: u64, width: u64, inner: u64, grid: u64, patch: u64, hidden: u64) -> u64 {
    let product = |a: u64, b: u64| a.saturating_mul(b);
    let attention = product(4, product(width, width + 1));
    let mlp = product(2, product(width, inner)).saturating_add(width + inner);
    let layer = attention.saturating_add(mlp).saturating_add(4 * width);
    let patches = product(width, product(3, product(patch, patch))).saturating_add(width);
    let positions = product(product(grid, grid), width);
    let tower =
        product(layers, layer).saturating_add(patches).saturating_add(positions).saturating_add(2 * width);
    tower.saturating_add(product(width, hidden)).saturating_add(width).min(1 << 50)
}

fn audio(reader: &mut Reader<'_>, fields: &Fields<'_>, hidden: u64) -> Result<Option<u64>, DocumentError> {
    let size = |name| fields.integer(name, 1..=MAX_WIDTH);
    if reader.is("gemma4") && (size("num_hidden_layers")?, size("hidden_size")?) == (Some(12), Some(1024)) {
        return Ok(Some(GEMMA4_AUDIO + GEMMA4_AUDIO_OUTPUT * hidden));
    }
    reader.assume("the config has an audio tower whose size it does not give: not counted".into());
    Ok(None)
}
