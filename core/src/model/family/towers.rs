//! Sizes of vision and audio towers from their part of a config, projections into the stream included.
//!
//! Each is counted as transformers builds it; one that is not known here gives nothing, and the reader says so.

use crate::format::document::{DocumentError, Fields, Value};

/// Largest width that is believed of a tower; with the next, no product below leaves 64 bits.
const MAX: u64 = 1 << 16;
/// Most that is believed of a side of a patch, of merged patches, of frames and of ratios.
const SMALL: u64 = 64;
/// Parameters of Gemma 4's vision tower of 16 layers of 768 channels (gemma-4-E2B's safetensors header).
const GEMMA4_VISION: u64 = 167_365_056;
/// Parameters of Gemma 4's audio tower of 12 layers of 1024 channels (gemma-4-E2B's safetensors header).
const GEMMA4_AUDIO: u64 = 304_825_088;
/// Channels that Gemma 4's audio tower hands to its projection.
const GEMMA4_AUDIO_OUTPUT: u64 = 1_536;

/// A tower that is read: its fields, the type of the whole model and the width of its stream.
#[derive(Clone, Copy)]
struct Tower<'a> {
    fields: &'a Fields<'a>,
    whole: &'a str,
    outer: &'a Fields<'a>,
    hidden: u64,
}

/// Beginnings of types whose tower is known here; a newer type of a family has that family's.
const KNOWN: [&str; 14] = [
    "llava",
    "vipllava",
    "paligemma",
    "idefics",
    "smolvlm",
    "internvl",
    "mistral3",
    "gemma",
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen2_5_omni",
    "qwen2_audio",
    "qwen3",
    "lfm2_vl",
];

/// The type that says which tower this is: the whole model's, the tower's own, or, where neither tells of another, the text part's.
fn whole<'a>(outer: &Fields<'a>, kind: &'a str, family: &'a str) -> Result<&'a str, DocumentError> {
    let stated = outer.text("model_type")?.unwrap_or_default();
    let known = |kind: &&str| KNOWN.iter().any(|known| kind.starts_with(known));
    let own = stated.is_empty() || super::family(stated).is_some_and(|found| found.name == family);
    Ok([stated, kind].into_iter().find(known).unwrap_or(if own { family } else { "" }))
}

/// Parameters of a vision tower with its projection into a stream of `hidden` channels.
pub(in crate::model) fn vision(
    outer: &Fields<'_>,
    fields: &Fields<'_>,
    family: &str,
    hidden: u64,
) -> Result<Option<u64>, DocumentError> {
    let kind = fields.text("model_type").ok().flatten().unwrap_or_default();
    let whole = whole(outer, kind, family)?;
    let tower = Tower { fields, whole, outer, hidden };
    // A field in another form belongs to a tower that is not known here.
    let counted = match kind {
        "siglip_vision_model" | "smolvlm_vision" | "idefics3" | "idefics3_vision" => tower.siglip(),
        "siglip2_vision_model" => tower.siglip2(),
        "clip_vision_model" => tower.clip(),
        "llama4_vision_model" => tower.llama4(),
        "pixtral" => tower.pixtral(),
        "internvl_vision" | "intern_vit_6b" => tower.internvl(),
        _ if whole.starts_with("gemma4") => tower.gemma4(),
        _ if whole.starts_with("qwen2_5_vl") || whole.starts_with("qwen2_5_omni") => tower.qwen2_5(),
        _ if whole.starts_with("qwen2_vl") => tower.qwen2(),
        _ if whole.starts_with("qwen3") => tower.qwen3(),
        _ => Ok(None),
    };
    Ok(counted.ok().flatten().filter(|count| *count <= 1 << 50))
}

/// Parameters of what takes pictures without a tower, and has no part of its own in the config: one projection of patches.
pub(in crate::model) fn patches(outer: &Fields<'_>, hidden: u64) -> Result<Option<u64>, DocumentError> {
    if outer.text("model_type")? != Some("fuyu") {
        return Ok(None);
    }
    let patch = outer.integer("patch_size", 1..=SMALL)?.unwrap_or(30);
    let channels = outer.integer("num_channels", 1..=SMALL)?.unwrap_or(3);
    Ok(Some(linear(channels * patch * patch, hidden)))
}

