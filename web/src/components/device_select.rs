//! The device whose budget is drawn.

use dhurandhar_core::device;
use yew::{AttrValue, Callback, Html, Properties, function_component, html, use_memo};

use super::choice::{Choice, Group};
use crate::custom_device;
use crate::state::Action;

#[derive(Properties, PartialEq)]
pub(crate) struct DeviceSelectProps {
    pub(crate) device: String,
    /// Name of the reader's own device, when it has one.
    pub(crate) custom: Option<String>,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn DeviceSelect(props: &DeviceSelectProps) -> Html {
    let built_in = use_memo((), |()| {
        let mut titles: Vec<_> = device::registry::titles().collect();
        titles.sort_by_key(|(_, title)| title.to_lowercase());
        titles
            .into_iter()
            .map(|(slug, title)| (AttrValue::from(slug), AttrValue::from(title)))
            .collect::<Vec<_>>()
    });
    let mut own = vec![(AttrValue::from(""), AttrValue::from("No device"))];
    own.extend(
        props.custom.as_ref().map(|title| (AttrValue::from(custom_device::SLUG), title.clone().into())),
    );
    let groups =
        vec![Group { title: "", options: own }, Group { title: "Built in", options: built_in.to_vec() }];
    let on_value = {
        let on = props.on.clone();
        Callback::from(move |slug| on.emit(Action::Device(slug)))
    };
    html! {
        <Choice id="device" label="Device" value={props.device.clone()} {groups} {on_value} />
    }
}
