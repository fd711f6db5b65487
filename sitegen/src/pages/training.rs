//! Fine-tuning runs: a page for every one below `content/measurements/training/`, the verdict first.

use anyhow::Result;
use dhurandhar_chart::{Axis, Bar, Budget, Line, LineChart, LinePoint, LineStyle, MemoryBars, Segment};
use dhurandhar_core::measurement::{Ending, TrainingRun};
use dhurandhar_core::training::{Base, Mode, ScheduleKind, When, Where};
use maud::{Markup, html};

use super::Context;
use super::charts::{data, figure};
use super::figures::{count, mib, plain, significant};
use super::filed::{Filed, load};
use super::parts::command;
use super::reports::LIST;
use super::table::{Column, table};
use crate::page::{Page, Shape};
use crate::path::SitePath;

/// A page for every run.
pub(super) fn pages(context: &Context<'_>) -> Result<Vec<Page>> {
    if context.prose(LIST).is_none() {
        return Ok(Vec::new());
    }
    Ok(load::<TrainingRun>(context.content)?.iter().map(page).collect())
}

fn page(filed: &Filed<TrainingRun>) -> Page {
    let (run, slug) = (&filed.report, filed.stem());
    let path = SitePath::new(format!("{LIST}training-{slug}/"));
    let body = html! {
        p.outcome { (badge(run)) " " (sentence(run)) }
        (reasons(run))
        h2 #losses { "Loss" }
        (figure(&losses(run), "losses-chart"))
        (data(&evaluations(run)))
        @if !run.samples.is_empty() {
            h2 #samples { "Before and after" }
            p { "The likeliest token each time, without the adapter and with it." }
            (samples(run))
        }
        h2 #memory { "Memory, planned and measured" }
        (memory(run))
        h2 #setting { "What was trained, and where" }
        (setting(run))
        h2 #steps { "Every step" }
        details { summary { (count(run.steps.len() as u64)) " steps" } (steps(run)) }
        h2 #reproduce { "To reproduce" }
        pre.wrapped tabindex="0" { code { (command(&run.tool.name, &run.arguments)) } }
        p { "As data: " a href="measurement.json" { "JSON as published" } ", " a href="steps.csv" { "CSV by step" } "." }
    };
    Page {
        title: format!("LoRA on {}", run.model),
        description: description(run),
        shape: Shape::Wide,
        body: body.into_string(),
        files: vec![
            (SitePath::new(format!("{path}measurement.json")), filed.json.clone().into_bytes()),
            (SitePath::new(format!("{path}steps.csv")), run.to_csv().into_bytes()),
        ],
        path,
        ..Page::default()
    }
}

fn date(run: &TrainingRun) -> &str {
    run.started.get(..10).unwrap_or(&run.started)
}

fn description(run: &TrainingRun) -> String {
    let result = run.change().map_or_else(
        || "No evaluation".to_owned(),
        |change| format!("Evaluation loss {:.3} to {:.3}", change.first.eval_loss, change.last.eval_loss),
    );
    format!("{result} in {} steps on {}, {}.", count(run.steps.len() as u64), run.device.name, date(run))
}

/// A sign, a word, and only then a colour.
fn badge(run: &TrainingRun) -> Markup {
    let (class, sign, word) = match run.change().map(|change| change.fall_percent() > 0.0) {
        Some(true) => ("pass", "●", "LEARNT"),
        Some(false) => ("fail", "✕", "NOT LEARNT"),
        None => ("invalid", "?", "NOT EVALUATED"),
    };
    html! { span.verdict.(class) { span aria-hidden="true" { (sign) " " } (word) } }
}

fn sentence(run: &TrainingRun) -> String {
    match run.change() {
        Some(change) if change.fall_percent() > 0.0 => format!(
            "The loss over {} examples that were not trained on fell by {:.1} %.",
            count(run.data.eval_examples),
            change.fall_percent()
        ),
        Some(change) => format!(
            "The loss over {} examples that were not trained on rose by {:.1} %.",
            count(run.data.eval_examples),
            -change.fall_percent()
        ),
        None => "No example was kept for evaluation, so nothing says what was learnt.".to_owned(),
    }
}

