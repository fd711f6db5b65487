//! The calculator page: a Yew application that `boot.js` starts.
//!
//! All figures come from `dhurandhar-core`, all drawings from `dhurandhar-chart`; what is here is state, controls and
//! words. The state is one struct (`state`), changed by one reducer and mirrored in the address bar (`link`).

#![allow(
    clippy::unnecessary_wraps,
    reason = "functions of parts that are loaded later: that one was not loaded is the other result"
)]

mod browser;
mod codecs;
mod compare;
mod devices;
mod files;
mod link;
mod memory;
mod mmap;
mod parts;
mod shell;
mod state;
pub mod worker;

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use yew::Callback;

use crate::shell::app::{App, AppProps};
use state::State;

/// Takes the file of built-in models and devices, and what to call when the application stops on an error of its own; before
/// [`start_app`], in a task of its own.
///
/// # Errors
/// The file is of another build.
#[wasm_bindgen]
pub fn install(built_in: &[u8], stopped: Function) -> Result<(), JsValue> {
    browser::stopped::install(stopped);
    if !state::catalogue::install(built_in) {
        return Err("the list of models and devices is of another build; reload the page".into());
    }
    Ok(())
}

/// Mounts the application in `#app`. The static tables in there stay until it has drawn everything once.
///
/// `worker_url` is the address of the compute worker's script, `load_reader` loads the reader of files and
/// `load_catalogue` the bytes of every built-in model and device.
///
/// # Errors
/// The document has no element with the id `app`, or the built-in default model is missing.
#[wasm_bindgen]
pub fn start_app(worker_url: String, load_reader: Function, load_catalogue: Function) -> Result<(), JsValue> {
    files::reader::install(load_reader);
    state::catalogue::install_loader(load_catalogue);
    let window = web_sys::window().ok_or("there is no window")?;
    let document = window.document().ok_or("there is no document")?;
    let place = document.get_element_by_id("app").ok_or("the page has no element with the id `app`")?;
    let query = window.location().search()?;
    // The address of the worker names the build by the hashes of its files.
    let start =
        State::from_link(&query, files::keep::install(&worker_url)).ok_or("the default model is missing")?;
    let root = document.create_element("div")?;
    root.set_class_name("calc-waiting");
    place.append_child(&root)?;
    let on_whole = {
        let root = root.clone();
        Callback::from(move |()| {
            while let Some(old) = root.previous_sibling() {
                // Whatever cannot be removed stays above.
                if place.remove_child(&old).is_err() {
                    break;
                }
            }
            root.set_class_name("");
            place.set_class_name("");
        })
    };
    yew::Renderer::<App>::with_root_and_props(root, AppProps { start, worker_url, on_whole }).render();
    Ok(())
}
