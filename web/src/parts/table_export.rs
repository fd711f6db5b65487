//! The tables of a tab, one file each, and the tab's state as a link.

use dhurandhar_core::format::csv::push_row;
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlTableElement, HtmlTableRowElement};
use yew::{AttrValue, Callback, Html, html};

use crate::browser::download;
use crate::parts::copy_link::CopyLink;
use crate::state::Action;

/// What it shows.
pub(crate) struct TableExport {
    /// The files' names begin so.
    pub(crate) name: &'static str,
    /// Words of the buttons, and the ids of their tables.
    pub(crate) tables: Vec<(&'static str, &'static str)>,
    /// What the figures are of, in a sentence; none while they are not those of the choices that the link holds.
    pub(crate) of: Option<String>,
    /// The address of the state.
    pub(crate) address: AttrValue,
    /// What came from a file, which a link cannot hold.
    pub(crate) own: Option<&'static str>,
    pub(crate) on: Callback<Action>,
}

impl TableExport {
    /// Its part of the page.
    pub(crate) fn view(self) -> Html {
        let Self { name, tables, of, address, own, on } = self;
        let disabled = of.is_none();
        let button = |(label, id): (&'static str, &'static str)| {
            let (address, on, of) = (address.clone(), on.clone(), of.clone().unwrap_or_default());
            let save = move |_| {
                let Some(text) = table(id, &[("of", &of), ("link", &address)]) else { return };
                if download::text(&[name, "-", label, ".csv"].concat(), "text/csv", &text).is_err() {
                    on.emit(Action::Fail("The browser refused the download.".to_owned()));
                }
            };
            html! { <button type="button" id={["export-", id].concat()} {disabled} onclick={save}>{ "CSV: " }{ label }</button> }
        };
        html! {
            <div class="calc-export" role="group" aria-label="Export">
                <span aria-hidden="true">{ "Export" }</span>
                { for tables.into_iter().map(button) }
                <CopyLink address={address.clone()} {own} />
            </div>
        }
    }
}

/// The table with this id, with the same further columns in every line.
fn table(id: &str, more: &[(&str, &str)]) -> Option<String> {
    let document = web_sys::window()?.document()?;
    let rows = document.get_element_by_id(id)?.dyn_into::<HtmlTableElement>().ok()?.rows();
    let mut text = String::new();
    for at in 0..rows.length() {
        let cells = rows.item(at)?.dyn_into::<HtmlTableRowElement>().ok()?.cells();
        let cells = (0..cells.length()).filter_map(|at| Some(content(&cells.item(at)?)));
        let own = more.iter().map(|(name, value)| if at == 0 { *name } else { *value });
        push_row(&mut text, cells.chain(own.map(str::to_owned)));
    }
    Some(text)
}

fn content(element: &Element) -> String {
    element.text_content().unwrap_or_default()
}
