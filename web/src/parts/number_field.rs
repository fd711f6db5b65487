//! A number typed by hand: taken while it is being typed as soon as it is valid, explained when it is not.

use dhurandhar_core::format::document::decimal;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlInputElement;
use yew::{Callback, Event, FocusEvent, Html, InputEvent, TargetCast, html};

use crate::parts::format;
use crate::state::Action;

/// Attribute that remembers a field's value from when it was entered.
const BEFORE: &str = "data-before";

/// What it shows.
pub(crate) struct NumberField {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    /// The label is there for screen readers only, because another one stands above.
    pub(crate) hidden_label: bool,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Step of the arrow keys; whole numbers only when it is one.
    pub(crate) step: &'static str,
    pub(crate) on_value: Callback<f64>,
    pub(crate) on: Callback<Action>,
}

impl NumberField {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let (min, max, whole) = (self.min, self.max, self.step == "1");
        // A browser's own field for numbers drops the letter of 8k.
        let tokens = self.unit == "tokens";
        let read = move |text: &str| {
            if tokens { count(text) } else { decimal(text.trim()) }
                .filter(|number| (min..=max).contains(number) && (!whole || number.fract() == 0.0))
        };
        let oninput = {
            let on_value = self.on_value.clone();
            move |event: InputEvent| {
                if let Some(number) = read(&event.target_unchecked_into::<HtmlInputElement>().value()) {
                    on_value.emit(number);
                }
            }
        };
        // What was typed on the way to a wrong value was not meant either: the value from before comes back.
        let onfocus = |event: FocusEvent| {
            let field = event.target_unchecked_into::<HtmlInputElement>();
            // Without it, the last valid value stays.
            let _ = field.set_attribute(BEFORE, &field.value());
        };
        let onchange = {
            let (on, on_value, label) = (self.on.clone(), self.on_value.clone(), self.label);
            move |event: Event| {
                let field = event.target_unchecked_into::<HtmlInputElement>();
                let text = field.value();
                if read(&text).is_some() {
                    return;
                }
                // Before the words: a value that is taken clears what was said before it.
                let before = field.get_attribute(BEFORE).unwrap_or_default();
                if let Some(number) = read(&before) {
                    field.set_value(&before);
                    on_value.emit(number);
                }
                let kind = if whole { "a whole number" } else { "a number" };
                let (min, max) = (format::plain(min), format::plain(max));
                on.emit(Action::Fail(format!(
                    "{label} of \u{201c}{text}\u{201d}: expected {kind} from {min} to {max}."
                )));
            }
        };
        // A drawing that comes late must not take back what has been typed since.
        let typing = web_sys::window()
            .and_then(|window| window.document()?.active_element())
            .filter(|element| element.id() == self.id)
            .map(|element| element.unchecked_into::<HtmlInputElement>().value());
        html! {
            <div class="calc-number">
                <label for={self.id} class={self.hidden_label.then_some("visually-hidden")}>{ self.label }</label>
                <span>
                    <input type={if tokens { "text" } else { "number" }} id={self.id} inputmode={if whole { "numeric" } else { "decimal" }}
                        min={(!tokens).then(|| format::plain(min))} max={(!tokens).then(|| format::plain(max))} step={(!tokens).then_some(self.step)}
                        value={typing.unwrap_or_else(|| format::plain(self.value))} {oninput} {onchange} {onfocus} />
                    if !self.unit.is_empty() { <span class="unit">{ self.unit }</span> }
                </span>
            </div>
        }
    }
}

/// A number of tokens as people write it: 8192, 8,192, 8k, 1M. A k is 1,024 tokens, as in the names of models' contexts.
fn count(text: &str) -> Option<f64> {
    let text = text.trim();
    let (digits, unit) = match text.as_bytes().last()?.to_ascii_lowercase() {
        b'k' => (text.get(..text.len() - 1)?, 1024.0),
        b'm' => (text.get(..text.len() - 1)?, 1024.0 * 1024.0),
        _ => (text, 1.0),
    };
    let plain: String = digits.chars().filter(|sign| !sign.is_whitespace() && *sign != ',').collect();
    decimal(&plain).map(|number| number * unit)
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_are_read_as_people_write_them() {
        let read = super::count;
        for (text, tokens) in
            [("8192", 8192.0), ("8,192", 8192.0), ("8k", 8192.0), (" 32 K ", 32_768.0), ("1m", 1_048_576.0)]
        {
            assert_eq!(read(text), Some(tokens), "{text}");
        }
        assert_eq!(read("1.5k"), Some(1536.0));
        assert_eq!((read(""), read("k"), read("eight")), (None, None, None));
    }
}
