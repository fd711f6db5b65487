//! A place to drop tensors of one's own. The worker reads them; they go nowhere.

use web_sys::{File, HtmlInputElement};
use yew::{Callback, DragEvent, Event, Html, TargetCast, html};

/// What it shows.
pub(crate) struct TensorDrop {
    pub(crate) on_file: Callback<File>,
}

impl TensorDrop {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let on_file = self.on_file.clone();
        let ondrop = move |event: DragEvent| {
            event.prevent_default();
            let files = event.data_transfer().and_then(|data| data.files());
            if let Some(file) = files.and_then(|files| files.get(0)) {
                on_file.emit(file);
            }
        };
        let on_file = self.on_file.clone();
        let onchange = move |event: Event| {
            let field = event.target_unchecked_into::<HtmlInputElement>();
            if let Some(file) = field.files().and_then(|files| files.get(0)) {
                on_file.emit(file);
            }
            field.set_value("");
        };
        html! {
            <div class="calc-drop" {ondrop} ondragover={|event: DragEvent| event.prevent_default()}>
                <label for="tensor-file">{ "Or your own tensors: drop a file or " }<span class="calc-link">{ "choose one" }</span></label>
                <input type="file" id="tensor-file" class="visually-hidden" {onchange} accept=".npy,.safetensors" aria-describedby="tensor-file-hint" />
                <p class="calc-hint" id="tensor-file-hint">
                    { ".npy or .safetensors of f32, f16 or bf16. It is read in this page; nothing leaves the browser." }
                </p>
            </div>
        }
    }
}
