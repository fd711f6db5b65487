//! What really decides on the chosen device, and what one could change.

use dhurandhar_core::feasibility::{Assessment, Change, Fix};
use yew::{Callback, Html, html};

use crate::format;
use crate::state::Action;

/// What it shows.
pub(crate) struct Decides {
    pub(crate) assessment: Assessment,
    pub(crate) on: Callback<Action>,
}

impl Decides {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let assessment = &self.assessment;
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
                { fixes(&inverse.fixes, &self.on) }
            </section>
        }
    }
}

fn first_up(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        std::iter::once(first.to_ascii_uppercase()).chain(letters).collect()
    })
}

/// Single changes that make it fit, each with a button that makes it.
pub(crate) fn fixes(fixes: &[Fix], on: &Callback<Action>) -> Html {
    if fixes.is_empty() {
        return Html::default();
    }
    let fix = |fix: &Fix| {
        let (on, change): (_, Change) = (on.clone(), fix.change);
        html! {
            <li>
                <button type="button" class="calc-small" onclick={move |_| on.emit(Action::Make(change))}>
                    { "Apply" }<span class="visually-hidden">{ ": " }{ &fix.description }</span>
                </button>
                <span>
                    { first_up(&fix.description) }
                    <small>{ format!(" {}, {} MiB to spare", fix.mode.name(), format::whole_mib(fix.headroom_bytes)) }</small>
                </span>
            </li>
        }
    };
    html! {
        <div class="calc-fixes">
            <p>{ "Any one of these makes it fit:" }</p>
            <ul>{ for fixes.iter().map(fix) }</ul>
        </div>
    }
}