/// Parameters of an audio tower with its projection.
pub(in crate::model) fn audio(
    outer: &Fields<'_>,
    fields: &Fields<'_>,
    family: &str,
    hidden: u64,
) -> Result<Option<u64>, DocumentError> {
    let kind = fields.text("model_type").ok().flatten().unwrap_or_default();
    let whole = whole(outer, kind, family)?;
    let size = |name| fields.integer(name, 1..=MAX).ok().flatten();
    if whole.starts_with("gemma4")
        && (size("num_hidden_layers"), size("hidden_size")) == (Some(12), Some(1024))
    {
        return Ok(Some(GEMMA4_AUDIO + GEMMA4_AUDIO_OUTPUT * hidden));
    }
    let (Some(layers), Some(width), Some(inner), Some(bins)) =
        (size("encoder_layers"), size("d_model"), size("encoder_ffn_dim"), size("num_mel_bins"))
    else {
        return Ok(None);
    };
    if whole != "qwen2_audio" {
        return Ok(None);
    }
    // Whisper's encoder: keys have no bias (transformers, `Qwen2AudioEncoder`).
    let layer = 4 * width * width + 3 * width + 2 * width * inner + inner + width + 4 * width;
    let positions = size("max_source_positions").unwrap_or(1_500) * width;
    let convolutions = 3 * width * (bins + width) + 2 * width;
    Ok(Some(layers * layer + positions + convolutions + 2 * width + width * hidden + hidden))
}

/// A matrix with its bias.
const fn linear(from: u64, to: u64) -> u64 {
    from.saturating_mul(to).saturating_add(to)
}

