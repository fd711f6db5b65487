//! The user's folders.

use std::path::PathBuf;

/// Where this program keeps what can be read or measured again; none where the system names no folder.
pub(crate) fn cache() -> Option<PathBuf> {
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = std::env::home_dir();
    let usual = if cfg!(windows) {
        path("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Caches"))
    } else {
        let stated = path("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        stated.or_else(|| home.map(|home| home.join(".cache")))
    };
    path("DHURANDHAR_CACHE").or_else(|| usual.map(|folder| folder.join("dhurandhar")))
}
