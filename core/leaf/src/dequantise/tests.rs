//! Hand-made blocks, refusals, and the reference values of the `gguf` package.

use super::*;

/// Written by `tests/scripts/dequantise_fixture.py`: blocks of random bytes and what they decode to.
const REFERENCE: &[u8] = include_bytes!("../../../../tests/fixtures/dequantise.safetensors");

fn half(value: f32) -> [u8; 2] {
    f16::from_f32(value).to_le_bytes()
}

fn decode(block: BlockType, bytes: &[u8]) -> Vec<f32> {
    let mut out = vec![f32::NAN; bytes.len() / block_shape(block).1 * block_shape(block).0];
    dequantise(block, bytes, &mut out).unwrap();
    out
}

#[test]
fn every_type_equals_the_reference_bit_for_bit() {
    let length = usize::try_from(u64::from_le_bytes(REFERENCE[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&REFERENCE[8..8 + length]).unwrap();
    let part = |name: String| {
        let offsets = &header[&name]["data_offsets"];
        let at = |index: usize| 8 + length + usize::try_from(offsets[index].as_u64().unwrap()).unwrap();
        &REFERENCE[at(0)..at(1)]
    };
    for block in SUPPORTED.iter().filter(|block| !matches!(block, BlockType::F32)) {
        let values = decode(*block, part(format!("{}.blocks", block.name())));
        let expected = decode(BlockType::F32, part(format!("{}.values", block.name())));
        assert!(values.len() >= 128, "{}", block.name());
        assert_eq!(values.len(), expected.len(), "{}", block.name());
        for (index, (value, wanted)) in values.iter().zip(&expected).enumerate() {
            // Zero has two signs; the reference's depends on its order of selection.
            let same = value.to_bits() == wanted.to_bits() || (*value == 0.0 && *wanted == 0.0);
            assert!(same, "{} at {index}: {value} for {wanted}", block.name());
        }
    }
}

#[test]
fn nibbles_are_halves_of_a_block() {
    let mut bytes = half(0.5).to_vec();
    bytes.extend([0xf8; 16]);
    let out = decode(BlockType::Q4_0, &bytes);
    assert_eq!((out[0], out[15], out[16], out[31]), (0.0, 0.0, 3.5, 3.5));
}

#[test]
fn fifth_bits_come_from_the_mask() {
    let mut bytes = [half(1.0), half(-2.0)].concat();
    bytes.extend([1, 0, 0, 0x80]);
    bytes.extend([0; 16]);
    let out = decode(BlockType::Q5_1, &bytes);
    assert_eq!((out[0], out[1], out[30], out[31]), (14.0, -2.0, -2.0, 14.0));
}

#[test]
fn a_row_decodes_as_its_blocks() {
    let block: Vec<u8> = half(0.25).into_iter().chain((0u8..32).map(|code| code * 7)).collect();
    let one = decode(BlockType::Q8_0, &block);
    let many = decode(BlockType::Q8_0, &block.repeat(4096));
    assert!(many.chunks_exact(32).all(|part| part == one));
}

#[test]
fn wrong_lengths_and_types_are_refused() {
    let mut out = [0.0; 32];
    let short = dequantise(BlockType::Q4_0, &[0; 17], &mut out).unwrap_err();
    assert_eq!(short.to_string(), "17 bytes of `q4_0` do not hold 32 elements");
    let unknown = dequantise(BlockType::Iq2Xxs, &[0; 66], &mut [0.0; 256]).unwrap_err();
    assert!(unknown.to_string().starts_with("no kernel for `iq2_xxs`; expected one of f32, f16"));
}

#[test]
fn products_are_those_of_the_decoded_row() {
    let block: Vec<u8> = half(0.5).into_iter().chain((0u8..32).map(|code| code.wrapping_mul(11))).collect();
    let row = decode(BlockType::Q8_0, &block.repeat(2));
    let vectors: Vec<f32> = (0u8..128).map(|index| f32::from(index % 7) - 3.0).collect();
    let (mut room, mut products) = (vec![0.0; 64], [0.0; 2]);
    let decoder = RowDecoder::new(BlockType::Q8_0).unwrap();
    decoder.products(&block.repeat(2), &mut room, &decoder.prepare(&vectors, 64), &mut products);
    for (product, vector) in products.iter().zip(vectors.chunks_exact(64)) {
        let direct: f32 = row.iter().zip(vector).map(|(a, b)| a * b).sum();
        assert!((product - direct).abs() < 1e-2, "{product} for {direct}");
    }
}

#[test]
fn products_of_several_rows_are_those_of_each() {
    for (block, vectors) in
        [(BlockType::Q4_1, 1), (BlockType::Q8_0, 2), (BlockType::Q8_0, 3), (BlockType::Q5_0, 2)]
    {
        let size = usize::try_from(block.bytes()).unwrap();
        let code = |at: usize| {
            if at % size % 2 == 1 && at % size < 4 { 0x20 } else { u8::try_from(at * 37 % 251).unwrap() }
        };
        let bytes: Vec<u8> = (0..3 * 2 * size).map(code).collect();
        let inputs: Vec<f32> = (0u8..vectors * 64).map(|index| f32::from(index % 11) - 5.0).collect();
        let (decoder, mut room) = (RowDecoder::new(block).unwrap(), vec![0.0; 64]);
        let mut together = vec![0.0; 3 * usize::from(vectors)];
        let inputs = decoder.prepare(&inputs, 64);
        decoder.products(&bytes, &mut room, &inputs, &mut together);
        for (row, many) in bytes.chunks_exact(2 * size).zip(together.chunks_exact(usize::from(vectors))) {
            let mut alone = vec![0.0; many.len()];
            decoder.products(row, &mut room, &inputs, &mut alone);
            assert_eq!(alone, many);
        }
    }
}
