//! What really decides on the chosen device, and what one could change.

use dhurandhar_core::feasibility::{Assessment, Change, Fix};
use yew::{Callback, Html, Properties, function_component, html};

use super::verdict::words;
use crate::format;
use crate::state::Action;

#[derive(Properties, PartialEq)]
pub(crate) struct DecidesProps {
    pub(crate) assessment: Assessment,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn Decides(props: &DecidesProps) -> Html {
    let assessment = &props.assessment;
    let inverse = &assessment.inverse;
    let longest = inverse.longest_context_tokens.map_or("none".to_owned(), format::whole);
    let largest = inverse.largest_weight_format.as_deref().unwrap_or("none");
    html! {
        <section class="calc-decides" aria-labelledby="decides">
            <h2 id="decides">{ "What decides" }</h2>
            <p><strong>{ first_up(assessment.bound.title()) }</strong>{ ". " }{ &assessment.reason }</p>
            <p>
                { "Longest context that fits: " }<b>{ longest }</b>{ ". " }
                { "Largest stock format that fits: " }<b>{ largest.to_owned() }</b>{ "." }
            </p>
            <Fixes fixes={inverse.fixes.clone()} on={props.on.clone()} />
        </section>
    }
}

fn first_up(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[derive(Properties, PartialEq)]
pub(crate) struct FixesProps {
    pub(crate) fixes: Vec<Fix>,
    pub(crate) on: Callback<Action>,
}

/// Single changes that make it fit, each with a button that makes it.
#[function_component]
pub(crate) fn Fixes(props: &FixesProps) -> Html {
    if props.fixes.is_empty() {
        return Html::default();
    }
    let fix = |fix: &Fix| {
        let (on, change): (_, Change) = (props.on.clone(), fix.change);
        html! {
            <li>
                <button type="button" class="calc-small" onclick={move |_| on.emit(Action::Make(change))}>
                    { "Apply" }<span class="visually-hidden">{ ": " }{ &fix.description }</span>
                </button>
                <span>
                    { first_up(&fix.description) }
                    <small>{ format!(" {}, {} MiB to spare", words(fix.mode).to_lowercase(), format::whole_mib(fix.headroom_bytes)) }</small>
                </span>
            </li>
        }
    };
    html! {
        <div class="calc-fixes">
            <p>{ "Any one of these makes it fit:" }</p>
            <ul>{ for props.fixes.iter().map(fix) }</ul>
        </div>
    }
}
