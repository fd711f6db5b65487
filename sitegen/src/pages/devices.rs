//! A page for every built-in device, and the list of them.

use dhurandhar_core::device::limits::registry;
use dhurandhar_core::device::{Device, Form, Limit, Source, SourceKind, State};
use dhurandhar_core::feasibility::Mode;
use maud::{Markup, PreEscaped, html};
use rayon::prelude::*;

use super::Context;
use super::catalogue::Catalogue;
use super::charts;
use super::figures::{count, plain};
use super::parts::{self, calculator, device_path, model_path};
use super::platform_limits::limit_path;
use super::reports::{self, Measured};
use super::source_links;
use super::verdicts::{self, Group, Reasons, Row};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// Where the list is; its prose decides whether there are device pages at all.
const LIST: &str = "devices/";

/// The list and a page for each device.
pub(super) fn pages(context: &Context<'_>, catalogue: &Catalogue, measured: &[Measured]) -> Vec<Page> {
    let Some(mut list) = context.prose(LIST) else { return Vec::new() };
    list.body = html! { (PreEscaped(&list.body)) (table(&list.path, catalogue)) }.into_string();
    list.shape = Shape::Wide;
    let guide = context.prose(parts::GUIDE).is_some();
    let mut pages: Vec<Page> =
        catalogue.devices.par_iter().map(|device| page(device, catalogue, measured, guide)).collect();
    pages.push(list);
    pages
}

fn table(from: &SitePath, catalogue: &Catalogue) -> Markup {
    html! {
        div.scroll.tall role="region" aria-label="Devices" tabindex="0" {
            table.sortable data-example="Android, 8 GB…" {
                thead {
                    tr {
                        th scope="col" { "Device" }
                        th.num scope="col" { "Memory GB" }
                        th.num scope="col" { "Allowed GiB" }
                        th.num scope="col" { "Bandwidth GB/s" }
                        th scope="col" { "Storage" }
                        th.num scope="col" { "Models that run" }
                    }
                }
                @for group in catalogue.devices.chunk_by(|a, b| a.os == b.os) {
                    tbody {
                        @if let Some(first) = group.first() {
                            tr.group { th colspan="6" scope="rowgroup" { (parts::os_title(first.os)) } }
                        }
                        @for device in group { (line(from, device, catalogue)) }
                    }
                }
            }
        }
    }
}

fn line(from: &SitePath, device: &Device, catalogue: &Catalogue) -> Markup {
    let runs = catalogue.on(device).filter(|(_, verdict)| verdict.mode != Mode::Infeasible).count();
    html! {
        tr {
            th scope="row" { a href=(from.to(&device_path(&device.name))) { (device.title) } }
            td.num { (as_sold(device).map_or_else(|| "unknown".to_owned(), count)) }
            td.num { (parts::gib(device.tightest_limit().bytes)) }
            td.num { (device.dram_bandwidth_gb_per_s.map_or_else(|| "unknown".to_owned(), plain)) }
            td { (storage(device)) }
            td.num { (runs) " of " (catalogue.models.len()) }
        }
    }
}

fn storage(device: &Device) -> &str {
    let class = device.storage.class.as_deref().unwrap_or("unnamed");
    dhurandhar_core::device::StorageClass::named(class).map_or(class, |class| class.title)
}

fn page(device: &Device, catalogue: &Catalogue, measured: &[Measured], guide: bool) -> Page {
    let path = SitePath::new(device_path(&device.name));
    // What runs first, the largest first: of models of one kind the larger answers better.
    let mut there: Vec<_> = catalogue.on(device).collect();
    there.sort_by_key(|(analysed, verdict)| {
        (verdict.answer(), std::cmp::Reverse(analysed.report.model.parameters.text))
    });
    let rows = there
        .into_iter()
        .map(|(analysed, verdict)| Row {
            id: analysed.slug(),
            title: analysed.title(),
            href: path.to(&model_path(analysed.slug())),
            calculator: calculator(&path, analysed.slug(), Some(verdict)),
            verdict,
        })
        .collect();
    let body = html! {
        h2 #models { "Models on it" }
        p {
            "The case: " (count(device.form.usual_context_tokens())) " tokens of context (or the model's longest), "
            (parts::USUAL_CHOICES) ". What runs stands first, the largest first. An answer leads to the calculator with this pair."
        }
        (parts::legend())
        (verdicts::table("Model", "Qwen, 3B, Yes…", &[Group { name: "", rows }], Reasons::Told))
        (charts::figure(&charts::needs(device, catalogue), "needs-chart"))
        h2 #device { "The device" }
        (figures(device))
        (limits(device, &path))
        @if !device.notes.is_empty() { p { (device.notes) } }
        (reports::on_device(&path, &device.name, measured))
        @if guide { (parts::measure_yours(&path, &device.title, "gemma4-e2b")) }
    };
    Page {
        title: device.title.clone(),
        description: description(device),
        shape: Shape::Wide,
        body: body.into_string(),
        words: words(device),
        path,
        ..Page::default()
    }
}

/// Memory in GB, as it is sold: what the system sees is a little less.
fn as_sold(device: &Device) -> Option<u64> {
    device.ram_mib.map(|mib| mib.div_ceil(1024))
}

