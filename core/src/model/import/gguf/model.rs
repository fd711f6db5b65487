//! From metadata and tensor table to a model: widths from the table, heads and windows from the metadata.

use super::super::super::architecture::{Architecture, Encoder, Mixer};
use super::super::super::family::{self, Family};
use super::super::super::profile::{LayerKind, Profile, RecurrentShape};
use super::super::super::tensor::{Role, Stored, Tensor};
use super::super::super::{Model, Origin};
use super::super::draft::{self, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, UNSTATED_CONTEXT};
use super::blocks::{self, Block};
use super::keys::Keys;
use super::role::{self, Around};
use super::{Gguf, GgufError, windows};
use crate::document::PerLayer;

/// Architectures that encode only, or decode something else than text.
const OTHERS: &[(&str, &str)] = &[
    ("bert", "an encoder"),
    ("clip", "a vision or audio projector (mmproj)"),
    ("eurobert", "an encoder"),
    ("gemma-embedding", "an encoder"),
    ("jina-bert-v2", "an encoder"),
    ("jina-bert-v3", "an encoder"),
    ("modern-bert", "an encoder"),
    ("neo-bert", "an encoder"),
    ("nomic-bert", "an encoder"),
    ("nomic-bert-moe", "an encoder"),
    ("t5", "an encoder-decoder model"),
    ("t5encoder", "an encoder"),
    ("wavtokenizer-dec", "an audio decoder"),
];

/// GGUF architectures whose family goes by another name here.
const FAMILIES: &[(&str, &str)] =
    &[("gpt-oss", "gpt_oss"), ("lfm2moe", "lfm2_moe"), ("qwen35moe", "qwen3_5_moe")];

impl Gguf {
    /// The model this file holds; `name` is the file's name.
    pub fn model(&self, name: &str) -> Result<Model, GgufError> {
        let architecture = self.decoder()?;
        let keys = Keys::new(&self.metadata, architecture);
        let blocks_declared = keys.require("block_count", 1..=MAX_LAYERS)?;
        let drafts =
            keys.integer("nextn_predict_layers", 0..=blocks_declared.saturating_sub(1))?.unwrap_or(0);
        let all = blocks::read(self, count(blocks_declared))?;
        let layers = blocks_declared - drafts;
        let blocks = all.get(..count(layers)).unwrap_or_default();
        check_blocks(architecture, blocks)?;
        let mut profile = self.profile(name, architecture, &keys, blocks)?;
        if drafts > 0 {
            profile.assumptions.push(format!(
                "{drafts} multi-token-prediction layer(s) in the file: stored, not decoded with"
            ));
        }
        let active = keys.integer("expert_used_count", 0..=MAX_HEADS)?.unwrap_or(0);
        let mut model = profile.expand();
        reconcile(&keys, blocks, active, &mut model)?;
        self.towers(&mut model);
        profile.assumptions.clone_from(&model.assumptions);
        let tensors = self.tensors(&model, blocks, active);
        draft::believable(&model, &tensors)?;
        let origin = Origin::Gguf { file_bytes: self.file_bytes };
        Ok(Model { architecture: model, tensors, origin, profile: Some(profile) })
    }

    /// `general.architecture`, when this is a whole language model.
    fn decoder(&self) -> Result<&str, GgufError> {
        const KEY: &str = "general.architecture";
        let parts = self.metadata.count("split.count").unwrap_or(0);
        if parts > 1 {
            let part = self.metadata.count("split.no").unwrap_or(0).saturating_add(1);
            return Err(GgufError::Split { part, parts });
        }
        let architecture = self.metadata.text(KEY).ok_or_else(|| GgufError::Metadata {
            key: KEY.to_owned(),
            found: self.metadata.get(KEY).map_or_else(|| "missing".to_owned(), super::Value::describe),
            expected: "the name of an architecture".to_owned(),
        })?;
        let refuse = |what: &str| {
            Err(GgufError::NotDecoderOnly { architecture: architecture.to_owned(), what: what.to_owned() })
        };
        if let Some(kind) = self.metadata.text("general.type").filter(|kind| *kind != "model") {
            return refuse(&format!("a file of type `{kind}`"));
        }
        match OTHERS.iter().find(|(name, _)| *name == architecture) {
            Some((_, what)) => refuse(what),
            None => Ok(architecture),
        }
    }

