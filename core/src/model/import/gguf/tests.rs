//! GGUF headers: whole models there and back, every kind of damage, and every truncation.

use super::super::hf_config;
use super::sample::{self, Sample, small};
use super::*;
use crate::leaf::BlockType;
use crate::model::architecture::Attention;
use crate::model::{Model, Role};
use proptest::prelude::*;

fn config(name: &str) -> Model {
    let path = format!("{}/../tests/fixtures/configs/{name}.json", env!("CARGO_MANIFEST_DIR"));
    hf_config::parse(name, &std::fs::read(path).unwrap()).unwrap()
}

fn model(sample: Sample) -> Result<Model, GgufModelError> {
    let (bytes, length) = sample.finish();
    parse_gguf(&bytes, Some(length))?.model("file.gguf")
}

fn failure(sample: Sample) -> String {
    model(sample).unwrap_err().to_string()
}

#[test]
fn whole_models_survive_the_way_through_a_header() {
    for (name, architecture) in [
        ("llama-3.2-1b", "llama"),
        ("phi-3.5-mini", "phi3"),
        ("qwen2.5-0.5b", "qwen2"),
        ("qwen3-30b-a3b", "qwen3moe"),
        ("qwen1.5-moe-a2.7b", "qwen2moe"),
        ("qwen3.5-0.8b", "qwen35"),
        ("granite-4.0-h-tiny", "granitehybrid"),
        ("lfm2-1.2b", "lfm2"),
        ("gemma3-270m", "gemma3"),
        ("gemma3n-e2b", "gemma3n"),
        ("gemma4-e2b", "gemma4"),
        ("gemma4-26b-a4b", "gemma4"),
        ("gpt-oss-20b", "gpt-oss"),
    ] {
        let expected = config(name);
        let found =
            model(sample::of(&expected, architecture)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = |model: &Model| {
            (model.parameters().text, model.parameters().unused, model.parameters().ple_table)
        };
        assert_eq!(text(&found), text(&expected), "{name}");
        assert_eq!(found.parameters().active_per_token, expected.parameters().active_per_token, "{name}");
        let caches = |model: &Model| -> Vec<_> {
            let cache = |(index, a): (usize, &Attention)| (index, a.window, a.kv, a.cached_channels());
            model.architecture.attention_layers().map(cache).collect()
        };
        assert_eq!(caches(&found), caches(&expected), "{name}");
        assert_eq!(sample::recurrences(&found), sample::recurrences(&expected), "{name}");
        for (found, expected) in found.architecture.layers.iter().zip(&expected.architecture.layers) {
            assert_eq!(found.ffn, expected.ffn, "{name}");
        }
        assert_eq!(found.architecture.embeddings, expected.architecture.embeddings, "{name}");
    }
}

/// Every config at hand whose family has a name in GGUF files, written under that name and read again: llama.cpp's cache and
/// the state are the same from both. Grouped sharing and cross-attention have no keys there.
/// llama.cpp reads one number or one for each layer, and refuses experts without any.
#[test]
fn experts_used_stand_for_each_layer_or_are_asked_for() {
    let file = |used: &dyn Fn(Sample) -> Sample| {
        let mut sample =
            Sample::new("llama").count("llama.block_count", 2).count("llama.embedding_length", 64);
        sample = used(sample.count("llama.attention.head_count", 4).count("llama.expert_count", 8));
        sample = sample.tensor("token_embd.weight", &[64, 3], BlockType::F16);
        for layer in 0..2 {
            sample = sample.tensor(&format!("blk.{layer}.attn_k.weight"), &[64, 64], BlockType::F16);
            sample =
                sample.tensor(&format!("blk.{layer}.ffn_down_exps.weight"), &[32, 64, 8], BlockType::F16);
        }
        sample
    };
    let found = model(file(&|sample| sample.counts("llama.expert_used_count", [1, 2]))).unwrap();
    let read: Vec<u64> = found
        .tensors
        .iter()
        .filter(|tensor| tensor.role == Role::ExpertDown)
        .map(|tensor| tensor.read_per_token(8))
        .collect();
    assert_eq!(read, [1, 2]);
    let error = failure(file(&|sample| sample));
    assert!(error.contains("llama.expert_used_count") && error.contains("has experts"), "{error}");
}

#[test]
fn a_config_and_its_file_have_the_same_cache() {
    use crate::memory::{Scenario, kv_cache};
    use crate::model::family;
    let folder = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for folder in [folder("../tests/fixtures/configs"), folder("tests/fixtures/cases/configs")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            texts.push(std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    let golden = std::fs::read(folder("../tests/fixtures/parameter-counts.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    texts.extend(
        golden["cases"].as_array().unwrap().iter().map(|case| case["config"].to_string().into_bytes()),
    );
    let mut seen = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for text in texts {
        let Ok(config) = hf_config::parse("config.json", &text) else { continue };
        let shape = &config.architecture;
        let Some(name) = family::family(&shape.family).and_then(|family| family.gguf.first()) else {
            continue;
        };
        // No file has a table narrower than the stream.
        if shape.attention_layers().any(|(_, attention)| attention.cross_tokens.is_some())
            || shape.embeddings.width != shape.hidden_size
        {
            continue;
        }
        let file = match model(sample::of(&config, name)) {
            Ok(file) => file,
            Err(error) => {
                wrong.push(format!("{}: {error}", shape.family));
                continue;
            }
        };
        let cost = |model: &Model| {
            let scenario = Scenario {
                context_tokens: shape.max_context_tokens.min(16_384),
                ..Scenario::for_model(model)
            };
            let architecture = &model.architecture;
            (kv_cache::total(architecture, &scenario), architecture.state_bytes(), architecture.passes)
        };
        if cost(&file) != cost(&config) {
            wrong.push(format!(
                "{}: {:?} from the file, {:?} from the config",
                shape.family,
                cost(&file),
                cost(&config)
            ));
        }
        seen.insert(shape.family.clone());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 45, "{} families: {seen:?}", seen.len());
}

#[test]
fn bytes_come_from_the_table() {
    let (bytes, length) = small().finish();
    let gguf = parse_gguf(&bytes, Some(length)).unwrap();
    assert_eq!(gguf.file_bytes, length);
    let model = gguf.model("x.gguf").unwrap();
    assert_eq!(model.architecture.title, "Small");
    assert!(model.is_stored() && model.architecture.embeddings.tied);
    let stored: u64 =
        model.tensors.iter().filter_map(|tensor| tensor.stored).map(|stored| stored.bytes).sum();
    assert_eq!(stored, gguf.tensors.iter().map(|tensor| tensor.bytes).sum::<u64>());
    let embedding = model.tensors.iter().find(|tensor| tensor.role == Role::TokenEmbedding).unwrap();
    assert_eq!(embedding.stored.unwrap().bytes, 3 * 64 / 32 * 34);
}

#[test]
fn latent_attention_by_its_keys() {
    let base = || {
        Sample::new("deepseek2")
            .count("deepseek2.block_count", 1)
            .count("deepseek2.embedding_length", 64)
            .count("deepseek2.context_length", 512)
            .count("deepseek2.attention.head_count", 4)
            .count("deepseek2.attention.kv_lora_rank", 128)
            .count("deepseek2.rope.dimension_count", 16)
            .tensor("token_embd.weight", &[64, 10], BlockType::F16)
            .tensor("blk.0.attn_q.weight", &[64, 192], BlockType::F16)
            .tensor("blk.0.attn_kv_a_mqa.weight", &[64, 144], BlockType::F16)
    };
    let cached =
        |sample| model(sample).unwrap().architecture.layers[0].attention().unwrap().cached_channels();
    let new =
        base().count("deepseek2.attention.head_count_kv", 1).count("deepseek2.attention.key_length", 144);
    let new =
        new.count("deepseek2.attention.value_length", 128).count("deepseek2.attention.key_length_mla", 48);
    assert_eq!(cached(new), (144, 0));
    let old =
        base().count("deepseek2.attention.head_count_kv", 4).count("deepseek2.attention.key_length", 48);
    assert_eq!(cached(old.count("deepseek2.attention.value_length", 32)), (4 * 48, 4 * 32));
}

#[test]
fn windows_by_number_by_list_and_by_habit() {
    let windows = |name: &str, sample: Sample| -> Vec<bool> {
        let key = |part: &str| format!("{name}.{part}");
        let mut sample = sample
            .count(&key("block_count"), 4)
            .count(&key("embedding_length"), 64)
            .count(&key("context_length"), 8192)
            .count(&key("attention.head_count"), 4)
            .tensor("token_embd.weight", &[64, 3], BlockType::F16);
        for layer in 0..4 {
            for part in ["attn_q", "attn_k"] {
                sample = sample.tensor(&format!("blk.{layer}.{part}.weight"), &[64, 64], BlockType::F16);
            }
        }
        model(sample).unwrap().architecture.attention_layers().map(|(_, a)| a.window.is_some()).collect()
    };
    let with = |name: &str| Sample::new(name).count(&format!("{name}.attention.sliding_window"), 512);
    assert_eq!(windows("gemma2", with("gemma2")), [true, false, true, false]);
    assert_eq!(
        windows("gemma3", with("gemma3").count("gemma3.attention.sliding_window_pattern", 3)),
        [true, true, false, true]
    );
    assert_eq!(windows("smallthinker", with("smallthinker")), [false, true, true, true]);
    assert_eq!(
        windows(
            "zebra",
            with("zebra").flags("zebra.attention.sliding_window_pattern", [true, true, false, false])
        ),
        [true, true, false, false]
    );
    // llama.cpp keeps full caches for these.
    assert_eq!(windows("phi3", with("phi3")), [false; 4]);
    assert_eq!(windows("llama", with("llama")), [false; 4]);
    assert_eq!(
        windows("gemma3", Sample::new("gemma3").count("gemma3.attention.sliding_window", 8192)),
        [false; 4]
    );
}

#[test]
fn parts_of_models_and_other_files_are_refused() {
    let kind = |sample: Sample| failure(sample.tensor("token_embd.weight", &[64, 3], BlockType::F16));
    assert!(kind(Sample::new("bert")).contains("`bert` is an encoder; expected a decoder-only"));
    assert!(kind(Sample::new("llama").text("general.type", "adapter")).contains("a file of type `adapter`"));
    assert!(failure(small().count("split.no", 1).count("split.count", 3)).contains("part 2 of 3"));
    assert!(kind(Sample::new("controlvector")).contains("a control vector"));
    assert!(failure(Sample::default().text("general.type", "imatrix")).contains("an importance matrix"));
    assert!(
        failure(small().raw("llama.attention.causal", 7, &[0])).contains("an encoder under a decoder's name")
    );
    assert!(failure(small().count("llama.pooling_type", 1)).contains("an embedding model"));
    assert!(failure(small().count("llama.pooling_type", 4)).contains("a reranker"));
    assert!(
        failure(small().tensor("blk.0.ffn_gate.3.weight", &[64, 64], BlockType::F16))
            .contains("one tensor an expert")
    );
    assert!(
        kind(Sample::new("llama"))
            .contains("metadata `llama.block_count` is missing; expected a whole number")
    );
    assert!(failure(Sample::default()).contains("metadata `general.architecture` is missing"));
    assert!(failure(Sample::new("llama")).contains("`llama` is a vocabulary without weights"));
}

/// What a layer caches follows from its tensors where keys are missing or say otherwise, or the file is refused.
#[test]
fn a_table_says_what_metadata_leaves_out() {
    let layer = |tensors: &[(&str, u64)]| {
        let mut sample = Sample::new("zebra")
            .count("zebra.block_count", 1)
            .count("zebra.embedding_length", 64)
            .count("zebra.context_length", 512)
            .count("zebra.attention.head_count", 4)
            .tensor("token_embd.weight", &[64, 10], BlockType::F16);
        for (name, rows) in tensors {
            sample = sample.tensor(&format!("blk.0.{name}.weight"), &[64, *rows], BlockType::F16);
        }
        sample
    };
    let cached = |tensors: &[(&str, u64)]| {
        let model = model(layer(tensors)).unwrap();
        model.architecture.attention_layers().next().unwrap().1.cached_channels()
    };
    assert_eq!(cached(&[("attn_qkv", 64 + 2 * 16)]), (16, 16));
    assert_eq!(cached(&[("attn_q", 64), ("attn_k", 32), ("attn_v", 16)]), (32, 16));
    for (tensors, words) in [
        (&[("attn_qkv", 64 + 30)][..], "`blk.0.attn_qkv.weight` has 30 rows; expected 4 KV heads of 32"),
        (&[("attn_q", 64), ("attn_k", 32), ("attn_v", 17)], "`blk.0.attn_v.weight` has 17 rows"),
        (&[("attn_q", 64), ("attn_kv", 32)], "`blk.0.attn_k.weight` is missing"),
        (&[("attn_q", 64), ("attn_k", 16), ("attn_v", 16), ("attn_conv", 4)], "convolutions of a kind"),
    ] {
        let said = failure(layer(tensors));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn recurrences_alone_and_beside_attention() {
    let base = |name: &str| {
        Sample::new(name)
            .count(&format!("{name}.block_count"), 1)
            .count(&format!("{name}.embedding_length"), 64)
            .count(&format!("{name}.context_length"), 512)
            .tensor("token_embd.weight", &[64, 10], BlockType::F16)
    };
    let rwkv = base("rwkv7").count("rwkv7.wkv.head_size", 16).tensor(
        "blk.0.time_mix_key.weight",
        &[64, 64],
        BlockType::F16,
    );
    // A square for each head, and two past tokens, in f32.
    assert_eq!(model(rwkv).unwrap().architecture.state_bytes(), 64 * (16 + 2) * 4);
    let mamba = base("mamba")
        .count("mamba.ssm.conv_kernel", 4)
        .count("mamba.ssm.inner_size", 128)
        .count("mamba.ssm.state_size", 16)
        .count("mamba.ssm.time_step_rank", 4)
        .tensor("blk.0.ssm_x.weight", &[128, 36], BlockType::F16);
    let mamba = model(mamba).unwrap();
    assert_eq!(
        (mamba.architecture.state_bytes(), mamba.architecture.cache_owners()),
        (128 * (16 + 3) * 4, (0, 0))
    );
    let beside = base("falcon-h1")
        .count("falcon-h1.attention.head_count", 4)
        .count("falcon-h1.attention.head_count_kv", 2)
        .count("falcon-h1.ssm.conv_kernel", 4)
        .count("falcon-h1.ssm.inner_size", 128)
        .count("falcon-h1.ssm.state_size", 16)
        .count("falcon-h1.ssm.group_count", 1)
        .count("falcon-h1.ssm.time_step_rank", 8)
        .tensor("blk.0.attn_q.weight", &[64, 64], BlockType::F16)
        .tensor("blk.0.attn_k.weight", &[64, 32], BlockType::F16)
        .tensor("blk.0.ssm_in.weight", &[64, 296], BlockType::F16);
    let beside = model(beside).unwrap();
    assert!(matches!(beside.architecture.layers[0].mixer, crate::model::architecture::Mixer::Both(..)));
    assert_eq!(beside.architecture.state_bytes(), (128 * 16 + 160 * 3) * 4);
}

#[test]
fn parts_of_a_split_model_join() {
    let part = |number, names: &[&str]| {
        let mut sample = Sample::new("llama").count("split.no", number).count("split.count", 2);
        if number == 0 {
            sample = sample
                .count("llama.block_count", 1)
                .count("llama.embedding_length", 64)
                .count("llama.attention.head_count", 4);
        }
        for name in names {
            sample = sample.tensor(name, &[64, 64], BlockType::F16);
        }
        let (bytes, length) = sample.finish();
        parse_gguf(&bytes, Some(length)).unwrap()
    };
    let (first, second) =
        (part(0, &["token_embd.weight", "blk.0.attn_q.weight"]), part(1, &["blk.0.attn_k.weight"]));
    let whole = Gguf::join(vec![second.clone(), first.clone()]).unwrap();
    assert_eq!((whole.tensors.len(), whole.file_bytes), (3, first.file_bytes + second.file_bytes));
    assert_eq!(whole.model("x").unwrap().architecture.cache_owners(), (1, 0));
    let missing = Gguf::join(vec![second]).unwrap_err().to_string();
    assert!(missing.contains("part 1 of 2 of the split model is missing"), "{missing}");
}

#[test]
fn contradictions_name_the_tensor() {
    let message = failure(small().tensor("blk.2.attn_k.weight", &[64, 32], BlockType::F16));
    assert_eq!(message, "tensor `blk.2.attn_k.weight` belongs to layer 2, but the model declares 2 layers");
    let bytes = |sample: Sample| parse_gguf(&sample.finish().0, None).unwrap_err().to_string();
    assert!(
        bytes(small().tensor("token_embd.weight", &[64, 3], BlockType::F16))
            .contains("tensor `token_embd.weight` is given twice")
    );
    assert!(bytes(small().count("llama.block_count", 2)).contains("key `llama.block_count` is given twice"));
    assert!(
        bytes(small().tensor("x", &[33, 2], BlockType::Q4_0))
            .contains("the row length of `x` is 33; expected a multiple of 32")
    );
    assert!(
        bytes(small().tensor_at("x", &[32], 4, 1 << 20, BlockType::F32))
            .contains("`x` has type code 4, a type that llama.cpp gave up")
    );
    assert!(bytes(small().tensor_at("x", &[32], 1001, 1 << 20, BlockType::F32)).contains("type code 1001"));
    assert!(
        bytes(small().tensor_at("x", &[32], 0, 33, BlockType::F32))
            .contains("the offset of `x` is 33; expected a multiple")
    );
    assert!(
        bytes(small().tensor_at("x", &[32], 0, 0, BlockType::F32)).contains("data byte 0, inside"),
        "{}",
        bytes(small().tensor_at("x", &[32], 0, 0, BlockType::F32))
    );
    assert!(
        bytes(small().tensor_at("x", &[32], 0, u64::MAX - 31, BlockType::F32))
            .contains("a position within a file")
    );
    assert!(
        bytes(small().raw("general.alignment", 4, &3_u32.to_le_bytes()))
            .contains("metadata `general.alignment` is 3")
    );
    assert!(bytes(small().raw("x", 13, &[])).contains("the type of `x` is 13"));
    assert!(bytes(small().raw("x", 9, &[9, 0, 0, 0])).contains("a list of lists"));
    let (header, length) = small().finish();
    let short = parse_gguf(&header, Some(length - 33)).unwrap_err().to_string();
    assert!(short.contains("it is truncated"), "{short}");
}

#[test]
fn other_formats_and_byte_orders_are_told_apart() {
    let message = |bytes: &[u8]| parse_gguf(bytes, None).unwrap_err().to_string();
    assert!(message(b"ggjt\x03\0\0\0").contains("the file starts with \"ggjt\"; expected \"GGUF\""));
    assert!(message(b"GGUF\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").contains("big-endian"));
    assert!(message(b"GGUF\x01\0\0\0\0\0\0\0\0\0\0\0").contains("version 1; expected 2 or 3"));
}

/// Offsets of every eight-byte length or count in a header, found by making each lie in turn.
#[test]
fn lying_lengths_are_refused_wherever_they_stand() {
    let (bytes, length) = small().finish();
    for lie in [u64::MAX, 1 << 63, 1 << 40] {
        for at in 0..bytes.len() - 8 {
            let mut damaged = bytes.clone();
            damaged[at..at + 8].copy_from_slice(&lie.to_le_bytes());
            // Whatever it hits, it must come back, and never ask for bytes the file cannot have.
            match parse_gguf(&damaged, Some(length)) {
                Err(GgufError::NeedMore { at_least }) => assert!(at_least <= length, "{at}: {at_least}"),
                Err(error) => assert!(!error.to_string().is_empty()),
                Ok(gguf) => drop(gguf.model("x.gguf")),
            }
        }
    }
    let mut counts = bytes.clone();
    counts[8..16].copy_from_slice(&(1_u64 << 63).to_le_bytes());
    let message = parse_gguf(&counts, Some(length)).unwrap_err().to_string();
    assert!(
        message.starts_with("byte 8: the tensor count is 9223372036854775808; expected at most"),
        "{message}"
    );
}

#[test]
fn every_truncation_asks_for_more_or_says_that_the_file_ends() {
    let (bytes, length) = small().finish();
    for cut in 0..bytes.len() {
        let prefix = &bytes[..cut];
        match parse_gguf(prefix, Some(length)) {
            Err(GgufError::NeedMore { at_least }) => {
                assert!(at_least > cut as u64 && at_least <= bytes.len() as u64, "{cut}");
            }
            other => panic!("{cut}: {other:?}"),
        }
        assert!(
            matches!(parse_gguf(prefix, None), Err(GgufError::NeedMore { at_least }) if at_least > cut as u64),
            "{cut}"
        );
        // The same bytes as a whole file: nothing more will come.
        let message = parse_gguf(prefix, Some(cut as u64)).unwrap_err().to_string();
        assert!(message.starts_with("byte "), "{cut}: {message}");
    }
    assert!(parse_gguf(&bytes, Some(length)).is_ok());
}

#[test]
fn reading_as_much_as_asked_for_always_arrives() {
    let (bytes, length) = small().finish();
    let mut have = 0_usize;
    let mut rounds = 0;
    while let Err(GgufError::NeedMore { at_least }) = parse_gguf(&bytes[..have], Some(length)) {
        have = usize::try_from(at_least).unwrap();
        rounds += 1;
        assert!(rounds < 1_000);
    }
    assert_eq!(have, bytes.len());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512), length in any::<Option<u64>>()) {
        if let Ok(gguf) = parse_gguf(&bytes, length) {
            drop(gguf.model("x.gguf"));
        }
    }

    #[test]
    fn arbitrary_bytes_behind_a_true_start_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut header = b"GGUF\x03\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0".to_vec();
        header.extend(bytes);
        drop(parse_gguf(&header, None));
    }

    #[test]
    fn damaged_headers_never_panic(at in 0_usize..2_000, value in any::<u8>(), second in 0_usize..2_000, other in any::<u8>()) {
        let (mut bytes, length) = small().finish();
        let size = bytes.len();
        bytes[at % size] = value;
        bytes[second % size] = other;
        if let Ok(Ok(model)) = parse_gguf(&bytes, Some(length)).map(|gguf| gguf.model("x.gguf")) {
            prop_assert!(model.parameters().total > 0);
        }
    }

    #[test]
    fn any_metadata_gives_a_model_or_an_error(key in "llama\\.(block_count|embedding_length|context_length|attention\\.(head_count|head_count_kv|key_length|value_length|sliding_window|shared_kv_layers)|expert_used_count|nextn_predict_layers|ssm\\.state_size)", value in any::<u32>()) {
        let mut sample = Sample::new("llama");
        for (name, usual) in [("block_count", 2), ("embedding_length", 64), ("attention.head_count", 4)] {
            let usual_key = format!("llama.{name}");
            if usual_key != key {
                sample = sample.count(&usual_key, usual);
            }
        }
        sample = sample.count(&key, value.into()).tensor("token_embd.weight", &[64, 3], BlockType::F16);
        sample = sample.tensor("blk.0.attn_k.weight", &[64, 32], BlockType::F16);
        if let Ok(model) = model(sample) {
            prop_assert!(model.architecture.state_bytes() < 1 << 41);
        }
    }
}
