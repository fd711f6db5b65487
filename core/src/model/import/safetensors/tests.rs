//! Safetensors headers: with and without a config, packed checkpoints, indices, damage and truncation.

use super::super::hf_config::{self, StoredBits};
use super::*;
use crate::model::architecture::{Ffn, Mixer, RecurrentKind};
use crate::model::{Model, Role};
use proptest::prelude::*;
use std::fmt::Write;

fn config(name: &str) -> Model {
    let path = format!("{}/../tests/fixtures/configs/{name}.json", env!("CARGO_MANIFEST_DIR"));
    hf_config::parse(name, &std::fs::read(path).unwrap()).unwrap()
}

/// A file's header and length, from names, types and shapes.
#[derive(Default)]
struct Sample {
    json: String,
    data: u64,
}

impl Sample {
    fn tensor(mut self, name: &str, dtype: &str, shape: &[u64]) -> Self {
        let width = match dtype {
            "F32" | "I32" | "U32" => 4,
            "U8" | "I8" | "F8_E4M3" => 1,
            _ => 2,
        };
        let end = self.data + shape.iter().product::<u64>() * width;
        let comma = if self.json.is_empty() { "" } else { "," };
        write!(
            self.json,
            r#"{comma}"{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{},{end}]}}"#,
            self.data
        )
        .unwrap();
        self.data = end;
        self
    }

    fn bf16(self, name: &str, shape: &[u64]) -> Self {
        self.tensor(name, "BF16", shape)
    }

    fn finish(self) -> (Vec<u8>, u64) {
        let json = format!(r#"{{"__metadata__":{{"format":"pt"}},{}}}"#, self.json);
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        let length = bytes.len() as u64 + self.data;
        (bytes, length)
    }

    fn header(self) -> Header {
        let (bytes, length) = self.finish();
        parse_header("model.safetensors", &bytes, Some(length)).unwrap()
    }
}

/// A llama-like checkpoint.
fn llama(layers: u64, hidden: u64, q: u64, kv: u64, ffn: u64, vocab: u64) -> Sample {
    let mut sample = Sample::default()
        .bf16("model.embed_tokens.weight", &[vocab, hidden])
        .bf16("model.norm.weight", &[hidden]);
    for layer in 0..layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        sample = sample
            .bf16(&name("input_layernorm"), &[hidden])
            .bf16(&name("post_attention_layernorm"), &[hidden])
            .bf16(&name("self_attn.q_proj"), &[q, hidden])
            .bf16(&name("self_attn.k_proj"), &[kv, hidden])
            .bf16(&name("self_attn.v_proj"), &[kv, hidden])
            .bf16(&name("self_attn.o_proj"), &[hidden, q])
            .bf16(&name("mlp.gate_proj"), &[ffn, hidden])
            .bf16(&name("mlp.up_proj"), &[ffn, hidden])
            .bf16(&name("mlp.down_proj"), &[hidden, ffn]);
    }
    sample
}

fn llama_1b() -> Sample {
    llama(16, 2_048, 2_048, 512, 8_192, 128_256)
}

fn message(bytes: &[u8], length: Option<u64>) -> String {
    parse_header("model.safetensors", bytes, length).unwrap_err().to_string()
}

#[test]
fn shapes_alone_give_parameters_and_cache() {
    let header = llama_1b().header();
    let model = header.model().unwrap();
    assert_eq!(model.parameters().text, 1_235_814_400);
    assert_eq!(model.origin, crate::model::Origin::Safetensors { file_bytes: header.file_bytes });
    let (_, attention) = model.architecture.attention_layers().next().unwrap();
    assert_eq!(attention.cached_channels(), (512, 512));
    assert!(model.architecture.embeddings.tied);
    let said = model.architecture.assumptions.join("\n");
    assert!(said.contains("head_dim") && said.contains("longest context"), "{said}");
    let stored: u64 = model.tensors.iter().filter_map(|t| t.stored).map(|s| s.bytes).sum();
    assert_eq!(stored, 2 * 1_235_814_400);
}

