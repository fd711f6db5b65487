//! Throughput of the codecs in GB/s of f32.
//!
//! `cargo bench -p dhurandhar-codec` prints every width with divan's statistics; without a filter it first prints the
//! headline figures as ratios: to a memcpy and to one thread, each pair measured in turns in the same run, so that
//! a busy machine slows both sides.
#![expect(clippy::expect_used, reason = "the input is finite, the settings are legal, the bytes are its own")]

use std::hint::black_box;
use std::time::Instant;

use cpu_time::ThreadTime;
use dhurandhar_codec::{Codec, Packed, Random, TurboQuant, TurboQuantConfig};
use dhurandhar_leaf::simd::Isa;
use divan::Bencher;
use divan::counter::BytesCount;

/// Vectors that fit the second-level cache with their codes.
const SMALL: usize = 512;
/// Vectors of 128 channels in 32 MiB: with their codes and the way back, beyond every cache.
const LARGE: usize = 1 << 16;
/// Turns of the interleaved comparison.
const TURNS: usize = 40;

fn main() {
    if std::env::args().skip(1).all(|argument| argument.starts_with('-')) {
        ratios(SMALL);
        ratios(LARGE);
        widths();
        scaling();
    }
    divan::main();
}

fn codec(dim: usize, bits: u32) -> TurboQuant {
    TurboQuant::new(dim, TurboQuantConfig::new(bits)).expect("legal")
}

