//! Command R, Llama 3.2 Vision, PLaMo 3, Grok-like and other decoders that need a line or two.

use super::super::import::hf_config::{Facts, MAX_LAYERS, Mixes, Reader};
use super::super::tensor::Role;
use super::{
    BASE, Conventions, Family, FileForm, LlamaCppWindows, Order, PLAIN_FILE, Windows, extra, vector,
};
use crate::format::document::DocumentError;

const COHERE: Family = Family {
    name: "cohere",
    file: Some(FileForm { factors: &["logit_scale"], ..PLAIN_FILE }),
    gguf: &["command-r"],
    conventions: Conventions { norms: 1, ..BASE.conventions },
    tied: true,
    order: Order::Parallel,
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    COHERE,
    Family {
        name: "cohere2",
        types: &["aya_vision", "cohere2_vision"],
        widths: &[
            ("hidden_size", 8_192),
            ("intermediate_size", 22_528),
            ("num_hidden_layers", 40),
            ("num_attention_heads", 64),
            ("vocab_size", 256_000),
            ("max_position_embeddings", 8_192),
            ("sliding_window", 4_096),
        ],
        gguf: &["cohere2"],
        windows: Windows::AllBut(4),
        llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: false, unstated: 4_096, fixed: 0 },
        ..COHERE
    },
    Family {
        name: "mllama",
        types: &["mllama_text_model"],
        gguf: &["mllama"],
        config: Some(cross_attention),
        ..BASE
    },
    Family {
        name: "plamo3",
        gguf: &["plamo3"],
        conventions: Conventions { fused: true, qk_norm: true, norms: 4, ..BASE.conventions },
        windows: Windows::AllBut(8),
        llama_cpp_windows: LlamaCppWindows::Every { period: 8, full_first: false, unstated: 0, fixed: 0 },
        ..BASE
    },
    Family {
        name: "laguna",
        gguf: &["laguna"],
        conventions: Conventions { qk_norm: true, ..BASE.conventions },
        llama_cpp_windows: LlamaCppWindows::Every { period: 4, full_first: true, unstated: 0, fixed: 0 },
        ..BASE
    },
];

/// Tiles that one picture is cut into at most, where the config does not say.
const TILES: u64 = 4;

/// Some layers attend to the picture and not to the text: their keys and values are computed once a picture
/// (transformers, `MllamaTextCrossAttention`). Queries and keys are normed, and two learned numbers gate the layer.
fn cross_attention(reader: &mut Reader<'_>, facts: &mut Facts) -> Result<(), DocumentError> {
    let chosen = reader.integers("cross_attention_layers", 0..=MAX_LAYERS)?.unwrap_or_default();
    for layer in chosen {
        let Some((index, slot)) = usize::try_from(layer)
            .ok()
            .and_then(|index| facts.layers.get_mut(index).map(|slot| (index, slot)))
        else {
            let expected = "layers of the model";
            return Err(reader.wrong("cross_attention_layers", &layer.to_string(), expected));
        };
        slot.mixes = Mixes::Cross;
        for (name, width) in [
            ("cross_attn_q_norm.weight", facts.heads.k_dim),
            ("cross_attn_k_norm.weight", facts.heads.k_dim),
            ("cross_attn_attn_gate", 1),
            ("cross_attn_mlp_gate", 1),
        ] {
            facts.more.push((Some(index), vector(name, width)));
        }
    }
    // Eight rows of the table are for pictures.
    facts.more.push((None, extra("token_embd.pictures", Role::Unquantised, 8, facts.hidden)));
    let (mut tiles, mut side, mut patch) = (TILES, 560, 14);
    if let Some(vision) = reader.outer_map("vision_config")? {
        tiles = vision.integer("max_num_tiles", 1..=256)?.unwrap_or(tiles);
        side = vision.integer("image_size", 1..=65_536)?.unwrap_or(side);
        patch = vision.integer("patch_size", 1..=65_536)?.unwrap_or(patch);
    }
    let grid = side / patch;
    facts.cross_tokens = (tiles * (grid * grid + 1)).min(1 << 32);
    let (tokens, per_tile) = (facts.cross_tokens, grid * grid + 1);
    reader.assume(format!(
        "cross-attention layers cache one picture of {tiles} tiles, {tokens} tokens ({per_tile} a tile)"
    ));
    Ok(())
}
