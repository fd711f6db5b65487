//! From what the user names to a model: a built-in slug, a file or a checkpoint folder, of which only headers are
//! read.

use super::hints;
use crate::bad_input;
use anyhow::Context;
use dhurandhar_core::model::import::{self, FIRST_READ, ImportError, Kind, gguf};
use dhurandhar_core::model::{Model, registry};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest header that is believed, in bytes.
const LARGEST_HEADER: u64 = 1 << 30;
/// What a checkpoint folder is recognised by, best first.
const IN_FOLDER: [&str; 3] = ["model.safetensors.index.json", "model.safetensors", "config.json"];

/// The model that `name` means: a file or folder when one is there, a built-in slug otherwise.
pub(crate) fn load(name: &str) -> anyhow::Result<Model> {
    let path = Path::new(name);
    if path.is_dir() {
        let files = IN_FOLDER.map(|file| path.join(file));
        let found = files.iter().find(|file| file.is_file());
        let expected = || bad_input(format!("{name}: {}", hints::folder(path, &IN_FOLDER.join(", "))));
        return read(found.ok_or_else(expected)?);
    }
    if path.is_file() {
        return read(path);
    }
    let extensions = ["yaml", "yml", "json", "gguf", "safetensors"];
    let extension = path.extension().and_then(|extension| extension.to_str());
    if name.contains(['/', '\\']) || extension.is_some_and(|extension| extensions.contains(&extension)) {
        return Err(bad_input(format!("no file at {name}")));
    }
    registry::model(name).map_err(bad_input)
}

/// Import a file, reading as much of its beginning as the importer asks for.
///
/// A `config.json` beside a safetensors file or index completes it; the siblings of a part of a split GGUF file are read too.
pub(crate) fn read(path: &Path) -> anyhow::Result<Model> {
    if let Some(parts) = siblings(path) {
        return read_parts(path, &parts);
    }
    let name = path.display().to_string();
    header(path, |bytes, length| match config_beside(path, &name, bytes)? {
        Some(config) => Ok(import::import_with_config(&name, bytes, Some(length), &config)),
        None => Ok(import::import(&name, bytes, Some(length))),
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
            let name = part.display().to_string();
            header(part, |bytes, length| Ok(import::gguf_part(&name, bytes, Some(length))))
        })
        .collect();
    import::gguf_joined(&path.display().to_string(), headers?).map_err(bad_input)
}

/// What `import` makes of the beginning of a file, given more of it as long as it asks.
fn header<T>(
    path: &Path,
    import: impl Fn(&[u8], u64) -> anyhow::Result<Result<T, ImportError>>,
) -> anyhow::Result<T> {
    let name = path.display().to_string();
    let mut file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let length = file.metadata().with_context(|| format!("cannot read {name}"))?.len();
    let mut bytes = Vec::new();
    let mut wanted = FIRST_READ.min(length);
    loop {
        let missing = wanted.saturating_sub(bytes.len() as u64);
        file.by_ref().take(missing).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        if let Some(problem) = hints::pointer(&bytes) {
            return Err(bad_input(format!("{name}: {problem}")));
        }
        match import(&bytes, length)? {
            Err(ImportError::NeedMore { at_least }) if wanted < length && wanted < LARGEST_HEADER => {
                wanted = at_least.max(wanted.saturating_mul(2)).min(length);
            }
            result => return result.map_err(bad_input),
        }
    }
}

fn config_beside(path: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let config: PathBuf = path.with_file_name("config.json");
    if !matches!(import::detect(name, bytes), Kind::Safetensors | Kind::SafetensorsIndex) || !config.is_file()
    {
        return Ok(None);
    }
    std::fs::read(&config).with_context(|| format!("cannot read {}", config.display())).map(Some)
}
