//! Dossiers: cases side by side, for a decision. Each is a YAML file below `content/dossiers/`; its answer is core's.

use std::fs;

use anyhow::{Context as _, Result};
use dhurandhar_core::device::registry as devices;
use dhurandhar_core::dossier::{Dossier, Evidence, Request, of_memory_run, of_speed_run};
use dhurandhar_core::measurement::{MemoryValidation, SpeedRun};
use dhurandhar_core::model::registry as models;
use maud::html;

use super::Context;
use super::filed::{DOSSIERS, load};
use crate::disk;
use crate::page::{Heading, Page, Shape};
use crate::path::{SitePath, extension};

/// The list and a page for each; nothing without prose for the list.
pub(super) fn pages(context: &Context<'_>) -> Result<Vec<Page>> {
    let Some(mut list) = context.prose("dossiers/") else { return Ok(Vec::new()) };
    let folder = context.content.join(DOSSIERS);
    let names = if folder.is_dir() { disk::files(&folder)? } else { Vec::new() };
    let requests: Vec<&String> = names.iter().filter(|name| extension(name) == "yaml").collect();
    let evidence = evidence(context)?;
    let mut pages = Vec::new();
    for name in requests {
        let file = format!("{DOSSIERS}/{name}");
        let text = fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {file}"))?;
        let request = Request::from_yaml(&file, &text)?;
        let model = |name: &str| models::model(name);
        let dossier = Dossier::new(
            &request,
            |name| model(name).map_err(|error| error.to_string()),
            |name| devices::device(name).map_err(|error| error.to_string()),
            &evidence,
        )
        .with_context(|| file.clone())?;
        pages.push(page(&dossier, name));
    }
    let links = html! {
        ul.cards {
            @for page in &pages {
                li { a href=(list.path.to(page.path.as_str())) { (page.title) } p { (page.description) } }
            }
        }
    };
    list.body = links.into_string() + &list.body;
    pages.push(list);
    Ok(pages)
}

/// What was published of memory and speed.
fn evidence(context: &Context<'_>) -> Result<Vec<Evidence>> {
    let memory = load::<MemoryValidation>(context.content)?;
    let speeds = load::<SpeedRun>(context.content)?;
    let memory = memory.iter().flat_map(|filed| of_memory_run(&filed.report));
    Ok(memory.chain(speeds.iter().flat_map(|filed| of_speed_run(&filed.report))).collect())
}

fn page(dossier: &Dossier, name: &str) -> Page {
    let stem = name.trim_end_matches(".yaml");
    let place = format!("dossiers/{stem}/");
    let path = SitePath::new(place.clone());
    let calculator = path.to("calculator/");
    let site = calculator.trim_end_matches("calculator/");
    let files = [("dossier.md", dossier.to_markdown(None)), ("dossier.json", dossier.to_json())];
    let body = html! {
        p.muted {
            "It prints well. As a file: " a href="dossier.md" { "Markdown" } ", " a href="dossier.json" { "JSON" } ". The cases: " a href=(path.to(&format!("dossiers/{name}"))) { "YAML" } "."
        }
    };
    let mut page = Page {
        title: dossier.title.clone(),
        description: dossier.question.clone(),
        date: Some(dossier.date.clone()).filter(|date| !date.is_empty()),
        body: body.into_string() + &dossier.to_html_body(Some(site)),
        shape: Shape::Wide,
        files: files
            .into_iter()
            .map(|(file, text)| (SitePath::new(format!("{place}{file}")), text.into_bytes()))
            .collect(),
        path,
        ..Page::default()
    };
    page.headings = dossier
        .cases
        .iter()
        .map(|case| Heading { level: 2, id: Dossier::anchor(&case.title), text: case.title.clone() })
        .collect();
    page
}
