//! Messages that stay until they are dismissed.

use yew::{Callback, Html, Properties, classes, function_component, html};

use super::icon::{Icon, Shape};
use crate::state::{Action, Notice};

#[derive(Properties, PartialEq)]
pub(crate) struct NoticesProps {
    pub(crate) notices: Vec<Notice>,
    pub(crate) on: Callback<Action>,
}

#[function_component]
pub(crate) fn Notices(props: &NoticesProps) -> Html {
    let row = |notice: &Notice| {
        let (on, id) = (props.on.clone(), notice.id);
        let dismiss = Callback::from(move |_| on.emit(Action::Dismiss(id)));
        let shape = if notice.is_error { Shape::Cross } else { Shape::Info };
        html! {
            <li key={id} class={classes!("calc-notice", notice.is_error.then_some("error"))}>
                <Icon {shape} />
                <p>{ &notice.text }</p>
                <button type="button" class="calc-small" onclick={dismiss}>
                    { "Dismiss" }<span class="visually-hidden">{ " this message" }</span>
                </button>
            </li>
        }
    };
    html! {
        <div role="alert" aria-live="assertive" aria-relevant="additions">
            if !props.notices.is_empty() {
                <ul class="calc-notices">{ for props.notices.iter().map(row) }</ul>
            }
        </div>
    }
}
