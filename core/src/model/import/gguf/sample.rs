//! Writes GGUF headers for tests: by hand, or of a whole model under llama.cpp's key and tensor names.

use crate::leaf::BlockType;
use crate::model::architecture::{Architecture, Recurrent, RecurrentKind};
use crate::model::tensor::Active;
use crate::model::{Model, Tensor};

/// A header under construction.
#[derive(Default)]
pub(crate) struct Sample {
    entries: Vec<u8>,
    entry_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data: u64,
}

impl Sample {
    /// A header of architecture `name`.
    pub(crate) fn new(name: &str) -> Self {
        Self::default().text("general.architecture", name)
    }

    fn key(mut self, key: &str, kind: u32) -> Self {
        string(&mut self.entries, key);
        self.entries.extend(kind.to_le_bytes());
        self.entry_count += 1;
        self
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        let mut sample = self.key(key, 8);
        string(&mut sample.entries, value);
        sample
    }

    pub(crate) fn count(self, key: &str, value: u64) -> Self {
        let mut sample = self.key(key, 4);
        sample.entries.extend(u32::try_from(value).unwrap().to_le_bytes());
        sample
    }

    /// An array of 32-bit integers.
    pub(crate) fn counts(self, key: &str, values: impl IntoIterator<Item = u64>) -> Self {
        let values: Vec<u64> = values.into_iter().collect();
        let mut sample = self.key(key, 9);
        sample.entries.extend(5_u32.to_le_bytes());
        sample.entries.extend((values.len() as u64).to_le_bytes());
        for value in values {
            sample.entries.extend(i32::try_from(value).unwrap().to_le_bytes());
        }
        sample
    }

    /// An array of flags.
    pub(crate) fn flags(self, key: &str, values: impl IntoIterator<Item = bool>) -> Self {
        let values: Vec<u8> = values.into_iter().map(u8::from).collect();
        let mut sample = self.key(key, 9);
        sample.entries.extend(7_u32.to_le_bytes());
        sample.entries.extend((values.len() as u64).to_le_bytes());
        sample.entries.extend(values);
        sample
    }

