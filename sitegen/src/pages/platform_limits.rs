//! A page for every limit by name, and the list of them: its whole table, its sources, and which models pass.

use dhurandhar_core::device::limits::{Amount, Class, Entry, registry};
use dhurandhar_core::device::{Counts, Device, Limit, MemoryKind, State};
use dhurandhar_core::feasibility::Outcome;
use dhurandhar_core::leaf::{Interval, first_up};
use dhurandhar_core::placement::Needs;
use maud::{Markup, PreEscaped, html};

use super::Context;
use super::catalogue::Catalogue;
use super::figures::{count, mib};
use super::parts::{device_path, linked, model_path, usual_case};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// Where the list is; without its prose there are no pages.
const LIST: &str = "limits/";

/// Where a limit's page is.
pub(super) fn limit_path(name: &str) -> String {
    format!("{LIST}{name}/")
}

/// The list and a page for each limit.
pub(super) fn pages(context: &Context<'_>, catalogue: &Catalogue) -> Vec<Page> {
    let Some(mut list) = context.prose(LIST) else { return Vec::new() };
    list.body = html! { (PreEscaped(&list.body)) (table(&list.path)) }.into_string();
    list.shape = Shape::Wide;
    let mut pages: Vec<Page> = registry::entries().map(|entry| page(entry, catalogue)).collect();
    pages.push(list);
    pages
}

fn table(from: &SitePath) -> Markup {
    html! {
        div.scroll role="region" aria-label="Limits" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Limit" } th scope="col" { "Systems" } th scope="col" { "Counts" } th scope="col" { "Beyond it" } th scope="col" { "Holds" } } }
                tbody {
                    @for entry in registry::entries() {
                        tr {
                            th scope="row" { a href=(from.to(&limit_path(&entry.name))) { (first_up(&entry.title)) } }
                            td { (systems(entry)) }
                            td { (kinds(&entry.counts)) }
                            td { (entry.beyond.title()) }
                            td { @if entry.named_only { "where named" } @else { "always" } }
                        }
                    }
                }
            }
        }
    }
}

fn page(entry: &Entry, catalogue: &Catalogue) -> Page {
    let path = SitePath::new(limit_path(&entry.name));
    let body = html! {
        h2 #what { "What it is" }
        (facts(entry))
        @if !entry.note.is_empty() { p { (entry.note) } }
        h2 #classes { "Its table" }
        (classes(entry))
        (models(entry, catalogue, &path))
    };
    Page {
        title: first_up(&entry.title),
        description: format!(
            "{}: what it counts, how many bytes, what happens beyond, since when, and which models pass.",
            first_up(&entry.title)
        ),
        shape: Shape::Wide,
        body: body.into_string(),
        path,
        ..Page::default()
    }
}

fn facts(entry: &Entry) -> Markup {
    let rows = [
        ("Set by", entry.who.clone()),
        ("On", systems(entry)),
        ("Counts", kinds(&entry.counts)),
        ("Compared with a run's", Counts::of(&entry.counts).title().to_owned()),
        ("Beyond it", entry.beyond.title().to_owned()),
        ("Since", entry.since.clone()),
        ("Only with", entry.on_request.clone().unwrap_or_default()),
        ("How sure", entry.confidence.title().to_owned()),
    ];
    html! {
        div.scroll role="region" aria-label="Facts" tabindex="0" {
            table {
                tbody {
                    @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                        tr { th scope="row" { (name) } td { (value) } }
                    }
                    tr { th scope="row" { "Source" } td { (linked(&entry.source)) } }
                }
            }
        }
    }
}

/// Every class and state, whole.
fn classes(entry: &Entry) -> Markup {
    let states: &[State] = if by_state(entry) { &State::ALL } else { &[State::Foreground] };
    html! {
        div.scroll role="region" aria-label="Classes" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Class" }
                        th scope="col" { "Memory, MiB" }
                        @for state in states { th.num scope="col" { @if states.len() > 1 { (state.name()) } @else { "Bytes" } } }
                        th scope="col" { "Source" }
                    }
                }
                tbody {
                    @for class in &entry.classes {
                        tr {
                            th scope="row" { (first_up(&class.title)) }
                            td { (memory(class)) }
                            @for state in states { td.num { (amount(class.amount(*state))) } }
                            td.how { (linked(&origin(entry, class))) }
                        }
                    }
                }
            }
        }
    }
}

fn amount(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "not known".to_owned(), |amount| amount.to_string())
}

