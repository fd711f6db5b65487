//! `model.safetensors.index.json`: which shard holds which tensor, and the bytes of all.

use super::super::names::Names;
use super::SafetensorsModelError;
use crate::format::document::{Fields, Value, parse_json};
use crate::leaf::BlockType;
use crate::model::tensor::{Role, Stored};
use crate::model::{Model, Origin};
use std::collections::BTreeSet;

/// The index of a sharded checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// File name.
    pub source: String,
    /// Bytes of all tensors, where the index states them.
    pub total_bytes: Option<u64>,
    /// Tensor names in file order.
    pub names: Vec<String>,
    /// Number of shards.
    pub shards: usize,
}

/// Read an index; `source` names the file in messages.
pub fn parse_index(source: &str, bytes: &[u8]) -> Result<Index, SafetensorsModelError> {
    let root = parse_json(source, bytes)?;
    let fields = Fields::of(source, &root)?;
    // Some writers leave the sum out.
    let metadata = fields.map("metadata")?;
    let total_bytes =
        metadata.and_then(|metadata| metadata.integer("total_size", 1..=1 << 50).ok().flatten());
    let map = fields
        .node("weight_map")
        .ok_or_else(|| fields.missing("weight_map", "a map from tensors to files"))?;
    let Value::Map(entries) = &map.value else {
        return Err(fields.wrong("weight_map", map, "a map from tensors to files").into());
    };
    let mut files: Vec<&str> = Vec::new();
    for (name, node) in entries {
        let Value::Text(file) = &node.value else {
            return Err(fields.wrong(&format!("weight_map.{name}"), node, "a file name").into());
        };
        files.push(file);
    }
    files.sort_unstable();
    files.dedup();
    let names = entries.iter().map(|(name, _)| name.clone()).collect();
    Ok(Index { source: source.to_owned(), total_bytes, names, shards: files.len() })
}

impl Index {
    /// An index has no shapes: it cannot stand alone.
    pub fn needs_config(&self) -> SafetensorsModelError {
        SafetensorsModelError::NeedsConfig {
            source_name: self.source.clone(),
            reason: format!(
                "an index lists {} tensors in {} shards{}, but no shapes",
                self.names.len(),
                self.shards,
                self.total_bytes.map_or_else(String::new, |bytes| format!(", {bytes} bytes"))
            ),
        }
    }

    /// The model of a config with this checkpoint's bytes.
    ///
    /// `bits` is what a weight of the config's `dtype` takes. Where the config's tensors in that type, towers included, come to exactly the
    /// indexed bytes, they count as stored; otherwise weights stay predicted and `assumptions` says so.
    pub fn with_config(&self, mut config: Model, bits: u64) -> Result<Model, SafetensorsModelError> {
        let names = Names::of(self.names.iter().map(String::as_str));
        let listed: BTreeSet<usize> = self.names.iter().filter_map(|name| names.place(name).layer).collect();
        let layers = listed.last().map_or(0, |last| *last as u64 + 1);
        let expected = config.architecture.layers.len();
        if layers < expected as u64 {
            let expected = expected as u64;
            return Err(SafetensorsModelError::Mismatch { what: "layers", found: layers, expected });
        }
        let described = |layer: &usize| config.tensors.iter().any(|tensor| tensor.layer == Some(*layer));
        if let Some(missing) = (0..expected).find(|layer| !listed.contains(layer) && described(layer)) {
            return Err(SafetensorsModelError::Incomplete { source_name: self.source.clone(), missing });
        }
        let block = match bits {
            32 => BlockType::F32,
            8 => BlockType::F8,
            _ => BlockType::Bf16,
        };
        let size = |wanted: &dyn Fn(Role) -> bool| -> u64 {
            config
                .tensors
                .iter()
                .filter(|tensor| wanted(tensor.role))
                .map(|tensor| block.size(tensor.rows, tensor.row_length))
                .fold(0, u64::saturating_add)
        };
        let (decoder, towers) = (size(&|role| !role.is_tower()), size(&Role::is_tower));
        let has_towers = self.names.iter().any(|name| names.place(name).tower.is_some());
        let Some(total_bytes) = self.total_bytes else {
            config.architecture.assumptions.push(
                "the index does not state how many bytes its tensors have: stored types unknown, weights are predicted"
                    .into(),
            );
            return Ok(config);
        };
        let rest = total_bytes.saturating_sub(decoder);
        // A tower of unknown size could hide any other type of the rest.
        let exact = decoder <= total_bytes && rest == towers && (towers > 0 || !has_towers);
        if !exact && has_towers && towers == 0 {
            config.architecture.assumptions.push(format!(
                "the index has {total_bytes} bytes, of which the config's text part in its type comes to {decoder}; the rest could be a tower, which is not worked out here, or a larger type: weights are predicted"
            ));
            if config.architecture.uncounted.is_empty() {
                config.architecture.uncounted.push("tower beside the text part".into());
            }
            return Ok(config);
        }
        if !exact {
            config.architecture.assumptions.push(format!(
                "the index has {} bytes, the config's tensors come to {}: stored types unknown, weights are predicted",
                total_bytes,
                decoder.saturating_add(towers)
            ));
            return Ok(config);
        }
        for tensor in &mut config.tensors {
            tensor.stored = Some(Stored { block, bytes: block.size(tensor.rows, tensor.row_length) });
        }
        config.architecture.uncounted.clear();
        config.origin = Origin::Safetensors { file_bytes: total_bytes };
        Ok(config)
    }
}