fn reasons(run: &TrainingRun) -> Markup {
    let ending = match run.ending {
        Ending::Complete => "all steps were made",
        Ending::EarlyStop => "stopped early, when the loss no longer fell",
        Ending::Interrupted => "stopped by its user",
    };
    html! {
        ul {
            @if let Some(change) = run.change() {
                li {
                    "Evaluation loss " (format!("{:.4}", change.first.eval_loss)) " before, "
                    (format!("{:.4}", change.last.eval_loss)) " after step " (count(change.last.step))
                    "; perplexity " (significant(change.first.eval_perplexity)) " and " (significant(change.last.eval_perplexity)) "."
                }
                @if let Some(best) = run.best().filter(|best| best.step != change.last.step) {
                    li { "The lowest was " (format!("{:.4}", best.eval_loss)) ", after step " (count(best.step)) "." }
                }
            }
            li {
                (count(run.parameters.trainable)) " parameters were trained beside " (count(run.parameters.frozen))
                " frozen ones: " (format!("{:.2} %", run.parameters.trainable_percent)) "."
            }
            li {
                (count(run.steps.len() as u64)) " steps in " (format!("{:.1}", run.seconds / 60.0)) " minutes, "
                (significant(run.tokens_per_s())) " tokens a second; " (ending) "."
            }
            @if let (Some(error), Some(peak)) = (run.plan_error(), run.memory.measured_peak_bytes) {
                li {
                    "Memory: " (mib(run.memory.planned.total_bytes())) " MiB planned, " (mib(peak))
                    " MiB at the peak: the plan is " (format!("{:.1} %", error.abs() * 100.0)) @if error < 0.0 { " too low." } @else { " too high." }
                }
            }
        }
    }
}

fn losses(run: &TrainingRun) -> LineChart {
    let train: Vec<(f64, f64)> = run.steps.iter().map(|step| (step.step as f64, step.loss)).collect();
    let evaluated =
        run.evaluations.iter().map(|at| LinePoint { x: at.step as f64, y: at.eval_loss, range: None });
    LineChart {
        title: "Loss by step".to_owned(),
        x: Axis::linear("step"),
        y: Axis::linear("mean loss of a trained token, nats"),
        lines: vec![
            Line::theory("training, each step's batch", &train),
            Line {
                name: "evaluation".to_owned(),
                points: evaluated.collect(),
                style: LineStyle::Joined,
                ..Line::default()
            },
        ],
        limits: Vec::new(),
    }
}

fn evaluations(run: &TrainingRun) -> Markup {
    let columns =
        [Column::number("After step"), Column::number("Evaluation loss"), Column::number("Perplexity")];
    let rows = run
        .evaluations
        .iter()
        .map(|at| vec![count(at.step), format!("{:.4}", at.eval_loss), format!("{:.3}", at.eval_perplexity)]);
    table("Evaluations", &columns, rows)
}

fn steps(run: &TrainingRun) -> Markup {
    let names = ["Step", "Epoch", "Loss", "Learning rate", "Gradient norm", "Tokens", "Trained", "Seconds"];
    let columns = names.map(Column::number);
    let rows = run.steps.iter().map(|step| {
        vec![
            count(step.step),
            format!("{:.2}", step.epoch),
            format!("{:.4}", step.loss),
            format!("{:.2e}", step.learning_rate),
            format!("{:.3}", step.grad_norm),
            count(step.tokens),
            count(step.trained_tokens),
            format!("{:.1}", step.seconds),
        ]
    });
    table("Every step", &columns, rows)
}

fn samples(run: &TrainingRun) -> Markup {
    let columns = [Column::text("Prompt"), Column::text("Before"), Column::text("After")];
    let rows = run.samples.iter().map(|one| vec![one.prompt.clone(), one.before.clone(), one.after.clone()]);
    table("Replies before and after", &columns, rows)
}

fn memory(run: &TrainingRun) -> Markup {
    let planned = &run.memory.planned;
    let other = if planned.peaks_in_loss() { When::Layers } else { When::Loss };
    let bar = Bar {
        label: String::new(),
        segments: planned
            .components
            .iter()
            .filter(|part| part.when != other)
            .map(|part| Segment {
                name: part.name.to_string(),
                bytes: part.bytes as f64,
                mapped: part.place == Where::Mapped,
                series: None,
            })
            .collect(),
        interval: None,
    };
    let peak = run.memory.measured_peak_bytes;
    let drawing = MemoryBars {
        title: "Planned memory at the peak".to_owned(),
        bars: vec![bar],
        budgets: peak
            .iter()
            .map(|bytes| Budget { label: "measured peak".to_owned(), bytes: *bytes as f64 })
            .collect(),
    };
    let moment = if other == When::Layers {
        "while the loss is computed"
    } else {
        "while a layer's gradients are found"
    };
    html! {
        p { "The plan was made before the first step, from shapes alone. It is largest " (moment) "; what exists at another moment is in the table." }
        (figure(&drawing, "memory-chart"))
        (data(&components(run)))
    }
}

