//! Sizes that llama.cpp itself states, beside what the rules say: a part of the page of errors.
//!
//! The measurements are the JSON files below `content/measurements/sizes/`, written by `validate-sizes`.

use anyhow::Result;
use dhurandhar_core::measurement::{Measurement, SizeValidation, SizedModel, Tally};
use maud::{Markup, html};

use super::figures::count;
use super::filed::{Filed, load};
use super::table::{Column, table};
use crate::page::Page;
use crate::path::SitePath;

/// Id of the heading.
pub(super) const ID: &str = "sizes";

/// The part for all measurements; their files are added to `page`.
pub(super) fn part(content: &std::path::Path, page: &mut Page) -> Result<String> {
    let mut text = String::new();
    for Filed { name, json, report } in load::<SizeValidation>(content)? {
        let href = format!("sizes-{name}");
        text += &validation(&report, &href).into_string();
        page.files.push((SitePath::new(format!("{}{href}", page.path)), json.into_bytes()));
    }
    Ok(text)
}

/// Sums over models.
struct Sum {
    models: usize,
    exact_weights: usize,
    mixes: usize,
    exact_mixes: usize,
}

fn sum<'a>(models: impl Iterator<Item = &'a SizedModel>) -> Sum {
    let mut sum = Sum { models: 0, exact_weights: 0, mixes: 0, exact_mixes: 0 };
    for model in models.filter(|model| !model.weights.is_empty()) {
        sum.models += 1;
        sum.exact_weights += usize::from(model.weights_are_exact());
        sum.mixes += model.weights.len();
        let exact = model.weights.iter().filter(|mix| mix.predicted_bytes == mix.measured_bytes);
        sum.exact_mixes += exact.count();
    }
    sum
}

fn all(models: &[SizedModel], of: impl Fn(&SizedModel) -> &Tally) -> (usize, usize, usize) {
    models.iter().map(of).fold((0, 0, 0), |sum, tally| {
        (sum.0 + tally.settings, sum.1 + tally.exact, sum.2 + tally.within_5_percent)
    })
}

fn validation(report: &SizeValidation, href: &str) -> Markup {
    let models = &report.models;
    let built_in = sum(models.iter().filter(|model| model.built_in));
    let held_out = sum(models.iter().filter(|model| !model.built_in));
    let caches = all(models, |model| &model.caches);
    let compute = all(models, |model| &model.compute);
    let cards = models.iter().filter(|model| !model.card.is_empty()).count();
    let on_card = [
        all(models, |model| &model.card.weights),
        all(models, |model| &model.card.caches),
        all(models, |model| &model.card.compute),
        all(models, |model| &model.card.split_compute),
    ];
    let packed: Vec<bool> = models
        .iter()
        .flat_map(|model| &model.packed)
        .map(|packed| packed.predicted_bytes == packed.measured_bytes)
        .collect();
    let exact_packed = packed.iter().filter(|exact| **exact).count();
    html! {
        h2 id=(ID) { (SizeValidation::KIND.title) }
        p {
            "Neither answer needs weights. The quantiser of " (report.runtime) " names the type of every tensor in a dry run, and a context that is made \
             without allocating states the bytes of weights, caches and compute buffers. The files hold a header and a hole, in f16; the quantiser \
             decides their types, not the rules that are checked. As data: " a href=(href) { "JSON" } "."
        }
        ul {
            li { "Weights, built-in models: every mix exact for " (built_in.exact_weights) " of " (built_in.models) " models (" (built_in.exact_mixes) " of " (built_in.mixes) " files)." }
            li { "Weights, models from a published config that no rule was made for: " (held_out.exact_weights) " of " (held_out.models) " (" (held_out.exact_mixes) " of " (held_out.mixes) " files)." }
            li { "KV cache and recurrent state: exact in " (count(caches.1 as u64)) " of " (count(caches.0 as u64)) " settings." }
            li { "Compute buffer as reserved: within 5 % in " (count(compute.2 as u64)) " of " (count(compute.0 as u64)) " settings, exact in " (count(compute.1 as u64)) "." }
            @if on_card[0].0 > 0 {
                li {
                    "On a graphics card, with one layer, half, all but one and all of them there, caches there or not, experts there or not (a build with \
                     Vulkan on a software driver, " (cards) " models): weights exact in " (on_card[0].1) " of " (on_card[0].0) " settings, caches in " (on_card[1].1)
                    " of " (on_card[1].0) "; the graph's buffer within 5 % in " (on_card[2].2) " of " (on_card[2].0) " with everything on the card, in "
                    (on_card[3].2) " of " (on_card[3].0) " where the host keeps something: there copies come and go, and the interval is wide."
                }
            }
            @if !packed.is_empty() { li { "Packed copies by processor: exact in " (exact_packed) " of " (packed.len()) "." } }
        }
        (disagreements(models))
        details { summary { "Every model" } (every(models)) }
    }
}

