//! Reads a file's header: its first bytes, and more of them only when they are needed.

use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::model::import::{FIRST_READ, ImportError};
use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// No header is larger.
pub(crate) const MOST: u64 = 256 << 20;

/// A file of which the beginning can be read, here or elsewhere.
pub(crate) trait Beginning {
    /// Length of the whole file, where it is known.
    fn length(&self) -> Option<u64>;
    /// Its first bytes, so many or all there are.
    async fn first(&mut self, length: u64) -> Result<Vec<u8>, String>;
}

/// What `import` finds in the file's first bytes, given them and the length of the whole; or why there is
/// none, in words.
pub(crate) async fn read<T>(
    file: &mut impl Beginning,
    import: impl Fn(&[u8], Option<u64>) -> Result<T, ImportError>,
) -> Result<T, String> {
    let mut helping = FIRST_READ;
    loop {
        let bytes = file.first(helping.min(file.length().unwrap_or(MOST))).await?;
        // A file elsewhere may say its length only now.
        let size = file.length();
        let most = size.unwrap_or(MOST);
        match import(&bytes, size) {
            Ok(model) => return Ok(model),
            // Asking for more than was read, and for no more than there is, is what makes this end.
            Err(ImportError::NeedMore { at_least }) if helping < most.min(MOST) && at_least <= most => {
                helping = at_least.max(helping.saturating_mul(2)).min(MOST);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// All bytes of a file that is small enough for what it should be.
pub(crate) async fn whole(file: &File, kind: &str) -> Result<Vec<u8>, String> {
    let length = to_u64(file.size());
    if length > MOST {
        return Err(format!("{} is too large to be a {kind}.", file.name()));
    }
    beginning(file, length).await
}

impl Beginning for File {
    fn length(&self) -> Option<u64> {
        Some(to_u64(self.size()))
    }

    async fn first(&mut self, length: u64) -> Result<Vec<u8>, String> {
        beginning(self, length).await
    }
}

async fn beginning(file: &File, length: u64) -> Result<Vec<u8>, String> {
    let unreadable = |_| format!("{} cannot be read.", file.name());
    let slice = file.slice_with_f64_and_f64(0.0, length as f64).map_err(unreadable)?;
    let buffer = JsFuture::from(slice.array_buffer()).await.map_err(unreadable)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
