//! A place to drop a model's file. It is read here, as little of it as its header needs, and goes nowhere.

use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, File, FileList, HtmlInputElement};
use yew::{Callback, DragEvent, Event, Html, MouseEvent, NodeRef, TargetCast, html};

use crate::browser::ABSENT;
use crate::files::{keep, reader};
use crate::state::Action;

/// What it shows.
pub(crate) struct FileDrop {
    /// Name of the model that this browser keeps.
    pub(crate) kept: Option<String>,
    pub(crate) on: Callback<Action>,
}

impl FileDrop {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let place = NodeRef::default();
        // A file above it changes its look and nothing else: no state of the page.
        let look = {
            let place = place.clone();
            move |look: &str| {
                if let Some(place) = place.cast::<Element>() {
                    place.set_class_name(look);
                }
            }
        };
        let read = {
            let on = self.on.clone();
            Callback::from(move |files: Option<FileList>| {
                let files: Vec<File> =
                    files.iter().flat_map(|list| (0..list.length()).filter_map(|at| list.get(at))).collect();
                if files.is_empty() {
                    return;
                }
                let on = on.clone();
                spawn_local(async move {
                    if reader::import(files, on.clone()).await.is_err() {
                        on.emit(Action::Fail(ABSENT.to_owned()));
                    }
                });
            })
        };
        let ondrop = {
            let (read, look) = (read.clone(), look.clone());
            move |event: DragEvent| {
                event.prevent_default();
                look("calc-drop");
                read.emit(event.data_transfer().and_then(|data| data.files()));
            }
        };
        let ondragover = {
            let look = look.clone();
            move |event: DragEvent| {
                event.prevent_default();
                look("calc-drop over");
            }
        };
        let ondragleave = move |_: DragEvent| look("calc-drop");
        let forget = {
            let on = self.on.clone();
            move |_: MouseEvent| {
                keep::forget();
                on.emit(Action::Kept(None));
            }
        };
        let onchange = move |event: Event| {
            let field = event.target_unchecked_into::<HtmlInputElement>();
            read.emit(field.files());
            // The same file can be chosen again after it was changed.
            field.set_value("");
        };
        html! {
            <div ref={place} class="calc-drop" {ondrop} {ondragover} {ondragleave}>
                <label for="model-file">{ "Or your own: drop a file or " }<span class="calc-link">{ "choose one" }</span></label>
                <input type="file" id="model-file" multiple=true class="visually-hidden" {onchange}
                    accept=".json,.gguf,.safetensors,.yaml,.yml" aria-describedby="model-file-hint" />
                <p class="calc-hint" id="model-file-hint">
                    { "config.json, GGUF, safetensors or YAML. Only headers are read, in this page; nothing leaves the browser. An index of safetensors comes with its config.json, together or one after the other." }
                </p>
                if let Some(name) = &self.kept {
                    <p class="calc-hint" id="model-kept">
                        { format!("{name} is kept in this browser. ") }
                        <button type="button" class="calc-small" onclick={forget}>{ "Forget it" }</button>
                    </p>
                }
            </div>
        }
    }
}
