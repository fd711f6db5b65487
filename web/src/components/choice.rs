//! A choice among named values, in groups.

use web_sys::HtmlSelectElement;
use yew::{AttrValue, Callback, Event, Html, Properties, TargetCast, function_component, html};

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

#[derive(Properties, PartialEq)]
pub(crate) struct ChoiceProps {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: AttrValue,
    pub(crate) groups: Vec<Group>,
    #[prop_or_default]
    pub(crate) hint: AttrValue,
    pub(crate) on_value: Callback<String>,
}

#[function_component]
pub(crate) fn Choice(props: &ChoiceProps) -> Html {
    let onchange = {
        let on_value = props.on_value.clone();
        move |event: Event| on_value.emit(event.target_unchecked_into::<HtmlSelectElement>().value())
    };
    let option = |(value, title): &(AttrValue, AttrValue)| {
        html! { <option value={value.clone()} selected={*value == props.value}>{ title.clone() }</option> }
    };
    let group = |group: &Group| {
        let options: Html = group.options.iter().map(option).collect();
        if group.title.is_empty() {
            options
        } else {
            html! { <optgroup label={group.title}>{ options }</optgroup> }
        }
    };
    let hint = format!("{}-hint", props.id);
    let described = (!props.hint.is_empty()).then(|| hint.clone());
    html! {
        <div class="calc-field">
            <label for={props.id}>{ props.label }</label>
            <select id={props.id} {onchange} aria-describedby={described}>
                { for props.groups.iter().map(group) }
            </select>
            if !props.hint.is_empty() { <p class="calc-hint" id={hint}>{ props.hint.clone() }</p> }
        </div>
    }
}
