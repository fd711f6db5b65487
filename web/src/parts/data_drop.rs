//! A place to drop data of one's own. The worker reads it; it goes nowhere.

use web_sys::{File, HtmlInputElement};
use yew::{Callback, DragEvent, Event, Html, TargetCast, html};

/// What it shows.
pub(crate) struct DataDrop {
    pub(crate) id: &'static str,
    /// Ends in "or", before the words "choose one".
    pub(crate) label: &'static str,
    pub(crate) accept: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) on_file: Callback<File>,
}

impl DataDrop {
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
        let hint = [self.id, "-hint"].concat();
        html! {
            <div class="calc-drop" {ondrop} ondragover={|event: DragEvent| event.prevent_default()}>
                <label for={self.id}>{ self.label }{ " " }<span class="calc-link">{ "choose one" }</span></label>
                <input type="file" id={self.id} class="visually-hidden" {onchange} accept={self.accept} aria-describedby={hint.clone()} />
                <p class="calc-hint" id={hint}>{ self.hint }</p>
            </div>
        }
    }
}
