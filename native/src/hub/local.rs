//! What the hub's own tools have fetched already: `models--owner--name/snapshots/COMMIT`.

use super::settings::Settings;
use dhurandhar_core::model::hub::{HubName, is_model, label};
use dhurandhar_core::model::import::gguf;
use std::path::{Path, PathBuf};

/// The file or folder in the hub's cache that `name` means, when it is there.
pub(super) fn in_hub_cache(settings: &Settings, name: &HubName) -> Option<PathBuf> {
    let folder = settings.hub_cache.as_ref()?.join(format!("models--{}", name.repository.replace('/', "--")));
    let commit = std::fs::read_to_string(folder.join("refs").join(name.revision()));
    let commit = commit.map_or_else(|_| name.revision().to_owned(), |text| text.trim().to_owned());
    let snapshot = folder.join("snapshots").join(commit);
    let file = |file: &str| Some(snapshot.join(file)).filter(|path| path.is_file());
    if let Some(wanted) = name.wanted.as_deref() {
        let named = |path: &PathBuf| label(&within(&snapshot, path)).eq_ignore_ascii_case(wanted);
        return file(wanted)
            .or_else(|| models(&snapshot).into_iter().find(named))
            .filter(|path| is_whole(path));
    }
    let weights = ["model.safetensors", "model.safetensors.index.json"];
    let is_there = file("config.json").is_some()
        && (settings.offline || weights.iter().any(|weights| file(weights).is_some()));
    if is_there {
        return Some(snapshot);
    }
    match models(&snapshot).as_slice() {
        [one] => Some(one.clone()).filter(|path| is_whole(path)),
        _ => None,
    }
}

/// GGUF models of a snapshot, of a split one the first part.
fn models(snapshot: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let (folders, mut files): (Vec<PathBuf>, _) =
        inside(snapshot).into_iter().partition(|path| path.is_dir());
    // Some repositories have a folder for each quantisation.
    files.extend(folders.iter().flat_map(|folder| inside(folder)));
    let mut found: Vec<PathBuf> =
        files.into_iter().filter(|path| path.is_file() && is_model(&file_name(path))).collect();
    found.sort();
    found
}

/// A path as the repository has it.
fn within(snapshot: &Path, path: &Path) -> String {
    path.strip_prefix(snapshot).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// All parts of a split model are there: the hub's tools may have fetched only some.
fn is_whole(path: &Path) -> bool {
    let parts = gguf::siblings(&file_name(path)).unwrap_or_default();
    parts.iter().all(|part| path.with_file_name(part).is_file())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
