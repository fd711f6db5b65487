//! Built-in models against published figures: cache growth per token, per-layer embedding tables, recurrent
//! state, and the tensor header of Gemma 4 E2B.

use dhurandhar_core::model::{Model, registry};

/// Columns as in the file's header.
const CACHES: &str = include_str!("../../tests/fixtures/published-caches.csv");

/// Bytes of keys and values that one token adds in bf16, over the layers that `counts` selects.
fn kib_per_token(model: &Model, windowed: bool) -> f64 {
    let channels: u64 = model
        .architecture
        .attention_layers()
        .filter(|(_, attention)| attention.window.is_some() == windowed)
        .map(|(_, attention)| {
            let (keys, values) = attention.cached_channels();
            keys + values
        })
        .sum();
    channels as f64 * 2.0 / 1024.0
}

#[test]
fn caches_tables_and_states_are_the_published_ones() {
    let mut seen = Vec::new();
    for line in CACHES.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |column: usize| cells[column].parse::<f64>().unwrap();
        let model = registry::model(cells[0]).unwrap_or_else(|error| panic!("{error}"));
        for (windowed, column) in [(false, 1), (true, 2)] {
            let kib = kib_per_token(&model, windowed);
            assert!((kib - number(column)).abs() < 1e-9, "{line}: {kib} KiB, windowed {windowed}");
        }
        let (full, sliding) = model.architecture.cache_owners();
        assert_eq!((full.to_string().as_str(), sliding.to_string().as_str()), (cells[3], cells[4]), "{line}");
        let windows: Vec<u64> =
            model.architecture.attention_layers().filter_map(|(_, attention)| attention.window).collect();
        assert!(windows.iter().all(|window| window.to_string() == cells[5]), "{line}: {windows:?}");
        assert_eq!(model.parameters().ple_table.to_string(), cells[6], "{line}: PLE table");
        if !cells[7].is_empty() {
            let mib = model.architecture.state_bytes() as f64 / 1_048_576.0;
            assert!((mib - number(7)).abs() < 0.06, "{line}: state of {mib} MiB");
        }
        seen.push(cells[0]);
    }
    seen.sort_unstable();
    // Models of the catalogue that are given as a config are held to transformers (`public_configs.rs`).
    let compact = |slug: &&str| registry::model(slug).is_ok_and(|model| model.profile.is_some());
    assert_eq!(seen, registry::slugs().filter(compact).collect::<Vec<_>>(), "every such model has its line");
}

#[test]
fn layers_that_share_read_the_last_layer_of_their_kind() {
    use dhurandhar_core::model::architecture::KvSource;
    let model = registry::model("gemma4-e2b").unwrap();
    for (index, attention) in model.architecture.attention_layers() {
        let expected = match (index, attention.window) {
            (0..15, _) => KvSource::Own,
            (_, Some(_)) => KvSource::Shared { donor: 13, unused_weights: true },
            (_, None) => KvSource::Shared { donor: 14, unused_weights: true },
        };
        assert_eq!(attention.kv, expected, "layer {index}");
    }
}

/// google/gemma-4-E2B, 2011 bf16 tensors.
#[test]
fn gemma_4_e2b_adds_up_to_its_tensor_header() {
    let counts = registry::model("gemma4-e2b").unwrap().parameters();
    assert_eq!(counts.total, 5_123_178_979);
    assert_eq!(counts.unused, 18_880_512);
    assert_eq!(counts.text + counts.unused + counts.buffers, 4_647_449_891, "language part");
    assert_eq!(counts.vision + counts.audio, 304_825_088 + 167_365_056 + 3_538_944, "towers, projections");
    assert_eq!(counts.token_embedding, 402_653_184);
    assert_eq!(counts.effective, 2_279_759_104);
}

#[test]
fn gemma_4_e4b_carries_unused_keys_and_values_too() {
    let counts = registry::model("gemma4-e4b").unwrap().parameters();
    assert_eq!(counts.unused, 55_055_616);
    assert_eq!(counts.total / 1_000_000, 7996);
}
