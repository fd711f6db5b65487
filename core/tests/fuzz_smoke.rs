//! The fuzz targets' entry points on seeded mutations, without a corpus; and what they may allocate.

#[path = "../fuzz/entry.rs"]
mod entry;

use peak_alloc::PeakAlloc;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// All that the tests of this file hold at a time, whatever a file claims.
const MOST_BYTES: usize = 64 << 20;
const ROUNDS: usize = 6_000;

/// Change, cut, double or overwrite a few places.
fn mutate(seed: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.random_range(1..6) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..5) {
            0 => bytes[at] = rng.random(),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, rng.random()),
            3 => {
                // A length where one may stand.
                let lie: u64 = [u64::MAX, 1 << 63, 1 << 31, 0][rng.random_range(0..4)];
                let end = (at + 8).min(bytes.len());
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
            }
            _ => {
                let tail = bytes[at..].to_vec();
                bytes.extend(tail.iter().take(256));
            }
        }
    }
    bytes
}

fn run(seeds: &[Vec<u8>], target: fn(&[u8])) {
    let mut rng = Pcg64::seed_from_u64(7);
    for seed in seeds {
        target(seed);
        for _ in 0..ROUNDS / seeds.len() {
            target(&mutate(seed, &mut rng));
        }
    }
    within_bounds("mutated files");
}

fn within_bounds(what: &str) {
    let peak = ALLOCATOR.peak_usage();
    println!("{what}: {peak} bytes at most");
    assert!(peak < MOST_BYTES, "{what}: {peak} bytes at once");
}

/// Small valid files to start from.
#[cfg(test)]
mod seeds {
    fn string(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    /// One layer under llama.cpp's names.
    pub(crate) fn gguf_seed() -> Vec<u8> {
        let counts = [
            ("block_count", 1_u32),
            ("embedding_length", 64),
            ("attention.head_count", 4),
            ("attention.sliding_window", 32),
        ];
        let tensors = [
            ("token_embd.weight", 64_u64, 10_u64),
            ("blk.0.attn_q.weight", 64, 64),
            ("blk.0.attn_k.weight", 64, 64),
            ("blk.0.ffn_down.weight", 128, 64),
        ];
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend((counts.len() as u64 + 1).to_le_bytes());
        string(&mut bytes, "general.architecture");
        bytes.extend(8_u32.to_le_bytes());
        string(&mut bytes, "gemma3");
        for (key, value) in counts {
            string(&mut bytes, &format!("gemma3.{key}"));
            bytes.extend(4_u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        let mut offset = 0_u64;
        for (name, row, rows) in tensors {
            string(&mut bytes, name);
            bytes.extend(2_u32.to_le_bytes());
            bytes.extend(row.to_le_bytes());
            bytes.extend(rows.to_le_bytes());
            bytes.extend(2_u32.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset = (offset + row * rows / 32 * 18).next_multiple_of(32);
        }
        bytes.resize(bytes.len().next_multiple_of(32) + usize::try_from(offset).unwrap(), 0);
        bytes
    }

    pub(crate) fn safetensors_seed() -> Vec<u8> {
        let json =
            br#"{"model.embed_tokens.weight":{"dtype":"F16","shape":[100,64],"data_offsets":[0,12800]},
    "model.layers.0.self_attn.k_proj.weight":{"dtype":"F16","shape":[32,64],"data_offsets":[12800,16896]},
    "model.layers.0.self_attn.o_proj.weight":{"dtype":"F16","shape":[64,64],"data_offsets":[16896,25088]}}"#;
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json);
        bytes
    }

    pub(crate) fn config_seeds() -> Vec<Vec<u8>> {
        const ROOT: &str = env!("CARGO_MANIFEST_DIR");
        let mut paths: Vec<_> = ["../tests/fixtures/configs", "tests/fixtures/cases/configs"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(format!("{ROOT}/{folder}")).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }
}

#[test]
fn gguf_headers() {
    let seed = seeds::gguf_seed();
    let model = dhurandhar_core::model::import::import("x.gguf", &seed, Some(seed.len() as u64)).unwrap();
    assert_eq!(model.architecture.layers.len(), 1);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cases/gguf");
    let cases = ["falcon-h1.gguf", "glm-dsa.gguf", "control-vector.gguf", "split-00001-of-00003.gguf"];
    let mut seeds = vec![seed];
    seeds.extend(cases.iter().map(|name| std::fs::read(format!("{folder}/{name}")).unwrap()));
    run(&seeds, |data| entry::run("gguf", data));
}

#[test]
fn safetensors_headers() {
    let seed = seeds::safetensors_seed();
    let model = dhurandhar_core::model::import::import("x.safetensors", &seed, None).unwrap();
    assert_eq!(model.architecture.layers.len(), 1);
    run(&[seed], |data| entry::run("safetensors", data));
}

#[test]
fn configs() {
    run(&seeds::config_seeds(), |data| entry::run("config", data));
}

/// Small files that claim to be large, one claim each.
#[test]
fn claims_allocate_nothing() {
    let gguf = seeds::gguf_seed();
    for at in 8..gguf.len().min(400) {
        let mut file = gguf.clone();
        file[at..at + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        entry::run("gguf", &file);
    }
    within_bounds("lengths in a GGUF header");
    let mut long = (1_u64 << 40).to_le_bytes().to_vec();
    long.extend(b"{\"a\":{}}");
    entry::run("safetensors", &long);
    let layers = r#""num_hidden_layers": 4096, "hidden_size": 8192, "num_attention_heads": 64, "num_key_value_heads": 8,
        "intermediate_size": 28672, "vocab_size": 256000"#;
    for family in [
        "llama",
        "gemma3n_text",
        "gemma4_text",
        "qwen3_next",
        "deepseek_v3",
        "nemotron_h",
        "jamba",
        "falcon_h1",
    ] {
        for more in [
            "",
            r#", "num_hidden_layers": 1000000000"#,
            r#", "n_routed_experts": 4000000000, "num_experts": 4000000000, "num_local_experts": 4000000000"#,
            r#", "max_position_embeddings": 9007199254740992, "sliding_window": 9007199254740992"#,
        ] {
            entry::run("config", format!(r#"{{"model_type": "{family}", {layers}{more}}}"#).as_bytes());
        }
        within_bounds(family);
    }
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    entry::run("config", &deep);
    entry::run("config", &[b"{\"model_type\": ".as_slice(), &deep, b"}"].concat());
    within_bounds("nested lists");
}