/// By what people look for it: its system, what kind of thing it is, its memory as sold.
fn words(device: &Device) -> String {
    let memory = as_sold(device).map_or_else(String::new, |gb| format!("{gb}gb"));
    let kind = match device.form {
        Form::Phone => "phone",
        Form::Board => "board",
        Form::Computer => "computer laptop",
    };
    format!("{memory} {kind} {} {}", device.platform.title(), maker(&device.name))
}

/// Who makes it, where its name does not say.
fn maker(name: &str) -> &'static str {
    const MAKERS: [(&str, &str); 9] = [
        ("galaxy", "Samsung"),
        ("imac", "Apple"),
        ("ipad", "Apple"),
        ("iphone", "Apple"),
        ("mac", "Apple"),
        ("pixel", "Google"),
        ("poco", "Xiaomi"),
        ("redmi", "Xiaomi"),
        ("steam-deck", "Valve"),
    ];
    MAKERS.iter().find(|(start, _)| name.starts_with(start)).map_or("", |(_, maker)| maker)
}

fn description(device: &Device) -> String {
    let limit = device.tightest_limit();
    format!(
        "{} GiB of {} allowed on {}: which models run, how fast, and what would make the others fit.",
        parts::gib(limit.bytes),
        limit.counts.title(),
        parts::os_title(device.os),
    )
}

/// Every limit with what it counts and where its number comes from.
fn limits(device: &Device, from: &SitePath) -> Markup {
    let title = |limit: &Limit| {
        let built_in = registry::entry(&limit.id).is_ok();
        html! { @if built_in { a href=(from.to(&limit_path(&limit.id))) { (limit.title) } } @else { (limit.title) } }
    };
    let limits = device.limits();
    // Only where the state of the process matters do other states have a column.
    let differ = limits.iter().any(|limit| limit.states.differs());
    let off_screen = |limit: &Limit| {
        limit.states.get(State::Service).map_or_else(|| "none".to_owned(), |bytes| count(bytes >> 20))
    };
    html! {
        div.scroll role="region" aria-label="Limits" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Limit" } th.num scope="col" { "MiB" } @if differ { th.num scope="col" { "In a service" } } th scope="col" { "Counts" } th scope="col" { "Beyond it" } th scope="col" { "Source" } } }
                tbody {
                    @for limit in &limits {
                        tr {
                            th scope="row" { (title(limit)) }
                            td.num { (count(limit.bytes >> 20)) }
                            @if differ { td.num { (off_screen(limit)) } }
                            td { (limit.counts.title()) }
                            td { (limit.beyond.title()) }
                            td.how { (source_links::linked(&source_text(&limit.source))) }
                        }
                    }
                }
            }
        }
    }
}

/// Every value with its source.
fn figures(device: &Device) -> Markup {
    let storage = &device.storage;
    let rows = [
        ("System", "version", Some(system(device)), ""),
        ("Memory", "ram_mib", device.ram_mib.map(count), "MiB"),
        ("Processor", "processor", Some(device.processor.title().to_owned()), ""),
        (
            "Memory bandwidth, peak",
            "dram_bandwidth_gb_per_s",
            device.dram_bandwidth_gb_per_s.map(plain),
            "GB/s",
        ),
        ("Memory page", "page_size_kib", Some(count(device.page_size_kib)), "KiB"),
        (
            "Storage class",
            "storage.class",
            storage.class.as_ref().map(|_| self::storage(device).to_owned()),
            "",
        ),
        (
            "Sequential read",
            "storage.sequential_read_mb_per_s",
            Some(plain(storage.sequential_read_mb_per_s)),
            "MB/s",
        ),
        (
            "One random 4 KiB read",
            "storage.random_read_latency_us",
            Some(plain(storage.random_read_latency_us)),
            "µs",
        ),
        (
            "Random 4 KiB reads",
            "storage.random_read_iops",
            Some(plain(storage.random_read_iops)),
            "per second",
        ),
        ("Outstanding reads for that", "storage.queue_depth", Some(count(storage.queue_depth)), ""),
    ];
    html! {
        div.scroll role="region" aria-label="Values and sources" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Property" } th.num scope="col" { "Value" } th scope="col" { "Unit" } th scope="col" { "Source" } } }
                tbody {
                    @for (name, field, value, unit) in &rows {
                        @if let Some(value) = value {
                            tr {
                                th scope="row" { (name) }
                                td.num { (value) }
                                td { (unit) }
                                td.how { (source_links::linked(&source(device, field))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// System with its version.
fn system(device: &Device) -> String {
    let name = device.platform.title();
    device.os_version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
}

fn source(device: &Device, field: &str) -> String {
    device.sources.get(field).map_or_else(String::new, source_text)
}

fn source_text(source: &Source) -> String {
    let kind = match source.kind {
        SourceKind::SpecSheet => "spec sheet: ",
        SourceKind::Published => "published: ",
        SourceKind::Estimate => "estimate: ",
        SourceKind::SecondHand => "second hand: ",
        SourceKind::Measured => "measured: ",
        SourceKind::Stated => "",
    };
    format!("{kind}{}", source.text)
}
