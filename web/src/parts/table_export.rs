//! The tables of a tab as one file, and its state as a link.

use dhurandhar_core::format::csv::push_row;
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlTableElement, HtmlTableRowElement};
use yew::{AttrValue, Callback, Html, html};

use crate::browser::download;
use crate::parts::copy_link::CopyLink;
use crate::state::Action;

/// What it shows.
pub(crate) struct TableExport {
    /// The file's name without its ending.
    pub(crate) name: &'static str,
    /// Id of the element whose tables are saved.
    pub(crate) within: &'static str,
    /// The address of the state.
    pub(crate) address: AttrValue,
    /// The model came from a file, which a link cannot hold.
    pub(crate) own_model: bool,
    pub(crate) on: Callback<Action>,
}

impl TableExport {
    /// Its part of the page.
    pub(crate) fn view(self) -> Html {
        let Self { name, within, address, own_model, on } = self;
        let save = {
            let address = address.clone();
            move |_| {
                let text = tables(within, &address);
                let saved = download::text(&[name, ".csv"].concat(), "text/csv", &text);
                if saved.is_err() {
                    on.emit(Action::Fail("The browser refused the download.".to_owned()));
                }
            }
        };
        html! {
            <div class="calc-export" role="group" aria-label="Export">
                <span aria-hidden="true">{ "Export" }</span>
                <button type="button" id="export-tables" onclick={save}>{ "CSV" }</button>
                <CopyLink {address} {own_model} />
            </div>
        }
    }
}

/// Each table under its caption, after the link that shows it again.
fn tables(within: &str, address: &str) -> String {
    let mut text = String::new();
    push_row(&mut text, ["from", address]);
    let document = web_sys::window().and_then(|window| window.document());
    let Some(panel) = document.and_then(|document| document.get_element_by_id(within)) else { return text };
    let found = panel.get_elements_by_tag_name("table");
    for table in (0..found.length()).filter_map(|at| found.item(at)) {
        let Ok(table) = table.dyn_into::<HtmlTableElement>() else { continue };
        push_row(&mut text, [""]);
        push_row(&mut text, [table.caption().map(|caption| content(&caption)).unwrap_or_default()]);
        let rows = table.rows();
        for row in (0..rows.length()).filter_map(|at| rows.item(at)) {
            let Ok(row) = row.dyn_into::<HtmlTableRowElement>() else { continue };
            let cells = row.cells();
            push_row(&mut text, (0..cells.length()).filter_map(|at| Some(content(&cells.item(at)?))));
        }
    }
    text
}

fn content(element: &Element) -> String {
    element.text_content().unwrap_or_default()
}
