//! safetensors checkpoints, single or in shards, with the `config.json` that describes them.

use super::tensor_table::{Stored, Table};
use super::{Checkpoint, CheckpointError, Entry, Facts, Mapping, class};
use crate::inputs::hints;
use dhurandhar_core::model::import::hf_config;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A folder with `config.json` and its weights.
pub(super) fn open_folder(folder: &Path) -> Result<Checkpoint, CheckpointError> {
    let unknown = |found: &str| CheckpointError::Unknown { path: folder.to_owned(), found: found.to_owned() };
    if !folder.join("config.json").exists() {
        return Err(unknown(&hints::folder(folder, "config.json")));
    }
    let index = folder.join("model.safetensors.index.json");
    let single = folder.join("model.safetensors");
    // Where both are there, transformers takes the single file.
    let files = if single.exists() {
        vec![single]
    } else if index.exists() {
        shards(folder, &index)?
    } else {
        return Err(unknown(&hints::folder(folder, "model.safetensors or its index")));
    };
    open(folder, folder, &files)
}

/// One file, described by the `config.json` beside it.
pub(super) fn open_file(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.join("config.json").exists() {
        let found = "safetensors without config.json in their folder".to_owned();
        return Err(CheckpointError::Unknown { path: path.to_owned(), found });
    }
    open(path, folder, &[path.to_owned()])
}

fn open(path: &Path, folder: &Path, files: &[PathBuf]) -> Result<Checkpoint, CheckpointError> {
    let config_path = folder.join("config.json");
    let mut config = json(&config_path)?;
    let outer = config.get("model_type").and_then(Value::as_str).map(str::to_owned);
    if let Some(text) = text_config(&mut config).as_object_mut() {
        class::complete(text, outer.as_deref());
    }
    let model = hf_config::parse("config.json", config.to_string().as_bytes())
        .map_err(|error| header(&config_path, error.to_string()))?;
    let norms = model.architecture.layers.first().map_or(2, |layer| layer.norms);
    let mut mappings = Vec::new();
    let mut entries = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut root = "model".to_owned();
    for file in files {
        let mapping = Mapping::open(file)?;
        for (name, entry) in table(file, mapping.bytes(), mappings.len())? {
            if let Some(canonical) = super::names::canonical(&name, norms) {
                if let Some((before, _)) = name.split_once(".layers.0.") {
                    before.clone_into(&mut root);
                }
                if let Some(other) = names.insert(canonical.clone(), name.clone()) {
                    let problem = format!(
                        "`{other}` and `{name}` are one tensor under two names; expected one of them"
                    );
                    return Err(header(file, problem));
                }
                entries.insert(canonical, entry);
            }
        }
        mappings.push(mapping);
    }
    let mut architecture = model.architecture;
    // Newer transformers go by the whole's flag, and save no head then.
    let outer_ties = json(&config_path)?.get("tie_word_embeddings") == Some(&Value::Bool(true));
    architecture.embeddings.tied |= outer_ties && !entries.contains_key("output.weight");
    Ok(Checkpoint {
        path: path.to_owned(),
        architecture,
        facts: Facts::Config(text_config(&mut config).take()),
        files: mappings,
        entries,
        root,
    })
}

fn header(path: &Path, problem: String) -> CheckpointError {
    CheckpointError::Header { path: path.to_owned(), problem }
}

fn json(path: &Path) -> Result<Value, CheckpointError> {
    let bytes =
        std::fs::read(path).map_err(|problem| CheckpointError::Io { path: path.to_owned(), problem })?;
    if let Some(problem) = hints::pointer(&bytes) {
        return Err(header(path, problem));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|error| header(path, error.to_string()))
}

/// The language model's part of a config.
fn text_config(config: &mut Value) -> &mut Value {
    const NAME: &str = "text_config";
    if config.get(NAME).is_some_and(Value::is_object) { text_config(&mut config[NAME]) } else { config }
}

/// Files named by an index, each once.
fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let document = json(index)?;
    let map = document.get("weight_map").and_then(Value::as_object);
    let map =
        map.ok_or_else(|| header(index, "no `weight_map`; expected an object of tensor to file".into()))?;
    let names: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    if let Some(stray) = names.iter().find(|name| name.contains(['/', '\\'])) {
        return Err(header(
            index,
            format!("`{stray}` lies elsewhere; expected a file in the index's folder"),
        ));
    }
    if let Some(lost) = names.iter().find(|name| !folder.join(name).is_file()) {
        return Err(header(index, format!("`{lost}` is not there; expected all files that the index names")));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The tensor table of one file.
fn table(path: &Path, bytes: &[u8], file: usize) -> Result<Vec<(String, Entry)>, CheckpointError> {
    let malformed = |problem: String| header(path, problem);
    let table = Table::of(bytes).map_err(malformed)?;
    let mut entries = Vec::new();
    for name in table.names() {
        let Some(Stored { block, shape, range }) = table.tensor(name).map_err(malformed)? else { continue };
        if range.end > bytes.len() as u64 {
            return Err(CheckpointError::Truncated {
                path: path.to_owned(),
                tensor: name.to_owned(),
                end: range.end,
                length: bytes.len() as u64,
            });
        }
        entries
            .push((name.to_owned(), Entry { file, range: word(range.start)..word(range.end), block, shape }));
    }
    Ok(entries)
}

/// A place in a mapped file, which no address is too small for.
fn word(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
