//! Reads a model from a file of the reader's.

use dhurandhar_core::Model;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// Longest profile.
const MOST: f64 = 1_048_576.0;

/// The model in a file, or why there is none, in words.
pub(crate) async fn read(file: &File) -> Result<Model, String> {
    let name = file.name();
    if file.size() > MOST {
        return Err(format!("{name} has {} bytes; expected a profile of at most 1 MiB", file.size()));
    }
    let text = JsFuture::from(file.text()).await.map_err(|_| format!("{name} cannot be read"))?;
    Model::from_yaml(&name, &text.as_string().unwrap_or_default()).map_err(|error| error.to_string())
}