    /// An array of texts.
    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let mut sample = self.key(key, 9);
        sample.entries.extend(8_u32.to_le_bytes());
        sample.entries.extend((values.len() as u64).to_le_bytes());
        for value in values {
            string(&mut sample.entries, value);
        }
        sample
    }

    /// Anything at all under a key: its type code and its bytes.
    pub(crate) fn raw(self, key: &str, kind: u32, value: &[u8]) -> Self {
        let mut sample = self.key(key, kind);
        sample.entries.extend(value);
        sample
    }

    /// A tensor that follows the last one.
    pub(crate) fn tensor(self, name: &str, dimensions: &[u64], block: BlockType) -> Self {
        let offset = self.data;
        self.tensor_at(name, dimensions, block.gguf_code(), offset, block)
    }

    /// A tensor with any type code at any offset.
    pub(crate) fn tensor_at(
        mut self,
        name: &str,
        dimensions: &[u64],
        code: u32,
        offset: u64,
        block: BlockType,
    ) -> Self {
        string(&mut self.tensors, name);
        self.tensors.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
        for dimension in dimensions {
            self.tensors.extend(dimension.to_le_bytes());
        }
        self.tensors.extend(code.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        let rows = dimensions.iter().skip(1).product();
        let bytes = block.size(rows, dimensions.first().copied().unwrap_or(1));
        self.data = offset.saturating_add(bytes).checked_next_multiple_of(32).unwrap_or(0);
        self
    }

    /// The header's bytes, and the length of the whole file.
    pub(crate) fn finish(self) -> (Vec<u8>, u64) {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(self.tensor_count.to_le_bytes());
        bytes.extend(self.entry_count.to_le_bytes());
        bytes.extend(self.entries);
        bytes.extend(self.tensors);
        let length = (bytes.len() as u64).next_multiple_of(32) + self.data;
        (bytes, length)
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A llama of two layers, with a tokenizer.
pub(crate) fn small() -> Sample {
    let mut sample = Sample::new("llama")
        .text("general.name", "Small")
        .count("llama.block_count", 2)
        .count("llama.embedding_length", 64)
        .count("llama.context_length", 512)
        .count("llama.feed_forward_length", 128)
        .count("llama.attention.head_count", 4)
        .count("llama.attention.head_count_kv", 2)
        .texts("tokenizer.ggml.tokens", &["<s>", "</s>", "a"])
        .tensor("token_embd.weight", &[64, 3], BlockType::Q8_0)
        .tensor("output_norm.weight", &[64], BlockType::F32);
    for layer in 0..2 {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        sample = sample
            .tensor(&name("attn_norm"), &[64], BlockType::F32)
            .tensor(&name("ffn_norm"), &[64], BlockType::F32)
            .tensor(&name("attn_q"), &[64, 64], BlockType::Q4_0)
            .tensor(&name("attn_k"), &[64, 32], BlockType::Q4_0)
            .tensor(&name("attn_v"), &[64, 32], BlockType::Q4_0)
            .tensor(&name("attn_output"), &[64, 64], BlockType::Q4_0)
            .tensor(&name("ffn_gate"), &[64, 128], BlockType::Q4_0)
            .tensor(&name("ffn_up"), &[64, 128], BlockType::Q4_0)
            .tensor(&name("ffn_down"), &[128, 64], BlockType::Q4_0);
    }
    sample
}

/// A whole model as a converter would write it, all in bf16.
pub(crate) fn of(model: &Model, architecture: &str) -> Sample {
    let shape = &model.architecture;
    let key = |name: &str| format!("{architecture}.{name}");
    let mut sample = attention(Sample::new(architecture), shape, &key)
        .count(&key("block_count"), shape.layers.len() as u64)
        .count(&key("embedding_length"), shape.hidden_size)
        .count(&key("context_length"), shape.max_context_tokens);
    let shared = shape.attention_layers().filter(|(_, attention)| !attention.owns_cache()).count();
    sample = sample.count(&key("attention.shared_kv_layers"), shared as u64);
    let experts = model.tensors.iter().find_map(|tensor| match tensor.active {
        Active::Experts { experts, active } => Some((experts, active)),
        _ => None,
    });
    if let Some((experts, active)) = experts {
        sample = sample.count(&key("expert_count"), experts).count(&key("expert_used_count"), active);
    }
    if let Some(recurrent) = shape.layers.iter().find_map(|layer| layer.recurrent()) {
        sample = state(Sample::default(), recurrent, &key).append(sample);
    }
    if let Some(ple) = &shape.ple {
        sample = sample.count(&key("embedding_length_per_layer_input"), ple.width);
    }
    for tensor in model.tensors.iter().filter(|tensor| !tensor.role.is_tower()) {
        sample = sample.tensor(&tensor.name, &dimensions(tensor), BlockType::Bf16);
    }
    sample
}

impl Sample {
    /// This header's entries after those of `first`.
    fn append(self, mut first: Self) -> Self {
        first.entries.extend(self.entries);
        first.entry_count += self.entry_count;
        first
    }
}

fn attention(mut sample: Sample, shape: &Architecture, key: &impl Fn(&str) -> String) -> Sample {
    let layers: Vec<_> = shape.layers.iter().map(|layer| layer.attention()).collect();
    let of = |get: &dyn Fn(&crate::model::architecture::Attention) -> u64| -> Vec<u64> {
        layers.iter().map(|attention| attention.map_or(0, get)).collect()
    };
    sample = sample.counts(&key("attention.head_count"), of(&|a| a.query_heads));
    let heads = |a: &crate::model::architecture::Attention| match a.expanded {
        Some(whole) if whole.in_llama_cpp => whole.heads,
        _ => a.kv_heads,
    };
    sample = sample.counts(&key("attention.head_count_kv"), of(&heads));
    let full = layers.iter().flatten().find(|a| a.window.is_none()).or(layers.iter().flatten().next());
    match full.map(|full| (full, full.expanded)) {
        Some((full, Some(whole))) if !whole.in_llama_cpp => {
            let rotary = whole.k_head_dim / 4;
            sample = sample
                .count(&key("attention.key_length"), full.k_head_dim)
                .count(&key("attention.value_length"), full.k_head_dim - rotary)
                .count(&key("attention.kv_lora_rank"), full.k_head_dim - rotary)
                .count(&key("rope.dimension_count"), rotary)
                .count(&key("attention.key_length_mla"), whole.k_head_dim)
                .count(&key("attention.value_length_mla"), whole.v_head_dim);
        }
        Some((_, Some(whole))) => {
            sample = sample
                .count(&key("attention.key_length"), whole.k_head_dim)
                .count(&key("attention.value_length"), whole.v_head_dim);
        }
        Some((full, None)) => {
            sample = sample
                .count(&key("attention.key_length"), full.k_head_dim)
                .count(&key("attention.value_length"), full.v_head_dim);
        }
        None => {}
    }
    let indexer = layers.iter().flatten().map(|a| a.indexer_channels).max().unwrap_or(0);
    sample =
        sample.count(&key("attention.indexer.key_length"), indexer).count(&key("num_loops"), shape.passes);
    if let Some(sliding) = layers.iter().flatten().find(|a| a.window.is_some()) {
        sample = sample
            .count(&key("attention.key_length_swa"), sliding.k_head_dim)
            .count(&key("attention.value_length_swa"), sliding.v_head_dim)
            .count(&key("attention.sliding_window"), sliding.window.unwrap_or(0))
            .flags(
                &key("attention.sliding_window_pattern"),
                layers.iter().map(|a| a.is_some_and(|a| a.window.is_some())),
            );
    } else {
        // As converters do where no window bites: a missing one would be llama.cpp's own.
        sample = sample.count(&key("attention.sliding_window"), 0);
    }
    sample
}

fn state(sample: Sample, recurrent: &Recurrent, key: &impl Fn(&str) -> String) -> Sample {
    let find = |name: &str| recurrent.tensors.iter().find(|tensor| tensor.name == name);
    let rows = |name: &str| find(name).map_or(0, |tensor| tensor.rows);
    let length = |name: &str| find(name).map_or(0, |tensor| tensor.row_length);
    let ssm = |sample: Sample, kernel, inner, state, rank, groups| {
        sample
            .count(&key("ssm.conv_kernel"), kernel)
            .count(&key("ssm.inner_size"), inner)
            .count(&key("ssm.state_size"), state)
            .count(&key("ssm.time_step_rank"), rank)
            .count(&key("ssm.group_count"), groups)
    };
    let (kernel, inner, heads) = (length("ssm_conv1d"), length("ssm_out"), length("ssm_a"));
    match recurrent.kind {
        RecurrentKind::ShortConv => sample.count(&key("shortconv.l_cache"), length("shortconv.conv")),
        RecurrentKind::KimiDelta => sample
            .count(&key("kda.head_dim"), length("ssm_norm"))
            .count(&key("ssm.conv_kernel"), length("ssm_conv1d_q")),
        // No file has it.
        RecurrentKind::GatedLru => sample,
        RecurrentKind::Rwkv7 => {
            let width = length("time_mix_key");
            sample.count(&key("wkv.head_size"), recurrent.state_bytes / 4 / width - 2)
        }
        RecurrentKind::Mamba => {
            let state = recurrent.state_bytes / 4 / inner - (kernel - 1);
            ssm(sample, kernel, inner, state, rows("ssm_x") - 2 * state, 0)
        }
        RecurrentKind::GatedDeltaNet | RecurrentKind::Mamba2 | RecurrentKind::Lightning => {
            let state = (recurrent.state_bytes / 4 - rows("ssm_conv1d") * (kernel - 1)) / inner;
            ssm(sample, kernel, inner, state, heads, (rows("ssm_conv1d") - inner) / 2 / state)
        }
    }
}

/// Row length first; expert stacks and AltUp's projections have a third dimension.
fn dimensions(tensor: &Tensor) -> Vec<u64> {
    let stacked = match tensor.active {
        Active::Experts { experts, .. } => experts,
        _ if tensor.name.starts_with("altup_") => tensor.rows / tensor.row_length,
        _ => 1,
    };
    match (tensor.rows, stacked) {
        (1, _) => vec![tensor.row_length],
        (rows, 1) => vec![tensor.row_length, rows],
        (rows, stacked) => vec![tensor.row_length, rows / stacked, stacked],
    }
}

/// Kinds of the recurrent layers, for comparison.
pub(crate) fn recurrences(model: &Model) -> Vec<Option<(RecurrentKind, u64)>> {
    let of = |recurrent: &Recurrent| (recurrent.kind, recurrent.state_bytes);
    model.architecture.layers.iter().map(|layer| layer.recurrent().map(of)).collect()
}
