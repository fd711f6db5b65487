//! The figures as files, and the state as a link.

use dhurandhar_core::report::{Order, Report};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, HtmlCanvasElement};
use yew::{Callback, Html, MouseEvent, NodeRef, html};

use crate::computed::Computed;
use crate::download;
use crate::late;
use crate::reader;
use crate::state::Action;

/// What it shows.
pub(crate) struct ExportBar {
    pub(crate) report: Computed,
    /// What the report was made from, for the module that writes it.
    pub(crate) order: Callback<(), Order>,
    /// The canvas, on the tab that has one.
    pub(crate) canvas: Option<NodeRef>,
    pub(crate) on: Callback<Action>,
}

/// A kind of file made of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Json,
    Csv,
    Markdown,
    Svg,
}

impl Text {
    const fn title(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Markdown => "Markdown",
            Self::Svg => "SVG",
        }
    }

    /// Ending of the file's name, and its type.
    const fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("json", "application/json"),
            Self::Csv => ("csv", "text/csv"),
            Self::Markdown => ("md", "text/markdown"),
            Self::Svg => ("svg", "image/svg+xml"),
        }
    }
}

/// `gemma4-e2b-q4_k_m.json`, of characters that any file system takes.
fn file_name(report: &Report, ending: &str) -> String {
    let name = format!("{}-{}", report.model.name, report.weights.format);
    let safe = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    [&safe.collect::<String>(), ".", ending].concat()
}

impl ExportBar {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let text = |kind: Text| {
            let (report, order, on) = (self.report.clone(), self.order.clone(), self.on.clone());
            let save = move |_: MouseEvent| {
                let (report, order, on) = (report.clone(), order.clone(), on.clone());
                spawn_local(async move {
                    let (ending, mime) = kind.kind();
                    let text = match kind {
                        Text::Svg => match late::load().await {
                            Ok(late) => Ok((late.svg)(&report)),
                            Err(_) => Err(late::ABSENT.to_owned()),
                        },
                        _ => reader::report(ending, &order.emit(())).await,
                    };
                    match text {
                        Ok(text) => {
                            report_failure(&on, &download::text(&file_name(&report, ending), mime, &text));
                        }
                        Err(words) => on.emit(Action::Fail(words)),
                    }
                });
            };
            html! { <button type="button" id={["export-", kind.kind().0].concat()} onclick={save}>{ kind.title() }</button> }
        };
        let png = self.canvas.clone().map(|canvas| {
            let (report, on) = (self.report.clone(), self.on.clone());
            let save = move |_: MouseEvent| save_png(&canvas, &file_name(&report, "png"), &on);
            html! { <button type="button" id="export-png" onclick={save}>{ "PNG" }</button> }
        });
        let copy = {
            let on = self.on.clone();
            move |_: MouseEvent| copy_link(on.clone())
        };
        html! {
            <div class="calc-export" role="group" aria-label="Export">
                <span aria-hidden="true">{ "Export" }</span>
                { for [Text::Json, Text::Csv, Text::Markdown].map(text) }
                if let Some(png) = png { { png }{ text(Text::Svg) } }
                <button type="button" id="copy-link" onclick={copy}>{ "Copy link" }</button>
            </div>
        }
    }
}

fn report_failure(on: &Callback<Action>, done: &Result<(), JsValue>) {
    if done.is_err() {
        on.emit(Action::Fail("The browser refused the download.".to_owned()));
    }
}

fn save_png(canvas: &NodeRef, name: &str, on: &Callback<Action>) {
    let Some(canvas) = canvas.cast::<HtmlCanvasElement>() else { return };
    let (failed, name) = (on.clone(), name.to_owned());
    let saved = Closure::once_into_js(move |blob: Option<Blob>| {
        let done = blob.ok_or(JsValue::NULL).and_then(|blob| download::save(&name, &blob));
        report_failure(&failed, &done);
    });
    report_failure(on, &canvas.to_blob(saved.unchecked_ref()));
}

fn copy_link(on: Callback<Action>) {
    let Some(window) = web_sys::window() else { return };
    let Ok(address) = window.location().href() else { return };
    spawn_local(async move {
        let copied = JsFuture::from(window.navigator().clipboard().write_text(&address)).await;
        on.emit(match copied {
            Ok(_) => Action::Tell("Link copied. It holds every choice made here.".to_owned()),
            Err(_) => {
                Action::Tell(format!("The browser keeps its clipboard to itself; the link is {address}"))
            }
        });
    });
}
