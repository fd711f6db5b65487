//! Small pictures that say with a shape what a colour says too.

use yew::{Html, html};

/// A picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Check,
    Half,
    Cross,
    Info,
}

/// Its picture.
pub(crate) fn icon(shape: Shape) -> Html {
    let path = match shape {
        Shape::Check => "M3 8.5l3.2 3.2L13 5",
        Shape::Half => "M8 2.5a5.5 5.5 0 0 0 0 11zm0 0a5.5 5.5 0 0 1 0 11",
        Shape::Cross => "M4 4l8 8M12 4l-8 8",
        Shape::Info => "M8 7.2v4.6M8 4.2v.4",
    };
    // One half is filled, the other an outline.
    let filled =
        (shape == Shape::Half).then(|| html! { <path class="filled" d="M8 2.5a5.5 5.5 0 0 0 0 11z" /> });
    html! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
            { filled }
            <path d={path} />
        </svg>
    }
}
