//! The figures as files, and the state as a link.

use dhurandhar_chart::{Sheet, Theme, svg};
use dhurandhar_core::report::{Cover, Report};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, HtmlCanvasElement};
use yew::{AttrValue, Callback, Html, MouseEvent, html};

use crate::browser::{download, today};
use crate::files::dossier::dossier;
use crate::files::reader;
use crate::memory::drawing::memory_bars;
use crate::parts::canvas::paint_sheet;
use crate::parts::copy_link::CopyLink;
use crate::state::Action;
use crate::state::computed::Computed;
use crate::state::inputs::Inputs;

/// What it shows.
#[derive(Debug, Clone)]
pub(crate) struct ExportBar {
    pub(crate) report: Computed,
    /// What the report was made from, for the module that writes it.
    pub(crate) inputs: Inputs,
    /// About every device, not the chosen one.
    pub(crate) every_device: bool,
    /// The address of the state.
    pub(crate) address: AttrValue,
    /// The model came from a file, which a link cannot hold.
    pub(crate) own_model: bool,
    pub(crate) on: Callback<Action>,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Memory,
    Devices,
    Markdown,
    Svg,
    Png,
}

impl Kind {
    const fn title(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Memory => "CSV, memory",
            Self::Devices => "CSV, devices",
            Self::Markdown => "Markdown",
            Self::Svg => "SVG",
            Self::Png => "PNG",
        }
    }

    /// Its name in ids and for the writer, the ending of the file's name, and its type.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Json => ("json", "json", "application/json"),
            Self::Memory => ("memory", "memory.csv", "text/csv"),
            Self::Devices => ("devices", "devices.csv", "text/csv"),
            Self::Markdown => ("md", "md", "text/markdown"),
            Self::Svg => ("svg", "svg", "image/svg+xml"),
            Self::Png => ("png", "png", "image/png"),
        }
    }
}

/// `gemma4-e2b-q4_k_m-pixel-9a.json`, of characters that any file system takes.
fn file_name(report: &Report, every_device: bool, ending: &str) -> String {
    let device = report.devices.first().filter(|_| !every_device);
    let device = device.map_or(String::new(), |device| ["-", &device.device].concat());
    let name = format!("{}-{}{device}", report.model.name, report.weights.format);
    let safe = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    [&safe.collect::<String>(), ".", ending].concat()
}

impl ExportBar {
    /// Its part of the page.
    pub(crate) fn view(self) -> Html {
        let button = |kind: Kind| {
            let bar = self.clone();
            let save = move |_: MouseEvent| bar.save(kind);
            html! { <button type="button" id={["export-", kind.names().0].concat()} onclick={save}>{ kind.title() }</button> }
        };
        let pictures = (!self.every_device).then_some([Kind::Png, Kind::Svg]);
        let bar = html! {
            <div class="calc-export" role="group" aria-label="Export">
                <span aria-hidden="true">{ "Export" }</span>
                { for [Kind::Json, Kind::Memory, Kind::Devices, Kind::Markdown].map(button) }
                { for pictures.into_iter().flatten().map(button) }
                <CopyLink address={self.address.clone()} own={self.own_model.then_some("model")} />
            </div>
        };
        if self.every_device || self.report.devices.is_empty() {
            return bar;
        }
        let cases = {
            let (inputs, address, own_model) = (self.inputs.clone(), self.address.clone(), self.own_model);
            Callback::from(move |()| {
                let link = address.split_once('?').map_or("v=1", |(_, link)| link);
                inputs.ordered(None, Some(link.to_owned()).filter(|_| !own_model)).into_iter().collect()
            })
        };
        html! { <>{ bar }{ dossier(&cases, &self.address, &self.on) }</> }
    }

    fn save(&self, kind: Kind) {
        let (_, ending, mime) = kind.names();
        let name = file_name(&self.report, self.every_device, ending);
        match kind {
            Kind::Svg => {
                let (drawing, notes) = (memory_bars(&self.report), self.notes());
                let sheet = Sheet { drawing: &drawing, notes: &notes };
                report(
                    &self.on,
                    &download::text(&name, mime, &svg::standalone(&sheet, svg::WIDE, &Theme::light())),
                );
            }
            Kind::Png => {
                let (drawing, notes) = (memory_bars(&self.report), self.notes());
                let canvas = paint_sheet(&Sheet { drawing: &drawing, notes: &notes }, svg::WIDE);
                report(
                    &self.on,
                    &canvas.ok_or(JsValue::NULL).and_then(|canvas| self.save_png(&canvas, name)),
                );
            }
            _ => self.save_text(kind, name),
        }
    }

    /// What stands below a picture.
    fn notes(&self) -> Vec<String> {
        Cover::of(&self.report, &today(), &self.address).lines()
    }

    fn save_text(&self, kind: Kind, name: String) {
        let bar = self.clone();
        spawn_local(async move {
            let (id, _, mime) = kind.names();
            let devices =
                if bar.every_device { bar.inputs.every() } else { bar.inputs.chosen().into_iter().collect() };
            match reader::report(id, &bar.inputs.order(devices), &today(), &bar.address).await {
                Ok(text) => report(&bar.on, &download::text(&name, mime, &text)),
                Err(words) => bar.on.emit(Action::Fail(words)),
            }
        });
    }

    fn save_png(&self, canvas: &HtmlCanvasElement, name: String) -> Result<(), JsValue> {
        let on = self.on.clone();
        let saved = Closure::once_into_js(move |blob: Option<Blob>| {
            report(&on, &blob.ok_or(JsValue::NULL).and_then(|blob| download::save(&name, &blob)));
        });
        canvas.to_blob(saved.unchecked_ref())
    }
}

fn report(on: &Callback<Action>, done: &Result<(), JsValue>) {
    if done.is_err() {
        on.emit(Action::Fail("The browser refused the download.".to_owned()));
    }
}