fn percent(error: f64) -> String {
    if error.abs() < 5e-5 { "0".to_owned() } else { format!("{:+.1} %", error * 100.0) }
}

/// What is off comes first.
fn disagreements(models: &[SizedModel]) -> Markup {
    let columns = [
        Column::text("Model"),
        Column::text("What is off"),
        Column::number("Predicted"),
        Column::number("llama.cpp"),
        Column::number("Error"),
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut off = |model: &SizedModel, what: String, predicted: u64, measured: u64| {
        let error = predicted as f64 / measured.max(1) as f64 - 1.0;
        rows.push(vec![
            model.model.clone(),
            what,
            count(predicted),
            count(measured),
            format!("{:+.2} %", error * 100.0),
        ]);
    };
    for model in models {
        for mix in model.weights.iter().filter(|mix| mix.predicted_bytes != mix.measured_bytes) {
            off(model, format!("weights, {}", mix.mix), mix.predicted_bytes, mix.measured_bytes);
        }
        for packed in model.packed.iter().filter(|packed| packed.predicted_bytes != packed.measured_bytes) {
            let what = format!("packed copy, {} on {}", packed.mix, packed.processor);
            off(model, what, packed.predicted_bytes, packed.measured_bytes);
        }
        for setting in &model.caches.disagreeing {
            off(
                model,
                format!("cache, {}", setting.setting),
                setting.predicted_bytes,
                setting.measured_bytes,
            );
        }
        let worst = model.compute.disagreeing.iter().max_by_key(|setting| {
            setting.predicted_bytes.abs_diff(setting.measured_bytes) * 1000 / setting.measured_bytes.max(1)
        });
        if let Some(setting) = worst {
            let others = model.compute.disagreeing.len();
            let what = format!("compute, worst of {others}: {}", setting.setting);
            off(model, what, setting.predicted_bytes, setting.measured_bytes);
        }
    }
    if rows.is_empty() {
        return html! { p { "Nothing is off by a byte of weights or caches, or by more than 5 % of a compute buffer." } };
    }
    html! {
        p { "What is off, in bytes: weights and caches by a byte, compute buffers by more than 5 %." }
        (table("What is off", &columns, rows))
    }
}

fn every(models: &[SizedModel]) -> Markup {
    let columns = [
        Column::text("Model"),
        Column::text("From"),
        Column::number("Mixes exact"),
        Column::number("Caches exact"),
        Column::number("Compute within 5 %"),
        Column::number("lowest"),
        Column::number("highest"),
        Column::text("Left out"),
    ];
    let rows = models.iter().map(|model| {
        let exact = model.weights.iter().filter(|mix| mix.predicted_bytes == mix.measured_bytes).count();
        vec![
            model.model.clone(),
            if model.built_in { "profile" } else { "config" }.to_owned(),
            format!("{exact} of {}", model.weights.len()),
            format!("{} of {}", model.caches.exact, model.caches.settings),
            format!("{} of {}", model.compute.within_5_percent, model.compute.settings),
            percent(model.compute.lowest),
            percent(model.compute.highest),
            model.left_out.clone(),
        ]
    });
    table("Sizes by model", &columns, rows)
}
