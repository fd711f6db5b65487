//! From what the user names to a model: a built-in slug, a file or a checkpoint folder, or a name of something elsewhere;
//! only headers are read.

use super::{elsewhere, local};
use crate::{bad_input, hub};
use dhurandhar_core::device::Device;
use dhurandhar_core::model::{Model, registry};
use std::path::Path;

/// The model that `name` means: a file or folder when one is there, a built-in slug, or a name of something elsewhere.
pub(crate) fn load(name: &str) -> anyhow::Result<Model> {
    load_for(name, &[])
}

/// The same for known devices: where the name leaves a choice, the message says what of it runs on them.
pub(crate) fn load_for(name: &str, devices: &[Device]) -> anyhow::Result<Model> {
    let path = Path::new(name);
    if path.is_dir() || path.is_file() {
        return local::at(path);
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
    registry::model(name).map_err(|error| {
        let elsewhere = match (name.contains(':'), &error.nearest) {
            (true, _) => format!("; Ollama's models are named as ollama:{name}"),
            (false, None) => "; one on the hub is named owner/name, one of Ollama's ollama:NAME".to_owned(),
            (false, Some(_)) => String::new(),
        };
        bad_input(format!("{error}; `dhurandhar models` lists them{elsewhere}"))
    })
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
        _ => local::at(path),
    }
}
