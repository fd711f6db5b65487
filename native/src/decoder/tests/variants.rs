//! Parity models with single keys changed, in a `config.json` and in GGUF metadata: what changes numbers is computed as the
//! reference computes it, or refused.

use super::gguf_file::{Setting, gguf_of};
use super::*;
use burn::tensor::Tensor;

/// A folder with the weights of a parity model and another config.
fn changed(base: &str, keys: &Value) -> tempfile::TempDir {
    let text = std::fs::read_to_string(folder(base).join("config.json")).unwrap();
    let mut config: Map<String, Value> = serde_json::from_str(&text).unwrap();
    for (key, value) in keys.as_object().unwrap() {
        config.remove(key);
        if !value.is_null() {
            config.insert(key.clone(), value.clone());
        }
    }
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("config.json"), Value::Object(config).to_string()).unwrap();
    std::fs::copy(folder(base).join("model.safetensors"), copy.path().join("model.safetensors")).unwrap();
    copy
}

fn decoder(path: &Path) -> Result<Decoder, DecoderError> {
    Decoder::load(&Arc::new(Checkpoint::open(path).unwrap()), Backend::cpu())
}

/// Why a checkpoint is not opened, or not computed with.
fn refusal(path: &Path) -> String {
    match Checkpoint::open(path) {
        Err(error) => error.to_string(),
        Ok(checkpoint) => Decoder::load(&Arc::new(checkpoint), Backend::cpu()).unwrap_err().to_string(),
    }
}

/// Log-likelihoods of a parity model's tokens.
fn log_likelihoods(decoder: &Decoder, base: &str) -> Vec<f64> {
    let tokens = case(base, Backend::cpu()).tokens;
    let hidden = decoder.forward(&tokens, &mut decoder.new_cache(), None).unwrap();
    let logits: Tensor<2> = decoder.logits(&hidden);
    let logits = decoder.backend().host(logits).unwrap();
    let rows = logits.chunks_exact(decoder.vocab()).zip(&tokens[1..]);
    rows.map(|(row, token)| {
        let total: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
        f64::from(row[usize::try_from(*token).unwrap()]) - total.ln()
    })
    .collect()
}

fn assert_near(found: &[f64], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-4 * (1.0 + wanted.abs()), "{what}: {found} instead of {wanted}");
    }
}

struct Variant {
    base: String,
    keys: Value,
    wanted: Vec<f64>,
}