fn memory(class: &Class) -> String {
    match (class.ram_from_mib, class.ram_below_mib) {
        (None, None) => "any".to_owned(),
        (Some(from), None) => format!("from {}", count(from)),
        (None, Some(below)) => format!("below {}", count(below)),
        (Some(from), Some(below)) if below == from + 1 => count(from),
        (Some(from), Some(below)) => format!("{} to {}", count(from), count(below - 1)),
    }
}

fn origin(entry: &Entry, class: &Class) -> String {
    let sure = if class.sample { "a sample, not a phone's own" } else { entry.confidence_of(class).title() };
    let source = class.source.as_deref().unwrap_or(if class.note.is_empty() { "as above" } else { "" });
    let shown = if class.shown_only { "shown only" } else { "" };
    let parts = [class.note.as_str(), source, sure, shown];
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("; ")
}

fn by_state(entry: &Entry) -> bool {
    let differs = |class: &Class| class.amount(State::Service) != class.amount(State::Foreground);
    let applied = |class: &&Class| class.amount(State::Service).is_some();
    entry.classes.iter().filter(applied).any(differs)
}

/// Devices that the limit treats alike: the bytes, and one of them for what its runs need.
struct Column<'a> {
    title: String,
    limit: Limit,
    device: &'a Device,
    others: usize,
}

/// A column for every size that built-in devices have.
fn columns<'a>(entry: &Entry, catalogue: &'a Catalogue) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    for device in &catalogue.devices {
        let Some(limit) = device.limits().into_iter().find(|limit| limit.id == entry.name) else { continue };
        match columns.iter_mut().find(|column| column.limit.states == limit.states) {
            Some(column) => column.others += 1,
            None => columns.push(Column { title: device.title.clone(), limit, device, others: 0 }),
        }
    }
    columns.sort_by_key(|column| column.limit.bytes);
    columns
}

fn needed(limit: &Limit, needs: &Needs) -> Interval {
    match limit.counts {
        Counts::Gpu => needs.on_gpus(),
        counts => needs.counted(counts, false),
    }
}

/// Which of the catalogue pass in the usual case.
fn models(entry: &Entry, catalogue: &Catalogue, from: &SitePath) -> Markup {
    let columns = columns(entry, catalogue);
    let Some(first) = columns.first() else {
        return html! {
            h2 #models { "Models" }
            p { "No built-in device has it by itself: a device's file adds it by name, and its verdicts then check it." }
        };
    };
    if first.limit.counts == Counts::Gpu
        && catalogue.on(first.device).all(|(_, verdict)| verdict.needs.gpu.high == 0)
    {
        return html! {
            h2 #models { "Models" }
            p { "In the usual case nothing runs on the GPU of these devices, so every model passes." }
        };
    }
    let states: Vec<State> = if by_state(entry) {
        vec![State::Foreground, State::Service, State::Background]
    } else {
        vec![State::Foreground]
    };
    html! {
        h2 #models { "What passes in the usual case" }
        p { "The case: " (usual_case()) ". Passes: everything that the limit counts fits, tables left on storage where they have to be." }
        (summary(&columns, &states, catalogue, from))
        details {
            summary { "All " (catalogue.models.len()) " models" }
            (each(&columns, &states, catalogue, from))
        }
    }
}

