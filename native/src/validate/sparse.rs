//! A file with a true header and a hole for the weights: full length, a few MB of disk.

use crate::bad_input;
use dhurandhar_core::export::{GgufHeader, gguf_header};
use dhurandhar_core::model::Model;
use dhurandhar_core::weights::WeightPlan;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

/// Removes its file when it goes.
#[derive(Debug)]
pub(crate) struct Sparse {
    pub(crate) path: PathBuf,
}

impl Drop for Sparse {
    fn drop(&mut self) {
        // Nothing is lost with a file that stays.
        let _ = fs::remove_file(&self.path);
    }
}

/// Write `path`, which must not be there yet.
pub(crate) fn write(model: &Model, plan: &WeightPlan, path: PathBuf) -> anyhow::Result<Sparse> {
    put(&gguf_header(model, plan).map_err(bad_input)?, path)
}

/// The same with a header that is there.
pub(crate) fn put(header: &GgufHeader, path: PathBuf) -> anyhow::Result<Sparse> {
    let mut file = File::create_new(&path)?;
    let sparse = Sparse { path };
    file.write_all(&header.bytes)?;
    file.set_len(header.file_bytes)?;
    Ok(sparse)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use dhurandhar_core::model::registry;
    use dhurandhar_core::weights::WeightFormat;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_of_gigabytes_takes_megabytes_and_goes() {
        let model = registry::model("gemma4-e2b").unwrap();
        let plan = WeightPlan::new(&model, WeightFormat::parse("q4_k_m").unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sparse = write(&model, &plan, folder.path().join("e2b.gguf")).unwrap();
        let path = sparse.path.clone();
        let found = fs::metadata(&path).unwrap();
        assert!(found.len() > 3_000_000_000 && found.blocks() * 512 < 32 << 20, "{found:?}");
        let read = crate::inputs::local::read(&path).unwrap();
        assert_eq!(read.architecture.cache_owners(), (3, 12));
        drop(sparse);
        assert!(!path.exists());
    }
}
