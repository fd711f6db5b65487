//! The reader of files and writer of reports: a module of its own, loaded when it is first needed.
//!
//! Few visits drop a file or export a report, and what that takes (YAML, JSON, GGUF, safetensors) is as large as
//! the rest of the application.

use std::cell::RefCell;

use dhurandhar_core::Model;
use dhurandhar_core::device::Device;
use dhurandhar_core::dossier::Ordered;
use dhurandhar_core::leaf::wire;
use dhurandhar_core::leaf::wire::Wire;
use dhurandhar_core::measurement::Overlay;
use dhurandhar_core::report::Order;
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_split_helpers::{SplitLoaderError, wasm_split};
use web_sys::File;
use yew::Callback;

use crate::files::keep;
use crate::state::Action;

thread_local! {
    static LOAD: RefCell<Option<Function>> = const { RefCell::new(None) };
    /// The file that was dropped alone before.
    static BEFORE: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Takes the function that loads the module; it returns a promise of it, the same one every time.
pub(crate) fn install(load: Function) {
    LOAD.set(Some(load));
}

/// The model in the files of one drop, or why there is none, in words.
///
/// A safetensors file or index and its `config.json` may also come one after the other.
async fn read(files: Vec<File>) -> Result<Model, String> {
    let before = BEFORE.replace(<[File; 1]>::try_from(files.clone()).ok().map(|[file]| file));
    if let ([file], Some(before)) = (files.as_slice(), before)
        && belong_together(&before.name(), &file.name())
        && let Ok(model) = together(vec![before, file.clone()]).await
    {
        return Ok(model);
    }
    together(files).await
}

/// Takes the model in the files of one drop into use, and keeps it in this browser.
#[wasm_split(late, fallible)]
pub(crate) fn import(files: Vec<File>, on: Callback<Action>) -> Result<(), SplitLoaderError> {
    spawn_local(async move {
        match read(files).await {
            Ok(model) => take(model, &on),
            Err(problem) => on.emit(Action::Fail(problem)),
        }
    });
    Ok(())
}

/// Takes a model into use, and keeps it in this browser.
fn take(model: Model, on: &Callback<Action>) {
    let kept = keep::keep(&model).then(|| model.architecture.name.clone());
    on.emit(Action::Import(Box::new(model)));
    on.emit(Action::Kept(kept));
}

/// What a name on the hub leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Named {
    /// One model, which is in use now.
    Taken,
    /// Several, one of which has to be chosen.
    Several(Vec<Offered>),
    /// Why there is none, in words.
    Refused(String),
}

/// A model among several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Offered {
    /// Its name on the hub.
    pub(crate) name: String,
    pub(crate) label: String,
    /// Size in bytes, where the hub says it.
    pub(crate) bytes: Option<f64>,
    /// Whether it runs on the chosen device, where one is chosen.
    pub(crate) fits: Option<String>,
}

/// Looks up a name on the hub; what it leads to goes to `told`.
#[wasm_split(late, fallible)]
pub(crate) fn look_up(
    endpoint: String,
    name: String,
    device: Option<Device>,
    on: Callback<Action>,
    told: Callback<Named>,
) -> Result<(), SplitLoaderError> {
    spawn_local(async move {
        let device = Uint8Array::from(wire::encode(&device).as_slice());
        let found = call("hub", &Array::of3(&endpoint.into(), &name.into(), &device)).await;
        told.emit(match found {
            Err(problem) => Named::Refused(problem),
            Ok(found) if Array::is_array(&found) => {
                Named::Several(Array::from(&found).iter().filter_map(|row| offered(&row)).collect())
            }
            Ok(bytes) => match decoded(&bytes) {
                Ok(model) => {
                    take(model, &on);
                    Named::Taken
                }
                Err(problem) => Named::Refused(problem),
            },
        });
    });
    Ok(())
}

fn offered(row: &JsValue) -> Option<Offered> {
    let row = Array::from(row);
    Some(Offered {
        name: row.get(0).as_string()?,
        label: row.get(1).as_string()?,
        bytes: row.get(2).as_f64(),
        fits: row.get(3).as_string(),
    })
}

