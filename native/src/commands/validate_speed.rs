//! `validate-speed`: the law of speed held to published measurements, or to anybody's in the same form.

use crate::bad_input;
use crate::cli::output;
use anyhow::Context;
use clap::Args;
use dhurandhar_core::speed::Class;
use dhurandhar_core::speed::published::{Measured, PublishedRow, Score, Unseen, pairs, read, score};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

const PUBLISHED: &str = include_str!("../../../profiles/speed/published.csv");
const UNSEEN: &str = include_str!("../../../profiles/speed/unseen.csv");

/// Compare predicted speeds with measured ones
#[derive(Debug, Args)]
pub(crate) struct ValidateSpeedArgs {
    /// Measurements in the form of profiles/speed/published.csv [default: those, which are built in]
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Show one measurement with every term of its prediction
    #[arg(long, value_name = "ID", conflicts_with = "worst")]
    row: Option<String>,
    /// Show the measurements that are furthest from their predictions
    #[arg(long, value_name = "N")]
    worst: Option<usize>,
    /// Print JSON: every measurement with its prediction
    #[arg(long)]
    json: bool,
}

/// A measurement beside its prediction, as JSON.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    chip: &'a str,
    model: &'a str,
    format: &'a str,
    runtime: &'a str,
    class: &'static str,
    depth_tokens: f64,
    source: &'a str,
    measured: &'static str,
    tokens_per_s: f64,
    predicted: dhurandhar_core::speed::Estimate,
}

impl ValidateSpeedArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let (name, text) = match &self.rows {
            None => ("the built-in measurements".to_owned(), PUBLISHED.to_owned()),
            Some(path) => {
                let name = path.display().to_string();
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| bad_input(format!("{name}: not text in UTF-8; expected CSV")))?;
                (name, text)
            }
        };
        let rows = read(&text).map_err(|error| bad_input(format!("{name}: {error}")))?;
        let text = if let Some(id) = &self.row {
            let found = rows.iter().find(|row| row.id == *id);
            one(found.ok_or_else(|| bad_input(format!("{name}: no row `{id}` that can be compared")))?)
        } else if self.json {
            serde_json::to_string_pretty(&lines(&rows))? + "\n"
        } else if let Some(count) = self.worst {
            worst(&rows, count)
        } else {
            // Of the built-in ones it is known what a fit without the chip's family says.
            let unseen = self.rows.is_none().then(|| Unseen::read(UNSEEN)).transpose().map_err(bad_input)?;
            tables(&rows, unseen.as_ref())
        };
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn lines(rows: &[PublishedRow]) -> Vec<Line<'_>> {
    let line = |row, (measured, kind): (&'static str, Measured)| {
        let row: &PublishedRow = row;
        Some(Line {
            id: &row.id,
            chip: &row.chip,
            model: &row.model,
            format: &row.quant,
            runtime: &row.runtime,
            class: row.unit.class.name(),
            depth_tokens: row.depth_tokens,
            source: &row.source,
            measured,
            tokens_per_s: kind.of(row)?,
            predicted: kind.predicted(row)?,
        })
    };
    rows.iter().flat_map(|row| Measured::ALL.into_iter().filter_map(move |kind| line(row, kind))).collect()
}

