//! When the application stops on an error of its own: the browser's console gets the message, the reader a notice
//! with a way on. The link holds the state, so starting again loses nothing.

use std::panic::{self, PanicHookInfo};

use wasm_bindgen::JsValue;
use web_sys::Document;

/// Shows a notice on every panic from now on.
pub(crate) fn install() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        web_sys::console::error_1(&info.to_string().into());
        // Without a document there is nobody to tell.
        let _ = show();
    }));
}

fn show() -> Result<(), JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    if document.get_element_by_id("calc-stopped").is_some() {
        return Ok(());
    }
    let notice = document.create_element("div")?;
    notice.set_id("calc-stopped");
    notice.set_class_name("notice");
    notice.set_attribute("role", "alert")?;
    let text = document.create_element("p")?;
    text.set_text_content(Some(
        "The calculator ran into an error of its own and stopped. Your choices are in the address bar.",
    ));
    notice.append_child(&text)?;
    let path = web_sys::window().and_then(|window| window.location().pathname().ok()).unwrap_or_default();
    let here = web_sys::window().and_then(|window| window.location().href().ok()).unwrap_or_default();
    for (words, address) in [("Start again with the same choices", here), ("Start afresh", path)] {
        let link = link(&document, words, &address)?;
        notice.append_child(&link)?;
    }
    let place = document.get_element_by_id("app").ok_or(JsValue::NULL)?;
    let parent = place.parent_node().ok_or(JsValue::NULL)?;
    parent.insert_before(&notice, Some(&place))?;
    Ok(())
}

fn link(document: &Document, words: &str, address: &str) -> Result<web_sys::Element, JsValue> {
    let link = document.create_element("a")?;
    link.set_class_name("button quiet");
    link.set_attribute("href", address)?;
    link.set_text_content(Some(words));
    Ok(link)
}