/// GB a second that the graphics processor moves, by WebGPU, measured for so long while `going`; none without it.
pub(crate) async fn gpu_copies(ms: f64, going: &Function) -> Result<Option<f64>, String> {
    Ok(call("gpuCopies", &Array::of2(&ms.into(), going)).await?.as_f64())
}

/// A dossier as text, made on `date`, with links to the site at `site`: `html`, `md` or `json`.
pub(crate) async fn dossier(
    kind: &'static str,
    cases: &Vec<Ordered>,
    date: &str,
    site: &str,
) -> Result<String, String> {
    let cases = Uint8Array::from(wire::encode(cases).as_slice());
    let text = call("dossier", &Array::of4(&kind.into(), &cases, &date.into(), &site.into())).await?;
    text.as_string().ok_or_else(different_builds)
}

/// Is one of these names that of a configuration, the other that of weights?
fn belong_together(one: &str, other: &str) -> bool {
    let weights =
        |name: &str| name.to_ascii_lowercase().ends_with(".safetensors") || name.ends_with(".index.json");
    let config = |name: &str| name.ends_with("config.json");
    (weights(one) && config(other)) || (config(one) && weights(other))
}

async fn together(files: Vec<File>) -> Result<Model, String> {
    let files: Array = files.into_iter().map(JsValue::from).collect();
    decoded(&call("read", &Array::of1(&files)).await?)
}

/// What a measurement's file says that can be laid over a prediction, or why it says nothing, in words.
pub(crate) async fn measurement(file: &File) -> Result<Overlay, String> {
    let read = call("measurement", &Array::of1(file)).await;
    read.and_then(|bytes| decoded(&bytes)).map_err(|problem| format!("{}: {problem}", file.name()))
}

fn decoded<T: Wire>(bytes: &JsValue) -> Result<T, String> {
    let bytes = bytes.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec);
    bytes.and_then(|bytes| wire::decode(&bytes)).ok_or_else(different_builds)
}

/// A report as text, made on `date` and shown at `link`: `json`, `memory`, `devices` (CSV both) or `md`.
pub(crate) async fn report(
    kind: &'static str,
    order: &Order,
    date: &str,
    link: &str,
) -> Result<String, String> {
    let order = Uint8Array::from(wire::encode(order).as_slice());
    let text = call("report", &Array::of4(&kind.into(), &order, &date.into(), &link.into())).await?;
    text.as_string().ok_or_else(different_builds)
}

/// Calls a function of the module; its failures are words for the reader of the page.
async fn call(function: &str, arguments: &Array) -> Result<JsValue, String> {
    const ABSENT: &str = "The reader of files could not be loaded. Is there a network?";
    let module = loaded().await.map_err(|_| ABSENT)?;
    let run = Reflect::get(&module, &function.into()).ok().and_then(|run| run.dyn_into::<Function>().ok());
    let run = run.ok_or(ABSENT)?;
    let words =
        |error: JsValue| error.as_string().unwrap_or_else(|| "The reader of files stopped.".to_owned());
    let promise = run.apply(&JsValue::NULL, arguments).map_err(words)?;
    JsFuture::from(Promise::resolve(&promise)).await.map_err(words)
}

async fn loaded() -> Result<JsValue, JsValue> {
    let load = LOAD.with_borrow(Clone::clone).ok_or(JsValue::NULL)?;
    let promise = load.call0(&JsValue::NULL)?;
    JsFuture::from(Promise::resolve(&promise)).await
}

fn different_builds() -> String {
    "The page and its reader are of different builds; reload the page.".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_belongs_to_weights_only() {
        let index = "model.safetensors.index.json";
        assert!(belong_together("config.json", index) && belong_together(index, "config.json"));
        assert!(belong_together("Model.safetensors", "qwen-config.json"));
        assert!(!belong_together("config.json", "config.json") && !belong_together(index, index));
        assert!(!belong_together("config.json", "model.gguf"));
    }
}