fn tables(rows: &[PublishedRow], unseen: Option<&Unseen>) -> String {
    let mut text = String::new();
    for (name, measured) in Measured::ALL {
        let mut lines = Vec::new();
        let mut add = |title: &str, wanted: &dyn Fn(&PublishedRow) -> bool| {
            let of = |row: &PublishedRow| match unseen {
                Some(unseen) => unseen.predicted(measured, row),
                None => measured.predicted(row),
            };
            let found = score(&pairs(rows.iter().filter(|row| wanted(row)), measured, of));
            if found.rows > 0 {
                let mut line = cells(title, &found);
                if let Some(unseen) = unseen {
                    line.pop();
                    let of = |row: &PublishedRow| unseen.predicted_apart(measured, row);
                    let apart = score(&pairs(rows.iter().filter(|row| wanted(row)), measured, of));
                    line.push(format!("{:.0} %", apart.inside * 100.0));
                }
                lines.push(line);
            }
        };
        add("all", &|_| true);
        if measured == Measured::Prompt {
            add("dense, at most 1,024 tokens", &|row| row.short_and_dense);
        }
        for class in Class::all() {
            add(class.title(), &|row| row.unit.class == class);
        }
        text += &format!("{name}, tokens a second\n\n");
        let last = if unseen.is_some() { "left out" } else { "chips" };
        text += &output::table(
            &["", "rows", "chips", "error", "<30 %", "<2x", "inside", last],
            &[1, 2, 3, 4, 5, 6, 7],
            lines,
        );
        text += "\n";
    }
    text += match unseen {
        Some(_) => {
            "Each row is predicted by a fit without its family of chips.\nerror: median of |predicted / measured - 1|; <30 %, <2x: rows so near.\n\
             inside: rows in the interval of their class, which is as wide as these errors\nask for; left out: rows in an interval that is made without their family, too.\n"
        }
        None => {
            "error: median of |predicted / measured - 1|; <30 %, <2x: rows so near.\n\
             inside: rows in the interval of their class; chips: by their median row.\n"
        }
    };
    text
}

fn cells(title: &str, found: &Score) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    vec![
        title.to_owned(),
        found.rows.to_string(),
        found.chips.to_string(),
        format!("{:.1} %", found.median_error * 100.0),
        percent(found.within_30_percent),
        percent(found.within_twofold),
        percent(found.inside),
        percent(found.chips_inside),
    ]
}

fn worst(rows: &[PublishedRow], count: usize) -> String {
    let mut lines = lines(rows);
    let far = |line: &Line<'_>| (line.tokens_per_s / line.predicted.expected).ln().abs();
    lines.sort_by(|a, b| far(b).total_cmp(&far(a)));
    let cells = lines.iter().take(count).map(|line| {
        vec![
            line.id.to_owned(),
            line.chip.to_owned(),
            format!("{} {}", line.model, line.format),
            line.measured.to_lowercase(),
            format!("{:.1}", line.tokens_per_s),
            format!("{:.1}-{:.1}", line.predicted.low, line.predicted.high),
        ]
    });
    output::table(&["row", "chip", "model", "what", "measured", "predicted"], &[4, 5], cells.collect())
}

/// One row, term by term.
fn one(row: &PublishedRow) -> String {
    let mut text = format!(
        "{}: {} {} on {} ({})\n{}, depth {}, source: {}\n\n",
        row.id,
        row.model,
        row.quant,
        row.chip,
        row.unit.class.title(),
        row.runtime,
        row.depth_tokens,
        row.source
    );
    let terms = row.unit.token_terms(&row.token);
    let decode = [
        ("weights over the bandwidth", terms.weights),
        ("keys and values over the bandwidth", terms.cache),
        ("starting layers", terms.layers),
        ("products", terms.products),
        ("unpacking weights", terms.unpacking),
        ("connection of the NPU", terms.fabric),
        ("handing the token over", terms.handing),
    ];
    text += &part("Decode, ms a token", &decode, 1.0, Measured::Decode, row);
    let terms = row.unit.prompt_terms(&row.prompt);
    let prompt = [
        ("products", terms.products),
        ("attention", terms.attention),
        ("reading the weights, by batch", terms.floor),
    ];
    text + "\n" + &part("Prompt, ms a token", &prompt, row.prompt.tokens, Measured::Prompt, row)
}

fn part(title: &str, terms: &[(&str, f64)], tokens: f64, measured: Measured, row: &PublishedRow) -> String {
    let Some(predicted) = measured.predicted(row) else {
        return format!("{title}: the chip's peak of arithmetic is not in the file\n");
    };
    let counted = terms.iter().filter(|(_, seconds)| *seconds > 0.0);
    let lines =
        counted.map(|(name, seconds)| vec![(*name).to_owned(), format!("{:.4}", seconds / tokens * 1e3)]);
    let found =
        measured.of(row).map_or_else(|| "not measured".to_owned(), |speed| format!("{speed:.2} measured"));
    output::table(&[title, "ms"], &[1], lines.collect())
        + &format!(
            "{:.2} tokens a second predicted, {:.2} to {:.2}; {found}\n",
            predicted.expected, predicted.low, predicted.high
        )
}
