//! The page of speeds: the law's errors on published measurements, by class of processor.
//!
//! The measurements are `profiles/speed`; the page's prose is the author's.

use anyhow::{Context as _, Result};
use dhurandhar_core::measurement::{Measurement as _, SpeedRun};
use dhurandhar_core::speed::Class;
use dhurandhar_core::speed::published::{Measured, PublishedRow, Score, Unseen, pairs, read, score};
use maud::{Markup, html};

use super::Context;
use super::figures::{significant, speeds};
use super::filed::{Filed, load};
use super::table::{Column, table};
use crate::page::{Heading, Page, Shape};
use crate::path::SitePath;

/// Where the page is; without prose there is none.
const PLACE: &str = "docs/speed/";
const PUBLISHED: &str = include_str!("../../../profiles/speed/published.csv");
const UNSEEN: &str = include_str!("../../../profiles/speed/unseen.csv");

/// The page with its tables.
pub(super) fn page(context: &Context<'_>) -> Result<Option<Page>> {
    let Some(mut page) = context.prose(PLACE) else { return Ok(None) };
    let rows = read(PUBLISHED).context("profiles/speed/published.csv")?;
    let unseen = Unseen::read(UNSEEN).context("profiles/speed/unseen.csv")?;
    for (id, title, measured) in [
        ("decode", "Errors of decoding", Measured::Decode),
        ("prompts", "Errors of prompts", Measured::Prompt),
    ] {
        page.body += &errors(&rows, &unseen, id, title, measured).into_string();
        page.headings.push(Heading { level: 2, id: id.to_owned(), text: title.to_owned() });
    }
    for Filed { name, json, report } in load::<SpeedRun>(context.content)? {
        let href = format!("speed-{name}");
        page.body += &measured(&report, &href).into_string();
        page.files.push((SitePath::new(format!("{PLACE}{href}")), json.into_bytes()));
    }
    if page.body.contains("id=\"measured\"") {
        let text = SpeedRun::KIND.title.to_owned();
        page.headings.push(Heading { level: 2, id: "measured".to_owned(), text });
    }
    for (name, text) in [("published.csv", PUBLISHED), ("unseen.csv", UNSEEN)] {
        page.files.push((SitePath::new(format!("{PLACE}{name}")), text.as_bytes().to_vec()));
    }
    page.shape = Shape::Wide;
    Ok(Some(page))
}

/// One filed run of `bench`: measured beside predicted.
fn measured(run: &SpeedRun, href: &str) -> Markup {
    let columns = [
        Column::code("model"),
        Column::code("weights"),
        Column::text("what"),
        Column::number("tok/s"),
        Column::number("predicted"),
        Column::number("interval"),
        Column::number("error"),
        Column::text("doubts"),
    ];
    let lines = run.rows.iter().map(|row| {
        let predicted = row.predicted;
        vec![
            row.model.clone(),
            row.weights.clone(),
            row.what(),
            significant(row.median()),
            predicted.map_or_else(String::new, |speed| significant(speed.expected)),
            predicted.map_or_else(String::new, |speed| speeds((speed.low, speed.high))),
            row.error().map_or_else(String::new, |error| format!("{:+.0} %", error * 100.0)),
            row.doubts().join(", "),
        ]
    });
    let inside = run.rows.iter().filter_map(|row| {
        let predicted = row.predicted?;
        Some((predicted.low..=predicted.high).contains(&row.median()))
    });
    let (held, all) = inside.fold((0, 0), |(held, all), inside| (held + usize::from(inside), all + 1));
    html! {
        h2 #measured { (SpeedRun::KIND.title) }
        p {
            "The median of several repetitions of " (run.runtime) " on a " (run.device.name) " with " (run.threads) " threads, from "
            (run.started.get(..10).unwrap_or(&run.started)) "; written by " code { "dhurandhar bench" } ". " (held) " of " (all)
            " lie inside the predicted interval. As data: " a href=(href) { (href) } "."
        }
        (table(SpeedRun::KIND.title, &columns, lines))
    }
}

fn errors(rows: &[PublishedRow], unseen: &Unseen, id: &str, title: &str, measured: Measured) -> Markup {
    let columns = [
        Column::text("class"),
        Column::number("rows"),
        Column::number("chips"),
        Column::number("median error, seen"),
        Column::number("median error, unseen"),
        Column::number("within 30 %, unseen"),
        Column::number("inside the interval, unseen"),
        Column::number("chips inside, unseen"),
        Column::number("inside, interval made without the family, too"),
    ];
    let mut lines = vec![line("all", rows, unseen, measured, |_| true)];
    if measured == Measured::Prompt {
        lines.push(line("dense, at most 1,024 tokens", rows, unseen, measured, |row| row.short_and_dense));
    }
    lines.extend(
        Class::all()
            .map(|class| line(class.title(), rows, unseen, measured, move |row| row.unit.class == class)),
    );
    html! {
        h2 id=(id) { (title) }
        p {
            "\u{201c}Seen\u{201d}: by the law as it is, which was fitted to two thirds of these rows. \u{201c}Unseen\u{201d}: each row by a fit \
             without its family of chips, which is what a chip without published rows can expect. The interval of a class is as wide as \
             these errors ask for, those of the row's own family among them; the last column makes it without that family. As data: "
            a href="published.csv" { "the measurements" } ", " a href="unseen.csv" { "the predictions of fits without the family" } "."
        }
        (table(title, &columns, lines.into_iter().flatten()))
    }
}

fn line(
    title: &str,
    rows: &[PublishedRow],
    unseen: &Unseen,
    measured: Measured,
    wanted: impl Fn(&PublishedRow) -> bool,
) -> Option<Vec<String>> {
    let of = |predicted: &dyn Fn(&PublishedRow) -> Option<dhurandhar_core::speed::Estimate>| -> Score {
        score(&pairs(rows.iter().filter(|row| wanted(row)), measured, predicted))
    };
    let seen = of(&|row| measured.predicted(row));
    let apart = of(&|row| unseen.predicted_apart(measured, row));
    let unseen = of(&|row| unseen.predicted(measured, row));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    (unseen.rows > 0).then(|| {
        vec![
            title.to_owned(),
            unseen.rows.to_string(),
            unseen.chips.to_string(),
            percent(seen.median_error),
            percent(unseen.median_error),
            percent(unseen.within_30_percent),
            percent(unseen.inside),
            percent(unseen.chips_inside),
            percent(apart.inside),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_with_measurements_has_a_line_and_the_files_are_there() {
        let content = tempfile::tempdir().unwrap();
        let prose = [Page { path: SitePath::new(PLACE), ..Page::default() }];
        let page = page(&Context::new(content.path(), &prose)).unwrap().unwrap();
        assert!(page.body.contains("NVIDIA card, CUDA") && page.body.contains("Apple GPU, Metal"));
        assert_eq!(page.body.matches("<table").count(), 2);
        assert_eq!(page.files.len(), 2);
        let without = Context::new(content.path(), &[]);
        assert!(super::page(&without).unwrap().is_none());
    }
}
