//! A model by its name on the hub. Nothing is asked before the button is pressed.

use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlInputElement, SubmitEvent};
use yew::{Callback, Html, Properties, function_component, html, use_node_ref, use_state};

use crate::browser::ABSENT;
use crate::files::reader::{self, Named, Offered};
use crate::parts::format;
use crate::state::Action;
use crate::state::catalogue::catalogue;

/// Address of the hub that this site may ask, if there is one: where the site's builder wrote it.
pub(crate) fn endpoint() -> Option<String> {
    web_sys::window()?.document()?.body()?.get_attribute("data-hub")
}

#[derive(Properties, PartialEq)]
pub(crate) struct HubFieldProps {
    pub(crate) endpoint: String,
    /// Slug of the device that several models are tried on.
    pub(crate) device: String,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn HubField(props: &HubFieldProps) -> Html {
    // None while nothing was asked, and an empty one while an answer is waited for.
    let told = use_state(|| None::<Option<Named>>);
    let field = use_node_ref();
    let ask = {
        let (endpoint, device, on, told) =
            (props.endpoint.clone(), props.device.clone(), props.on.clone(), told.setter());
        Callback::from(move |name: String| {
            if name.trim().is_empty() {
                return;
            }
            told.set(Some(None));
            let answer = {
                let told = told.clone();
                Callback::from(move |named| told.set(Some(Some(named))))
            };
            let (endpoint, device, on) = (endpoint.clone(), catalogue().device(&device), on.clone());
            spawn_local(async move {
                if reader::look_up(endpoint, name, device, on, answer.clone()).await.is_err() {
                    answer.emit(Named::Refused(ABSENT.to_owned()));
                }
            });
        })
    };
    let onsubmit = {
        let (field, ask) = (field.clone(), ask.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(field) = field.cast::<HtmlInputElement>() {
                ask.emit(field.value());
            }
        }
    };
    let host = props.endpoint.split("://").last().unwrap_or_default().to_owned();
    let asking = matches!(&*told, Some(None));
    let said = match &*told {
        Some(None) => "Asking\u{2026}".to_owned(),
        Some(Some(Named::Taken)) => "Read. It is the model of this page now.".to_owned(),
        Some(Some(Named::Several(offers))) => format!("There are {} models; choose one.", offers.len()),
        Some(Some(Named::Refused(_))) | None => String::new(),
    };
    html! {
        <form class="calc-field calc-hub" {onsubmit}>
            <label for="hub-name">{ "Or its name on the Hugging Face hub" }</label>
            <div class="calc-hub-row">
                <input type="text" id="hub-name" ref={field} autocomplete="off" autocapitalize="off" spellcheck="false"
                    placeholder="Qwen/Qwen3-8B" aria-describedby="hub-hint" />
                <button type="submit" id="hub-read" disabled={asking}>{ "Read" }</button>
            </div>
            <p class="calc-hint" id="hub-hint">
                { format!("Nothing is sent until you press the button. Then this browser asks {host} for the headers of that model's files; nothing else leaves it. ") }
                <code>{ "owner/name@revision" }</code>{ ", " }<code>{ "owner/name:Q4_K_M" }</code>{ " and " }<code>{ "owner/name:file" }</code>{ " are understood." }
            </p>
            <output for="hub-name" class="calc-hint" id="hub-said">{ said }</output>
            if let Some(Some(Named::Refused(problem))) = &*told {
                <p class="calc-short" role="alert" id="hub-problem">{ problem }</p>
            }
            if let Some(Some(Named::Several(offers))) = &*told {
                <ul class="calc-offers">{ for offers.iter().map(|offer| row(offer, &ask)) }</ul>
            }
        </form>
    }
}

fn row(offer: &Offered, ask: &Callback<String>) -> Html {
    let (ask, name) = (ask.clone(), offer.name.clone());
    let size = offer.bytes.map_or_else(
        || "size unknown".to_owned(),
        |bytes| [&format::rounded(bytes / dhurandhar_core::leaf::units::MIB as f64), " MiB"].concat(),
    );
    html! {
        <li>
            <button type="button" class="calc-small" onclick={move |_| ask.emit(name.clone())}>{ &offer.label }</button>
            <span>{ size }</span>
            if let Some(fits) = &offer.fits { <span>{ fits }</span> }
        </li>
    }
}
