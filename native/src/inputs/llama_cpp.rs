//! Where llama.cpp's shared libraries lie.

use std::path::PathBuf;

/// A folder that has them; read before any case is run.
pub(crate) fn folder(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    let names = std::fs::read_dir(&folder).map_err(|error| format!("{error}; expected a folder"))?;
    let is_library = |name: &str| name.starts_with("libllama.") || name == "llama.dll";
    let there = names.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_library));
    if there {
        Ok(folder)
    } else {
        Err("no libllama in it; expected the folder of llama.cpp's shared libraries".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::folder;

    #[test]
    fn a_folder_without_the_library_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let text = place.path().to_str().unwrap();
        assert!(folder(text).unwrap_err().contains("no libllama"));
        assert!(folder("/nowhere/at/all").unwrap_err().contains("expected a folder"));
        std::fs::write(place.path().join("libllama.so"), "").unwrap();
        assert_eq!(folder(text).unwrap(), place.path());
    }
}
