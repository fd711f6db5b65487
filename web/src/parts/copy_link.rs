//! Copies the link of the state and says so where the button is.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Clipboard, HtmlDocument, HtmlTextAreaElement, Window};
use yew::{AttrValue, Html, MouseEvent, Properties, function_component, html, use_effect_with, use_state};

#[derive(Properties, PartialEq)]
pub(crate) struct CopyLinkProps {
    pub(crate) address: AttrValue,
    /// What came from a file, which a link cannot hold: the model, the tensors.
    pub(crate) own: Option<&'static str>,
}

#[function_component]
pub(crate) fn CopyLink(props: &CopyLinkProps) -> Html {
    let said = use_state(String::new);
    {
        let said = said.setter();
        // What was copied before is not what would be copied now.
        use_effect_with(props.address.clone(), move |_| said.set(String::new()));
    }
    let copy = {
        let (said, own, address) = (said.setter(), props.own, props.address.clone());
        move |_: MouseEvent| {
            let (said, address) = (said.clone(), address.clone());
            spawn_local(async move {
                said.set(match (copied(&address).await, own) {
                    (true, Some(own)) => [
                        "Copied. The link cannot hold the ",
                        own,
                        " from your file: whoever opens it drops the file too.",
                    ]
                    .concat(),
                    (true, None) => "Copied. The link holds every choice made here.".to_owned(),
                    (false, own) => {
                        let file = own.map_or_else(String::new, |own| {
                            [" It cannot hold the ", own, " from your file."].concat()
                        });
                        ["The browser keeps its clipboard to itself.", &file, " The link: ", &address]
                            .concat()
                    }
                });
            });
        }
    };
    html! {
        <>
            <button type="button" id="copy-link" onclick={copy}>{ "Copy link" }</button>
            <output for="copy-link" class="calc-said">{ (*said).clone() }</output>
        </>
    }
}

async fn copied(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    // Without a secure context there is no clipboard, whatever the types say.
    let clipboard = js_sys::Reflect::get(&window.navigator(), &"clipboard".into());
    if let Some(clipboard) = clipboard.ok().filter(JsValue::is_object) {
        let written = clipboard.unchecked_into::<Clipboard>().write_text(text);
        if JsFuture::from(written).await.is_ok() {
            return true;
        }
    }
    by_selection(&window, text).unwrap_or(false)
}

/// The older way: what is selected in a field is copied.
fn by_selection(window: &Window, text: &str) -> Option<bool> {
    let document = window.document()?;
    let field: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    field.set_value(text);
    field.set_class_name("visually-hidden");
    let body = document.body()?;
    body.append_child(&field).ok()?;
    field.select();
    let copied = document.dyn_into::<HtmlDocument>().ok()?.exec_command("copy");
    field.remove();
    copied.ok()
}