fn components(run: &TrainingRun) -> Markup {
    let place = |place| match place {
        Where::Host => "main memory",
        Where::Mapped => "pages of the file",
        Where::Device => "with the backend",
    };
    let when = |when| match when {
        When::Always => "always",
        When::Layers => "with a layer's gradients",
        When::Loss => "with the loss",
    };
    let planned = &run.memory.planned;
    let columns =
        [Column::text("Component"), Column::text("Where"), Column::text("While"), Column::number("MiB")];
    let parts = planned.components.iter().map(|part| {
        vec![part.name.to_string(), place(part.place).into(), when(part.when).into(), mib(part.bytes)]
    });
    let sum = |name: &str, bytes| vec![name.to_owned(), String::new(), String::new(), mib(bytes)];
    let measured = run.memory.measured_peak_bytes.map(|bytes| sum("measured peak", bytes));
    let rows = parts.chain([sum("planned, at the peak", planned.total_bytes())]).chain(measured);
    table("Memory plan", &columns, rows)
}

fn setting(run: &TrainingRun) -> Markup {
    let (settings, device, schedule) = (&run.settings, &run.device, run.settings.schedule);
    let base = match settings.base {
        Base::Checkpoint => "the file's own blocks",
        Base::Nf4 => "NF4",
        Base::Nf4Double => "NF4, scales quantised too",
    };
    let mode = match settings.mode {
        Mode::LayerWise => "layer by layer, each layer run again",
        Mode::FullTape => "one tape over all layers",
    };
    let shape = match schedule.kind {
        ScheduleKind::Cosine => "cosine",
        ScheduleKind::Linear => "linear",
        ScheduleKind::Constant => "constant",
    };
    let kind = match (settings.use_dora, settings.use_rslora) {
        (true, true) => "DoRA, rank-stabilised",
        (true, false) => "DoRA",
        (false, true) => "rsLoRA",
        (false, false) => "LoRA",
    };
    let cpu = device.cpu.model.as_ref().map(|model| format!("{model}, {} cores", device.cpu.cores));
    html! {
        dl.facts {
            div { dt { "Base" } dd { (run.checkpoint) ", kept in " (base) } }
            div { dt { "Adapters" } dd { (kind) " of rank " (settings.r) " on " (count(run.parameters.matrices)) " matrices, alpha " (plain(settings.alpha)) ", dropout " (plain(settings.dropout)) } }
            div { dt { "Data" } dd { (run.data.name) ": " (count(run.data.train_examples)) " examples to train, " (count(run.data.eval_examples)) " to evaluate" } }
            div { dt { "A step" } dd { (count(settings.batch)) " sequences of at most " (count(settings.max_seq_length)) " tokens" @if settings.accumulation > 1 { ", " (count(settings.accumulation)) " times" } @if settings.packing { ", packed" } } }
            div { dt { "Learning rate" } dd { (plain(schedule.peak)) ", " (shape) ", " (count(schedule.warmup)) " steps of warm-up" } }
            div { dt { "Gradients" } dd { (mode) ", norm at most " (plain(settings.max_grad_norm)) } }
            div { dt { "Seed" } dd { (settings.seed) } }
            div { dt { "Machine" } dd { (device.name) } }
            div { dt { "Processor" } dd { (cpu.as_deref().unwrap_or("not said")) } }
            div { dt { "Memory" } dd { (device.memory_bytes.map_or_else(|| "not said".to_owned(), |bytes| format!("{} MiB", mib(bytes)))) } }
            div { dt { "System" } dd { (device.os.name) " " (device.os.kernel.as_deref().unwrap_or("")) " on " (device.os.arch) } }
            div { dt { "Computed by" } dd { (run.backend) ", " (count(run.threads)) " threads" } }
            div { dt { "Program" } dd { (run.tool.name) " " (run.tool.version) ", " (run.tool.target) } }
            div { dt { "Started" } dd { (run.started) } }
        }
        @if !run.notes.is_empty() {
            h3 { "Left out" }
            ul { @for note in &run.notes { li { (note.about) ": " (note.reason) } } }
        }
    }
}
