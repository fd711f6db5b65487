//! From metadata and tensor table to a model: widths from the table, heads and windows from the metadata.

use super::super::draft::{self, MAX_CONTEXT, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, UNSTATED_CONTEXT};
use super::blocks::{self, Block};
use super::keys::Keys;
use super::role::{self, Around};
use super::windows::Windows;
use super::{GgufModelError, state, windows};
use crate::format::gguf::{Gguf, GgufError};
use crate::leaf::cast::to_u64;
use crate::model::architecture::{
    Architecture, Attention, Embeddings, Encoder, Expanded, Extras, Ffn, KvSource, Layer, Mixer,
    PerLayerEmbedding,
};
use crate::model::family;
use crate::model::family::{Family, GGUF_OTHERS, GGUF_UNDESCRIBED, MAY_BE_EMPTY};
use crate::model::tensor::{Role, Stored, Tensor};
use crate::model::{Model, Origin};

impl Gguf {
    /// The model this file holds; `name` is the file's name.
    pub fn model(&self, name: &str) -> Result<Model, GgufModelError> {
        let (architecture, keys) = self.decoder()?;
        let declared = keys.require("block_count", 1..=MAX_LAYERS)?;
        let drafts = keys.integer("nextn_predict_layers", 0..=declared.saturating_sub(1))?.unwrap_or(0);
        let all = blocks::read(self, count(declared))?;
        let layers = declared - drafts;
        let blocks = all.get(..count(layers)).unwrap_or_default();
        if blocks.iter().any(|block| block.apart_experts) {
            return Err(GgufModelError::Undescribed {
                architecture: architecture.to_owned(),
                what: "one tensor an expert, a form that llama.cpp no longer loads (convert the model again)"
                    .into(),
            });
        }
        if blocks.iter().any(|block| block.convolves && block.recurs.is_none()) {
            let what = "convolutions of a kind that is not known here in its layers".into();
            return Err(GgufModelError::Undescribed { architecture: architecture.to_owned(), what });
        }
        let empty = blocks.iter().position(|block| !block.stands);
        if let Some(layer) = empty.filter(|_| !MAY_BE_EMPTY.contains(&architecture)) {
            let problem = format!("is missing: no tensor of layer {layer} of {layers} is in the file");
            return Err(GgufError::Tensor { tensor: format!("blk.{layer}.*"), problem }.into());
        }
        let mut model = self.architecture(name, architecture, &keys, blocks)?;
        model.published.mtp_layers = drafts;
        if drafts > 0 {
            model.assumptions.push(format!(
                "{drafts} multi-token-prediction layer(s) in the file: stored, not decoded with"
            ));
        }
        self.towers(&mut model);
        let unread = keys.unread();
        if !unread.is_empty() {
            let list = unread.join(", ");
            model
                .assumptions
                .push(format!("not taken into account, though by name it could change memory: {list}"));
        }
        let tensors = self.tensors(&model, blocks);
        draft::believable(&model, &tensors)?;
        let origin = Origin::Gguf { file_bytes: self.file_bytes };
        Ok(Model { architecture: model, tensors, origin, profile: None })
    }

    /// `general.architecture` with its keys, when this is a whole language model.
    fn decoder(&self) -> Result<(&str, Keys<'_>), GgufModelError> {
        const KEY: &str = "general.architecture";
        let parts = self.metadata.count("split.count").unwrap_or(0);
        if parts > 1 && self.parts < parts {
            let part = self.metadata.count("split.no").unwrap_or(0).saturating_add(1);
            return Err(GgufModelError::Split { part, parts });
        }
        let stated = self.metadata.text(KEY);
        let refuse = |what: String| {
            let architecture = stated.unwrap_or("this file").to_owned();
            Err(GgufModelError::NotDecoderOnly { architecture, what })
        };
        if let Some(kind) = self.metadata.text("general.type").filter(|kind| *kind != "model") {
            let what = match kind {
                "imatrix" => "an importance matrix (imatrix), which a quantiser reads".to_owned(),
                "adapter" => "a LoRA adapter, a file of type `adapter`".to_owned(),
                "mmproj" => "a vision or audio projector (mmproj)".to_owned(),
                other => format!("a file of type `{other}`"),
            };
            return refuse(what);
        }
        let architecture = stated.ok_or_else(|| GgufError::Metadata {
            key: KEY.to_owned(),
            found: self
                .metadata
                .get(KEY)
                .map_or_else(|| "missing".to_owned(), crate::format::gguf::Value::describe),
            expected: "the name of an architecture".to_owned(),
        })?;
        if let Some((_, what)) = GGUF_OTHERS.iter().find(|(name, _)| *name == architecture) {
            return refuse((*what).to_owned());
        }
        if let Some((_, what)) = GGUF_UNDESCRIBED.iter().find(|(name, _)| *name == architecture) {
            let (architecture, what) = (architecture.to_owned(), (*what).to_owned());
            return Err(GgufModelError::Undescribed { architecture, what });
        }
        if self.tensors.is_empty() {
            return refuse("a vocabulary without weights: it has no tensor".to_owned());
        }
        let keys = Keys::new(&self.metadata, architecture);
        if keys.is("attention.causal", false) {
            return refuse("an encoder under a decoder's name (`attention.causal` is false)".to_owned());
        }
        if let Some(kind) = keys.integer("pooling_type", 0..=MAX_HEADS)?.filter(|kind| *kind > 0) {
            let what = if kind == 4 { "a reranker" } else { "an embedding model" };
            return refuse(format!("{what} under a decoder's name (`pooling_type` is {kind})"));
        }
        Ok((architecture, keys))
    }