/// Least seconds of each piece of work over interleaved turns.
fn best<const N: usize>(work: &mut [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for _ in 0..TURNS {
        for (best, work) in best.iter_mut().zip(work.iter_mut()) {
            let start = Instant::now();
            work();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    best
}

fn ratios(vectors: usize) {
    let codec = codec(128, 4);
    let input = Random::new(1, 1).normals(128 * vectors);
    let (mut copied, mut decoded) = (vec![0.0_f32; input.len()], vec![0.0_f32; input.len()]);
    let (mut packed, given) =
        (Packed::zeroed(codec.layout(), vectors), codec.encode(&input).expect("finite"));
    let [copy, encode, decode] = best(&mut [
        &mut || black_box(&mut copied).copy_from_slice(black_box(&input)),
        &mut || codec.encode_into(black_box(&input), packed.planes_mut()).expect("finite"),
        &mut || codec.decode_into(given.planes(), black_box(&mut decoded)).expect("own bytes"),
    ]);
    let gigabytes = (4 * input.len()) as f64 / 1e9;
    let mib = (4 * input.len()) >> 20;
    for (name, seconds) in [("memcpy", copy), ("encode", encode), ("decode", decode)] {
        println!(
            "{name} of {vectors} vectors, d=128 b=4 ({mib} MiB), one thread: {:.2} GB/s, {:.1} ns a vector, {:.2} of memcpy",
            gigabytes / seconds,
            seconds * 1e9 / vectors as f64,
            copy / seconds
        );
    }
}

/// Widths that are no power of two beside 128 channels, in turns.
fn widths() {
    let usual = codec(128, 4);
    let input = Random::new(1, 1).normals(128 * SMALL);
    let (mut packed, mut decoded) = (Packed::zeroed(usual.layout(), SMALL), vec![0.0_f32; input.len()]);
    let given = usual.encode(&input).expect("finite");
    for dim in [80, 96, 112, 120, 160, 192] {
        let codec = codec(dim, 4);
        let x = Random::new(1, 1).normals(dim * SMALL);
        let (mut own, mut back) = (Packed::zeroed(codec.layout(), SMALL), vec![0.0_f32; x.len()]);
        let coded = codec.encode(&x).expect("finite");
        let [encode, decode, own_encode, own_decode] = best(&mut [
            &mut || usual.encode_into(black_box(&input), packed.planes_mut()).expect("finite"),
            &mut || usual.decode_into(given.planes(), black_box(&mut decoded)).expect("own bytes"),
            &mut || codec.encode_into(black_box(&x), own.planes_mut()).expect("finite"),
            &mut || codec.decode_into(coded.planes(), black_box(&mut back)).expect("own bytes"),
        ]);
        let share = dim as f64 / 128.0;
        let rate = |seconds: f64| (4 * x.len()) as f64 / 1e9 / seconds;
        println!(
            "d={dim} b=4, one thread: encode {:.2} GB/s ({:.2} of d=128), decode {:.2} GB/s ({:.2})",
            rate(own_encode),
            share * encode / own_encode,
            rate(own_decode),
            share * decode / own_decode
        );
    }
}

/// Two threads, each with half of the vectors, against one with all.
///
/// By the clock, and by the CPU time of the slower thread: others on the machine take from the first, while the
/// second shows only what the two threads take from each other.
fn scaling() {
    let codec = codec(128, 4);
    let input = Random::new(1, 1).normals(128 * LARGE);
    let given = codec.encode(&input).expect("finite");
    let mut packed = Packed::zeroed(codec.layout(), LARGE);
    let mut decoded = vec![0.0_f32; input.len()];
    for work in ["encode", "decode"] {
        let mut best = [Elapsed::LONGEST; 2];
        for _ in 0..5 * TURNS {
            for (best, threads) in best.iter_mut().zip([1, 2]) {
                let (vectors, values) = (LARGE / threads, input.len() / threads);
                let elapsed = if work == "encode" {
                    let pieces = packed.planes_mut().chunks(vectors).into_iter().zip(input.chunks(values));
                    timed(pieces.map(|(out, x)| || codec.encode_into(x, out).expect("finite")))
                } else {
                    let pieces = given.planes().chunks(vectors).into_iter().zip(decoded.chunks_mut(values));
                    timed(pieces.map(|(packed, out)| || codec.decode_into(packed, out).expect("own bytes")))
                };
                *best = Elapsed { wall: best.wall.min(elapsed.wall), cpu: best.cpu.min(elapsed.cpu) };
            }
        }
        let [one, two] = best;
        println!(
            "{work} on two threads: {:.2} GB/s; {:.2} times one thread by the clock, {:.2} times by CPU time",
            (4 * input.len()) as f64 / 1e9 / two.wall,
            one.wall / two.wall,
            one.cpu / two.cpu
        );
    }
    assert!(packed == given, "threads change nothing in the bytes");
}

/// Seconds by the clock, and CPU seconds of the slowest thread.
#[derive(Clone, Copy)]
struct Elapsed {
    wall: f64,
    cpu: f64,
}

impl Elapsed {
    const LONGEST: Self = Self { wall: f64::INFINITY, cpu: f64::INFINITY };
}

/// Each piece on a thread of its own.
fn timed<F: FnOnce() + Send>(pieces: impl Iterator<Item = F>) -> Elapsed {
    let start = Instant::now();
    let cpu = std::thread::scope(|scope| {
        let run = |piece: F| {
            scope.spawn(|| {
                let start = ThreadTime::now();
                piece();
                start.elapsed().as_secs_f64()
            })
        };
        let threads: Vec<_> = pieces.map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).fold(0.0, f64::max)
    });
    Elapsed { wall: start.elapsed().as_secs_f64(), cpu }
}

#[divan::bench]
fn memcpy(bencher: Bencher<'_, '_>) {
    let input = Random::new(1, 1).normals(128 * SMALL);
    let mut output = vec![0.0_f32; input.len()];
    let bytes = BytesCount::of_slice(&input);
    bencher.counter(bytes).bench_local(|| black_box(&mut output).copy_from_slice(black_box(&input)));
}

fn encoding(bencher: Bencher<'_, '_>, codec: &TurboQuant) {
    let input = Random::new(1, 1).normals(codec.dim() * SMALL);
    let mut packed = Packed::zeroed(codec.layout(), SMALL);
    let bytes = BytesCount::of_slice(&input);
    bencher.counter(bytes).bench_local(|| codec.encode_into(black_box(&input), packed.planes_mut()));
}

fn decoding(bencher: Bencher<'_, '_>, codec: &TurboQuant) {
    let input = Random::new(1, 1).normals(codec.dim() * SMALL);
    let packed = codec.encode(&input).expect("finite");
    let mut output = vec![0.0_f32; input.len()];
    let bytes = BytesCount::of_slice(&input);
    bencher.counter(bytes).bench_local(|| codec.decode_into(packed.planes(), black_box(&mut output)));
}

#[divan::bench(args = [1, 2, 3, 4, 5, 8])]
fn encode_by_bits(bencher: Bencher<'_, '_>, bits: u32) {
    encoding(bencher, &codec(128, bits));
}

#[divan::bench(args = [1, 2, 3, 4, 5, 8])]
fn decode_by_bits(bencher: Bencher<'_, '_>, bits: u32) {
    decoding(bencher, &codec(128, bits));
}

#[divan::bench(args = [64, 80, 96, 256, 512])]
fn encode_by_dim(bencher: Bencher<'_, '_>, dim: usize) {
    encoding(bencher, &codec(dim, 4));
}

#[divan::bench(args = [64, 80, 96, 256, 512])]
fn decode_by_dim(bencher: Bencher<'_, '_>, dim: usize) {
    decoding(bencher, &codec(dim, 4));
}

#[divan::bench]
fn encode_scalar(bencher: Bencher<'_, '_>) {
    encoding(bencher, &codec(128, 4).on(Isa::SCALAR));
}

#[divan::bench]
fn decode_scalar(bencher: Bencher<'_, '_>) {
    decoding(bencher, &codec(128, 4).on(Isa::SCALAR));
}

/// A query against packed vectors, from their codes.
#[divan::bench(args = [2, 4, 8])]
fn score_by_bits(bencher: Bencher<'_, '_>, bits: u32) {
    let codec = codec(128, bits);
    let input = Random::new(1, 1).normals(128 * SMALL);
    let packed = codec.encode(&input).expect("finite");
    let mut scores = vec![0.0_f32; SMALL];
    let bytes = BytesCount::of_slice(&input);
    bencher.counter(bytes).bench_local(|| codec.inner_products(&input[..128], packed.planes(), &mut scores));
}
