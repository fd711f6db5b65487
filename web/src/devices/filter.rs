//! Which devices are listed: by verdict, with counts, and by name.

use dhurandhar_core::feasibility::Answer;
use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, TargetCast, html};

use crate::parts::icon::icon;
use crate::parts::verdict::look;
use crate::state::{Action, Filter};

/// What it shows.
pub(crate) struct DeviceFilter {
    pub(crate) filter: Filter,
    /// Devices by answer.
    pub(crate) counts: [usize; Answer::ALL.len()],
    pub(crate) on: Callback<Action>,
}

impl DeviceFilter {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let pick = |answer: Option<Answer>| {
            let (on, search) = (self.on.clone(), self.filter.search.clone());
            Callback::from(move |_| on.emit(Action::Filter(Filter { answer, search: search.clone() })))
        };
        let oninput = {
            let (on, answer) = (self.on.clone(), self.filter.answer);
            move |event: InputEvent| {
                let search = event.target_unchecked_into::<HtmlInputElement>().value();
                on.emit(Action::Filter(Filter { answer, search }));
            }
        };
        let button = |(answer, count): (Answer, usize)| {
            let pressed = self.filter.answer == Some(answer);
            let (class, shape) = look(answer);
            html! {
                <button type="button" {class} aria-pressed={pressed.to_string()} onclick={pick(Some(answer))}>
                    { icon(shape) }{ answer.name() }<b>{ count }</b>
                </button>
            }
        };
        let all: usize = self.counts.iter().sum();
        html! {
            <div class="calc-filter">
                <div role="group" aria-label="Show verdicts">
                    <button type="button" aria-pressed={self.filter.answer.is_none().to_string()} onclick={pick(None)}>
                        { "All" }<b>{ all }</b>
                    </button>
                    { for Answer::ALL.into_iter().zip(self.counts).map(button) }
                </div>
                <div class="calc-search">
                    <label for="find-device" class="visually-hidden">{ "Find a device" }</label>
                    <input type="search" id="find-device" placeholder="Find a device" value={self.filter.search.clone()} {oninput} />
                </div>
            </div>
        }
    }
}
