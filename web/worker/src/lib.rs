//! The compute worker: what takes long runs here, off the page's thread.

use wasm_bindgen::prelude::wasm_bindgen;

/// Answers one message of the page: `ping` is answered by `pong` and this worker's version.
#[wasm_bindgen]
pub fn answer(message: &str) -> String {
    match message {
        "ping" => format!("pong {}", env!("CARGO_PKG_VERSION")),
        other => format!("unknown message `{other}`, expected `ping`"),
    }
}
