//! The cache over real layouts: sharing, windows, exceptions, memory, files.

use super::*;
use crate::codec::quality::compare;
use crate::codec::{CodecKind, Random, Source};
use crate::model::architecture::{Attention, Layer};

fn attention(window: Option<u64>, heads: u64, dim: u64, kv: KvSource) -> Attention {
    Attention {
        window,
        query_heads: 4 * heads,
        kv_heads: heads,
        k_head_dim: dim,
        v_head_dim: dim,
        kv,
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

/// Gemma 4 in small: sliding layers of 32 channels, a full one of 64, and a tail that shares.
fn model() -> Architecture {
    let mut model = crate::model::registry::models().next().unwrap().architecture;
    let shared = KvSource::Shared { donor: 1, unused_weights: false };
    let layer = |attention| Layer {
        mixer: Mixer::Attention(attention),
        ffn: crate::model::architecture::Ffn::None,
        norms: 2,
        more: Vec::new(),
    };
    model.layers = vec![
        layer(attention(Some(100), 2, 32, KvSource::Own)),
        layer(attention(None, 1, 64, KvSource::Own)),
        layer(attention(Some(100), 2, 32, KvSource::Own)),
        layer(attention(None, 1, 64, shared)),
    ];
    model
}

fn fill(cache: &mut KvCacheCompressor, steps: &[usize]) -> [Vec<f32>; 3] {
    let mut random = Random::new(5, 5);
    core::array::from_fn(|layer| {
        let mut all = Vec::new();
        for &tokens in steps {
            let keys = random.normals(tokens * 64);
            cache.append(layer, &keys, &keys).unwrap();
            all.extend(keys);
        }
        all
    })
}

#[test]
fn shared_recurrent_and_missing_layers_are_named() {
    let mut cache = KvCacheCompressor::new(&model(), KvCacheConfig::recommended(4, 4)).unwrap();
    assert_eq!(cache.append(3, &[], &[]), Err(KvCacheError::Shared { layer: 3, donor: 1 }));
    assert!(cache.keys(3).unwrap_err().to_string().contains("layer 1"));
    assert_eq!(cache.values(9), Err(KvCacheError::NoLayer { layer: 9, layers: 4 }));
    assert_eq!(cache.cached_layers().collect::<Vec<_>>(), [0, 1, 2]);
    assert!(matches!(cache.append(0, &[0.0; 63], &[0.0; 64]), Err(KvCacheError::Shape { side: "keys", .. })));
    assert!(matches!(
        cache.append(0, &[0.0; 64], &[0.0; 128]),
        Err(KvCacheError::Shape { side: "values", .. })
    ));
    let bad = KvCacheConfig { v_codec: CodecKind::CentredKeys, ..KvCacheConfig::recommended(4, 4) };
    assert!(matches!(
        KvCacheCompressor::new(&model(), bad),
        Err(KvCacheError::Setting { field: "v_codec", .. })
    ));
    let bad = KvCacheConfig::recommended(9, 4);
    assert!(matches!(KvCacheCompressor::new(&model(), bad), Err(KvCacheError::Codec { layer: 0, .. })));
}

#[test]
fn windows_sinks_and_recent_tokens() {
    let config = KvCacheConfig { recent: 10, ..KvCacheConfig::recommended(4, 4) };
    let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
    let all = fill(&mut cache, &[200, 1, 1, 300, 1]);
    assert_eq!(cache.tokens(0), Ok(100));
    assert_eq!(cache.tokens(1), Ok(503));
    let keys = cache.keys(1).unwrap();
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= b.abs() * 5e-4 + 1e-6);
    assert!(near(&keys[..4 * 64], &all[1][..4 * 64]), "sinks are f16");
    assert!(near(&keys[493 * 64..], &all[1][493 * 64..]), "recent tokens are f16");
    assert!(compare(&all[1], &keys, 64).nmse < 0.011);
    let sliding = cache.values(0).unwrap();
    assert_eq!(sliding.len(), 100 * 64);
    assert!(compare(&all[0][403 * 64..], &sliding, 32).nmse < 0.011);
}

#[test]
fn memory_ahead_is_memory_held() {
    for (steps, sinks, recent, protected) in [
        (&[0][..], 4, 0, 0),
        (&[3], 4, 0, 0),
        (&[50, 1, 1], 4, 7, 1),
        (&[300, 1, 299], 4, 120, 0),
        (&[101], 0, 200, 2),
    ] {
        let config =
            KvCacheConfig { sinks, recent, protected_layers: protected, ..KvCacheConfig::recommended(4, 3) };
        let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
        fill(&mut cache, steps);
        let context = steps.iter().sum::<usize>() as u64;
        assert_eq!(
            KvMemory::of(&model(), &config, context),
            Ok(cache.memory()),
            "{steps:?} {sinks} {recent}"
        );
    }
    // No exceptions: exactly b + 16/d bits.
    let config = KvCacheConfig::plain(CodecKind::Turboquant, 4, 4);
    let mut uniform = model();
    uniform.layers.truncate(1);
    let memory = KvMemory::of(&uniform, &config, 1000).unwrap();
    assert!((memory.bits_per_channel() - 4.5).abs() < 1e-12);
    assert_eq!(memory.bf16_bytes, 2 * 2 * 100 * 64);
}

#[test]
fn a_failed_append_changes_nothing() {
    let mut cache = KvCacheCompressor::new(&model(), KvCacheConfig::recommended(4, 4)).unwrap();
    fill(&mut cache, &[20]);
    let before = cache.save();
    let mut values = vec![1.0; 3 * 64];
    values[70] = f32::NAN;
    let error = cache.append(1, &[1.0; 3 * 64], &values).unwrap_err();
    assert!(error.to_string().starts_with("layer 1, values: vector 1, channel 6 is NaN"), "{error}");
    assert_eq!(cache.save(), before);
}

#[test]
fn centring_helps_biased_keys() {
    let keys = Source::ChannelBias.generate(400, 64, 3);
    let error = |config| {
        let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
        cache.append(1, &keys, &keys).unwrap();
        compare(&keys, &cache.keys(1).unwrap(), 64).mse
    };
    let plain = error(KvCacheConfig::plain(CodecKind::TurboquantUnbiased, 3, 3));
    assert!(error(KvCacheConfig::recommended(3, 3)) < plain / 5.0);
}

#[test]
fn files_round_trip_and_damage_is_an_error() {
    for config in [
        KvCacheConfig { recent: 5, protected_layers: 1, ..KvCacheConfig::recommended(3, 2) },
        KvCacheConfig::plain(CodecKind::SeedRotor, 4, 4),
        KvCacheConfig::plain(CodecKind::TurboquantProdHadamard, 4, 4),
    ] {
        let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
        fill(&mut cache, &[150, 1]);
        let bytes = cache.save();
        let loaded = KvCacheCompressor::load(&bytes).unwrap();
        assert_eq!(loaded.save(), bytes);
        assert_eq!(loaded.keys(1), cache.keys(1));
        assert_eq!(loaded.memory(), cache.memory());
        for cut in (0..bytes.len()).step_by(97) {
            assert!(KvCacheCompressor::load(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in (0..bytes.len()).step_by(101) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert!(KvCacheCompressor::load(&damaged).is_err(), "flipped at {at}");
        }
    }
    assert_eq!(KvCacheCompressor::load(b"PK").unwrap_err(), KvFileError::Magic);
}

#[test]
fn scores_from_codes_are_those_of_the_decoded_keys() {
    for k_codec in CodecKind::ALL.into_iter().filter(|kind| *kind != CodecKind::TurboquantMixed) {
        let k_bits = 4.max(*k_codec.bits_range().start());
        let config = KvCacheConfig { k_codec, recent: 10, ..KvCacheConfig::recommended(k_bits, 4) };
        let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
        fill(&mut cache, &[200, 1, 300, 1]);
        for (layer, heads, dim) in [(0, 2, 32), (1, 1, 64)] {
            let queries = Random::new(9, 9).normals(3 * heads * dim);
            let scores = cache.scores(layer, &queries).unwrap();
            let keys = cache.keys(layer).unwrap();
            let tokens = cache.tokens(layer).unwrap();
            assert_eq!(scores.len(), 3 * heads * tokens);
            for (at, query) in queries.chunks_exact(dim).enumerate() {
                for (token, key) in keys.chunks_exact(heads * dim).enumerate() {
                    let key = &key[at / 3 * dim..][..dim];
                    let direct: f32 = query.iter().zip(key).map(|(q, k)| q * k).sum();
                    let score = scores[at * tokens + token];
                    assert!(
                        (score - direct).abs() < 1e-3,
                        "{k_codec:?} head {at} token {token}: {score} {direct}"
                    );
                }
            }
        }
    }
}

#[test]
fn queries_of_the_wrong_shape_are_named() {
    let mut cache = KvCacheCompressor::new(&model(), KvCacheConfig::recommended(4, 4)).unwrap();
    assert_eq!(cache.scores(0, &[0.0; 64]), Ok(Vec::new()));
    fill(&mut cache, &[5]);
    assert_eq!(
        cache.scores(0, &[0.0; 63]),
        Err(KvCacheError::Queries { layer: 0, got: 63, heads: 2, dim: 32 })
    );
    assert_eq!(cache.scores(0, &[]), Ok(Vec::new()));
    assert_eq!(cache.scores(3, &[]), Err(KvCacheError::Shared { layer: 3, donor: 1 }));
}
