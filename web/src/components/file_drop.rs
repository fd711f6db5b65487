//! A place to drop a model's file. It is read here, as little of it as its header needs, and goes nowhere.

use wasm_bindgen_futures::spawn_local;
use web_sys::{File, FileList, HtmlInputElement};
use yew::{
    Callback, DragEvent, Event, Html, Properties, TargetCast, classes, function_component, html, use_state_eq,
};

use crate::reader;
use crate::state::Action;

#[derive(Properties, PartialEq)]
pub(crate) struct FileDropProps {
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn FileDrop(props: &FileDropProps) -> Html {
    let over = use_state_eq(|| false);
    let read = {
        let on = props.on.clone();
        Callback::from(move |files: Option<FileList>| {
            let files: Vec<File> =
                files.iter().flat_map(|list| (0..list.length()).filter_map(|at| list.get(at))).collect();
            if files.is_empty() {
                return;
            }
            let on = on.clone();
            spawn_local(async move {
                let read = reader::read(files).await;
                on.emit(read.map_or_else(Action::Fail, |model| Action::Import(Box::new(model))));
            });
        })
    };
    let ondrop = {
        let (read, over) = (read.clone(), over.clone());
        move |event: DragEvent| {
            event.prevent_default();
            over.set(false);
            read.emit(event.data_transfer().and_then(|data| data.files()));
        }
    };
    let ondragover = {
        let over = over.clone();
        move |event: DragEvent| {
            event.prevent_default();
            over.set(true);
        }
    };
    let ondragleave = {
        let over = over.clone();
        move |_: DragEvent| over.set(false)
    };
    let onchange = move |event: Event| {
        let field = event.target_unchecked_into::<HtmlInputElement>();
        read.emit(field.files());
        // The same file can be chosen again after it was changed.
        field.set_value("");
    };
    html! {
        <div class={classes!("calc-drop", over.then_some("over"))} {ondrop} {ondragover} {ondragleave}>
            <label for="model-file">{ "Or your own: drop a file or " }<span class="calc-link">{ "choose one" }</span></label>
            <input type="file" id="model-file" multiple=true class="visually-hidden" {onchange}
                accept=".json,.gguf,.safetensors,.yaml,.yml" aria-describedby="model-file-hint" />
            <p class="calc-hint" id="model-file-hint">
                { "config.json, GGUF, safetensors or YAML. Only headers are read, in this page; nothing leaves the browser. An index of safetensors comes with its config.json." }
            </p>
        </div>
    }
}