    fn find(&self, name: &str) -> Option<&crate::format::gguf::TensorInfo> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    fn architecture(
        &self,
        file: &str,
        architecture: &str,
        keys: &Keys<'_>,
        blocks: &[Block],
    ) -> Result<Architecture, GgufError> {
        let embedding = self.find("token_embd.weight").ok_or_else(|| GgufError::Tensor {
            tensor: "token_embd.weight".into(),
            problem: "is missing: without it there is no vocabulary".into(),
        })?;
        let title = self.metadata.text("general.name").filter(|name| !name.trim().is_empty());
        let title = title.unwrap_or_else(|| draft::stem(file, &[".gguf"]));
        let known = family::of_gguf(architecture);
        let family = known.unwrap_or(family::FALLBACK);
        let name = known.map_or(architecture, |family| family.name);
        let mut model = draft::architecture(title, title, name);
        if known.is_none() {
            model.assumptions.push(format!(
                "`{architecture}` is not listed: its layers are taken as its tensors show them, with windows where it lists them"
            ));
        }
        model.hidden_size = keys.require("embedding_length", 1..=MAX_WIDTH)?;
        if embedding.row_length != model.hidden_size {
            let problem = format!(
                "has rows of {}, but embedding_length is {}",
                embedding.row_length, model.hidden_size
            );
            return Err(GgufError::Tensor { tensor: embedding.name.clone(), problem });
        }
        let tied = self.find("output.weight").is_none();
        model.embeddings = Embeddings { vocab_size: embedding.rows, width: embedding.row_length, tied };
        model.conduct = family.conduct(embedding.rows, blocks.len());
        if let Some(kind) = self.metadata.text("tokenizer.ggml.model") {
            model.conduct.tokenizer = family::tokenizer(kind);
        }
        let looped =
            ["num_loops", "total_ut_steps", "loop_count"].into_iter().find(|key| keys.get(key).is_some());
        model.passes = keys.integer(looped.unwrap_or("num_loops"), 1..=64)?.unwrap_or(1);
        model.max_context_tokens = context(keys, architecture, &mut model.assumptions)?;
        let heads = Heads::read(keys, blocks.len(), model.hidden_size)?;
        let found = windows::read(keys, family, blocks.len(), model.max_context_tokens)?;
        model.assumptions.extend(found.assumption.clone());
        model.layers = layers(keys, family, blocks, &heads, &found, &mut model.assumptions)?;
        // A listed family says itself which layers share others' caches.
        let lacks =
            |(index, attention): &(usize, &Attention)| attention.owns_cache() && blocks[*index].lacks_keys();
        if known.is_none()
            && let Some((index, _)) = model.attention_layers().find(lacks)
        {
            let problem = "is missing, and so is attn_qkv: nothing says what its layer caches".to_owned();
            return Err(GgufError::Tensor { tensor: format!("blk.{index}.attn_k.weight"), problem });
        }
        model.extras = Extras {
            altup_streams: self.find("altup_proj.weight").map_or(0, |tensor| tensor.last.saturating_add(1)),
            laurel_rank: self.find("blk.0.laurel_l.weight").map_or(0, |tensor| tensor.rows),
            layer_scalar: family.conventions.layer_scalar,
            fused: family.conventions.fused,
            head_gate: family.conventions.head_gate,
            bare_output_norm: self.find("output_norm.weight").is_none(),
        };
        model.ple = self.table(keys, family, blocks.len() as u64)?;
        model.sources = vec![format!("GGUF header of {}", draft::stem(file, &[]))];
        Ok(model)
    }

