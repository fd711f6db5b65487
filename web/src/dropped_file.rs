//! Reads a model from a file of the reader's: from its first bytes, and more of them only when they are needed.

use dhurandhar_core::Model;
use dhurandhar_core::model::import::{FIRST_READ, ImportError, import};
use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// No header is larger.
const MOST: u64 = 256 << 20;

/// The model in a file, or why there is none, in words.
pub(crate) async fn read(file: &File) -> Result<Model, String> {
    let name = file.name();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "browsers state whole sizes")]
    let size = file.size() as u64;
    let mut helping = FIRST_READ;
    loop {
        let bytes =
            beginning(file, helping.min(size)).await.map_err(|()| format!("{name} cannot be read."))?;
        match import(&name, &bytes, Some(size)) {
            Ok(model) => return Ok(model),
            // Asking for more than was read, and for no more than there is, is what makes this end.
            Err(ImportError::NeedMore { at_least }) if helping < size.min(MOST) && at_least <= size => {
                helping = at_least.max(helping.saturating_mul(2)).min(MOST);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

async fn beginning(file: &File, length: u64) -> Result<Vec<u8>, ()> {
    let slice = file.slice_with_f64_and_f64(0.0, length as f64).map_err(drop)?;
    let buffer = JsFuture::from(slice.array_buffer()).await.map_err(drop)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
