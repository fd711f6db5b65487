//! Many events in a frame, one computation: actions wait for the next animation frame, and a later value of the
//! same choice replaces an earlier one. The context, which a slider changes, is shown ahead of the state.

use std::mem::discriminant;

use gloo_render::{AnimationFrame, request_animation_frame};
use yew::{Callback, UseReducerDispatcher, hook, use_callback, use_mut_ref};

use crate::parts::context_field;
use crate::state::ahead;
use crate::state::{Action, Setting, State};

/// A way to send actions that waits for the next frame.
#[hook]
pub(crate) fn use_coalesced(dispatcher: &UseReducerDispatcher<State>) -> Callback<Action> {
    let waiting = use_mut_ref(Vec::<Action>::new);
    let frame = use_mut_ref(|| None::<AnimationFrame>);
    use_callback(dispatcher.clone(), move |action: Action, dispatcher| {
        let mut queue = waiting.borrow_mut();
        match queue.last_mut() {
            Some(last) if replaces(&action, last) => *last = action,
            _ => queue.push(action),
        }
        if frame.borrow().is_none() {
            let (waiting, dispatcher, this_frame) = (waiting.clone(), dispatcher.clone(), frame.clone());
            *frame.borrow_mut() = Some(request_animation_frame(move |_| {
                this_frame.borrow_mut().take();
                for action in waiting.take() {
                    let dispatcher = dispatcher.clone();
                    match action {
                        Action::Set(Setting::Context(tokens)) => {
                            context_field::follow(tokens);
                            ahead::show(tokens, move || dispatcher.dispatch(action));
                        }
                        action => {
                            ahead::settle();
                            dispatcher.dispatch(action);
                        }
                    }
                }
            }));
        }
    })
}

fn replaces(later: &Action, earlier: &Action) -> bool {
    match (later, earlier) {
        (Action::Set(later), Action::Set(earlier)) => discriminant(later) == discriminant(earlier),
        (Action::Custom(later, _), Action::Custom(earlier, _)) => later == earlier,
        (Action::Filter(_), Action::Filter(_)) | (Action::Mmap(_), Action::Mmap(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_choice_is_replaced() {
        let context = |tokens| Action::Set(Setting::Context(tokens));
        assert!(replaces(&context(2), &context(1)));
        assert!(!replaces(&Action::Set(Setting::Vision(true)), &context(1)));
        assert!(!replaces(&Action::Dismiss(1), &Action::Dismiss(1)));
    }
}