impl Tower<'_> {
    /// Channels of a picture.
    fn channels(&self) -> u64 {
        let stated =
            ["num_channels", "in_channels", "in_chans"].iter().find_map(|name| self.size(name).ok()?);
        stated.unwrap_or(3).min(SMALL)
    }

    /// Layers whose features go side by side into the projection.
    fn feature_layers(&self) -> u64 {
        match self.outer.node("vision_feature_layer").map(|node| &node.value) {
            Some(Value::List(layers)) => (layers.len() as u64).clamp(1, SMALL),
            None if self.whole == "vipllava" => 5,
            _ => 1,
        }
    }

    fn size(&self, name: &'static str) -> Result<Option<u64>, DocumentError> {
        self.fields.integer(name, 1..=MAX)
    }

    /// Something that is small in every tower.
    fn small(&self, name: &'static str, usual: u64) -> Result<u64, DocumentError> {
        Ok(self.fields.integer(name, 1..=SMALL)?.unwrap_or(usual))
    }

    fn or(&self, name: &'static str, usual: u64) -> Result<u64, DocumentError> {
        Ok(self.size(name)?.unwrap_or(usual))
    }

    /// Layers with biases everywhere and two norms: attention, and an FFN of two matrices.
    fn plain_layer(width: u64, inner: u64) -> u64 {
        4 * linear(width, width) + linear(width, inner) + linear(inner, width) + 4 * width
    }

    /// SigLIP (transformers, `SiglipVisionModel`), its pooling head where the config keeps it, and the projection of the
    /// model around it.
    fn siglip(&self) -> Result<Option<u64>, DocumentError> {
        let (Some(layers), Some(width)) = (self.layers()?, self.size("hidden_size")?) else {
            return Ok(None);
        };
        let inner = self.or("intermediate_size", 4 * width)?;
        let (image, patch) = (self.or("image_size", 224)?, self.small("patch_size", 16)?);
        let grid = image / patch;
        let pooled = matches!(self.whole, "llava_onevision" | "siglip" | "janus");
        let head = match self.fields.flag("vision_use_head")? {
            Some(kept) => kept,
            None => pooled,
        };
        let mut count = layers * Self::plain_layer(width, inner)
            + linear(self.channels() * patch * patch, width)
            + grid * grid * width
            + 2 * width;
        if head {
            count +=
                width + 4 * linear(width, width) + 2 * width + linear(width, inner) + linear(inner, width);
        }
        Ok(self.projection(width, 0)?.map(|projection| count + projection))
    }

    /// SigLIP 2 (transformers, `Siglip2VisionModel`): patches of any number, positions for a square of them.
    fn siglip2(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("num_hidden_layers", 12)?, self.or("hidden_size", 768)?);
        let inner = self.or("intermediate_size", 3_072)?;
        let patch = self.small("patch_size", 16)?;
        if self.fields.flag("vision_use_head")? != Some(false) {
            return Ok(None);
        }
        let count = layers * Self::plain_layer(width, inner)
            + linear(self.channels() * patch * patch, width)
            + self.or("num_patches", 256)? * width
            + 2 * width;
        Ok(self.projection(width, 0)?.map(|projection| count + projection))
    }

    /// Llama 4's (transformers, `Llama4VisionModel`): a class token, patches and an adapter without biases.
    fn llama4(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("num_hidden_layers", 34)?, self.or("hidden_size", 768)?);
        let inner = self.or("intermediate_size", 5_632)?;
        let (image, patch) = (self.or("image_size", 448)?, self.small("patch_size", 14)?);
        let grid = image / patch;
        let count = layers * Self::plain_layer(width, inner)
            + self.channels() * patch * patch * width
            + (grid * grid + 2) * width
            + 4 * width;
        let (middle, out) = (self.or("projector_input_dim", 4_096)?, self.or("projector_output_dim", 4_096)?);
        let adapter = inner * middle + middle * out;
        Ok(Some(count + adapter + self.or("vision_output_dim", 7_680)? * self.hidden))
    }

    fn layers(&self) -> Result<Option<u64>, DocumentError> {
        self.size("num_hidden_layers")
    }

    /// CLIP (transformers, `CLIPVisionModel`): a class token, no bias on patches, a norm before and after.
    fn clip(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("num_hidden_layers", 12)?, self.or("hidden_size", 768)?);
        let inner = self.or("intermediate_size", 3_072)?;
        let (image, patch) = (self.or("image_size", 224)?, self.small("patch_size", 32)?);
        let grid = image / patch;
        let count = layers * Self::plain_layer(width, inner)
            + self.channels() * patch * patch * width
            + (grid * grid + 1) * width
            + width
            + 4 * width;
        Ok(self.projection(width, 0)?.map(|projection| count + projection))
    }

    /// Pixtral (transformers, `PixtralVisionModel`): gated FFNs and RMS norms, no biases.
    fn pixtral(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("num_hidden_layers", 24)?, self.or("hidden_size", 1_024)?);
        let inner = self.or("intermediate_size", 4_096)?;
        let patch = self.small("patch_size", 16)?;
        let layer = 4 * width * width + 3 * width * inner + 2 * width;
        let count = layers * layer + self.channels() * patch * patch * width + width;
        Ok(self.projection(width, 2)?.map(|projection| count + projection))
    }

    /// InternViT (transformers, `InternVLVisionModel`): a class token and two learned scales a layer.
    fn internvl(&self) -> Result<Option<u64>, DocumentError> {
        let (Some(layers), Some(width)) = (self.layers()?, self.size("hidden_size")?) else {
            return Ok(None);
        };
        let inner = self.or("intermediate_size", 4 * width)?;
        let side = |name, usual| match self.fields.integers(name, 1..=MAX) {
            Ok(Some(list)) => list.first().copied().unwrap_or(usual),
            _ => self.size(name).ok().flatten().unwrap_or(usual),
        };
        let (image, patch) = (side("image_size", 448), side("patch_size", 14).min(SMALL));
        let grid = image / patch;
        let biased = self.fields.flag("attention_bias")?.or(self.fields.flag("qkv_bias")?) == Some(true);
        let attention = 4 * width * width + width + if biased { 3 * width } else { 0 };
        let normed = self.fields.flag("use_qk_norm")?.or(self.fields.flag("qk_normalization")?) == Some(true);
        let norms = if normed { 2 * width } else { 0 };
        let layer = attention + norms + linear(width, inner) + linear(inner, width) + 6 * width;
        let count = layers * layer
            + width
            + linear(self.channels() * patch * patch, width)
            + (grid * grid + 1) * width;
        let merged = 4 * width;
        let projection = 2 * merged + linear(merged, self.hidden) + linear(self.hidden, self.hidden);
        Ok(Some(count + projection))
    }

    fn gemma4(&self) -> Result<Option<u64>, DocumentError> {
        let known = (self.layers()?, self.size("hidden_size")?) == (Some(16), Some(768));
        Ok(known.then_some(GEMMA4_VISION + 768 * self.hidden))
    }

    /// Patches of two frames; every second merged from four.
    fn qwen2(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("depth", 32)?, self.or("embed_dim", 1_280)?);
        let inner = width * self.small("mlp_ratio", 4)?;
        let patch = self.small("patch_size", 14)?;
        let layer = Self::plain_layer(width, inner);
        let patches = self.channels() * self.small("temporal_patch_size", 2)? * patch * patch * width;
        let merged = width * self.small("spatial_merge_size", 2)?.pow(2);
        let merger =
            2 * width + linear(merged, merged) + linear(merged, self.or("hidden_size", self.hidden)?);
        Ok(Some(layers * layer + patches + merger))
    }

    /// Gated FFNs with biases, RMS norms (transformers, `Qwen2_5_VisionTransformerPretrainedModel`).
    fn qwen2_5(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("depth", 32)?, self.or("hidden_size", 1_280)?);
        let inner = self.or("intermediate_size", 3_420)?;
        let patch = self.small("patch_size", 14)?;
        let layer = 4 * linear(width, width) + 2 * linear(width, inner) + linear(inner, width) + 2 * width;
        let patches = self.channels() * self.small("temporal_patch_size", 2)? * patch * patch * width;
        let merged = width * self.small("spatial_merge_size", 2)?.pow(2);
        let out = self.or("out_hidden_size", self.hidden)?;
        Ok(Some(layers * layer + patches + width + linear(merged, merged) + linear(merged, out)))
    }

    /// Learned positions, and a merger more for each layer whose features join the stream early
    /// (transformers, `Qwen3VLVisionModel`).
    fn qwen3(&self) -> Result<Option<u64>, DocumentError> {
        let (layers, width) = (self.or("depth", 27)?, self.or("hidden_size", 1_152)?);
        let inner = self.or("intermediate_size", 4_304)?;
        let patch = self.small("patch_size", 16)?;
        let patches = linear(self.channels() * self.small("temporal_patch_size", 2)? * patch * patch, width);
        let positions = self.or("num_position_embeddings", 2_304)? * width;
        let merged = width * self.small("spatial_merge_size", 2)?.pow(2);
        let out = self.or("out_hidden_size", self.hidden)?;
        let merger = linear(merged, merged) + linear(merged, out);
        let early = self.fields.integers("deepstack_visual_indexes", 0..=MAX)?;
        let usual =
            if self.whole.starts_with("qwen3_vl") || self.whole.starts_with("qwen3_omni") { 3 } else { 0 };
        let early = early.map_or(usual, |list| (list.len() as u64).min(SMALL));
        let count = layers * Self::plain_layer(width, inner) + patches + positions;
        Ok(Some(count + 2 * width + merger + early * (2 * merged + merger)))
    }

    /// The projection of the model around a plain tower; `merge` patches a side become one first.
    fn projection(&self, width: u64, merge: u64) -> Result<Option<u64>, DocumentError> {
        let hidden = self.hidden;
        let biased = self.outer.flag("multimodal_projector_bias")?.unwrap_or(true);
        let pair = |from: u64| {
            let bias = if biased { 2 * hidden } else { 0 };
            from * hidden + hidden * hidden + bias
        };
        Ok(match self.whole {
            whole if whole.starts_with("gemma3") => Some(width + width * hidden),
            whole if whole.starts_with("paligemma") => {
                let out = self.outer.integer("projection_dim", 1..=MAX)?.unwrap_or(hidden);
                Some(linear(width, out))
            }
            "llava" | "vipllava" | "llava_onevision" | "llava_next" => {
                let newline = if self.whole.starts_with("llava_") { hidden } else { 0 };
                let joined = width * self.feature_layers();
                let norm = if self.whole == "vipllava" { 2 * joined } else { 0 };
                Some(norm + pair(joined) + newline)
            }
            "mistral3" => {
                let bias = self.outer.flag("multimodal_projector_bias")?.unwrap_or(false);
                let bias = if bias { 2 * hidden } else { 0 };
                let merge = self.outer.integer("spatial_merge_size", 1..=SMALL)?.unwrap_or(merge.max(1));
                let merged = width * merge.pow(2);
                let joined = width * self.feature_layers();
                Some(width + merged * width + joined * hidden + hidden * hidden + bias)
            }
            "lfm2_vl" => {
                let merged = width * self.outer.integer("downsample_factor", 1..=SMALL)?.unwrap_or(2).pow(2);
                let inner = self.outer.integer("projector_hidden_size", 1..=MAX)?.unwrap_or(2_560);
                let normed = self.outer.flag("projector_use_layernorm")?.unwrap_or(true);
                let norm = if normed { 2 * merged } else { 0 };
                Some(norm + linear(merged, inner) + linear(inner, hidden))
            }
            "idefics3" | "smolvlm" => {
                let scale = self.outer.integer("scale_factor", 1..=64)?.unwrap_or(2);
                Some(width * scale * scale * hidden)
            }
            _ => None,
        })
    }
}
