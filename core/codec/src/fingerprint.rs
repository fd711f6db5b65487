//! Hashes of codes and decoded values, to hold every target to the same bytes.
//!
//! The constants in the test beside this file were made on x86-64. They are checked natively there and on
//! aarch64, and in the browser through the page's worker.

use super::rotation::RotationKind;
use super::{Codec, CodecError, CodecKind, Random, Source, TurboQuant, TurboQuantConfig};
use dhurandhar_leaf::wire::wire_struct;

/// The hash of one codec's output on fixed vectors.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint {
    /// Codec, width and dimension.
    pub name: String,
    /// FNV-1a of the packed bytes, in hexadecimal.
    pub packed: String,
    /// FNV-1a of the bits of the decoded values, in hexadecimal.
    pub decoded: String,
}

/// Fingerprints of every codec at 1 to 8 bits and three widths, on this target.
pub fn fingerprints() -> Result<Vec<Fingerprint>, CodecError> {
    let mut all = Vec::new();
    for dim in [64, 96, 255] {
        let vectors = Source::OutlierChannels.generate(8, dim, 7);
        for kind in CodecKind::ALL {
            for bits in kind.bits_range() {
                let codec = kind.build(dim, bits, &vectors, 1)?;
                all.push(fingerprint(&*codec, format!("{} b={bits} d={dim}", kind.name()), &vectors)?);
            }
        }
    }
    for rounds in 1..=3 {
        let config = TurboQuantConfig::new(4).with_rotation(RotationKind::Hadamard { rounds });
        let codec = TurboQuant::new(128, config)?;
        let name = format!("turboquant b=4 d=128 rounds={rounds}");
        all.push(fingerprint(&codec, name, &Random::new(1, 1).normals(128 * 64))?);
    }
    Ok(all)
}

fn fingerprint(codec: &dyn Codec, name: String, vectors: &[f32]) -> Result<Fingerprint, CodecError> {
    let packed = codec.encode(vectors)?;
    let decoded = codec.decode(&packed)?;
    let bits = decoded.iter().flat_map(|value| value.to_bits().to_le_bytes());
    Ok(Fingerprint {
        name,
        packed: format!("{:016x}", fnv1a(packed.bytes().iter().copied())),
        decoded: format!("{:016x}", fnv1a(bits)),
    })
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
pub(crate) fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// One hash over all of `fingerprints`.
pub fn digest(fingerprints: &[Fingerprint]) -> String {
    let text = fingerprints.iter().flat_map(|one| [&one.name, &one.packed, &one.decoded]);
    format!("{:016x}", fnv1a(text.flat_map(|part| part.bytes())))
}

wire_struct!(Fingerprint { name, packed, decoded });

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../tests/fixtures/codec_fingerprints.json");

    #[test]
    fn codes_are_the_same_bytes_on_every_target() {
        let own = fingerprints().unwrap();
        let golden: Vec<Fingerprint> = serde_json::from_str(GOLDEN).unwrap();
        assert_eq!(own.len(), golden.len());
        for (own, golden) in own.iter().zip(&golden) {
            assert_eq!(own, golden);
        }
        assert_eq!(digest(&own), digest(&golden));
    }

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a([]), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_F739_67E8);
    }
}
