//! A model in a file or a checkpoint folder of this machine; only headers are read.

use super::beginning::{self, Beginning as _, LocalFile};
use super::hints;
use crate::bad_input;
use anyhow::Context;
use dhurandhar_core::model::Model;
use dhurandhar_core::model::import::{self, Kind, gguf};
use std::path::{Path, PathBuf};

/// What a checkpoint folder is recognised by, best first.
const IN_FOLDER: [&str; 3] = ["model.safetensors", "model.safetensors.index.json", "config.json"];

/// The model in a file or a checkpoint folder.
pub(super) fn at(path: &Path) -> anyhow::Result<Model> {
    if !path.is_dir() {
        return read(path);
    }
    let files = IN_FOLDER.map(|file| path.join(file));
    let found = files.iter().find(|file| file.is_file());
    let expected =
        || bad_input(format!("{}: {}", path.display(), hints::folder(path, &IN_FOLDER.join(", "))));
    read(found.ok_or_else(expected)?)
}

/// Import a file, reading as much of its beginning as the importer asks for.
///
/// A `config.json` beside a safetensors file or index completes it; the siblings of a part of a split GGUF file are read too.
pub(crate) fn read(path: &Path) -> anyhow::Result<Model> {
    if let Some(parts) = siblings(path) {
        return read_parts(path, &parts);
    }
    let mut file = LocalFile::open(path)?;
    let name = file.name().to_owned();
    beginning::import(&mut file, |bytes, length| match config_beside(path, &name, bytes)? {
        Some(config) => Ok(import::import_with_config(&name, bytes, length, &config)),
        None => Ok(import::import(&name, bytes, length)),
    })
}

/// All parts of the split GGUF file that `path` is a part of.
fn siblings(path: &Path) -> Option<Vec<PathBuf>> {
    let names = gguf::siblings(path.file_name()?.to_str()?)?;
    Some(names.into_iter().map(|name| path.with_file_name(name)).collect())
}

fn read_parts(path: &Path, parts: &[PathBuf]) -> anyhow::Result<Model> {
    if let Some(missing) = parts.iter().find(|part| !part.is_file()) {
        let name = path.display();
        return Err(bad_input(format!(
            "{name} is part of a model in {} files, and {} is not there; expected all of them in one folder",
            parts.len(),
            missing.display()
        )));
    }
    let headers: anyhow::Result<Vec<_>> = parts
        .iter()
        .map(|part| {
            let mut file = LocalFile::open(part)?;
            let name = file.name().to_owned();
            beginning::import(&mut file, |bytes, length| Ok(import::gguf_part(&name, bytes, length)))
        })
        .collect();
    import::gguf_joined(&path.display().to_string(), headers?).map_err(bad_input)
}

fn config_beside(path: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let config: PathBuf = path.with_file_name("config.json");
    if !matches!(import::detect(name, bytes), Kind::Safetensors | Kind::SafetensorsIndex) || !config.is_file()
    {
        return Ok(None);
    }
    std::fs::read(&config).with_context(|| format!("cannot read {}", config.display())).map(Some)
}
