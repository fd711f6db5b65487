//! From what the user names to a model: a built-in slug, a file or a checkpoint folder, or a name of something elsewhere;
//! only headers are read.

use super::beginning::{self, Beginning as _, LocalFile};
use super::{elsewhere, hints};
use crate::{bad_input, hub};
use anyhow::Context;
use dhurandhar_core::device::Device;
use dhurandhar_core::model::import::{self, Kind, gguf};
use dhurandhar_core::model::{Model, registry};
use std::path::{Path, PathBuf};

/// What a checkpoint folder is recognised by, best first.
const IN_FOLDER: [&str; 3] = ["model.safetensors.index.json", "model.safetensors", "config.json"];

/// The model that `name` means: a file or folder when one is there, a built-in slug, or a name of something elsewhere.
pub(crate) fn load(name: &str) -> anyhow::Result<Model> {
    load_for(name, &[])
}

/// The same for known devices: where the name leaves a choice, the message says what of it runs on them.
pub(crate) fn load_for(name: &str, devices: &[Device]) -> anyhow::Result<Model> {
    let path = Path::new(name);
    if path.is_dir() || path.is_file() {
        return at(path);
    }
    if let Some(found) = hub::find(name) {
        let found = found.map_err(|failure| match built_in(name) {
            Some(slug) => failure.and(&format!("; `{slug}` is built in")),
            None => failure,
        });
        return elsewhere::model(found?, devices);
    }
    let extensions = ["yaml", "yml", "json", "gguf", "safetensors"];
    let extension = path.extension().and_then(|extension| extension.to_str());
    if name.contains(['/', '\\']) || extension.is_some_and(|extension| extensions.contains(&extension)) {
        return Err(bad_input(format!("no file at {name}")));
    }
    registry::model(name).map_err(bad_input)
}

/// The built-in model that a name of the hub is probably of.
fn built_in(name: &str) -> Option<&'static str> {
    let title = name.split([':', '@']).next()?.rsplit('/').next()?.to_ascii_lowercase();
    registry::slugs().find(|slug| *slug == title)
}

/// The model in a file, here or elsewhere.
pub(crate) fn from_file(name: &str) -> anyhow::Result<Model> {
    let path = Path::new(name);
    match hub::find(name) {
        Some(found) if !path.exists() => elsewhere::model(found?, &[]),
        _ => at(path),
    }
}

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
