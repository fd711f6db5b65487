//! A tensor of a real checkpoint as the table: opened read-only, never written, never removed.

use super::{TableFile, content};
use crate::BadInput;
use crate::profile::spec::Place;
use anyhow::{Context, Result, bail};
use dhurandhar_core::storage::{LocateError, TensorPlace};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// First look at a header; grown as the parser asks.
const FIRST: u64 = 1 << 20;

/// Whether this names a checkpoint whose tensors can be read in place.
pub(crate) fn is_checkpoint(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "gguf" || extension == "safetensors")
}

/// Finds the tensor; reads the header and no more.
pub(crate) fn locate(path: &Path, tensor: Option<&str>) -> Result<TensorPlace> {
    let shown = path.display();
    let mut file = File::open(path).map_err(|error| BadInput(format!("cannot open {shown}: {error}")))?;
    let file_bytes = file.metadata()?.len();
    let (mut header, mut wanted) = (Vec::new(), FIRST.min(file_bytes));
    loop {
        let missing = wanted.saturating_sub(header.len() as u64);
        let got = file.by_ref().take(missing).read_to_end(&mut header).context("cannot read the header")?;
        match TensorPlace::find(&header, file_bytes, tensor) {
            Err(LocateError::NeedMore { at_least }) if got > 0 && at_least <= file_bytes => {
                wanted = at_least.max(wanted.saturating_mul(2)).min(file_bytes);
            }
            found => return found.map_err(|error| BadInput(format!("{shown}: {error}")).into()),
        }
    }
}

/// The tensor as a table. A file with holes is refused: holes answer without storage.
pub(crate) fn open(path: &Path, tensor: &TensorPlace) -> Result<TableFile> {
    let path = std::fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?;
    let mut file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    if holes(&file)? {
        bail!(BadInput(format!("{} has holes: reading them reads no storage", path.display())));
    }
    let fingerprint = content::fingerprint(&mut file, tensor.offset, tensor.bytes)?;
    Ok(TableFile {
        place: Place { path, offset: tensor.offset, bytes: tensor.bytes },
        _handle: file,
        content: format!("tensor {}", tensor.name),
        fingerprint,
        remove: None,
    })
}

/// Whether fewer blocks are allocated than the file is long.
#[cfg(unix)]
fn holes(file: &File) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok(metadata.blocks().saturating_mul(512) < metadata.len() / 100 * 95)
}

#[cfg(not(unix))]
fn holes(_file: &File) -> Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::{is_checkpoint, locate, open};

    fn checkpoint(data: usize) -> tempfile::NamedTempFile {
        let header = format!(
            r#"{{"model.embed_tokens.weight":{{"dtype":"U8","shape":[{},64],"data_offsets":[0,{data}]}}}}"#,
            data / 64
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend((0..data).map(|i| u8::try_from(i % 251).unwrap()));
        let file = tempfile::NamedTempFile::new_in(std::env::current_dir().unwrap()).unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn a_tensor_is_found_and_fingerprinted_in_place() {
        let file = checkpoint(64 * 500);
        let tensor = locate(file.path(), None).unwrap();
        assert_eq!((tensor.rows, tensor.bytes), (500, 32_000));
        let table = open(file.path(), &tensor).unwrap();
        assert_eq!(table.place.offset, tensor.offset);
        assert_eq!(table.fingerprint, open(file.path(), &tensor).unwrap().fingerprint);
        assert!(locate(file.path(), Some("lm_head")).is_err());
        assert!(is_checkpoint("a/b.gguf") && !is_checkpoint("gemma4-e2b"));
    }
}