    /// The per-layer embedding table.
    fn table(
        &self,
        keys: &Keys<'_>,
        family: &Family,
        layers: u64,
    ) -> Result<Option<PerLayerEmbedding>, GgufError> {
        let stated = keys.integer("embedding_length_per_layer_input", 0..=MAX_WIDTH)?;
        let Some(table) = self.find("per_layer_token_embd.weight") else { return Ok(None) };
        let width = stated.unwrap_or(table.row_length / layers.max(1));
        if width.saturating_mul(layers) != table.row_length || width == 0 {
            let problem =
                format!("has rows of {}; expected {width} for each of {layers} layers", table.row_length);
            return Err(GgufError::Tensor { tensor: table.name.clone(), problem });
        }
        Ok(Some(PerLayerEmbedding { rows: table.rows, width, gated: family.gated_table() }))
    }

    /// The table's tensors with their roles, exact types and bytes.
    fn tensors(&self, model: &Architecture, blocks: &[Block]) -> Vec<Tensor> {
        let tensor = |info: &crate::format::gguf::TensorInfo| {
            let (layer, _) = role::split(&info.name);
            let block = layer.and_then(|layer| blocks.get(layer));
            let described = layer.and_then(|layer| model.layers.get(layer));
            let attention = described.and_then(Layer::attention);
            let around = Around {
                tied: model.embeddings.tied,
                recurrent: block.is_some_and(|block| block.recurs() && !block.has_keys()),
                shared_kv: attention.is_some_and(|attention| !attention.owns_cache()),
                drafts: layer.is_some_and(|layer| layer >= blocks.len()),
                fused_ffn: block.is_some_and(Block::fused_ffn),
                active_experts: match described.map(|layer| &layer.ffn) {
                    Some(Ffn::Experts { active, .. }) => *active,
                    _ => 0,
                },
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
            let of =
                |tensor: &&crate::format::gguf::TensorInfo| role::of(tensor, Around::default()).0 == wanted;
            let (parameters, bytes) =
                self.tensors.iter().filter(of).fold((0_u64, 0_u64), |(p, b), tensor| {
                    (p.saturating_add(tensor.rows * tensor.row_length), b.saturating_add(tensor.bytes))
                });
            (parameters > 0).then_some(Encoder { parameters, bytes })
        };
        (model.vision, model.audio) = (tower(Role::Vision), tower(Role::Audio));
    }
}

/// Every layer, by its block of the table.
fn layers(
    keys: &Keys<'_>,
    family: &Family,
    blocks: &[Block],
    heads: &Heads,
    windows: &Windows,
    assumptions: &mut Vec<String>,
) -> Result<Vec<Layer>, GgufError> {
    let active = experts_used(keys, blocks)?;
    let most = (blocks.len() as u64).saturating_sub(1);
    let shared = keys.integer("attention.shared_kv_layers", 0..=most)?.unwrap_or(0);
    let first_shared = blocks.len().saturating_sub(count(shared));
    let unused = blocks.last().is_some_and(|block| block.k_rows > 0);
    let hidden = keys.require("embedding_length", 1..=MAX_WIDTH)?;
    let indexer = keys.integer("attention.indexer.key_length", 0..=MAX_HEADS)?.unwrap_or(0);
    let latent = Latent::read(keys)?;
    let mut layers = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let slides = windows.slides.get(index) == Some(&true);
        let recurrence = state::of(keys, block, hidden)?;
        let attends = block.attends && (recurrence.is_none() || block.has_keys());
        let attention = if attends {
            let mut attention = heads.of(index, slides.then_some(windows.window));
            reconcile(block, index, &mut attention, assumptions)?;
            if let Some(latent) = latent.as_ref().filter(|_| block.latent) {
                latent.compress(&mut attention, family);
            }
            if block.indexer {
                attention.indexer_channels = indexer;
            }
            let donor = || (0..first_shared).rev().find(|other| windows.slides[*other] == slides);
            if index >= first_shared
                && let Some(donor) = donor()
            {
                attention.kv = KvSource::Shared { donor, unused_weights: unused };
            }
            Some(attention)
        } else {
            None
        };
        let mixer = match (attention, recurrence) {
            (Some(attention), Some(recurrence)) => Mixer::Both(attention, recurrence),
            (Some(attention), None) => Mixer::Attention(attention),
            (None, Some(recurrence)) => Mixer::Recurrent(recurrence),
            (None, None) => Mixer::None,
        };
        let norms = family.conventions.norms;
        layers.push(Layer {
            mixer,
            ffn: block.ffn(active.get(index).copied().unwrap_or(0)),
            norms,
            more: Vec::new(),
        });
    }
    if latent.is_some() && blocks.iter().any(|block| block.latent) {
        assumptions.push(
            "latent attention: one compressed vector cached per token and layer, as llama.cpp does".into(),
        );
    }
    Ok(layers)
}

