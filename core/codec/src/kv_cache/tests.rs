//! The cache over real layouts: sharing, windows, exceptions, memory, files.

use super::*;
use crate::quality::compare;
use crate::{CodecKind, Random, Source};

/// Gemma 4 in small: sliding layers of 32 channels, a full one of 64, and a tail that shares.
fn model() -> KvGeometry {
    let own = |heads, dim, window| KvLayer::Own { heads, k_dim: dim, v_dim: dim, window };
    let shared = KvLayer::Shared { donor: 1 };
    KvGeometry::new(vec![own(2, 32, Some(100)), own(1, 64, None), own(2, 32, Some(100)), shared])
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
    assert!(matches!(cache.append(0, &[0.0; 63], &[0.0; 64]), Err(KvCacheError::Shape { side: "keys", .. })));
    assert!(matches!(
        cache.append(0, &[0.0; 64], &[0.0; 128]),
        Err(KvCacheError::Shape { side: "values", .. })
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
    let uniform = KvGeometry::new(model().layers()[..1].to_vec());
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
        KvCacheConfig::plain(CodecKind::TurboquantMixed, 3, 3),
        KvCacheConfig::coded(Coding::F16, Coding::Code { codec: CodecKind::Q8_0, bits: 8 }),
    ] {
        let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
        fill(&mut cache, &[150, 1]);
        let bytes = cache.save();
        let loaded = KvCacheCompressor::load(&bytes).unwrap();
        assert_eq!(loaded.save(), bytes);
        assert_eq!((loaded.keys(1), loaded.values(0)), (cache.keys(1), cache.values(0)));
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
    for codec in CodecKind::ALL {
        let keys = Coding::Code { codec, bits: 4.max(*codec.bits_range().start()) };
        let config = KvCacheConfig { keys, recent: 10, ..KvCacheConfig::recommended(4, 4) };
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
                        "{codec:?} head {at} token {token}: {score} {direct}"
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

/// Two heads of 32 channels, tokens x heads x dim, and the vectors of one of them.
fn two_heads(tokens: usize) -> (Vec<f32>, [Vec<f32>; 2]) {
    let rows = Source::ChannelBias.generate(2 * tokens, 32, 9);
    let head = |head: usize| rows.chunks_exact(32).skip(head).step_by(2).flatten().copied().collect();
    let heads = [head(0), head(1)];
    (rows, heads)
}

#[test]
fn every_head_comes_back_as_its_codec_alone_would_give_it_back() {
    let (rows, heads) = two_heads(300);
    let (sample, sample_heads) = two_heads(90);
    for codec in CodecKind::ALL {
        let bits = 3.clamp(*codec.bits_range().start(), *codec.bits_range().end());
        let coding = Coding::Code { codec, bits };
        let config = KvCacheConfig { sinks: 5, seed: 7, ..KvCacheConfig::coded(coding, coding) };
        let mut prompt = KvCacheCompressor::new(&model(), config).unwrap();
        prompt.append(0, &rows, &rows).unwrap();
        let mut calibrated = KvCacheCompressor::new(&model().without_windows(), config).unwrap();
        calibrated.calibrate(0, &sample, &sample).unwrap();
        // Other tokens before do not count.
        calibrated.append(0, &rows[..64 * 40], &rows[..64 * 40]).unwrap();
        calibrated.clear(0).unwrap();
        for part in [&rows[..64 * 2], &rows[64 * 2..64 * 270], &rows[64 * 270..]] {
            calibrated.append(0, part, part).unwrap();
        }
        assert_eq!(prompt.tokens(0), Ok(100));
        let held = [(&prompt, 200, &heads), (&calibrated, 0, &sample_heads)];
        for (cache, first, samples) in held {
            let found = [cache.keys(0).unwrap(), cache.values(0).unwrap()];
            assert_eq!(found[0], found[1], "{codec:?}");
            for (at, head) in heads.iter().enumerate() {
                let from = if first == 0 { 0 } else { 5 * 32 };
                let alone = codec.build(32, bits, &samples[at][from..], 7).unwrap();
                let mut wanted = alone.decode(&alone.encode(head).unwrap()).unwrap();
                for (wanted, x) in wanted.iter_mut().zip(&head[..5 * 32]) {
                    *wanted = half::f16::from_f32(*x).to_f32();
                }
                let came: Vec<f32> =
                    found[0].chunks_exact(32).skip(at).step_by(2).flatten().copied().collect();
                assert_eq!(came, wanted[first * 32..], "{codec:?}, head {at}");
            }
        }
        let rest = calibrated.keys_from(0, 283).unwrap();
        assert_eq!(rest, calibrated.keys(0).unwrap()[64 * 283..]);
        let late = calibrated.calibrate(0, &sample, &sample);
        assert_eq!(late.is_err(), codec.takes_sample());
    }
}

#[test]
fn f16_alone_codes_nothing_and_protected_layers_take_eight_bits() {
    let keys = Coding::Code { codec: CodecKind::Q4_0, bits: 4 };
    let config = KvCacheConfig { protected_layers: 1, ..KvCacheConfig::coded(keys, Coding::F16) };
    let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
    let all = fill(&mut cache, &[40, 2]);
    let wanted: Vec<f32> = all[1].iter().map(|x| half::f16::from_f32(*x).to_f32()).collect();
    assert_eq!(cache.values(1).unwrap(), wanted);
    assert!(compare(&all[0], &cache.keys(0).unwrap(), 32).nmse < 1e-4);
    assert_eq!(KvMemory::of(&model(), &config, 42), Ok(cache.memory()));
    let wide = KvCacheConfig { protected_layers: 1, ..KvCacheConfig::plain(CodecKind::Turboquant, 2, 2) };
    let mut cache = KvCacheCompressor::new(&model(), wide).unwrap();
    let all = fill(&mut cache, &[40]);
    assert!(compare(&all[0], &cache.keys(0).unwrap(), 32).nmse < 1e-3);
    assert!(compare(&all[1], &cache.keys(1).unwrap(), 64).nmse > 5e-2);
}

#[test]
fn a_layer_may_cache_keys_alone() {
    let config = KvCacheConfig::plain(CodecKind::Turboquant, 4, 4);
    let geometry = KvGeometry::of_keys(2, 32);
    let mut cache = KvCacheCompressor::new(&geometry, config).unwrap();
    let rows = Random::new(1, 2).normals(64 * 3);
    cache.append(0, &rows, &[]).unwrap();
    assert_eq!((cache.tokens(0), cache.values(0)), (Ok(3), Ok(Vec::new())));
    assert_eq!(KvMemory::of(&geometry, &config, 3), Ok(cache.memory()));
    let error = cache.append(0, &rows, &rows).unwrap_err();
    assert!(matches!(error, KvCacheError::Shape { side: "values", .. }), "{error}");
    assert_eq!(KvCacheCompressor::load(&cache.save()).unwrap().keys(0), cache.keys(0));
}

#[test]
fn vectors_are_counted_within_the_call() {
    let config = KvCacheConfig { sinks: 3, recent: 2, ..KvCacheConfig::plain(CodecKind::Turboquant, 4, 4) };
    let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
    for (tokens, at) in [(10, 17), (10, 5), (10, 19)] {
        let mut rows = vec![1.0; 64 * tokens];
        rows[at * 32 + 6] = f32::INFINITY;
        let error = cache.append(0, &rows, &rows).unwrap_err().to_string();
        assert!(error.starts_with(&format!("layer 0, keys: vector {at}, channel 6 is inf")), "{error}");
    }
}

#[test]
fn rounded_queries_meet_the_same_keys() {
    let q8 = Coding::Code { codec: CodecKind::Q8_0, bits: 8 };
    let plain = KvCacheConfig::coded(q8, q8);
    let rounding = KvCacheConfig { queries: Some(q8), ..plain };
    let queries = Random::new(9, 9).normals(6 * 32);
    let scores = |config: KvCacheConfig, queries: &[f32]| {
        let mut cache = KvCacheCompressor::new(&model(), config).unwrap();
        fill(&mut cache, &[50]);
        cache.scores(0, queries).unwrap()
    };
    let rounded = rounding.rounded_queries(&queries, 32).unwrap();
    assert_ne!(rounded, queries);
    assert!(compare(&queries, &rounded, 32).nmse < 1e-4);
    assert_eq!(scores(rounding, &queries), scores(plain, &rounded));
    assert_eq!(plain.rounded_queries(&queries, 32).unwrap(), queries);
}
