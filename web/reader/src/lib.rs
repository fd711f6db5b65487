//! The reader of files and writer of reports: what few visits need, loaded by the page when one does.
//!
//! Models and measurements come in from their files and go out in the core's binary form; reports the other way.

mod header;
mod hub;

use dhurandhar_core::Model;
use dhurandhar_core::catalogue::Catalogue;
use dhurandhar_core::device::Device;
use dhurandhar_core::dossier::{Dossier, Ordered, Request};
use dhurandhar_core::feasibility::offered;
use dhurandhar_core::leaf::wire;
use dhurandhar_core::measurement::{Measurement, MmapProfile, Overlay};
use dhurandhar_core::model::hub::Offer;
use dhurandhar_core::model::import::{Kind, detect, gguf_joined, gguf_part, import, import_with_config};
use dhurandhar_core::report::{Order, Report};
use js_sys::{Array, Function, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::File;

/// The model in one file, in a safetensors header or index and its `config.json`, or in all parts of a split GGUF file, in
/// the core's binary form.
///
/// # Errors
/// A text that says why there is none.
#[wasm_bindgen]
pub async fn read(files: Array) -> Result<Uint8Array, JsValue> {
    let files: Vec<File> = files.iter().filter_map(|file| file.dyn_into().ok()).collect();
    let are_parts = files.iter().all(|file| detect(&file.name(), b"") == Kind::Gguf);
    let model = match files.as_slice() {
        [file] => header::read(&mut file.clone(), |bytes, length| import(&file.name(), bytes, length)).await,
        [_, _, ..] if are_parts => parts(&files).await,
        [first, second] => together(first.clone(), second.clone()).await,
        _ => Err(
            "Several files; drop one, a safetensors index and its config.json, or all parts of a split GGUF file."
                .to_owned(),
        ),
    };
    Ok(Uint8Array::from(wire::encode(&model?).as_slice()))
}

async fn parts(files: &[File]) -> Result<Model, String> {
    let mut parts = Vec::new();
    for file in files {
        parts.push(
            header::read(&mut file.clone(), |bytes, length| gguf_part(&file.name(), bytes, length)).await?,
        );
    }
    let name = files.first().map(File::name).unwrap_or_default();
    gguf_joined(&name, parts).map_err(|error| error.to_string())
}

async fn together(first: File, second: File) -> Result<Model, String> {
    let is_config = |file: &File| detect(&file.name(), b"") == Kind::Config;
    let (config, mut weights) = match (is_config(&first), is_config(&second)) {
        (true, false) => (first, second),
        (false, true) => (second, first),
        _ => {
            let names = [first.name(), second.name()].join(" and ");
            return Err(format!("{names}: two files make a model when one of them is its config.json."));
        }
    };
    let config = header::whole(&config, "config.json").await?;
    let name = weights.name();
    header::read(&mut weights, |bytes, length| import_with_config(&name, bytes, length, &config)).await
}

/// The part of a measurement that is laid over a prediction, in the core's binary form.
///
/// # Errors
/// A text that says why the file is no measurement that this build reads.
#[wasm_bindgen]
pub async fn measurement(file: File) -> Result<Uint8Array, JsValue> {
    let bytes = header::whole(&file, "measurement").await?;
    let text = core::str::from_utf8(&bytes).map_err(|error| format!("not a measurement: {error}"))?;
    let profile = MmapProfile::read(text).map_err(|error| error.to_string())?;
    Ok(Uint8Array::from(wire::encode(&Overlay::of(&profile)).as_slice()))
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Text {
    Json,
    Memory,
    Devices,
    Md,
    Html,
}

/// A report as text, made on `date` and shown at `link`: `json`, `memory`, `devices` (a CSV table each) or `md`.
///
/// # Errors
/// A text that says what is wrong with the kind or the order.
#[wasm_bindgen]
pub fn report(kind: JsValue, order: &[u8], date: &str, link: &str) -> Result<String, JsValue> {
    let kind: Text = serde_wasm_bindgen::from_value(kind).map_err(|error| error.to_string())?;
    let order: Order = wire::decode(order).ok_or("the order cannot be read; reload the page")?;
    let report = order.report().map_err(|error| error.to_string())?.covered(date, link);
    Ok(match kind {
        Text::Memory => report.memory_csv(),
        Text::Devices => report.devices_csv(),
        Text::Md => report.to_markdown(),
        Text::Json | Text::Html => report.to_json(),
    })
}

/// The report on a built-in model and device as JSON, for pages that embed it; `stated` has options by their names.
///
/// # Errors
/// A text that says what is unknown or out of range.
#[wasm_bindgen]
pub fn analyze(catalogue: &[u8], model: &str, device: &str, stated: JsValue) -> Result<String, JsValue> {
    let catalogue = Catalogue::from_bytes(catalogue).ok_or("the catalogue is of another build")?;
    let stated: Vec<(String, String)> =
        serde_wasm_bindgen::from_value(stated).map_err(|error| error.to_string())?;
    Ok(Report::by_name(&catalogue, model, device, &stated)?.to_json())
}

/// Cases as a document for a decision: `html`, `md` or `json`, made on `date`, with links to the calculator below `site`.
///
/// # Errors
/// A text that says what is wrong with the kind or a case.
#[wasm_bindgen]
pub fn dossier(kind: JsValue, cases: &[u8], date: &str, site: &str) -> Result<String, JsValue> {
    let kind: Text = serde_wasm_bindgen::from_value(kind).map_err(|error| error.to_string())?;
    let cases: Vec<Ordered> = wire::decode(cases).ok_or("the cases cannot be read; reload the page")?;
    let (title, question) = match cases.as_slice() {
        [case] => (case.title.clone(), "Does it run there?".to_owned()),
        _ => ("Cases compared".to_owned(), "Which of these cases should be chosen?".to_owned()),
    };
    let request = Request {
        title,
        question,
        date: Some(date.to_owned()),
        valid_until: None,
        risks: Vec::new(),
        cases: Vec::new(),
    };
    let dossier = Dossier::of_orders(&request, &cases).map_err(|error| error.to_string())?;
    Ok(match kind {
        Text::Html => dossier.to_html(Some(site)),
        Text::Md => dossier.to_markdown(Some(site)),
        _ => dossier.to_json(),
    })
}

/// Names and titles of the built-in models, then of the devices.
///
/// # Errors
/// A text that says that the catalogue is of another build.
#[wasm_bindgen]
pub fn names(catalogue: &[u8]) -> Result<JsValue, JsValue> {
    let catalogue = Catalogue::from_bytes(catalogue).ok_or("the catalogue is of another build")?;
    let models: Vec<(&str, &str)> = catalogue.titles().collect();
    let devices: Vec<(&str, &str)> = catalogue.device_titles().collect();
    Ok(serde_wasm_bindgen::to_value(&(models, devices)).map_err(|error| error.to_string())?)
}

/// The model that a name of the hub at `endpoint` leads to, in the core's binary form; where it leads to several, a list of
/// their names, labels, bytes (or nothing) and whether they run on `device`. `fetch` reads parts of files (`reader.js`).
///
/// # Errors
/// A text that says what went wrong on the way.
#[wasm_bindgen]
pub async fn hub(
    endpoint: String,
    name: String,
    device: Vec<u8>,
    fetch: Function,
) -> Result<JsValue, JsValue> {
    let device: Option<Device> = wire::decode(&device).flatten();
    Ok(match hub::find(&endpoint, &name, fetch).await? {
        hub::Found::Model(model) => Uint8Array::from(wire::encode(&*model).as_slice()).into(),
        hub::Found::Several(shown, offers, smallest) => {
            let row = |offer: &Offer| {
                let fits = device
                    .as_ref()
                    .map(|device| offered(smallest.as_deref(), &offer.label, offer.bytes, device));
                (
                    format!("{shown}:{}", offer.label),
                    offer.label.clone(),
                    offer.bytes.map(|bytes| bytes as f64),
                    fits,
                )
            };
            let rows: Vec<_> = offers.iter().map(row).collect();
            serde_wasm_bindgen::to_value(&rows).map_err(|error| error.to_string())?
        }
    })
}