    fn find(&self, name: &str) -> Option<&super::TensorInfo> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    fn profile(
        &self,
        file: &str,
        architecture: &str,
        keys: &Keys<'_>,
        blocks: &[Block],
    ) -> Result<Profile, GgufError> {
        let embedding = self.find("token_embd.weight").ok_or_else(|| GgufError::Tensor {
            tensor: "token_embd.weight".into(),
            problem: "is missing: without it there is no vocabulary".into(),
        })?;
        let title = self.metadata.text("general.name").filter(|name| !name.trim().is_empty());
        let title = title.unwrap_or_else(|| draft::stem(file, &[".gguf"]));
        let mut assumptions = Vec::new();
        let family_name =
            FAMILIES.iter().find(|(gguf, _)| *gguf == architecture).map_or(architecture, |(_, name)| name);
        let mut profile = draft::profile(title, title, family_name, conventions(family_name, blocks));
        let layers = blocks.len();
        profile.num_hidden_layers = layers as u64;
        profile.hidden_size = keys.require("embedding_length", 1..=MAX_WIDTH)?;
        if embedding.row_length != profile.hidden_size {
            let problem = format!(
                "has rows of {}, but embedding_length is {}",
                embedding.row_length, profile.hidden_size
            );
            return Err(GgufError::Tensor { tensor: embedding.name.clone(), problem });
        }
        profile.vocab_size = embedding.rows;
        profile.tie_word_embeddings = self.find("output.weight").is_none();
        profile.max_context_tokens = keys.integer("context_length", 1..=MAX_CONTEXT)?.unwrap_or_else(|| {
            assumptions.push(format!(
                "`{architecture}.context_length` not given: assumed {UNSTATED_CONTEXT} tokens"
            ));
            UNSTATED_CONTEXT
        });
        heads(keys, layers, &mut profile)?;
        let found = windows::read(keys, architecture, layers, profile.max_context_tokens)?;
        profile.sliding_window = found.window;
        assumptions.extend(found.assumption);
        let kind =
            |(kind, block): (&LayerKind, &Block)| if block.recurs() { LayerKind::Recurrent } else { *kind };
        profile.layer_kinds = found.kinds.iter().zip(blocks).map(kind).collect();
        profile.recurrent = recurrent(keys, blocks)?;
        profile.intermediate_size = PerLayer::Each(blocks.iter().map(Block::dense_width).collect());
        profile.shared_kv_last_n_layers =
            keys.integer("attention.shared_kv_layers", 0..=(layers as u64).saturating_sub(1))?.unwrap_or(0);
        self.lookup(keys, &mut profile)?;
        profile.sources = vec![format!("GGUF header of {}", draft::stem(file, &[]))];
        profile.assumptions = assumptions;
        Ok(profile)
    }

    /// The per-layer embedding table, AltUp and LAuReL, as the table has them.
    fn lookup(&self, keys: &Keys<'_>, profile: &mut Profile) -> Result<(), GgufError> {
        if let Some(table) = self.find("per_layer_token_embd.weight") {
            let stated = keys.integer("embedding_length_per_layer_input", 1..=MAX_WIDTH)?;
            let layers = profile.num_hidden_layers;
            profile.ple_hidden_size = stated.unwrap_or(table.row_length / layers.max(1));
            profile.ple_vocab_size = table.rows;
            if profile.ple_hidden_size.saturating_mul(layers) != table.row_length {
                let problem = format!(
                    "has rows of {}; expected {} for each of {layers} layers",
                    table.row_length, profile.ple_hidden_size
                );
                return Err(GgufError::Tensor { tensor: table.name.clone(), problem });
            }
        }
        profile.altup_streams =
            self.find("altup_proj.weight").map_or(0, |tensor| tensor.last.saturating_add(1));
        profile.laurel_rank = self.find("blk.0.laurel_l.weight").map_or(0, |tensor| tensor.rows);
        Ok(())
    }

