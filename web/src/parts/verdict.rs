//! A verdict in colour, shape and words.

use dhurandhar_core::feasibility::{Answer, Assessment};
use yew::{Html, classes, html};

use crate::parts::icon::{Shape, icon};

/// Class and shape of an answer. A run from storage or below the target speed never looks like a plain yes.
pub(crate) const fn look(answer: Answer) -> (&'static str, Shape) {
    match answer {
        Answer::Yes => ("resident", Shape::Check),
        Answer::FromStorage | Answer::Slow => ("mmap", Shape::Half),
        Answer::No => ("infeasible", Shape::Cross),
    }
}

/// The verdict as a badge: the answer, and how sure it is.
pub(crate) fn verdict(assessment: &Assessment) -> Html {
    let (class, shape) = look(assessment.answer());
    html! { <span class={classes!("verdict", class)}>{ icon(shape) }{ assessment.answer_in_words() }</span> }
}

/// What becomes of a target speed: met for sure only where even the least that is expected meets it.
pub(crate) fn met(assessment: &Assessment, target: f64) -> &'static str {
    let sure = assessment.ceilings.expected_tokens_per_s.is_some_and(|(low, _)| low >= target);
    match assessment.meets_target {
        Some(true) if sure => "met",
        Some(true) => "within reach",
        Some(false) => "missed",
        None => "unknown",
    }
}