fn variants() -> Vec<Variant> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/config-variants.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let one = |variant: &Value| Variant {
        base: variant["base"].as_str().unwrap().to_owned(),
        keys: variant["set"].clone(),
        wanted: variant["log_likelihoods"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect(),
    };
    all.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn changed_keys_change_the_numbers_as_in_the_reference() {
    for Variant { base, keys, wanted } in variants() {
        let copy = changed(&base, &keys);
        let found = log_likelihoods(&decoder(copy.path()).unwrap(), &base);
        assert_near(&found, &wanted, &format!("{base} {keys}"));
    }
}

#[test]
fn what_is_not_computed_is_refused_with_file_key_and_value() {
    for (base, keys, named) in [
        ("llama", json!({ "hidden_act": "mish" }), "`hidden_act` is \"mish\"; expected silu"),
        (
            "llama",
            json!({ "rope_parameters": { "rope_type": "yarn", "factor": 2.0 } }),
            "`rope_type` is yarn",
        ),
        (
            "llama",
            json!({ "rope_parameters": { "rope_type": "default", "partial_rotary_factor": 0.5 } }),
            "`partial_rotary_factor` is 0.5",
        ),
        ("llama", json!({ "model_type": "smollm3", "no_rope_layers": [1, 0] }), "a list of 3 numbers"),
        ("llama", json!({ "model_type": "smollm3", "no_rope_layer_interval": 0 }), "a whole number above 0"),
        (
            "llama",
            json!({ "quantization_config": { "quant_method": "bitnet", "linear_class": "autobitlinear" } }),
            "`quantization_config` is",
        ),
        ("gemma3", json!({ "use_bidirectional_attention": true }), "attention to both sides"),
        ("gemma3", json!({ "rope_parameters": { "rope_theta": 1e4 } }), "a set for full_attention"),
        ("gemma4", json!({ "enable_moe_block": true, "num_experts": 2 }), "`"),
    ] {
        let copy = changed(base, &keys);
        let error = refusal(copy.path());
        assert!(error.contains(named) && error.contains("config.json"), "{error}");
    }
}

/// A file of one of the parity models.
fn gguf(base: &str, architecture: &str, more: &[(&str, Setting)], copies: usize) -> tempfile::NamedTempFile {
    let checkpoint = Checkpoint::open(&folder(base)).unwrap();
    let bytes = gguf_of(&checkpoint, architecture, more, copies);
    let mut file = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    file
}

fn wanted(base: &str, keys: &Value) -> Vec<f64> {
    variants().into_iter().find(|variant| variant.base == base && variant.keys == *keys).unwrap().wanted
}

#[test]
fn files_of_interleaved_families_are_put_back_in_order() {
    let plain = |base: &str| log_likelihoods(&case(base, Backend::cpu()).decoder, base);
    for (base, architecture) in [("llama", "llama"), ("granite", "granite"), ("qwen3", "qwen3")] {
        let file = gguf(base, architecture, &[], 1);
        let found = log_likelihoods(&decoder(file.path()).unwrap(), base);
        assert_near(&found, &plain(base), architecture);
    }
    // Files of Gemma 3 do not say what queries are divided by: its heads' width.
    let wanted = wanted("gemma3", &json!({ "query_pre_attn_scalar": 16 }));
    let file = gguf("gemma3", "gemma3", &[], 1);
    assert_near(&log_likelihoods(&decoder(file.path()).unwrap(), "gemma3"), &wanted, "gemma3");
    // Three layers: none is left unrotated.
    let file = gguf("llama", "smollm3", &[], 1);
    assert_near(&log_likelihoods(&decoder(file.path()).unwrap(), "llama"), &plain("llama"), "smollm3");
}

#[test]
fn a_file_stretches_positions_by_either_key_and_without_a_type() {
    let keys = json!({
        "rope_parameters": null, "rope_theta": 5000.0, "rope_scaling": { "type": "linear", "factor": 4.0 }
    });
    let wanted = wanted("llama", &keys);
    let base = ("rope.freq_base", Setting::Number(5000.0));
    for more in [
        vec![("rope.scaling.factor", Setting::Number(4.0))],
        vec![("rope.scale_linear", Setting::Number(4.0))],
        vec![("rope.scaling.factor", Setting::Number(4.0)), ("rope.scaling.type", Setting::Text("linear"))],
    ] {
        let file = gguf("llama", "llama", &[vec![base], more.clone()].concat(), 1);
        assert_near(&log_likelihoods(&decoder(file.path()).unwrap(), "llama"), &wanted, &format!("{more:?}"));
    }
    let off =
        [base, ("rope.scaling.factor", Setting::Number(4.0)), ("rope.scaling.type", Setting::Text("none"))];
    let file = gguf("llama", "llama", &off, 1);
    let found = log_likelihoods(&decoder(file.path()).unwrap(), "llama");
    assert!(found.iter().zip(&wanted).any(|(found, wanted)| (found - wanted).abs() > 0.1));
}

#[test]
fn keys_of_a_file_that_are_not_read_are_refused() {
    for (key, value, named) in [
        ("logit_scale", Setting::Number(2.0), "`llama.logit_scale` is 2"),
        ("attention.causal", Setting::Flag(false), "`attention.causal` is false"),
        ("rope.dimension_count", Setting::Count(6), "`rope.dimension_count` is 6"),
        ("rope.scaling.type", Setting::Text("yarn"), "`rope.scaling.type` is yarn"),
        ("rope.scaling.type", Setting::Count(2), "`llama.rope.scaling.type` is 2; expected a text"),
        ("rope.freq_base", Setting::Text("500"), "`llama.rope.freq_base` is \"500\"; expected a number"),
        ("rope.freq_base", Setting::Number(f32::NAN), "expected a finite number"),
        ("attention.layer_norm_rms_epsilon", Setting::Flag(true), "is true; expected a number"),
    ] {
        let file = gguf("llama", "llama", &[(key, value)], 1);
        let error = refusal(file.path());
        assert!(error.contains(named) && error.contains(".gguf"), "{error}");
    }
}

#[test]
fn the_larger_baichuan_has_no_rotation() {
    let error = refusal(gguf("llama", "baichuan", &[("block_count", Setting::Count(40))], 40).path());
    assert!(error.contains("`baichuan.block_count` is") && error.contains("expected 32"), "{error}");
}

/// A folder with the weights of a parity model and one more tensor of zeros.
fn with_tensor(base: &str, name: &str, shape: &[usize]) -> tempfile::TempDir {
    let copy = changed(base, &json!({}));
    let path = copy.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (header, data) =
        rest.split_at(usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap());
    let mut header: Map<String, Value> = serde_json::from_slice(header).unwrap();
    let size = shape.iter().product::<usize>() * 4;
    let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [data.len(), data.len() + size] });
    header.insert(name.to_owned(), entry);
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(path, [&length[..], &header, data, &vec![0; size]].concat()).unwrap();
    copy
}