    /// The table's tensors with their roles, exact types and bytes.
    fn tensors(&self, model: &Architecture, blocks: &[Block], active_experts: u64) -> Vec<Tensor> {
        let tensor = |info: &super::TensorInfo| {
            let (layer, _) = role::split(&info.name);
            let block = layer.and_then(|layer| blocks.get(layer));
            let attention = layer.and_then(|layer| model.layers.get(layer)?.attention());
            let around = Around {
                tied: model.embeddings.tied,
                recurrent: block.is_some_and(Block::recurs),
                shared_kv: attention.is_some_and(|attention| !attention.owns_cache()),
                drafts: layer.is_some_and(|layer| layer >= blocks.len()),
                fused_ffn: block.is_some_and(Block::fused_ffn),
                active_experts,
            };
            let (role, active) = role::of(info, around);
            let stored = Some(Stored { block: info.block, bytes: info.bytes });
            Tensor {
                name: info.name.clone(),
                role,
                layer,
                rows: info.rows,
                row_length: info.row_length,
                active,
                stored,
            }
        };
        self.tensors.iter().map(tensor).collect()
    }

    /// Towers that some converters put into the same file.
    fn towers(&self, model: &mut Architecture) {
        let tower = |wanted: Role| {
            let of = |tensor: &&super::TensorInfo| role::of(tensor, Around::default()).0 == wanted;
            let (parameters, bytes) =
                self.tensors.iter().filter(of).fold((0_u64, 0_u64), |(p, b), tensor| {
                    (p.saturating_add(tensor.rows * tensor.row_length), b.saturating_add(tensor.bytes))
                });
            (parameters > 0).then_some(Encoder { parameters, bytes })
        };
        (model.vision, model.audio) = (tower(Role::Vision), tower(Role::Audio));
    }
}

fn check_blocks(architecture: &str, blocks: &[Block]) -> Result<(), GgufError> {
    let undescribed =
        |what: &str| GgufError::Undescribed { architecture: architecture.to_owned(), what: what.to_owned() };
    if let Some(what) = blocks.iter().find_map(|block| block.foreign) {
        return Err(undescribed(what));
    }
    // DeltaNet layers call their fused projection `attn_qkv` as well, but have no key projection.
    if blocks.iter().any(|block| block.recurs() && (block.k_rows > 0 || block.latent)) {
        return Err(undescribed("attention and a recurrence side by side in one layer"));
    }
    Ok(())
}

fn count(layers: u64) -> usize {
    usize::try_from(layers).unwrap_or(0)
}

/// The family's conventions, corrected by what the table shows.
fn conventions(name: &str, blocks: &[Block]) -> Family {
    let base = family::family(name).unwrap_or(family::FALLBACK);
    Family {
        qkv_bias: blocks.iter().any(|block| block.qkv_bias),
        qk_norm: blocks.iter().any(|block| block.qk_norm),
        unused_kv_weights: blocks.last().is_some_and(|block| block.k_rows > 0),
        ..*base
    }
}

/// Heads and their widths; keys without a suffix speak of the full-attention layers.
fn heads(keys: &Keys<'_>, layers: usize, profile: &mut Profile) -> Result<(), GgufError> {
    let range = 0..=MAX_HEADS;
    let query = keys.per_layer("attention.head_count", &range, layers)?;
    let query = query.ok_or_else(|| keys.wrong("attention.head_count", "a whole number from 0 to 65536"))?;
    let kv = keys.per_layer("attention.head_count_kv", &range, layers)?.unwrap_or_else(|| query.clone());
    let most = query.iter().copied().max().unwrap_or(0);
    let width = |key: &str| keys.integer(key, 1..=MAX_HEADS);
    let full = match width("attention.key_length")? {
        Some(width) => width,
        None if most == 0 => 1,
        None => (profile.hidden_size / most).max(1),
    };
    let sliding = width("attention.key_length_swa")?;
    profile.num_attention_heads = PerLayer::Each(query);
    profile.num_key_value_heads = PerLayer::Each(kv);
    profile.head_dim = sliding.unwrap_or(full);
    profile.global_head_dim = sliding.is_some().then_some(full);
    Ok(())
}

