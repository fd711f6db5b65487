//! The device whose budget is drawn. Its many options are drawn again only when something of them changes.

use yew::{AttrValue, Callback, Html, Properties, function_component, html};

use crate::parts::choice::{Choice, Group};
use crate::state::Action;
use crate::state::catalogue::catalogue;
use crate::state::custom_device;

/// What it shows.
#[derive(Properties, PartialEq)]
pub(crate) struct DeviceSelect {
    pub(crate) device: String,
    /// Name of the reader's own device, when it has one.
    pub(crate) custom: Option<String>,
    pub(crate) on: Callback<Action>,
}

impl DeviceSelect {
    /// Its part of the page.
    pub(crate) fn view(self) -> Html {
        html! { <Select ..self /> }
    }
}

#[function_component]
fn Select(props: &DeviceSelect) -> Html {
    let built_in = {
        let option = |(slug, title): (&str, &str)| (slug.to_owned().into(), title.to_owned().into());
        catalogue().device_titles().map(option).collect()
    };
    let mut own = vec![(AttrValue::from(""), AttrValue::from("No device"))];
    own.extend(
        props.custom.as_ref().map(|title| (AttrValue::from(custom_device::SLUG), title.clone().into())),
    );
    let groups = vec![Group { title: "", options: own }, Group { title: "Built in", options: built_in }];
    let on_value = {
        let on = props.on.clone();
        Callback::from(move |slug| on.emit(Action::Device(slug)))
    };
    Choice {
        id: "device",
        label: "Device",
        value: props.device.clone(),
        groups,
        hint: String::new(),
        on_value,
    }
    .view()
}
