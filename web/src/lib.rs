//! The calculator page: a Yew application that `boot.js` starts.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use yew::prelude::{Html, Properties, function_component, html};

#[derive(Properties, PartialEq)]
struct AppProps {
    /// Address of the compute worker's script; it is started on first use.
    worker_url: String,
}

#[function_component]
fn App(props: &AppProps) -> Html {
    html! {
        <p data-worker={props.worker_url.clone()}>{ concat!("calculator ", env!("CARGO_PKG_VERSION")) }</p>
    }
}

/// Mounts the application in `#app`, in place of the static tables.
///
/// `worker_url` is the address of the compute worker's script.
///
/// # Errors
/// The document has no element with the id `app`.
#[wasm_bindgen]
pub fn start_app(worker_url: String) -> Result<(), JsValue> {
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"))
        .ok_or_else(|| JsValue::from_str("the page has no element with the id `app`"))?;
    // The renderer appends: the static tables have to go first.
    root.set_inner_html("");
    yew::Renderer::<App>::with_root_and_props(root, AppProps { worker_url }).render();
    Ok(())
}