#[test]
fn a_tensor_too_many_is_named_unless_nobody_reads_it() {
    let checkpoint = Checkpoint::open(&folder("llama")).unwrap();
    let vocab = checkpoint.shape("token_embd.weight").unwrap().to_vec();
    for (name, shape, named) in [
        ("norm.weight", &vocab[1..], "`model.norm.weight` and `norm.weight` are one tensor under two names"),
        ("lm_head.weight", &vocab[..], "`lm_head.weight` differs from the embeddings"),
        ("model.layers.0.stray.weight", &vocab[1..], "the model has no place for"),
    ] {
        let error = refusal(with_tensor("llama", name, shape).path());
        assert!(error.contains(named), "{error}");
    }
    for name in ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.connector.projection.weight"] {
        let copy = with_tensor("llama", name, &[4]);
        assert!(decoder(copy.path()).is_ok(), "{name}");
    }
}

#[test]
fn the_largest_gemma_scales_by_the_width_of_its_stream() {
    // 48 channels and four heads of 16: llama.cpp divides by sqrt(48 / 4) in the 27B models, by sqrt(16) in the others.
    let scale =
        |layers: usize| decoder(gguf("gemma3", "gemma3", &[], layers).path()).unwrap().attention_scale(0);
    assert!((scale(1) - 0.25).abs() < 1e-12);
    let file = gguf("gemma3", "gemma3", &[("block_count", Setting::Count(62))], 62);
    let largest = decoder(file.path()).unwrap();
    assert!((largest.attention_scale(61) - 12.0_f64.powf(-0.5)).abs() < 1e-12);
}

#[test]
fn a_row_that_is_no_number_is_named() {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder("llama-scaled").join("config.json"), copy.path().join("config.json")).unwrap();
    let mut bytes = std::fs::read(folder("llama-scaled").join("model.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let entry = &header["model.embed_tokens.weight"];
    let start = usize::try_from(entry["data_offsets"][0].as_u64().unwrap()).unwrap();
    // bf16: the first channel of row 7 of 48 channels.
    let at = 8 + length + start + 7 * 48 * 2;
    bytes[at..at + 2].copy_from_slice(&0x7fc0_u16.to_le_bytes());
    std::fs::write(copy.path().join("model.safetensors"), bytes).unwrap();
    let decoder = decoder(copy.path()).unwrap();
    let run = |tokens: &[u32]| decoder.forward(tokens, &mut decoder.new_cache(), None);
    assert!(run(&[1, 2, 3]).is_ok());
    let error = run(&[1, 7, 3]).unwrap_err().to_string();
    assert!(error.contains("`model.embed_tokens.weight` holds NaN"), "{error}");
}