fn recurrent(keys: &Keys<'_>, blocks: &[Block]) -> Result<Option<RecurrentShape>, GgufError> {
    let size = |key: &str| keys.require(key, 1..=MAX_WIDTH);
    if blocks.iter().any(|block| block.short_conv) {
        return Ok(Some(RecurrentShape::ShortConv {
            kernel: keys.require("shortconv.l_cache", 1..=MAX_HEADS)?,
        }));
    }
    if !blocks.iter().any(|block| block.ssm) {
        return Ok(None);
    }
    let bounded = |key: &str| keys.require(key, 1..=MAX_HEADS);
    let heads = bounded("ssm.time_step_rank")?;
    let (state_size, groups, kernel) =
        (bounded("ssm.state_size")?, bounded("ssm.group_count")?, bounded("ssm.conv_kernel")?);
    let head_dim = (size("ssm.inner_size")? / heads).clamp(1, MAX_HEADS);
    Ok(Some(if blocks.iter().any(|block| block.delta) {
        RecurrentShape::GatedDeltaNet {
            key_heads: groups,
            value_heads: heads,
            key_head_dim: state_size,
            value_head_dim: head_dim,
            kernel,
        }
    } else {
        RecurrentShape::Mamba2 { heads, head_dim, state_size, groups, kernel }
    }))
}

/// Correct the expanded layers by the table: feed-forward blocks, biases, value widths, latent caches, KV heads.
fn reconcile(
    keys: &Keys<'_>,
    blocks: &[Block],
    active: u64,
    model: &mut Architecture,
) -> Result<(), GgufError> {
    let width = |key: &str| keys.integer(key, 1..=MAX_HEADS);
    let (values, values_swa) = (width("attention.value_length")?, width("attention.value_length_swa")?);
    let latent = latent_width(keys)?;
    let mut assumptions = Vec::new();
    for (index, (layer, block)) in model.layers.iter_mut().zip(blocks).enumerate() {
        layer.ffn = block.ffn(active);
        let Mixer::Attention(attention) = &mut layer.mixer else { continue };
        attention.output_bias = block.output_bias;
        let stated = if attention.window.is_some() { values_swa.or(values) } else { values };
        attention.v_head_dim = stated.unwrap_or(attention.k_head_dim);
        if let Some(width) = latent.filter(|_| block.latent) {
            (attention.kv_heads, attention.k_head_dim, attention.v_head_dim) = (1, width, 0);
            continue;
        }
        if !block.attends {
            (attention.query_heads, attention.kv_heads) = (0, 0);
            continue;
        }
        attention.values_from_keys = block.k_rows > 0 && block.v_rows == 0;
        let expected = attention.kv_heads.saturating_mul(attention.k_head_dim);
        if block.k_rows > 0 && !block.latent && block.k_rows != expected {
            if !block.k_rows.is_multiple_of(attention.k_head_dim) {
                let problem = format!(
                    "has {} rows; expected {} KV heads of {}",
                    block.k_rows, attention.kv_heads, attention.k_head_dim
                );
                return Err(GgufError::Tensor { tensor: format!("blk.{index}.attn_k.weight"), problem });
            }
            attention.kv_heads = block.k_rows / attention.k_head_dim;
            assumptions.push(format!(
                "layer {index}: {} KV heads by the rows of attn_k, against the metadata",
                attention.kv_heads
            ));
        }
    }
    if latent.is_some() {
        assumptions.push(
            "latent attention: one compressed vector cached per token and layer, as llama.cpp does".into(),
        );
    }
    model.assumptions.extend(assumptions);
    Ok(())
}

/// Channels of a latent cache; `None` for plain heads and for old conversions that expand them.
fn latent_width(keys: &Keys<'_>) -> Result<Option<u64>, GgufError> {
    let Some(rank) = keys.integer("attention.kv_lora_rank", 1..=MAX_WIDTH)? else { return Ok(None) };
    if keys.get("attention.key_length_mla").is_none() {
        return Ok(None);
    }
    let rotary = keys.integer("rope.dimension_count", 0..=MAX_HEADS)?.unwrap_or(0);
    Ok(Some(rank.saturating_add(rotary)))
}
