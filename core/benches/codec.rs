//! Throughput of the codecs on one thread, in GB/s of f32, beside a memcpy measured in the same run.
//!
//! `cargo bench -p dhurandhar-core` prints a table of best-of-many times and their ratio to the memcpy.
#![expect(clippy::expect_used, reason = "the input is finite, the settings are legal, the bytes are its own")]

use std::hint::black_box;
use std::time::Instant;

use dhurandhar_core::codec::{Codec, Isa, Packed, Random, TurboQuant, TurboQuantConfig};

/// Best seconds of `work` over about a second of repetitions.
fn best(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = f64::INFINITY;
    while start.elapsed().as_secs_f64() < 0.6 {
        let before = Instant::now();
        work();
        best = best.min(before.elapsed().as_secs_f64());
    }
    best
}

fn row(name: &str, dim: usize, vectors: usize, codec: &dyn Codec) {
    let input = Random::new(1, 1).normals(dim * vectors);
    let mut output = vec![0.0_f32; input.len()];
    let mut packed = Packed::zeroed(codec.layout(), vectors);
    let gigabytes = (4 * input.len()) as f64 / 1e9;
    let copy = best(|| black_box(&mut output).copy_from_slice(black_box(&input)));
    let encode = best(|| {
        codec.encode_into(black_box(&input), packed.planes_mut()).expect("finite input");
    });
    let decode = best(|| codec.decode_into(packed.planes(), black_box(&mut output)).expect("own bytes"));
    println!(
        "{name:<42} {dim:>5} {vectors:>7}  encode {:>6.2} GB/s {:>6.1} ns {:>5.2}  decode {:>6.2} GB/s {:>6.1} ns {:>5.2}  memcpy {:>6.2} GB/s",
        gigabytes / encode,
        encode * 1e9 / vectors as f64,
        copy / encode,
        gigabytes / decode,
        decode * 1e9 / vectors as f64,
        copy / decode,
        gigabytes / copy,
    );
}

fn main() {
    println!(
        "one thread, f32 in and out; the third figure of a group is its ratio to the memcpy of the same row"
    );
    for bits in [1, 2, 3, 4, 5, 8] {
        let codec = TurboQuant::new(128, TurboQuantConfig::new(bits)).expect("legal");
        row(&codec.label(), 128, 512, &codec);
    }
    let codec = TurboQuant::new(128, TurboQuantConfig::new(4)).expect("legal");
    row("TurboQuant b=4, 16 MiB", 128, 32768, &codec);
    row("TurboQuant b=4, scalar", 128, 512, &codec.clone().on(Isa::SCALAR));
    for dim in [64, 80, 96, 256, 512] {
        let codec = TurboQuant::new(dim, TurboQuantConfig::new(4)).expect("legal");
        row(&codec.label(), dim, 512, &codec);
    }
}
