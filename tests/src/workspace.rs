//! Paths of the workspace, and the cache outside it.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// A file under `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

/// The index of Qwen3 0.6B in two files, as far as readers look at it: a tensor of each layer.
pub fn index() -> String {
    let names: Vec<String> = (0..28)
        .map(|layer| {
            format!(r#""model.layers.{layer}.mlp.up_proj.weight": "model-00001-of-00002.safetensors""#)
        })
        .collect();
    format!(r#"{{"metadata": {{"total_size": 1503300328}}, "weight_map": {{{}}}}}"#, names.join(", "))
}

/// Where downloads are kept between runs: `$XDG_CACHE_HOME/dhurandhar`, or `~/.cache/dhurandhar`.
pub fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(std::env::temp_dir).join("dhurandhar")
}
