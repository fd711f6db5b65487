//! What stands below the answer: fetched once it is looked at, and drawn again only while it is on screen.

use yew::{
    Callback, Children, Html, Properties, function_component, html, use_effect_with, use_mut_ref,
    use_node_ref,
};

use crate::browser::in_view::use_in_view;
use crate::memory::chart::MemoryChart;
use crate::memory::details::Details;
use crate::memory::table::{MemoryTable, TABLE_ID};
use crate::memory::totals::{Totals, decides};
use crate::state::Action;
use crate::state::computed::Computed;
use crate::state::inputs::Inputs;

#[derive(Properties, PartialEq)]
pub(crate) struct WhenSeenProps {
    /// Told whenever the place comes on screen or leaves it.
    pub(crate) on_view: Callback<bool>,
    pub(crate) children: Children,
}

/// A place that says when it is seen. Until it is known whether it is, it is loading.
#[function_component]
pub(crate) fn WhenSeen(props: &WhenSeenProps) -> Html {
    let place = use_node_ref();
    let in_view = use_in_view(&place);
    let on_view = props.on_view.clone();
    use_effect_with(in_view, move |in_view| {
        if let Some(in_view) = *in_view {
            on_view.emit(in_view);
        }
    });
    html! {
        <div class={if in_view.is_none() { "calc-below calc-loading" } else { "calc-below" }} ref={place}>
            { props.children.clone() }
        </div>
    }
}

#[derive(Debug, Clone, Properties, PartialEq)]
pub(crate) struct BelowProps {
    pub(crate) report: Computed,
    pub(crate) inputs: Inputs,
    /// It is on screen.
    pub(crate) visible: bool,
    pub(crate) on: Callback<Action>,
}

/// It as a part of the page.
pub(crate) fn below(props: BelowProps) -> Html {
    html! { <Below ..props /> }
}

#[function_component]
fn Below(props: &BelowProps) -> Html {
    // What nobody sees stays as it was.
    let shown = use_mut_ref(|| props.clone());
    if props.visible {
        shown.replace(props.clone());
    }
    let BelowProps { report, inputs, on, .. } = shown.borrow().clone();
    let assumptions = &report.model.assumptions;
    html! {
        <div class="calc-details">
            <Totals report={report.clone()} />
            { for report.devices.first().map(decides) }
            <MemoryChart report={report.clone()} described_by={TABLE_ID} />
            if !report.devices.is_empty() {
                <Details report={report.clone()} {inputs} visible={props.visible} {on} />
            }
            <MemoryTable report={report.clone()} />
            if !assumptions.is_empty() {
                <div class="calc-assumed">
                    <h2>{ "Assumed" }</h2>
                    <ul>{ for assumptions.iter().map(|line| html! { <li>{ line }</li> }) }</ul>
                </div>
            }
        </div>
    }
}
