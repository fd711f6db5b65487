//! The answer of `analyze-ple`.

use crate::output::{count, mib, signed_mib, table, wrapped};
use dhurandhar_core::feasibility::{Assessment, Change, Mode};
use dhurandhar_core::memory::{Component, Total};
use dhurandhar_core::report::Report;

/// Model, memory table, what decides, and verdicts: in full for named devices, a line each otherwise.
pub(crate) fn report(report: &Report, detailed: bool) -> String {
    let mut text = heading(report);
    text += "\n";
    text += &memory(report);
    text += "\n";
    text += &what_decides(report);
    text += "\n";
    if detailed {
        for device in &report.devices {
            text += &assessment(report, device);
        }
    } else {
        text += &overview(report);
    }
    text
}

fn heading(report: &Report) -> String {
    let model = &report.model;
    let scenario = &report.scenario;
    let counts = &model.parameters;
    let mut groups = format!("decoder {}", millions(counts.decoder));
    for (name, number) in [
        ("token embeddings", counts.token_embedding),
        ("output head", counts.output_head),
        ("PLE table", counts.ple_table),
    ] {
        if number > 0 {
            groups += &format!(", {name} {}", millions(number));
        }
    }
    let mut text = format!("{} ({}, {})\n", model.title, model.name, model.origin);
    text += &wrapped(&format!("{} text parameters: {groups}", count(counts.text)), "");
    text += &wrapped(
        &format!(
            "{} tokens, {} weights ({:.2} bits per weight), K {}, V {}, {}",
            count(scenario.context_tokens),
            report.weights.format,
            report.weights.bits_per_weight,
            scenario.k,
            scenario.v,
            scenario.runtime.title()
        ),
        "",
    );
    if let (Some(decoder), Some(embedding)) = (model.published_decoder_bytes, model.published_embedding_bytes)
    {
        let sizes = format!("decoder {} MiB, embeddings {} MiB", mib(decoder), mib(embedding));
        text += &wrapped(&format!("Published mobile checkpoint: {sizes} (--weights published)"), "");
    }
    for assumption in &model.assumptions {
        text += &wrapped(&format!("assumed: {assumption}"), "");
    }
    text
}

fn millions(number: u64) -> String {
    format!("{:.1} M", number as f64 / 1e6)
}

fn memory(report: &Report) -> String {
    let footprint = &report.footprint;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for term in &footprint.terms {
        let range = if term.low == term.high {
            String::new()
        } else {
            format!(" {}-{}", mib(term.low), mib(term.high))
        };
        rows.push(vec![
            term.component.title().to_owned(),
            mib(term.bytes),
            format!("{}{range}", term.provenance.label()),
            term.note.clone(),
        ]);
    }
    let total = |name: &str, total: &Total, note: &str| {
        let range = format!("{}-{}", mib(total.low), mib(total.high));
        vec![name.to_owned(), mib(total.bytes), range, note.to_owned()]
    };
    rows.push(vec![String::new(); 4]);
    let private = |total: &Total| format!("{} MiB of it private", mib(total.private));
    if footprint.term(Component::PleTable).is_some() {
        rows.push(total("Total, PLE resident", &footprint.resident, &private(&footprint.resident)));
        rows.push(total("Total, PLE mapped", &footprint.mmap, &private(&footprint.mmap)));
        let ratio = format!("{:.2}x", footprint.ple_to_decoder_ratio);
        rows.push(vec!["PLE/decoder ratio".into(), ratio, String::new(), String::new()]);
    } else {
        rows.push(total("Total", &footprint.resident, &private(&footprint.resident)));
    }
    table(&["Component", "MiB", "Known", "Notes"], &[1], rows)
}

fn what_decides(report: &Report) -> String {
    let footprint = &report.footprint;
    let mut text = format!(
        "What decides: {} MiB are touched for every token (weights, cache, buffers). Once they do not fit, each \
         token re-reads the missing part from storage.",
        mib(footprint.hot)
    );
    if let Some(row) = report.devices.first().map(|device| device.reads.ple_row_bytes).filter(|row| *row > 0)
    {
        text += &format!(" A PLE row of {} B per token is small beside that.", count(row));
    }
    wrapped(&text, "")
}

