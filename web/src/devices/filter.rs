//! Which devices are listed: by verdict, with counts, and by name.

use dhurandhar_core::feasibility::Mode;
use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, TargetCast, html};

use crate::parts::icon::icon;
use crate::parts::verdict::{shape, words};
use crate::state::{Action, Filter};

/// What it shows.
pub(crate) struct DeviceFilter {
    pub(crate) filter: Filter,
    /// Devices by verdict: resident, mmap, infeasible.
    pub(crate) counts: [usize; 3],
    pub(crate) on: Callback<Action>,
}

/// Verdicts in the order shown.
pub(crate) const MODES: [Mode; 3] = [Mode::Resident, Mode::Mmap, Mode::Infeasible];

impl DeviceFilter {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let pick = |mode: Option<Mode>| {
            let (on, search) = (self.on.clone(), self.filter.search.clone());
            Callback::from(move |_| on.emit(Action::Filter(Filter { mode, search: search.clone() })))
        };
        let oninput = {
            let (on, mode) = (self.on.clone(), self.filter.mode);
            move |event: InputEvent| {
                let search = event.target_unchecked_into::<HtmlInputElement>().value();
                on.emit(Action::Filter(Filter { mode, search }));
            }
        };
        let button = |(mode, count): (Mode, usize)| {
            let pressed = self.filter.mode == Some(mode);
            html! {
                <button type="button" class={mode.name()} aria-pressed={pressed.to_string()} onclick={pick(Some(mode))}>
                    { icon(shape(mode)) }{ words(mode) }<b>{ count }</b>
                </button>
            }
        };
        let all: usize = self.counts.iter().sum();
        html! {
            <div class="calc-filter">
                <div role="group" aria-label="Show verdicts">
                    <button type="button" aria-pressed={self.filter.mode.is_none().to_string()} onclick={pick(None)}>
                        { "All" }<b>{ all }</b>
                    </button>
                    { for MODES.into_iter().zip(self.counts).map(button) }
                </div>
                <div class="calc-search">
                    <label for="find-device" class="visually-hidden">{ "Find a device" }</label>
                    <input type="search" id="find-device" placeholder="Find a device" value={self.filter.search.clone()} {oninput} />
                </div>
            </div>
        }
    }
}
