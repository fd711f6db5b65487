//! The bytes of a first visit, held on the calculator as it is built.

use std::path::Path;

use dhurandhar_sitegen::build::{Sources, build};
use dhurandhar_sitegen::bundle::wasm;
use dhurandhar_sitegen::hub::USUAL;
use dhurandhar_sitegen::output::size::first_visit;
use dhurandhar_sitegen::workspace::Workspace;

/// What a first visit fetches, that and the worker together, and what has to arrive before anything is drawn.
#[test]
fn a_first_visit_keeps_its_budget() {
    let workspace = Workspace::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let sources = Sources {
        content: workspace.content(),
        style: workspace.style(),
        bundle: Some(wasm::bundle(&workspace).unwrap()),
        base_url: None,
        hub: USUAL.parse().unwrap(),
    };
    let visit = first_visit(&build(&sources).unwrap()).unwrap();
    assert!(visit.within_budget(), "a first visit is too large\n{visit}");
}