fn overview(report: &Report) -> String {
    let rows = report.devices.iter().map(|device| {
        let speed = match (device.cliff, device.ceilings.expected_tokens_per_s) {
            (Some(cliff), _) => format!("<{}", speed(cliff.tokens_per_s)),
            (None, Some((low, high))) if device.mode != Mode::Infeasible => {
                format!("{}-{}", speed(low), speed(high))
            }
            _ => "-".to_owned(),
        };
        let longest = device.inverse.longest_context_tokens.map_or("-".to_owned(), count);
        vec![device.device.clone(), verdict(device), signed_mib(device.headroom_bytes), speed, longest]
    });
    let header = ["Device", "Verdict", "Spare MiB", "tok/s", "Fits up to"];
    let text = table(&header, &[2, 3, 4], rows.collect());
    text + "\n(?): the budget lies within the prediction's interval; (slow): below the target.\n\
            Reasons and remedies: --device NAME.\n"
}

fn verdict(device: &Assessment) -> String {
    let doubt = if device.certainty.name() == "borderline" { " (?)" } else { "" };
    let slow =
        if device.mode != Mode::Infeasible && device.meets_target == Some(false) { " (slow)" } else { "" };
    format!("{}{doubt}{slow}", device.mode.name())
}

fn speed(value: f64) -> String {
    match value {
        value if value < 0.01 => "0.01".to_owned(),
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 10.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn assessment(report: &Report, device: &Assessment) -> String {
    let ceilings = &device.ceilings;
    let mut text = format!("[{}] {}\n", device.device, device.device_title);
    let mut line = |name: &str, value: String| {
        let body = wrapped(&value, "                  ");
        let body = body.trim_start();
        text += &format!("  {name:<15} {body}");
    };
    line("Verdict:", format!("{}. {}", verdict(device).to_uppercase(), device.reason));
    line("Budget:", format!("{} MiB of {}", mib(device.budget_bytes), device.metric.title()));
    line("What binds:", device.bound.title().to_owned());
    if let (None, Some((low, high)), Some(ceiling)) =
        (device.cliff, ceilings.expected_tokens_per_s, ceilings.dram_tokens_per_s)
    {
        line(
            "Decode:",
            format!(
                "{}-{} tok/s expected; DRAM ceiling {} ({} MiB read per token), target {}",
                speed(low),
                speed(high),
                speed(ceiling),
                mib(device.reads.weight_bytes + device.reads.kv_bytes + device.reads.state_bytes),
                report.scenario.target_tokens_per_s
            ),
        );
    }
    if let Some(bound) = ceilings.flash_tokens_per_s {
        line(
            "PLE on flash:",
            format!(
                "{:.2} pages a row, {:.2}-{:.2} ms per uncached token: at most {} tok/s; {:.1} s added to a prefill \
                 of distinct tokens",
                ceilings.pages_per_row,
                ceilings.stall_s_best * 1e3,
                ceilings.stall_s_worst * 1e3,
                speed(bound),
                ceilings.prefill_stall_s
            ),
        );
    }
    if let Some(bound) = ceilings.sequential_bound_tokens_per_s {
        line(
            "Seed's bound:",
            format!("{bound:.0} tok/s (sequential bandwidth over row bytes; ignores latency)"),
        );
    }
    let longest = device.inverse.longest_context_tokens;
    line(
        "Longest context:",
        longest.map_or("none fits".into(), |tokens| format!("{} tokens", count(tokens))),
    );
    let largest = &device.inverse.largest_weight_format;
    line("Largest format:", largest.clone().unwrap_or_else(|| "none of the stock formats fits".into()));
    for (index, fix) in device.inverse.fixes.iter().enumerate() {
        let name = if index == 0 { "Would fit if:" } else { "or:" };
        let spare = mib(fix.headroom_bytes);
        line(name, format!("{} ({}, {spare} MiB to spare)", fix.description, fix.mode.name()));
    }
    if device.mode == Mode::Infeasible && device.inverse.fixes.is_empty() {
        let together = &device.inverse.together;
        let steps: Vec<String> = together.iter().map(Change::describe).collect();
        line(
            "Would fit if:",
            match steps.as_slice() {
                [] => "nothing short of another model or device".into(),
                steps => format!("no single change is enough; together: {}", steps.join("; ")),
            },
        );
    }
    text + "\n"
}