#[test]
fn a_config_supplies_what_shapes_do_not_say() {
    let model = llama_1b().header().with_config(config("llama-3.2-1b"), &StoredBits::default()).unwrap();
    assert_eq!(model.architecture.max_context_tokens, 131_072);
    assert_eq!(model.architecture.layers[0].attention().unwrap().kv_heads, 8);
    assert!(model.is_stored());
    let error = llama_1b().header().with_config(config("llama-3.2-3b"), &StoredBits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the header has 16 layers, the config 28");
    let narrow = llama(16, 1_024, 2_048, 512, 8_192, 128_256)
        .header()
        .with_config(config("llama-3.2-1b"), &StoredBits::default());
    assert_eq!(
        narrow.unwrap_err().to_string(),
        "the header has 1024 channels in the stream, the config 2048"
    );
}

/// A config of another model than the file's is refused, or both figures are said.
#[test]
fn a_file_and_a_config_that_disagree_are_told() {
    let heads = llama(16, 2_048, 2_048, 1_024, 8_192, 128_256).header();
    let error = heads.with_config(config("llama-3.2-1b"), &StoredBits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the header has 1024 channels of keys in a layer, the config 512");
    let said = |sample: Sample| {
        let model = sample.header().with_config(config("llama-3.2-1b"), &StoredBits::default()).unwrap();
        model.architecture.assumptions.join("\n")
    };
    let more = said(llama(17, 2_048, 2_048, 512, 8_192, 128_256));
    assert!(more.contains("the file has 17 layers, the config 16"), "{more}");
    let short = said(llama(16, 2_048, 2_048, 512, 4_096, 128_256));
    assert!(short.contains("the config describes 1235814400"), "{short}");
    assert!(!said(llama_1b()).contains("the config describes"));
}

#[test]
fn heads_norms_towers_and_drafts_by_name() {
    let sample = llama(2, 64, 128, 32, 128, 100)
        .bf16("model.layers.0.self_attn.q_norm.weight", &[32])
        .bf16("model.layers.1.self_attn.q_norm.weight", &[32])
        .bf16("lm_head.weight", &[100, 64])
        .bf16("model.vision_tower.encoder.layers.0.mlp.fc1.weight", &[10, 10])
        .bf16("model.audio_tower.layers.0.fc1.weight", &[5, 5])
        .bf16("mtp.layers.0.mlp.up_proj.weight", &[7, 7]);
    let model = sample.header().model().unwrap();
    let attention = model.architecture.layers[0].attention().unwrap();
    assert_eq!((attention.query_heads, attention.kv_heads, attention.k_head_dim), (4, 1, 32));
    let counts = model.parameters();
    assert_eq!((counts.vision, counts.audio, counts.unused, counts.output_head), (100, 25, 49, 6_400));
    assert!(!model.architecture.embeddings.tied);
    assert_eq!(model.architecture.vision.as_ref().unwrap().bytes, 200);
    assert_eq!(model.architecture.family, "qwen3");
}

/// Within a wrapper what stands elsewhere is no part of the decoder; layers that join two streams draft.
#[test]
fn names_together_tell_towers_and_drafts() {
    let mut sample = Sample::default().bf16("merger.mlp.0.linear_1.weight", &[9, 9]);
    for layer in 0..3 {
        let name = |part: &str| format!("model.language_model.layers.{layer}.{part}.weight");
        sample = sample
            .bf16(&name("self_attn.q_proj"), &[64, 64])
            .bf16(&name("self_attn.k_proj"), &[64, 64])
            .bf16(&name("self_attn.v_proj"), &[64, 64])
            .bf16(&name("self_attn.o_proj"), &[64, 64]);
    }
    let sample = sample
        .bf16("model.language_model.layers.2.eh_proj.weight", &[64, 128])
        .bf16("model.language_model.embed_tokens.weight", &[100, 64])
        .bf16("lm_head.weight", &[100, 64]);
    let model = sample.header().model().unwrap();
    let counts = model.parameters();
    assert_eq!((counts.vision, counts.unused), (81, 4 * 64 * 64 + 64 * 128));
    assert_eq!((model.architecture.layers.len(), counts.text), (2, 8 * 64 * 64 + 2 * 6_400));
    // Without a wrapper nothing says whose a second stack is.
    let two = llama(1, 64, 64, 32, 128, 100).bf16("blocks.0.attn.qkv.weight", &[192, 64]).header();
    assert!(two.model().unwrap_err().to_string().contains("what its layers under `blocks.` are for"));
}

/// What a layer caches beside keys and values of one width.
#[test]
fn caches_by_shape() {
    let sample = |more: &[(&str, &[u64])]| {
        let mut sample = Sample::default()
            .bf16("model.embed_tokens.weight", &[100, 64])
            .bf16("model.layers.0.self_attn.o_proj.weight", &[64, 1_024]);
        for (name, shape) in more {
            sample = sample.bf16(&format!("model.layers.0.self_attn.{name}.weight"), shape);
        }
        sample.header().model()
    };
    let wide: &[(&str, &[u64])] = &[("q_proj", &[1_536, 64]), ("k_proj", &[768, 64]), ("v_proj", &[512, 64])];
    let attention = |more| sample(more).unwrap().architecture.layers[0].attention().unwrap().clone();
    let found = attention(wide);
    assert_eq!((found.query_heads, found.kv_heads, found.cached_channels()), (8, 4, (768, 512)));
    let fused = attention(&[("qkv_proj", &[1_024 + 2 * 256, 64])]);
    assert_eq!((fused.query_heads, fused.cached_channels()), (8, (256, 256)));
    let indexed = attention(&[("kv_a_proj_with_mqa", &[576, 64]), ("indexer.wk", &[128, 64])]);
    assert_eq!((indexed.cached_channels(), indexed.indexer_channels), ((576, 0), 128));
    let convolved = [wide, &[("k_sconv.conv1d", &[768, 1, 4])]].concat();
    assert!(sample(&convolved).unwrap_err().to_string().contains("a layer has a convolution"));
}

#[test]
fn experts_and_recurrences_by_shape() {
    let mut sample = Sample::default().bf16("model.embed_tokens.weight", &[100, 64]);
    for expert in 0..4 {
        for (part, shape) in [("w1", [32, 64]), ("w2", [64, 32]), ("w3", [32, 64])] {
            sample = sample
                .bf16(&format!("model.layers.0.block_sparse_moe.experts.{expert}.{part}.weight"), &shape);
        }
    }
    let sample = sample
        .bf16("model.layers.0.block_sparse_moe.gate.weight", &[4, 64])
        .bf16("model.layers.0.conv.conv.weight", &[64, 1, 3])
        .bf16("model.layers.1.mlp.down_proj.weight", &[64, 128])
        .bf16("model.layers.1.mlp.gate_proj.weight", &[128, 64])
        .bf16("model.layers.1.linear_attn.conv1d.weight", &[96, 1, 4])
        .bf16("model.layers.1.linear_attn.A_log", &[4])
        .bf16("model.layers.1.linear_attn.out_proj.weight", &[64, 32]);
    let model = sample.header().model().unwrap();
    assert!(matches!(model.architecture.layers[0].ffn, Ffn::Experts { experts: 4, width: 32, .. }));
    assert!(matches!(model.architecture.layers[1].ffn, Ffn::Dense { width: 128, gated: true }));
    let kinds: Vec<_> = model
        .architecture
        .layers
        .iter()
        .map(|layer| match &layer.mixer {
            Mixer::Recurrent(recurrent) => (recurrent.kind, recurrent.state_bytes),
            _ => panic!("recurrent"),
        })
        .collect();
    // Two past columns of 64 channels; four heads of 8 x 8 and three past columns of 96, all in f32.
    assert_eq!(
        kinds,
        [(RecurrentKind::ShortConv, 512), (RecurrentKind::GatedDeltaNet, (4 * 64 + 96 * 3) * 4)]
    );
    let one_expert: u64 = model
        .tensors
        .iter()
        .filter(|t| t.role == Role::ExpertDown)
        .map(|t| t.read_per_token(t.elements()))
        .sum();
    assert_eq!(one_expert, 64 * 32);
}

#[test]
fn packed_matrices_count_their_scales_and_need_the_config() {
    let packed = |sample: Sample| {
        let base = "model.layers.0.self_attn.q_proj";
        sample
            .tensor(&format!("{base}.qweight"), "I32", &[8, 64])
            .tensor(&format!("{base}.scales"), "F16", &[1, 64])
            .tensor(&format!("{base}.qzeros"), "I32", &[1, 8])
    };
    let error =
        packed(Sample::default().bf16("model.embed_tokens.weight", &[100, 64])).header().model().unwrap_err();
    assert!(error.to_string().contains("is quantised"), "{error}");
    let mut small = String::from(
        r#"{"num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 100, "model_type": "llama""#,
    );
    small += r#", "quantization_config": {"quant_method": "gptq", "bits": 4}}"#;
    let bits = hf_config::stored_bits("config.json", small.as_bytes()).unwrap();
    assert_eq!(bits.usual, Some(4));
    let model = hf_config::parse("config.json", small.as_bytes()).unwrap();
    let model = packed(Sample::default().bf16("model.embed_tokens.weight", &[100, 64]))
        .header()
        .with_config(model, &bits)
        .unwrap();
    let query = model.tensors.iter().find(|t| t.role == Role::AttentionQ).unwrap();
    assert_eq!((query.elements(), query.stored.unwrap().bytes), (64 * 64, 8 * 64 * 4 + 128 + 32));
    assert_eq!(model.tensors.len(), 2);
}

/// MLX's form: rows stay rows, experts are stacked, one matrix has bits of its own.
#[test]
fn mlx_packs_tables_and_experts() {
    let packed = |sample: Sample, base: &str, shape: &[u64], bits: u64| {
        let (last, before) = shape.split_last().unwrap();
        let with = |last: u64| [before, &[last]].concat();
        sample
            .tensor(&format!("{base}.weight"), "U32", &with(last * bits / 32))
            .tensor(&format!("{base}.scales"), "BF16", &with(last / 64))
            .tensor(&format!("{base}.biases"), "BF16", &with(last / 64))
    };
    let layer = "model.layers.0.mlp";
    let mut sample = packed(Sample::default(), "model.embed_tokens", &[100, 128], 4);
    sample = packed(sample, &format!("{layer}.gate"), &[8, 128], 8);
    for matrix in ["gate_proj", "up_proj", "down_proj"] {
        sample = packed(sample, &format!("{layer}.switch_mlp.{matrix}"), &[8, 128, 128], 4);
    }
    let config = r#"{"model_type": "qwen3_moe", "hidden_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 64, "intermediate_size": 256, "moe_intermediate_size": 128, "num_experts": 8,
        "num_experts_per_tok": 2, "vocab_size": 100, "tie_word_embeddings": false, "quantization": {"bits": 4,
        "group_size": 64, "model.layers.0.mlp.gate": {"bits": 8, "group_size": 64}}}"#;
    let bits = hf_config::stored_bits("config.json", config.as_bytes()).unwrap();
    let model = hf_config::parse("config.json", config.as_bytes()).unwrap();
    let model = sample.header().with_config(model, &bits).unwrap();
    let of = |role| model.tensors.iter().find(|tensor| tensor.role == role).unwrap();
    let (table, down, router) = (of(Role::TokenEmbedding), of(Role::ExpertDown), of(Role::Router));
    // 4 bits, and 32 for each 64 weights.
    assert_eq!((table.rows, table.row_length), (100, 128));
    assert_eq!(table.read_per_token(table.stored.unwrap().bytes), 128 / 2 + 8);
    assert_eq!(router.elements(), 8 * 128);
    let bytes = 8 * 128 * 128 * 9 / 16;
    assert_eq!((down.elements(), down.stored.unwrap().bytes), (8 * 128 * 128, bytes));
    assert_eq!(down.read_per_token(bytes), bytes / 4);
}

#[test]
fn shards_and_strangers_are_refused() {
    let (bytes, length) = llama(2, 64, 64, 32, 128, 100).finish();
    let shard = parse_header("model-00001-of-00003.safetensors", &bytes, Some(length)).unwrap();
    assert!(shard.model().unwrap_err().to_string().contains("one shard of several by its name"));
    let gap = Sample::default().bf16("model.layers.1.mlp.up_proj.weight", &[4, 4]).header();
    assert!(gap.model().unwrap_err().to_string().contains("layer 0 is not in it"));
    let bare = Sample::default().bf16("model.layers.0.mlp.up_proj.weight", &[4, 4]).header();
    assert!(bare.model().unwrap_err().to_string().contains("no token embedding"));
    let vit = Sample::default().bf16("vision_model.encoder.layers.0.mlp.fc1.weight", &[4, 4]).header();
    assert!(vit.model().unwrap_err().to_string().contains("no decoder layers found"));
}

/// Shapes of scales and zero points say how wide each matrix's weights are, where a checkpoint has several widths.
#[test]
fn packed_widths_follow_from_shapes() {
    const SIZES: &str = r#"{"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 256, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 512, "vocab_size": 100, "quantization_config": "#;
    let (query, down) = ("model.layers.0.self_attn.q_proj", "model.layers.0.mlp.down_proj");
    let gptq = |sample: Sample, base: &str, rows: u64, bits: u64| {
        sample
            .tensor(&format!("{base}.qweight"), "I32", &[rows * bits / 32, 256])
            .tensor(&format!("{base}.scales"), "F16", &[rows / 128, 256])
            .tensor(&format!("{base}.qzeros"), "I32", &[rows / 128, 256 * bits / 32])
    };
    let packed = |sample: Sample, base: &str, width: u64, bits: u64| {
        sample.tensor(&format!("{base}.weight_packed"), "I32", &[256, width * bits / 32]).tensor(
            &format!("{base}.weight_scale"),
            "BF16",
            &[256, width / 128],
        )
    };
    let float = |sample: Sample, base: &str, width: u64, scale: &str, group: u64| {
        sample.tensor(&format!("{base}.weight"), "U8", &[256, width / 2]).tensor(
            &format!("{base}.weight_scale"),
            scale,
            &[256, width / group],
        )
    };
    let table = || Sample::default().bf16("model.embed_tokens.weight", &[100, 256]);
    let groups = r#"{"group_0": {"weights": {"num_bits": 8, "group_size": 128}},
        "group_1": {"weights": {"num_bits": 4, "group_size": 128}}}"#;
    for (sample, said) in [
        (
            gptq(gptq(table(), query, 256, 4), down, 512, 8),
            r#"{"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*down.*": {"bits": 8}}}"#.to_owned(),
        ),
        (
            packed(packed(table(), query, 256, 4), down, 512, 8),
            format!(r#"{{"quant_method": "compressed-tensors", "config_groups": {groups}}}"#),
        ),
        (
            float(float(table(), query, 256, "F8_E4M3", 16), down, 512, "U8", 32),
            r#"{"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}"#.to_owned(),
        ),
    ] {
        let config = format!("{SIZES}{said}}}");
        let bits = hf_config::stored_bits("config.json", config.as_bytes()).unwrap();
        let model = hf_config::parse("config.json", config.as_bytes()).unwrap();
        let model = sample.header().with_config(model, &bits).unwrap();
        let of = |role| model.tensors.iter().find(|tensor| tensor.role == role).unwrap().elements();
        assert_eq!((of(Role::AttentionQ), of(Role::FfnDown)), (256 * 256, 256 * 512), "{said}");
    }
}

/// Names tell what is no decoder, and whose memory follows from a config only.
#[test]
fn other_kinds_and_hybrids_are_refused_by_name() {
    for (names, words) in [
        (&["model.layers.0.mamba.A_log", "model.layers.0.self_attn.k_proj.weight"][..], "Mamba-2 blocks"),
        (&["model.layers.1.self_attn.forget_gate.dt_bias"], "linear attention"),
        (&["model.layers.1.self_attn.output_gate.weight"], "lightning attention"),
        (&["model.layers.0.shared_transformer.self_attn.q_proj.weight"], "blocks that layers share"),
        (&["model.encoder.layers.0.fc1.weight", "model.decoder.layers.0.fc1.weight"], "an encoder-decoder"),
        (&["decoder.layers.0.encoder_attn.k_proj.weight"], "an encoder-decoder"),
        (&["text_model.encoder.layers.0.self_attn.k_proj.weight"], "an encoder without"),
        (&["fc.weight", "layers.0.self_attn.k_proj.weight"], "a draft head"),
        (&["midlayer.self_attn.k_proj.weight", "d2t"], "a draft head"),
        (&["model.layers.0.self_attn.q_proj.ia3_l"], "an adapter of another form"),
        (&["double_blocks.0.img_attn.qkv.weight"], "a diffusion model"),
    ] {
        let mut sample = llama(2, 64, 64, 32, 128, 100);
        for name in names {
            sample = sample
                .bf16(&name.replace("layers.0.self_attn.k_proj", "layers.0.self_attn.k_proj2"), &[64, 64]);
        }
        let error = sample.header().model().unwrap_err().to_string();
        assert!(error.contains(words), "{names:?}: {error}");
    }
    // Towers have encoders, too.
    let sample = llama(2, 64, 64, 32, 128, 100).bf16("vision_tower.encoder.layers.0.fc1.weight", &[8, 8]);
    assert_eq!(sample.header().model().unwrap().parameters().vision, 64);
    // Mamba's scalars have its state's width.
    let sample = Sample::default()
        .bf16("model.embed_tokens.weight", &[100, 64])
        .bf16("model.layers.0.mamba.A_log", &[128, 16])
        .bf16("model.layers.0.mamba.conv1d.weight", &[128, 1, 4])
        .bf16("model.layers.0.mamba.x_proj.weight", &[36, 128])
        .bf16("model.layers.0.mamba.dt_proj.weight", &[128, 4]);
    assert_eq!(sample.header().model().unwrap().architecture.state_bytes(), 128 * (16 + 3) * 4);
}

#[test]
fn indices_need_a_config_and_keep_their_bytes() {
    let names = (0..35).map(|l| {
        format!(r#""model.language_model.layers.{l}.mlp.up_proj.weight": "model-00001-of-00002.safetensors""#)
    });
    let names: Vec<String> = names.collect();
    let index = |total: u64| {
        let text =
            format!(r#"{{"metadata": {{"total_size": {total}}}, "weight_map": {{{}}}}}"#, names.join(","));
        parse_index("model.safetensors.index.json", text.as_bytes()).unwrap()
    };
    let exact = index(2 * 5_123_178_979);
    assert!(
        exact.needs_config().to_string().contains("35 tensors in 1 shards, 10246357958 bytes, but no shapes")
    );
    let model = exact.with_config(config("gemma4-e2b"), 16).unwrap();
    assert!(model.is_stored());
    assert_eq!(
        model.tensors.iter().filter_map(|t| t.stored).map(|s| s.bytes).sum::<u64>(),
        2 * 5_123_178_979
    );
    // A tower whose size is not known may be any part of the rest.
    let mut bare = config("llama-3.2-1b");
    bare.architecture.layers.truncate(1);
    let names = r#"{"metadata": {"total_size": 5000000000}, "weight_map": {"model.layers.0.x": "a", "vision_tower.x": "a"}}"#;
    let bare = parse_index("i.json", names.as_bytes()).unwrap().with_config(bare, 16).unwrap();
    assert!(!bare.is_stored() && bare.architecture.vision.is_none());
    assert_eq!(bare.architecture.uncounted, ["tower beside the text part"]);
    let other = index(4_000_000_000).with_config(config("gemma4-e2b"), 16).unwrap();
    assert!(!other.is_stored());
    assert!(other.architecture.assumptions.iter().any(|a| a.contains("weights are predicted")));
    assert!(matches!(
        exact.with_config(config("gemma4-31b"), 16),
        Err(SafetensorsModelError::Mismatch { what: "layers", .. })
    ));
    let gap = r#"{"weight_map": {"model.layers.0.x": "a", "model.layers.2.x": "a"}}"#;
    let mut three = config("llama-3.2-1b");
    three.architecture.layers.truncate(3);
    let gap = parse_index("i.json", gap.as_bytes()).unwrap().with_config(three, 16).unwrap_err();
    assert!(gap.to_string().contains("i.json: it lists no tensor of layer 1"), "{gap}");
    assert!(parse_index("i.json", b"{}").unwrap_err().to_string().contains("`weight_map` is missing"));
}

#[test]
fn damage_is_named() {
    let header = |json: &str| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes
    };
    let says = |json: &str, part: &str| {
        let found = message(&header(json), None);
        assert!(found.contains(part), "{found}");
    };
    let lie = message(&[0, 0, 0, 0, 0, 0, 0, 0x80, b'{'], None);
    assert_eq!(lie, "byte 0: the header length is 9223372036854775808; expected at most 100000000");
    assert!(message(&header("{}")[..10], Some(9)).contains("expected at most 1"));
    let other = message(&[0, 0, 0, 4, 0, 0, 0, 0, b'X'], None);
    assert_eq!(other, "byte 8: the header begins with byte 0x58; expected `{`");
    says("[]", "model.safetensors: expected `{` at byte 0 of the header");
    says("{", "expected a string at byte 1");
    says(
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        "`a` is given twice",
    );
    says(
        r#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#,
        "tensor `a` has type \"F99\"; expected one of F64",
    );
    says(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#, "expected 8 bytes for [2] of F32");
    says(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, "not two numbers");
    says(r#"{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,9]}}"#, "at most 2^53 elements");
    says(
        r#"{"a":{"dtype":"F32","shape":[0,1099511627776,1099511627776],"data_offsets":[0,0]}}"#,
        "at most 2^53 elements",
    );
    says(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,9]}}"#, "a whole number");
    says(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, "starts at data byte 4; expected 0");
    let (bytes, length) = llama(1, 64, 64, 32, 128, 100).finish();
    assert!(message(&bytes, Some(length - 1)).contains("it is truncated"));
}

#[test]
fn every_truncation_asks_for_more() {
    let (bytes, length) = llama(2, 64, 64, 32, 128, 100).finish();
    for cut in 0..bytes.len() {
        match parse_header("m", &bytes[..cut], Some(length)) {
            Err(SafetensorsError::NeedMore { at_least }) => assert!(at_least > cut as u64, "{cut}"),
            other => panic!("{cut}: {other:?}"),
        }
        let whole = parse_header("m", &bytes[..cut], Some(cut as u64));
        let named = matches!(whole, Err(SafetensorsError::Length { .. } | SafetensorsError::Short { .. }));
        assert!(named, "{cut}: {whole:?}");
    }
    assert!(parse_header("m", &bytes, Some(length)).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..256), length in any::<Option<u64>>()) {
        if let Ok(header) = parse_header("m", &bytes, length) {
            drop(header.model());
        }
        drop(parse_index("m", &bytes));
    }

    #[test]
    fn damaged_headers_never_panic(at in 0_usize..3_000, value in any::<u8>(), second in 0_usize..3_000, other in any::<u8>()) {
        let (mut bytes, length) = llama(1, 64, 64, 32, 128, 100).finish();
        let size = bytes.len();
        bytes[8 + at % (size - 8)] = value;
        bytes[8 + second % (size - 8)] = other;
        if let Ok(header) = parse_header("m", &bytes, Some(length)) {
            drop(header.model());
            drop(header.with_config(config("llama-3.2-1b"), &StoredBits { usual: Some(4), ..StoredBits::default() }));
        }
    }

    #[test]
    fn any_shapes_give_a_model_or_an_error(
        shapes in prop::collection::vec((0_usize..16, prop::collection::vec(0_u64..1 << 30, 0..4)), 1..12)
    ) {
        const PARTS: [&str; 16] = [
            "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight", "self_attn.o_proj.weight",
            "self_attn.q_norm.weight", "self_attn.qkv_proj.weight", "self_attn.kv_a_proj_with_mqa.weight", "mlp.down_proj.weight",
            "mlp.experts.down_proj", "mlp.experts.3.down_proj.weight", "linear_attn.conv1d.weight", "linear_attn.A_log",
            "linear_attn.out_proj.weight", "conv.conv.weight", "mamba.conv1d.weight", "mamba.A_log",
        ];
        let mut sample = Sample::default().bf16("model.embed_tokens.weight", &[100, 64]);
        for (part, shape) in shapes {
            if shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size)).is_some_and(|elements| elements < 1 << 50) {
                sample = sample.bf16(&format!("model.layers.0.{}", PARTS[part]), &shape);
            }
        }
        let (bytes, _) = sample.finish();
        if let Ok(Ok(model)) = parse_header("m", &bytes, None).map(|header| header.model()) {
            prop_assert!(model.architecture.state_bytes() < 1 << 41);
            prop_assert!(model.parameters().total > 0);
        }
    }
}
