//! Codec quality on a real model's keys and values: a page for every sweep below `content/measurements/kv-quality/`.

use anyhow::Result;
use dhurandhar_chart::{Axis, Cell, HeatMap, Line, LineChart, LinePoint, LineStyle, Spread};
use dhurandhar_core::measurement::{KvQuality, SettingQuality};
use maud::{Markup, html};

use super::Context;
use super::charts::figure;
use super::figures::{count, significant};
use super::filed::{Filed, load};
use super::reports::LIST;
use super::table::{Column, table};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// A page for every sweep, newest first.
pub(super) fn pages(context: &Context<'_>) -> Result<Vec<Page>> {
    if context.prose(LIST).is_none() {
        return Ok(Vec::new());
    }
    Ok(load::<KvQuality>(context.content)?.iter().map(page).collect())
}

fn page(filed: &Filed<KvQuality>) -> Page {
    let (report, slug) = (&filed.report, filed.stem());
    let path = SitePath::new(format!("{LIST}kv-quality-{slug}/"));
    let seeds = report.settings.iter().map(|setting| setting.by_seed.len()).max().unwrap_or(0);
    let date = report.started.get(..10).unwrap_or(&report.started);
    let body = html! {
        p {
            "Every key and value of " (report.checkpoint) " went through a codec on its way into the cache, the newest token \
             included, and the predictions were compared with those of the exact cache: "
            (count(scored(report) as u64)) " tokens in " (report.windows) @if report.windows == 1 { " window of " } @else { " windows of " } (count(report.window as u64))
            ", the first " (report.unscored) " of each not scored; text " (report.text) ", run on " (report.backend)
            ", rotations of seed " (report.seed) ". Centres were taken from "
            @if report.calibrated_on_other_text { "text that was not scored." } @else { "the first window itself." }
            @if report.keys_interleaved { " Keys have their channels in the order of llama.cpp's cache, the halves of a head interleaved." }
            @if seeds > 1 {
                " Settings that turn vectors at random were run with " (seeds) " seeds: the chart shows the mean and the range, and the                  column “over seeds” the same in figures."
            }
        }
        h2 #bits { "Quality over true bits" }
        (figure(&divergence(report), "divergence"))
        h2 #settings { "By setting" }
        (settings(report))
        h2 #layers { "Layer by layer" }
        p { "Normalised mean squared error of the keys. A rotation that spreads every channel's energy brings it to the theory's value for \
             the width in all layers." }
        (figure(&layers(report), "layers"))
        p { "As data: " a href="measurement.json" { "JSON as published" } "." }
    };
    Page {
        title: format!("Codecs on keys and values of {}", report.model),
        description: format!(
            "{} settings of the KV cache on a real model, measured {date}: divergence of predictions, perplexity, error by layer.",
            report.settings.len()
        ),
        shape: Shape::Wide,
        body: body.into_string(),
        files: vec![(SitePath::new(format!("{path}measurement.json")), filed.json.clone().into_bytes())],
        path,
        ..Page::default()
    }
}

fn scored(report: &KvQuality) -> usize {
    report.settings.first().map_or(0, |setting| setting.divergence.tokens)
}

/// One series for each kind of key codec, in the order they were run.
fn divergence(report: &KvQuality) -> LineChart {
    let mut lines: Vec<Line> = Vec::new();
    for setting in &report.settings {
        // Half of such a cache is not coded: no point of the same curve.
        let keys_alone = setting.setting.contains(",v=f16") && codec(setting) != "f16";
        let name = if keys_alone { codec(setting) + ", keys alone" } else { codec(setting) };
        let (y, range) = match setting.spread() {
            Some([mean, least, most]) => (mean, Some((least, most))),
            None => (setting.divergence.mean, None),
        };
        let point = LinePoint { x: setting.true_bits, y, range };
        if let Some(line) = lines.iter_mut().find(|line| line.name == name) {
            line.points.push(point);
        } else {
            lines.push(Line { name, points: vec![point], style: LineStyle::Points, ..Line::default() });
        }
    }
    LineChart {
        title: "Divergence from the exact cache over stored bits".to_owned(),
        x: Axis::linear("bits per channel, scales and f16 tokens counted"),
        y: Axis::log("mean KL divergence, nats"),
        lines,
        limits: Vec::new(),
    }
}

/// `centred-keys` of `k=centred-keys:3,v=turboquant:3,sinks=4`.
fn codec(setting: &SettingQuality) -> String {
    let keys = setting.setting.strip_prefix("k=").unwrap_or(&setting.setting);
    keys.split([':', ',']).next().unwrap_or(keys).to_owned()
}

fn layers(report: &KvQuality) -> HeatMap {
    // Keys in f16 are next to exact; beside them every codec would look alike.
    let coded: Vec<&SettingQuality> =
        report.settings.iter().filter(|setting| codec(setting) != "f16").collect();
    let layers: Vec<usize> = coded.iter().flat_map(|s| s.layers.iter().map(|l| l.layer)).collect();
    let columns: std::collections::BTreeSet<usize> = layers.into_iter().collect();
    let row = |setting: &SettingQuality| -> Vec<Cell> {
        let cell = |layer: &usize| Cell {
            value: setting.layers.iter().find(|found| found.layer == *layer).map(|found| found.key_nmse),
            text: None,
        };
        columns.iter().map(cell).collect()
    };
    HeatMap {
        title: "Error of the keys by layer".to_owned(),
        quantity: "normalised mean squared error".to_owned(),
        rows: coded.iter().map(|setting| setting.setting.clone()).collect(),
        columns: columns.iter().map(usize::to_string).collect(),
        cells: coded.iter().map(|setting| row(setting)).collect(),
        spread: Spread::Log,
    }
}

/// Mean over all seeds, from the least to the most; a dash where nothing is random, or one seed was run.
fn seeds(setting: &SettingQuality) -> String {
    match setting.spread() {
        Some([mean, least, most]) => {
            format!("{} ({} to {})", significant(mean), significant(least), significant(most))
        }
        None => "–".to_owned(),
    }
}

fn settings(report: &KvQuality) -> Markup {
    let columns = [
        Column::code("Setting"),
        Column::number("True bits"),
        Column::number("KL divergence"),
        Column::number("over seeds"),
        Column::number("median"),
        Column::number("99th percentile"),
        Column::number("Same top"),
        Column::number("Perplexity"),
        Column::number("Change"),
        Column::number("Key error"),
        Column::number("Value error"),
    ];
    // Half precision rounds too, but not so that anybody would see it.
    let error = |nmse: f64| if nmse < 1e-6 { "below 1e-6".to_owned() } else { significant(nmse) };
    let row = |setting: &SettingQuality| {
        let divergence = &setting.divergence;
        vec![
            setting.setting.clone(),
            format!("{:.2}", setting.true_bits),
            significant(divergence.mean),
            seeds(setting),
            significant(divergence.median),
            significant(divergence.p99),
            format!("{:.1} %", divergence.same_top * 100.0),
            format!("{:.2}", divergence.coded_perplexity),
            format!("{:+.2} %", setting.perplexity_change() * 100.0),
            error(setting.key_nmse),
            error(setting.value_nmse),
        ]
    };
    table("By setting", &columns, report.settings.iter().map(row))
}
