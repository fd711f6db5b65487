//! Cases as a document for a decision, written by the reader's module.

use dhurandhar_core::dossier::Ordered;
use wasm_bindgen_futures::spawn_local;
use yew::{Callback, Html, html};

use crate::browser::{download, today};
use crate::files::reader;
use crate::state::Action;

/// Kinds of documents: their names for the writer, their titles, their types.
const KINDS: [(&str, &str, &str); 3] = [
    ("html", "HTML", "text/html"),
    ("md", "Markdown", "text/markdown"),
    ("json", "JSON", "application/json"),
];

/// Buttons that save a dossier of `cases`; `address` is one of the calculator.
pub(crate) fn dossier(cases: &Callback<(), Vec<Ordered>>, address: &str, on: &Callback<Action>) -> Html {
    let site = address.split("calculator/").next().unwrap_or_default().to_owned();
    let button = |(kind, title, mime): (&'static str, &'static str, &'static str)| {
        let (cases, site, on) = (cases.clone(), site.clone(), on.clone());
        let save = move |_| {
            let (cases, site, on) = (cases.emit(()), site.clone(), on.clone());
            spawn_local(async move {
                let saved = reader::dossier(kind, &cases, &today(), &site).await.and_then(|text| {
                    let name = ["dossier.", kind].concat();
                    download::text(&name, mime, &text)
                        .map_err(|_| "The browser refused the download.".to_owned())
                });
                if let Err(problem) = saved {
                    on.emit(Action::Fail(problem));
                }
            });
        };
        html! { <button type="button" id={["dossier-", kind].concat()} onclick={save}>{ title }</button> }
    };
    html! {
        <div class="calc-export" role="group" aria-label="Dossier">
            <span aria-hidden="true">{ "Dossier for a decision" }</span>
            { for KINDS.map(button) }
        </div>
    }
}
