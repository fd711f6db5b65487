//! What people pass for a checkpoint that is none, and what to pass instead.

use dhurandhar_core::model::import::GIT_LFS_POINTER;
use std::path::Path;

/// What is wrong with bytes that only point at a file.
pub(crate) fn pointer(bytes: &[u8]) -> Option<String> {
    bytes.starts_with(GIT_LFS_POINTER).then(|| {
        "a pointer of Git LFS, not the file itself; expected the file, which `git lfs pull` fetches into a clone".to_owned()
    })
}

/// What a file of another kind is.
#[cfg(feature = "burn")]
pub(crate) fn file(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "bin" | "pt" | "pth" | "pkl" | "ckpt" => PICKLED.to_owned(),
        _ => "a file of another kind".to_owned(),
    }
}

const PICKLED: &str = "pickled weights, which are a program; save them as safetensors with save_pretrained";

/// What a folder without a config, or without weights beside it, is.
pub(crate) fn folder(path: &Path, lacking: &str) -> String {
    let names: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let ends = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).min();
    if let Some(file) = ends(".gguf") {
        return format!("a folder without {lacking}, but with {file}: pass that file");
    }
    if names.iter().any(|name| name == "snapshots") {
        let inner = std::fs::read_dir(path.join("snapshots")).into_iter().flatten().flatten();
        let inner = inner.filter_map(|entry| entry.file_name().into_string().ok()).min();
        let inner = inner.unwrap_or_else(|| "REVISION".to_owned());
        return format!("the root of a hub's cache: pass its snapshots/{inner}");
    }
    if names.iter().any(|name| name == "adapter_config.json") {
        return "a LoRA adapter's folder: pass its base model, and this with --adapter".to_owned();
    }
    match names.iter().find(|name| name.starts_with("pytorch_model")) {
        Some(file) => format!("a folder without {lacking}, but with {file}: {PICKLED}"),
        None => format!("a folder without {lacking}"),
    }
}