/// Experts that a token goes through, layer by layer; llama.cpp loads no experts without a number of them.
fn experts_used(keys: &Keys<'_>, blocks: &[Block]) -> Result<Vec<u64>, GgufError> {
    const KEY: &str = "expert_used_count";
    match keys.per_layer(KEY, &(0..=MAX_HEADS), blocks.len())? {
        Some(used) => Ok(used),
        None if blocks.iter().any(Block::has_experts) => {
            Err(keys.wrong(KEY, "how many experts a token goes through, since the file has experts"))
        }
        None => Ok(Vec::new()),
    }
}

/// Correct a layer by the table: biases, KV heads, widths of values, values taken from keys.
fn reconcile(
    block: &Block,
    index: usize,
    attention: &mut Attention,
    assumptions: &mut Vec<String>,
) -> Result<(), GgufError> {
    (attention.output_bias, attention.qkv_bias) = (block.output_bias, block.qkv_bias);
    attention.qk_norm = block.qk_norm;
    attention.values_from_keys = block.k_rows > 0 && block.v_rows == 0;
    let (k_dim, v_dim) = (attention.k_head_dim, attention.v_head_dim);
    // In a fused projection keys and values follow the queries.
    let queries = attention.query_heads.saturating_mul(k_dim);
    let (name, rows, width) = match (block.k_rows, block.qkv_rows) {
        _ if block.latent => return Ok(()),
        (0, 0) => return Ok(()),
        (0, fused) => ("attn_qkv", fused.saturating_sub(queries), k_dim.saturating_add(v_dim)),
        (rows, _) => ("attn_k", rows, k_dim),
    };
    let tensor = format!("blk.{index}.{name}.weight");
    if rows != attention.kv_heads.saturating_mul(width) {
        if rows == 0 || !rows.is_multiple_of(width) {
            let problem = format!("has {rows} rows; expected {} KV heads of {width}", attention.kv_heads);
            return Err(GgufError::Tensor { tensor, problem });
        }
        attention.kv_heads = rows / width;
        assumptions.push(format!(
            "layer {index}: {} KV heads by the rows of {name}, against the metadata",
            attention.kv_heads
        ));
    }
    let v_rows = block.v_rows;
    if block.k_rows > 0 && v_rows > 0 && v_rows != attention.kv_heads.saturating_mul(v_dim) {
        if !v_rows.is_multiple_of(attention.kv_heads) {
            let problem = format!("has {v_rows} rows; expected {} KV heads of {v_dim}", attention.kv_heads);
            return Err(GgufError::Tensor { tensor: format!("blk.{index}.attn_v.weight"), problem });
        }
        attention.v_head_dim = v_rows / attention.kv_heads;
        assumptions.push(format!(
            "layer {index}: values of {} channels a head by the rows of attn_v, against the metadata",
            attention.v_head_dim
        ));
    }
    Ok(())
}

fn count(layers: u64) -> usize {
    usize::try_from(layers).unwrap_or(0)
}

