//! What stands below the answer and is fetched and computed once it is looked at.

use yew::{Callback, Children, Html, Properties, function_component, html, use_effect_with, use_node_ref};

use crate::hooks::use_in_view;

#[derive(Properties, PartialEq)]
pub(crate) struct BelowProps {
    /// Told whenever it comes on screen or leaves it.
    pub(crate) on_view: Callback<bool>,
    pub(crate) children: Children,
}

#[function_component]
pub(crate) fn Below(props: &BelowProps) -> Html {
    let place = use_node_ref();
    let in_view = use_in_view(&place);
    let on_view = props.on_view.clone();
    use_effect_with(in_view, move |in_view| on_view.emit(*in_view));
    html! { <div class="calc-below" ref={place}>{ props.children.clone() }</div> }
}
