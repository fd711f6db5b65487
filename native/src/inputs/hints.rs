//! What people pass for a checkpoint that is none, and what to pass instead.

use dhurandhar_core::model::import::GIT_LFS_POINTER;
use std::path::Path;

/// What is wrong with bytes that only point at a file.
pub(crate) fn pointer(bytes: &[u8]) -> Option<String> {
    bytes.starts_with(GIT_LFS_POINTER).then(|| {
        "a pointer of Git LFS, not the file itself; expected the file: `git lfs pull` fetches it".to_owned()
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
    match names.iter().find(|name| name.starts_with("pytorch_model")) {
        Some(file) => format!("a folder without {lacking}, but with {file}: {PICKLED}"),
        None => format!("a folder without {lacking}"),
    }
}

#[cfg(all(test, feature = "burn"))]
mod tests {
    use crate::checkpoint::Checkpoint;

    #[test]
    fn what_is_no_checkpoint_says_what_to_pass_instead() {
        let folder = tempfile::tempdir().unwrap();
        let error = || Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(error().contains("a folder without config.json; expected"), "{}", error());
        std::fs::create_dir_all(folder.path().join("snapshots/abc")).unwrap();
        assert!(error().contains("pass its snapshots/abc"), "{}", error());
        std::fs::write(folder.path().join("model-q4.gguf"), "").unwrap();
        assert!(error().contains("but with model-q4.gguf: pass that file"), "{}", error());
        std::fs::remove_file(folder.path().join("model-q4.gguf")).unwrap();
        std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        std::fs::write(folder.path().join("pytorch_model.bin"), "").unwrap();
        assert!(error().contains("but with pytorch_model.bin: pickled weights"), "{}", error());
        let pickle = folder.path().join("pytorch_model.bin");
        assert!(Checkpoint::open(&pickle).unwrap_err().to_string().contains("pickled weights"));
        for name in ["model.gguf", "model.safetensors"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
                .unwrap();
            let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/parity/llama/config.json");
            std::fs::copy(fixture, folder.path().join("config.json")).unwrap();
            let error = Checkpoint::open(&path).unwrap_err().to_string();
            assert!(error.contains("pointer of Git LFS") && error.contains(name), "{error}");
        }
    }
}