fn summary(columns: &[Column<'_>], states: &[State], catalogue: &Catalogue, from: &SitePath) -> Markup {
    html! {
        div.scroll role="region" aria-label="What passes" tabindex="0" {
            table {
                thead { tr { th scope="col" { "On" } th scope="col" { "In" } th.num scope="col" { "MiB" } th.num scope="col" { "Pass" } th scope="col" { "The largest need that passes" } th scope="col" { "The smallest that fails" } } }
                tbody {
                    @for column in columns {
                        @for limit in states.iter().filter_map(|state| column.limit.in_state(*state).map(|limit| (*state, limit))) {
                            (line(column, limit, catalogue, from))
                        }
                    }
                }
            }
        }
    }
}

fn line(
    column: &Column<'_>,
    (state, limit): (State, Limit),
    catalogue: &Catalogue,
    from: &SitePath,
) -> Markup {
    let mut pairs: Vec<(&str, u64, bool)> = catalogue
        .on(column.device)
        .map(|(analysed, verdict)| {
            let passes = Outcome::of(&limit, &verdict.needs).passes();
            (analysed.title(), needed(&limit, &verdict.needs).bytes, passes)
        })
        .collect();
    pairs.sort_by_key(|(title, need, _)| (*need, *title));
    let passing = pairs.iter().filter(|(.., passes)| *passes).count();
    let most = pairs.iter().rev().find(|(.., passes)| *passes);
    let least = pairs.iter().find(|(.., passes)| !*passes);
    let named = |pair: Option<&(&str, u64, bool)>| {
        pair.map_or_else(|| "none".to_owned(), |(title, need, _)| format!("{title}, {} MiB", mib(*need)))
    };
    html! {
        tr {
            th scope="row" {
                a href=(from.to(&device_path(&column.device.name))) { (column.title) }
                @if column.others > 0 { " and " (column.others) " more" }
            }
            td { (state.title()) }
            td.num { (mib(limit.bytes)) }
            td.num { (passing) " of " (pairs.len()) }
            td { (named(most)) }
            td { (named(least)) }
        }
    }
}

/// Every model by what it needs, with the states in which it passes.
fn each(columns: &[Column<'_>], states: &[State], catalogue: &Catalogue, from: &SitePath) -> Markup {
    let Some(first) = columns.first() else { return html! {} };
    let mut models: Vec<_> = catalogue.on(first.device).collect();
    models.sort_by_key(|(analysed, verdict)| (needed(&first.limit, &verdict.needs).bytes, analysed.slug()));
    html! {
        div.scroll role="region" aria-label="All models" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Model" }
                        th.num scope="col" { "Needs MiB, on " (first.title) }
                        @for column in columns { th scope="col" { (column.title) } }
                    }
                }
                tbody {
                    @for (analysed, verdict) in models {
                        @let need = needed(&first.limit, &verdict.needs);
                        tr {
                            th scope="row" { a href=(from.to(&model_path(analysed.slug()))) { (analysed.title()) } }
                            td.num { (range(need)) }
                            @for column in columns {
                                @let on = analysed.report.devices.iter().find(|on| on.device == column.device.name);
                                td { @if let Some(on) = on { (passes(&column.limit, states, &on.needs)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn range(need: Interval) -> String {
    if mib(need.low) == mib(need.high) {
        mib(need.bytes)
    } else {
        format!("{} to {}", mib(need.low), mib(need.high))
    }
}

/// The states in which it passes, in words.
fn passes(limit: &Limit, states: &[State], needs: &Needs) -> String {
    let passing =
        |state: &&State| limit.in_state(**state).is_none_or(|limit| Outcome::of(&limit, needs).passes());
    let names: Vec<&str> = states.iter().filter(passing).map(|state| state.name()).collect();
    match names.len() {
        0 => "fails".to_owned(),
        all if all == states.len() => "passes".to_owned(),
        _ => names.join(", "),
    }
}

fn systems(entry: &Entry) -> String {
    let names: Vec<&str> = entry.systems.iter().map(|system| system.title()).collect();
    names.join(", ")
}

fn kinds(kinds: &[MemoryKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(name: &str) -> String {
        page(registry::entry(name).unwrap(), Catalogue::built_in().unwrap()).body
    }

    #[test]
    fn plays_and_the_limiters_tables_are_shown_whole() {
        let play = body("google-play");
        for class in ["Below 4 GB", "4 GB", "6 GB", "8 GB", "12 GB", "16 and 18 GB", "Above 18 GB"] {
            assert!(play.contains(&format!("<th scope=\"row\">{class}</th>")), "{class}");
        }
        assert!(play.contains("2.25 GiB") && play.contains("answer/17492799\">"), "{play}");
        let limiter = body("memory-limiter");
        assert!(limiter.contains("1948 MiB") && limiter.contains("not for production"));
        assert!(limiter.contains("a sample, not a phone's own"));
    }

    #[test]
    fn every_limit_has_a_page_and_those_of_devices_say_what_passes() {
        let catalogue = Catalogue::built_in().unwrap();
        for entry in registry::entries() {
            let page = page(entry, catalogue);
            assert!(page.body.contains("id=\"models\""), "{}", entry.name);
        }
        assert!(body("jetsam").contains("What passes in the usual case"));
        // More memory, more models: counts of passing models never fall with the bytes.
        let entry = registry::entry("google-play").unwrap();
        let columns = columns(entry, catalogue);
        let passing = |column: &Column<'_>| {
            let on = catalogue.on(column.device);
            on.filter(|(_, verdict)| Outcome::of(&column.limit, &verdict.needs).passes()).count()
        };
        let counts: Vec<usize> = columns.iter().map(passing).collect();
        assert!(counts.len() >= 4 && counts.is_sorted(), "{counts:?}");
    }
}
