//! What components share: one state, frames, the link, the look of the screen.

mod use_appearance;
mod use_coalesced;
mod use_compute;
mod use_in_view;
mod use_link;
mod use_stages;

pub(crate) use use_appearance::{Appearance, use_appearance};
pub(crate) use use_coalesced::use_coalesced;
pub(crate) use use_compute::{Asked, use_compute};
pub(crate) use use_in_view::use_in_view;
pub(crate) use use_link::use_link;
pub(crate) use use_stages::{Stage, use_stages};
