//! A file with a true header and blocks of made-up weights behind it: what is read from it comes from the device.

use super::sparse::Sparse;
use crate::bad_input;
use dhurandhar_core::export::gguf_header;
use dhurandhar_core::model::Model;
use dhurandhar_core::weights::WeightPlan;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Blocks made at a time.
const BLOCKS: u64 = 16_384;

/// Write `path`, which must not be there yet, down to the device.
pub(crate) fn write(model: &Model, plan: &WeightPlan, path: PathBuf) -> anyhow::Result<Sparse> {
    let header = gguf_header(model, plan).map_err(bad_input)?;
    let mut file = File::create_new(&path)?;
    let made = Sparse { path };
    file.write_all(&header.bytes)?;
    file.set_len(header.file_bytes)?;
    let mut part = Vec::new();
    for tensor in &header.tensors {
        file.seek(SeekFrom::Start(tensor.offset))?;
        let step = BLOCKS * tensor.block.bytes();
        let mut from = 0;
        while from < tensor.bytes {
            part.resize(usize::try_from(step.min(tensor.bytes - from))?, 0);
            if !tensor.fill(from, &mut part) {
                return Err(bad_input(format!("blocks of type {} are not made", tensor.block.name())));
            }
            file.write_all(&part)?;
            from += step;
        }
    }
    file.sync_all()?;
    Ok(made)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use dhurandhar_core::model::registry;
    use dhurandhar_core::weights::WeightFormat;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_has_no_holes_and_its_true_length() {
        let model = registry::model("smollm2-135m").unwrap();
        let plan = WeightPlan::new(&model, WeightFormat::parse("q4_0").unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let made = write(&model, &plan, folder.path().join("a.gguf")).unwrap();
        let found = std::fs::metadata(&made.path).unwrap();
        assert!(found.blocks() * 512 + (1 << 20) > found.len(), "{found:?}");
        assert_eq!(found.len(), gguf_header(&model, &plan).unwrap().file_bytes);
    }
}
