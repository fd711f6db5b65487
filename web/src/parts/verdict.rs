//! A verdict in colour, shape and words.

use dhurandhar_core::feasibility::{Assessment, Certainty, Mode};
use yew::{Html, classes, html};

use crate::parts::icon::{Shape, icon};

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

/// The whole verdict in words: memory, the target speed, and how sure that is.
pub(crate) fn whole(assessment: &Assessment) -> String {
    let slow = if assessment.is_too_slow() { ", below the target speed" } else { "" };
    let doubt = match assessment.certainty {
        Certainty::Certain => "",
        Certainty::Likely => ", likely",
        Certainty::Borderline => ", borderline",
    };
    [words(assessment.mode), slow, doubt].concat()
}

/// The verdict as a badge. A run below the target speed is never in the colour of a plain yes.
pub(crate) fn verdict(assessment: &Assessment) -> Html {
    let look = if assessment.is_too_slow() { Mode::Mmap } else { assessment.mode };
    html! { <span class={classes!("verdict", look.name())}>{ icon(shape(look)) }{ whole(assessment) }</span> }
}
