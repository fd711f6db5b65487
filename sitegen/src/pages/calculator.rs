//! The calculator's page: what is there before the application starts, and stays when it cannot.

use maud::{PreEscaped, html};

use super::Context;
use crate::page::{Page, Shape};

/// The page at `calculator/`, around the application's place `#app`.
pub(super) fn page(context: &Context<'_>) -> Option<Page> {
    let mut page = context.prose("calculator/")?;
    let body = html! {
        p.notice #boot-failed role="alert" hidden {
            "The calculator could not start: this browser may block WebAssembly."
        }
        noscript { p.notice { "Without JavaScript there is no calculator." } }
        div #app { }
        (PreEscaped(&page.body))
    };
    page.body = body.into_string();
    page.shape = Shape::Calculator;
    Some(page)
}
