//! Where things lie: the workspace root, the target folder, and what sitegen keeps in it.

use std::env;
use std::path::{Path, PathBuf};

/// The folders of one checkout.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The folder that holds `Cargo.toml`, `content/` and `web/`.
    pub root: PathBuf,
    /// Cargo's target folder; the WASM modules and the compression cache live below it.
    pub target: PathBuf,
}

/// No workspace was found.
#[derive(Debug, thiserror::Error)]
#[error(
    "no `content/` and `web/` beside a `Cargo.toml` in {start} or above it; run inside the checkout or pass --root"
)]
pub struct NotFound {
    /// Where the search began.
    pub start: PathBuf,
}

impl Workspace {
    /// The nearest checkout at or above `start`.
    pub fn find(start: &Path) -> Result<Self, NotFound> {
        start
            .ancestors()
            .find(|folder| is_root(folder))
            .map(Self::at)
            .ok_or_else(|| NotFound { start: start.to_path_buf() })
    }

    /// The checkout at `root`, with the target folder that cargo would use.
    pub fn at(root: &Path) -> Self {
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Self { root: root.to_path_buf(), target }
    }

    /// Markdown pages and measurements.
    pub fn content(&self) -> PathBuf {
        self.root.join("content")
    }

    /// The stylesheets that make up the one stylesheet of the site.
    pub fn style(&self) -> PathBuf {
        self.root.join("web/style")
    }

    /// Compressed files by content hash.
    pub fn compressed(&self) -> PathBuf {
        self.target.join("site-compressed")
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file() && folder.join("content").is_dir() && folder.join("web").is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_climbs_to_the_checkout_and_says_where_it_began() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("web/src");
        std::fs::create_dir_all(&deep).unwrap();
        assert!(Workspace::find(&deep).unwrap_err().to_string().contains("--root"));
        std::fs::create_dir(dir.path().join("content")).unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(Workspace::find(&deep).unwrap().root, dir.path());
    }
}
