//! A choice among named values, in groups.

use web_sys::HtmlSelectElement;
use yew::{AttrValue, Callback, Event, Html, TargetCast, html};

/// Options under a heading; an empty heading means none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// Values and their names for people.
    pub(crate) options: Vec<(AttrValue, AttrValue)>,
}

impl Group {
    /// A group whose options are their own names.
    pub(crate) fn plain(title: &'static str, names: impl IntoIterator<Item = String>) -> Self {
        let options = names.into_iter().map(AttrValue::from).map(|name| (name.clone(), name));
        Self { title, options: options.collect() }
    }
}

/// What it shows.
pub(crate) struct Choice {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) groups: Vec<Group>,
    pub(crate) hint: String,
    pub(crate) on_value: Callback<String>,
}

impl Choice {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let onchange = {
            let on_value = self.on_value.clone();
            move |event: Event| on_value.emit(event.target_unchecked_into::<HtmlSelectElement>().value())
        };
        let option = |(value, title): &(AttrValue, AttrValue)| {
            html! { <option value={value.clone()} selected={value.as_str() == self.value}>{ title.clone() }</option> }
        };
        let group = |group: &Group| {
            let options: Html = group.options.iter().map(option).collect();
            if group.title.is_empty() {
                options
            } else {
                html! { <optgroup label={group.title}>{ options }</optgroup> }
            }
        };
        let hint = format!("{}-hint", self.id);
        let described = (!self.hint.is_empty()).then(|| hint.clone());
        html! {
            <div class="calc-field">
                <label for={self.id}>{ self.label }</label>
                <select id={self.id} {onchange} aria-describedby={described} ~value={self.value.clone()}>
                    { for self.groups.iter().map(group) }
                </select>
                if !self.hint.is_empty() { <p class="calc-hint" id={hint}>{ self.hint.clone() }</p> }
            </div>
        }
    }
}
