//! Real GGUF files, imported from their headers alone.

use dhurandhar_core::Model;
use dhurandhar_core::model::Origin;
use dhurandhar_core::model::import::gguf::parse_gguf;
use dhurandhar_core::model::import::{FIRST_READ, ImportError, import};
use dhurandhar_tests::checkpoints;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The first `length` bytes of a file.
fn prefix(path: &Path, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().take(length).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Import as the command line does: a little, then as much as is asked for. Returns the bytes read.
fn read_on(path: &Path) -> (Model, u64) {
    let length = std::fs::metadata(path).unwrap().len();
    let name = path.file_name().unwrap().to_string_lossy();
    let mut read = FIRST_READ;
    loop {
        match import(&name, &prefix(path, read), Some(length)) {
            Ok(model) => return (model, read),
            Err(ImportError::NeedMore { at_least }) => read = at_least.max(read * 2),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Tensors by stored type.
fn types(model: &Model) -> BTreeMap<&'static str, usize> {
    let mut types = BTreeMap::new();
    for stored in model.tensors.iter().filter_map(|tensor| tensor.stored) {
        *types.entry(stored.block.name()).or_insert(0) += 1;
    }
    types
}

fn stored_bytes(model: &Model) -> u64 {
    model.tensors.iter().filter_map(|tensor| tensor.stored).map(|stored| stored.bytes).sum()
}

#[test]
fn smollm2_from_its_header() {
    let path = checkpoints::smollm2().unwrap();
    let (model, read) = read_on(&path);
    assert!(read <= 8 << 20, "{read} bytes read");
    assert_eq!(model.origin, Origin::Gguf { file_bytes: 98_362_432 });
    assert_eq!((model.parameters().text, model.tensors.len()), (134_515_008, 272));
    assert_eq!(stored_bytes(&model), 96_576_768);
    assert_eq!(types(&model), BTreeMap::from([("f32", 61), ("q4_1", 210), ("q8_0", 1)]));
    assert_eq!(model.architecture.cache_owners(), (30, 0));
    assert_eq!(model.architecture.max_context_tokens, 8_192);
    assert!(model.architecture.embeddings.tied);
    let attention = model.architecture.layers[0].attention().unwrap();
    assert_eq!((attention.query_heads, attention.kv_heads, attention.k_head_dim), (9, 3, 64));
}

#[test]
fn gemma3_270m_from_its_header() {
    let path = checkpoints::gemma3_270m().unwrap();
    let (model, read) = read_on(&path);
    assert!(read <= 16 << 20, "{read} bytes read");
    assert_eq!(model.origin, Origin::Gguf { file_bytes: 253_113_024 });
    assert_eq!((model.parameters().text, model.tensors.len()), (268_098_176, 236));
    assert_eq!(stored_bytes(&model), 246_587_904);
    assert_eq!(
        types(&model),
        BTreeMap::from([("f32", 109), ("q4_k", 27), ("q5_0", 81), ("q6_k", 9), ("q8_0", 10)])
    );
    assert_eq!(model.architecture.cache_owners(), (3, 15));
    let windows: Vec<_> = model.architecture.attention_layers().filter_map(|(_, a)| a.window).collect();
    assert_eq!(windows, [512; 15]);
}

#[test]
fn a_cut_download_is_recognised() {
    let path = checkpoints::smollm2().unwrap();
    let header = prefix(&path, 4 << 20);
    let error = parse_gguf(&header, Some(50_000_000)).unwrap_err().to_string();
    assert!(error.contains("it is truncated"), "{error}");
}
