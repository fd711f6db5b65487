//! The calculator page: a Yew application that `boot.js` starts.
//!
//! All figures come from `dhurandhar-core`, all drawings from `dhurandhar-chart`; what is here is state, controls and
//! words. The state is one struct ([`state`]), changed by one reducer and mirrored in the address bar ([`link`]).

mod catalogue;
mod codec_choice;
mod codec_drawing;
mod components;
mod compute;
mod context_steps;
mod custom_device;
mod download;
mod drawing;
mod escape;
mod format;
mod hooks;
mod late;
mod link;
mod mmap_choice;
mod mmap_drawing;
mod reader;
mod state;
mod stopped;
mod tabs;
mod timing;

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use components::{App, AppProps};
use state::State;

/// Mounts the application in `#app`, in place of the static tables.
///
/// `worker_url` is the address of the compute worker's script, `built_in` the file of models and devices, and
/// `load_reader` loads the reader of files.
///
/// # Errors
/// The document has no element with the id `app`, or the built-in default model is missing.
#[wasm_bindgen]
pub fn start_app(worker_url: String, built_in: &[u8], load_reader: Function) -> Result<(), JsValue> {
    stopped::install();
    if !catalogue::install(built_in) {
        return Err("the list of models and devices is of another build; reload the page".into());
    }
    reader::install(load_reader);
    let window = web_sys::window().ok_or("there is no window")?;
    let root = window.document().and_then(|document| document.get_element_by_id("app"));
    let root = root.ok_or("the page has no element with the id `app`")?;
    let query = window.location().search()?;
    let start = State::from_link(&query).ok_or("the default model is missing")?;
    // The renderer appends: the static tables have to go first.
    root.set_inner_html("");
    yew::Renderer::<App>::with_root_and_props(root, AppProps { start, worker_url }).render();
    Ok(())
}
