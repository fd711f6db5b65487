//! A verdict in colour, shape and words.

use dhurandhar_core::feasibility::{Certainty, Mode};
use yew::{Html, Properties, classes, function_component, html};

use super::icon::{Icon, Shape};

#[derive(Properties, PartialEq)]
pub(crate) struct VerdictProps {
    pub(crate) mode: Mode,
    pub(crate) certainty: Certainty,
}

/// The verdict's words.
pub(crate) const fn words(mode: Mode) -> &'static str {
    match mode {
        Mode::Resident => "Resident",
        Mode::Mmap => "Mmap",
        Mode::Infeasible => "Infeasible",
    }
}

/// The verdict's shape.
pub(crate) const fn shape(mode: Mode) -> Shape {
    match mode {
        Mode::Resident => Shape::Check,
        Mode::Mmap => Shape::Half,
        Mode::Infeasible => Shape::Cross,
    }
}

#[function_component]
pub(crate) fn Verdict(props: &VerdictProps) -> Html {
    let doubt = props.certainty == Certainty::Borderline;
    html! {
        <span class={classes!("verdict", props.mode.name())}>
            <Icon shape={shape(props.mode)} />
            { words(props.mode) }
            if doubt { { ", borderline" } }
        </span>
    }
}
