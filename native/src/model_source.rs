//! From what the user names to a model: a built-in slug, or a file whose header is read and no more.

use crate::bad_input;
use anyhow::Context;
use dhurandhar_core::model::{Model, registry};
use std::path::Path;

/// The model that `name` means: a file when one is there, a built-in slug otherwise.
pub(crate) fn load(name: &str) -> anyhow::Result<Model> {
    let path = Path::new(name);
    if path.is_file() {
        return read(path);
    }
    let looks_like_path = name.contains(['/', '\\'])
        || path
            .extension()
            .is_some_and(|e| ["yaml", "yml", "json", "gguf", "safetensors"].iter().any(|known| e == *known));
    if looks_like_path {
        return Err(bad_input(format!("no file at {name}")));
    }
    registry::model(name).map_err(bad_input)
}

/// Read a YAML profile.
pub(crate) fn read(path: &Path) -> anyhow::Result<Model> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    Model::from_yaml(&shown, &text).map_err(bad_input)
}
