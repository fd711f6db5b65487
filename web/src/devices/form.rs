//! The reader's own device, in a row of fields.

use dhurandhar_core::device::Os;
use web_sys::HtmlInputElement;
use yew::{AttrValue, Callback, Html, InputEvent, TargetCast, html};

use crate::devices::measure::Measure;
use crate::parts::choice::{Choice, Group};
use crate::state::Action;
use crate::state::custom_device::{CustomDevice, Field};

/// What it shows.
pub(crate) struct DeviceForm {
    pub(crate) form: CustomDevice,
    pub(crate) on: Callback<Action>,
    pub(crate) worker_url: String,
}

impl DeviceForm {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let problem = self.form.device().and_then(Result::err);
        let field = |field: Field, example: &'static str| {
            let on = self.on.clone();
            let oninput = move |event: InputEvent| {
                let value = event.target_unchecked_into::<HtmlInputElement>().value();
                on.emit(Action::Custom(field, value));
            };
            let id = ["custom-", field.key()].concat();
            let is_text = matches!(field, Field::Name | Field::Gpu);
            let invalid = problem.is_some() && field != Field::Name && !self.form.get(field).is_empty();
            html! {
                <div class="calc-field">
                    <label for={id.clone()}>{ field.label() }</label>
                    <input type="text" {id} inputmode={if is_text { "text" } else { "decimal" }} autocomplete="off"
                        placeholder={example} value={self.form.get(field).to_owned()} {oninput}
                        aria-describedby={invalid.then_some("custom-problem")} />
                </div>
            }
        };
        let names = Os::NAMES.map(|(name, _)| (AttrValue::from(name), AttrValue::from(name)));
        let groups = vec![Group { title: "", options: names.into() }];
        let os =
            if self.form.get(Field::Os).is_empty() { Os::Other.name() } else { self.form.get(Field::Os) };
        let on_os = {
            let on = self.on.clone();
            Callback::from(move |name: String| {
                let name = if name == Os::Other.name() { String::new() } else { name };
                on.emit(Action::Custom(Field::Os, name));
            })
        };
        let clear = {
            let on = self.on.clone();
            move |_| on.emit(Action::ClearCustom)
        };
        html! {
            <fieldset class="calc-own">
                <legend>{ "Your device" }</legend>
                <Measure worker_url={self.worker_url.clone()} on={self.on.clone()} />
                <div class="calc-own-row">
                    { field(Field::Name, "My phone") }
                    { field(Field::Budget, "3 GB") }
                    { field(Field::Flash, "2.0 GiB/s") }
                    { field(Field::Dram, "51.2 GB/s") }
                    { field(Field::Latency, "100") }
                    { field(Field::Gpu, "RTX 4060") }
                    { Choice { id: "custom-dos", label: "System", value: os.to_owned(), groups, on_value: on_os, hint: String::new() }.view() }
                </div>
                <div class="calc-own-foot">
                    if let Some(problem) = &problem {
                        <p class="calc-short" id="custom-problem" role="alert">{ problem }</p>
                    } else {
                        <p class="calc-hint">{ "What one app may use of the memory, which is less than all of it, and how fast storage reads, are enough; the device then joins the list and the link. A graphics card is a name or its memory. `6 GB`, `0,5` and `6144` are understood: a size below 256 without a unit is in GB." }</p>
                    }
                    if self.form.is_measured() {
                        <p class="calc-hint" id="custom-measured">{ "Memory bandwidth: measured in this browser by one thread; all processors together read more." }</p>
                    }
                    if !self.form.is_empty() { <button type="button" class="calc-small" onclick={clear}>{ "Clear" }</button> }
                </div>
            </fieldset>
        }
    }
}
