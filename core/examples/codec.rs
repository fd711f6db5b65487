//! Keys of a cache in a few bits, and what is lost: `cargo run -p dhurandhar-core --example codec`.

use dhurandhar_core::codec::{CodecKind, Source, quality};
use std::error::Error;

/// Channels of a head, and how many vectors.
const DIM: usize = 128;
const VECTORS: usize = 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let vectors = Source::OutlierChannels.generate(VECTORS, DIM, 7);
    for kind in [CodecKind::Q8_0, CodecKind::Q4_0, CodecKind::TurboquantProd] {
        let bits = *kind.bits_range().start();
        let codec = kind.build(DIM, bits, &vectors, 7)?;
        let packed = codec.encode(&vectors)?;
        let error = quality::compare(&vectors, &codec.decode(&packed)?, DIM);
        let (bytes, bits) = (packed.bytes().len(), codec.bits_per_channel());
        println!(
            "{:<40} {bytes:>7} bytes, {bits:.2} bits a channel, cosine {:.5}",
            codec.label(),
            error.cosine
        );
    }
    Ok(())
}
