//! Jobs and their answers.

use super::*;
use crate::codec::sweep::sweep_source;
use crate::leaf::wire;
use core::ops::ControlFlow;
use proptest::prelude::*;

fn answers(job: &Job, file: &[u8]) -> Vec<Answer> {
    let mut all = Vec::new();
    run(job, file, |answer| all.push(answer));
    all
}

#[test]
fn copies_tell_of_each_and_their_median_is_the_speed() {
    let told = answers(&Job::Copies { mib: 1, times: 3 }, &[]);
    assert_eq!(told.len(), 4);
    assert_eq!((&told[2], &told[3]), (&Answer::Progress(Progress { done: 3, total: 3 }), &Answer::Done));
    for mib in [0, 4096] {
        let told = answers(&Job::Copies { mib, times: 1 }, &[]);
        assert!(matches!(&told[..], [Answer::Failed(text)] if text.contains("expected 1 to")), "{told:?}");
    }
    let speed = copied_gb_per_s(64, &[900.0, 10.0, 12.0]).unwrap();
    assert!((speed - 134_217_728.0 / 12.0 / 1e6).abs() < 1e-9);
    assert_eq!(copied_gb_per_s(64, &[]), None);
}

fn part(codec: CodecKind, input: Input) -> Part {
    let request = SweepRequest { codecs: vec![codec], bits: vec![2, 4], dim: 16, ..SweepRequest::default() };
    Part { request, input }
}

/// A `.npy` file of f32 zeros but for a one in each vector.
fn npy(vectors: usize, dim: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({vectors}, {dim}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend((0..vectors * dim).flat_map(|at| if at % dim == 3 { 1.0_f32 } else { 0.0 }.to_le_bytes()));
    bytes
}

#[test]
fn rows_are_those_of_a_sweep_and_progress_ends_at_the_whole() {
    let input = Input::Source(Source::LowRank, 3);
    let parts = vec![part(CodecKind::CentredKeys, input), part(CodecKind::SeedTurbo, input)];
    let all = answers(&Job::Sweep { vectors: 600, parts: parts.clone() }, &[]);
    let rows: Vec<(usize, SweepRow)> = all
        .iter()
        .filter_map(|answer| if let Answer::Row(at, row) = answer { Some((*at, *row.clone())) } else { None })
        .collect();
    let direct: Vec<(usize, SweepRow)> = parts
        .into_iter()
        .enumerate()
        .flat_map(|(at, part)| {
            let go = |_| ControlFlow::Continue(());
            let rows = sweep_source(part.request, Source::LowRank, 600, 3, go).unwrap();
            rows.into_iter().map(move |row| (at, row))
        })
        .collect();
    assert_eq!(rows, direct);
    let last =
        all.iter().rev().find_map(|answer| if let Answer::Progress(p) = answer { Some(*p) } else { None });
    assert_eq!(last, Some(Progress { done: 2400, total: 2400 }));
    assert_eq!(all.last(), Some(&Answer::Done));
}

#[test]
fn a_file_is_listed_and_its_first_vectors_are_swept() {
    let file = npy(5, 16);
    let listed = answers(&Job::Inspect, &file);
    assert_eq!(listed[0], Answer::Tensors(vec![TensorShape { name: String::new(), shape: vec![5, 16] }]));
    let job = |dim: usize, place: usize| {
        let mut part = part(CodecKind::Turboquant, Input::Tensor(place));
        part.request.dim = dim;
        Job::Sweep { vectors: 3, parts: vec![part] }
    };
    let all = answers(&job(16, 0), &file);
    assert!(all.iter().any(|answer| matches!(answer, Answer::Row(0, row) if row.quality.vectors == 3)));
    for (job, part) in
        [(job(7, 0), "multiple of head dim 7"), (job(16, 1), "has 1 tensors"), (job(0, 0), "dim is 0")]
    {
        let all = answers(&job, &file);
        assert!(matches!(all.last(), Some(Answer::Failed(text)) if text.contains(part)), "{all:?}");
    }
    let layer = Job::Attention {
        queries: 0,
        keys: 0,
        values: 0,
        codecs: vec![CodecKind::Turboquant],
        bits: vec![2, 8],
        sinks: 0,
    };
    let all = answers(&layer, &file);
    let lost: Vec<f64> = all
        .iter()
        .filter_map(|answer| match answer {
            Answer::Attention(row) => Some(row.attention.output_relative_error),
            _ => None,
        })
        .collect();
    assert!(matches!(lost[..], [two, eight] if two > eight && eight < 1e-3), "{all:?}");
    let mut zeros = file.clone();
    let data = zeros.len() - 5 * 16 * 4;
    zeros[data..].fill(0);
    let all = answers(&job(16, 0), &zeros);
    assert!(matches!(all.last(), Some(Answer::Failed(text)) if text.contains("zeros alone")), "{all:?}");
    assert!(matches!(answers(&Job::Inspect, b"PK").as_slice(), [Answer::Failed(_)]));
}

#[test]
fn a_batch_is_repeated_or_refused() {
    let job = |dim, bits| Job::Repeat {
        codec: CodecKind::Turboquant,
        bits,
        dim,
        vectors: 3,
        encodes: 1,
        decodes: 2,
    };
    assert_eq!(answers(&job(16, 4), &[]), [Answer::Done]);
    for (job, part) in [(job(0, 4), "dim is 0"), (job(16, 9), "9")] {
        let all = answers(&job, &[]);
        assert!(matches!(all.as_slice(), [Answer::Failed(text)] if text.contains(part)), "{all:?}");
    }
}

#[test]
fn jobs_and_answers_come_back_from_the_wire() {
    let model = crate::model::registry::model("gemma4-e2b").unwrap();
    let geometry = model.architecture.kv_geometry();
    assert_eq!(geometry.widest_head(), Some(512));
    let configs =
        vec![KvCacheConfig::recommended(4, 4), KvCacheConfig::plain(CodecKind::TurboquantMixed, 8, 8)];
    let jobs = [
        Job::Memory { geometry, context_tokens: 8192, configs: configs.clone() },
        Job::Cost { codecs: CodecKind::ALL.to_vec(), dim: 128 },
    ];
    for job in jobs {
        assert_eq!(wire::decode::<Job>(&wire::encode(&job)).as_ref(), Some(&job));
        let all = answers(&job, &[]);
        assert_eq!(wire::decode::<Vec<Answer>>(&wire::encode(&all)).as_ref(), Some(&all));
        if let Answer::Memory(memory) = &all[0] {
            let direct = KvMemory::of(&model.architecture.kv_geometry(), &configs[0], 8192).unwrap();
            assert_eq!(memory[0], Ok(direct));
            assert!(memory[1].is_err());
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = wire::decode::<Job>(&bytes);
        let _ = wire::decode::<Answer>(&bytes);
    }

    #[test]
    fn jobs_come_back(vectors in any::<usize>(), dim in any::<usize>(), seed in any::<u64>(), correlation in any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()), place in any::<usize>()) {
        let request = SweepRequest { codecs: CodecKind::ALL.to_vec(), bits: (1..9).collect(), dim, head_vectors: Some(dim), sinks: 4, correlation, seed };
        let parts = [Input::Tensor(place), Input::Source(Source::LowRank, 7)].map(|input| Part { request: request.clone(), input });
        let job = Job::Sweep { vectors, parts: parts.to_vec() };
        prop_assert_eq!(wire::decode::<Job>(&wire::encode(&job)), Some(job));
    }
}