/// What the file declares, raised by the scaling of its positions: a factor of the original context for YaRN, of the declared
/// one for linear scaling.
fn context(keys: &Keys<'_>, architecture: &str, assumptions: &mut Vec<String>) -> Result<u64, GgufError> {
    let Some(stated) = keys.integer("context_length", 1..=MAX_CONTEXT)? else {
        assumptions
            .push(format!("`{architecture}.context_length` not given: assumed {UNSTATED_CONTEXT} tokens"));
        return Ok(UNSTATED_CONTEXT);
    };
    let original = keys.integer("rope.scaling.original_context_length", 1..=MAX_CONTEXT)?;
    let kind = keys.text("rope.scaling.type");
    let factor = keys.number("rope.scaling.factor").or_else(|| keys.number("rope.scale_linear"));
    let base = match kind {
        Some("yarn") => original.unwrap_or(stated),
        Some("linear") if !family::declares_scaled_context(architecture) => stated,
        _ => return Ok(stated),
    };
    let Some(factor) = factor.filter(|factor| (1.0..=1e6).contains(factor)) else { return Ok(stated) };
    let raised = to_u64(base as f64 * factor).min(MAX_CONTEXT);
    if raised > stated {
        let kind = kind.unwrap_or_default();
        assumptions
            .push(format!("{kind} scaling of positions raises the context of {stated} to {raised} tokens"));
    }
    Ok(raised.max(stated))
}

/// Heads and their widths; keys without a suffix speak of the full-attention layers.
struct Heads {
    query: Vec<u64>,
    kv: Vec<u64>,
    full: (u64, u64),
    sliding: (u64, u64),
}

impl Heads {
    fn read(keys: &Keys<'_>, layers: usize, hidden: u64) -> Result<Self, GgufError> {
        let range = 0..=MAX_HEADS;
        let query = match keys.per_layer("attention.head_count", &range, layers)? {
            Some(query) => query,
            // A model that only recurs has none.
            None if keys.get("ssm.state_size").is_some() || keys.get("wkv.head_size").is_some() => {
                vec![0; layers]
            }
            None => return Err(keys.wrong("attention.head_count", "a whole number from 0 to 65536")),
        };
        let kv = keys.per_layer("attention.head_count_kv", &range, layers)?;
        let kv = kv.unwrap_or_else(|| query.clone());
        let most = query.iter().copied().max().unwrap_or(0);
        let width = |key: &str| keys.integer(key, 1..=MAX_HEADS);
        // llama.cpp's default of both widths.
        let usual = hidden.checked_div(most).unwrap_or(1).clamp(1, MAX_HEADS);
        let full = (
            width("attention.key_length")?.unwrap_or(usual),
            width("attention.value_length")?.unwrap_or(usual),
        );
        let sliding = (
            width("attention.key_length_swa")?.unwrap_or(full.0),
            width("attention.value_length_swa")?.unwrap_or(full.1),
        );
        Ok(Self { query, kv, full, sliding })
    }

    fn of(&self, layer: usize, window: Option<u64>) -> Attention {
        let (k_head_dim, v_head_dim) = if window.is_some() { self.sliding } else { self.full };
        Attention {
            window,
            query_heads: self.query.get(layer).copied().unwrap_or(0),
            kv_heads: self.kv.get(layer).copied().unwrap_or(0),
            k_head_dim,
            v_head_dim,
            kv: KvSource::Own,
            qkv_bias: false,
            output_bias: false,
            qk_norm: false,
            values_from_keys: false,
            output_gate: false,
            listed: false,
            expanded: None,
            indexer_channels: 0,
            cross_tokens: None,
        }
    }
}

/// A latent cache; nothing for plain heads and for old conversions that expand them.
struct Latent {
    width: u64,
    whole: (u64, u64),
}

impl Latent {
    fn read(keys: &Keys<'_>) -> Result<Option<Self>, GgufError> {
        let rank = keys.integer("attention.kv_lora_rank", 0..=MAX_WIDTH)?.unwrap_or(0);
        let Some(k) = keys.integer("attention.key_length_mla", 1..=MAX_HEADS)? else { return Ok(None) };
        let v = keys.integer("attention.value_length_mla", 1..=MAX_HEADS)?.unwrap_or(k);
        if rank == 0 {
            return Ok(None);
        }
        let rotary = keys.integer("rope.dimension_count", 0..=MAX_HEADS)?.unwrap_or(0);
        Ok(Some(Self { width: rank.saturating_add(rotary), whole: (k, v) }))
    }

    fn compress(&self, attention: &mut Attention, family: &Family) {
        (attention.kv_heads, attention.k_head_dim, attention.v_head_dim) = (1, self.width, 0);
        attention.expanded = Some(Expanded {
            heads: attention.query_heads,
            k_head_dim: self.whole.0,
            v_head_dim: self.whole.1,
            in_llama_cpp: false,
            in_vllm: family.vllm_expands,
        });
    }
}
