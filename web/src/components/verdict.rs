//! A verdict in colour, shape and words.

use dhurandhar_core::feasibility::{Certainty, Mode};
use yew::{Html, classes, html};

use super::icon::{Shape, icon};

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

/// The verdict as a badge.
pub(crate) fn verdict(mode: Mode, certainty: Certainty) -> Html {
    let doubt = match certainty {
        Certainty::Certain => "",
        Certainty::Likely => ", likely",
        Certainty::Borderline => ", borderline",
    };
    html! {
        <span class={classes!("verdict", mode.name())}>
            { icon(shape(mode)) }
            { words(mode) }
            { doubt }
        </span>
    }
}
