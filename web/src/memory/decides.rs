//! Every limit of a device, the most that fits, and what one could change.

use dhurandhar_core::feasibility::{Assessment, Change, Check, Fix, Inverse};
use dhurandhar_core::leaf::first_up;
use yew::{Callback, Html, html};

use crate::parts::format;
use crate::state::Action;

/// The most that fits.
pub(crate) fn most(inverse: &Inverse) -> Html {
    let longest = inverse.longest_context_tokens.map_or("none".to_owned(), format::whole);
    let largest = inverse.largest_weight_format.as_deref().unwrap_or("none");
    html! {
        <p>
            { "Longest context that fits: " }<b>{ longest }</b>{ ". " }
            { "Largest stock format that fits: " }<b>{ largest.to_owned() }</b>{ "." }
        </p>
    }
}

/// Every limit of the device with what the run makes of it.
pub(crate) fn limits(assessment: &Assessment) -> Html {
    let limit = |check: &Check| {
        html! {
            <li>
                <b>{ first_up(&check.limit.title) }</b>{ format!(": {}. ", check.text) }
                <small>{ format!("{}; source: {}", check.certainty.name(), check.limit.source.text) }</small>
            </li>
        }
    };
    html! {
        <details class="calc-limits">
            <summary>{ format!("All {} limits", assessment.checks.len()) }</summary>
            <ul>{ for assessment.checks.iter().map(limit) }</ul>
        </details>
    }
}

/// Single changes that make it fit, each with a button that makes it; failing those, several that do together.
pub(crate) fn fixes(inverse: &Inverse, on: &Callback<Action>) -> Html {
    let apply = |changes: Vec<Change>, what: &str| {
        let on = on.clone();
        html! {
            <button type="button" class="calc-small" onclick={move |_| on.emit(Action::Make(changes.clone()))}>
                { "Apply" }<span class="visually-hidden">{ ": " }{ what.to_owned() }</span>
            </button>
        }
    };
    let fix = |fix: &Fix| {
        html! {
            <li>
                { apply(vec![fix.change], &fix.description) }
                <span>
                    { first_up(&fix.description) }
                    <small>{ " " }{ fix.leads_to() }</small>
                </span>
            </li>
        }
    };
    if !inverse.fixes.is_empty() {
        return html! {
            <div class="calc-fixes">
                <p>{ "Any one of these makes it run:" }</p>
                <ul>{ for inverse.fixes.iter().map(fix) }</ul>
            </div>
        };
    }
    if inverse.together.is_empty() {
        return Html::default();
    }
    let all: Vec<String> = inverse.together.iter().map(Change::describe).collect();
    let all = all.join("; ");
    html! {
        <div class="calc-fixes">
            <p>{ "No single change is enough. Together these are:" }</p>
            <ul><li>{ apply(inverse.together.clone(), &all) }<span>{ first_up(&all) }</span></li></ul>
        </div>
    }
}
