//! Messages that stay until they are dismissed.

use yew::{Callback, Html, classes, html};

use crate::parts::icon::{Shape, icon};
use crate::state::{Action, Notice};

/// What it shows.
pub(crate) struct Notices {
    pub(crate) notices: Vec<Notice>,
    pub(crate) on: Callback<Action>,
}

impl Notices {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        let row = |notice: &Notice| {
            let (on, id) = (self.on.clone(), notice.id);
            let dismiss = Callback::from(move |_| on.emit(Action::Dismiss(id)));
            let shape = if notice.is_error { Shape::Cross } else { Shape::Info };
            html! {
                <li key={id} class={classes!("calc-notice", notice.is_error.then_some("error"))}>
                    { icon(shape) }
                    <p>{ &notice.text }</p>
                    <button type="button" class="calc-small" onclick={dismiss}>
                        { "Dismiss" }<span class="visually-hidden">{ " this message" }</span>
                    </button>
                </li>
            }
        };
        html! {
            <div role="alert" aria-live="assertive" aria-relevant="additions">
                if !self.notices.is_empty() {
                    <ul class="calc-notices">{ for self.notices.iter().map(row) }</ul>
                }
            </div>
        }
    }
}
