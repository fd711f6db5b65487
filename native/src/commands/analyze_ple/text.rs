//! The answer of `analyze-ple`.

use super::speed;
use crate::cli::output::{columns, count, mib, signed_mib, wrapped};
use dhurandhar_core::device::{Beyond, Device, State};
use dhurandhar_core::feasibility::{Assessment, Certainty, Change, Mode, Remedy, WholeOnCard, nothing_helps};
use dhurandhar_core::leaf::first_up;
use dhurandhar_core::memory::{Draft, Scenario};
use dhurandhar_core::placement::{Kind, Part, Pool};
use dhurandhar_core::report::Report;
use dhurandhar_core::speed::Ceilings;

/// Model, memory table, what decides, and verdicts: in full for named devices, a line each otherwise.
/// `remarks` are on measured speeds.
pub(crate) fn report(report: &Report, devices: &[Device], detailed: bool, remarks: &[String]) -> String {
    let mut text = heading(report);
    text += "\n";
    text += &memory(report);
    text += "\n";
    text += &what_decides(report);
    text += "\n";
    if detailed {
        for device in &report.devices {
            let measured = devices.iter().find(|known| known.name == device.device);
            let measured = measured.map_or(0, |known| known.measured_speeds.len());
            text += &assessment(report, device, measured, remarks);
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
    if let Some(program) = &report.program {
        let several = match report.devices.as_slice() {
            [first, _, ..] => format!("; the table is that of {}, the others are in --json", first.device),
            _ => String::new(),
        };
        text += &wrapped(&format!("as {} runs it ({}){several}", program.title, program.version), "");
    }
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
    // Not said of layers that propose tokens here.
    let proposes = scenario.draft.as_ref().is_some_and(Draft::is_own);
    let holds = |text: &&String| !(proposes && text.contains("multi-token-prediction layer"));
    for assumption in model.assumptions.iter().filter(holds) {
        text += &wrapped(&format!("assumed: {assumption}"), "");
    }
    text
}

fn millions(number: u64) -> String {
    format!("{:.1} M", number as f64 / 1e6)
}

fn memory(report: &Report) -> String {
    let placement = &report.placement;
    let range = |low: u64, high: u64| {
        // Ends that read alike, or agree to a twentieth of a percent, say nothing.
        let close = high.saturating_sub(low) < low / 2_000;
        let (low, high) = (mib(low), mib(high));
        if close || low == high { String::new() } else { format!(" {low}-{high}") }
    };
    let header = ["Component", "MiB", "Memory", "Touched", "Known"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for part in &placement.parts {
        rows.push(vec![
            part.component.title().to_owned(),
            mib(part.size.bytes),
            memory_name(part),
            part.touch.describe(),
            format!("{}{}", part.provenance.label(), range(part.size.low, part.size.high)),
        ]);
    }
    rows.push(vec![String::new(); 5]);
    for (name, total) in placement.needs.totals() {
        let ends = range(total.low, total.high).trim_start().to_owned();
        rows.push(vec![name.to_owned(), mib(total.bytes), String::new(), String::new(), ends]);
    }
    // A copied table is not told apart from what was copied with it.
    let ratio = placement.ple_to_decoder_ratio();
    if ratio > 0.0 {
        let ratio = format!("{ratio:.2}x");
        rows.push(vec!["PLE/decoder ratio".into(), ratio]);
    }
    // The rule behind each part stands below it, over the whole width.
    let mut notes = std::iter::once("").chain(placement.parts.iter().map(|part| part.note.as_str()));
    let mut text = String::new();
    for line in columns(&[1], &rows) {
        text += &format!("{line}\n");
        text += &wrapped(notes.next().unwrap_or_default(), "    ");
    }
    text
}

/// Kind of memory, and whose where it is not the host's.
fn memory_name(part: &Part) -> String {
    match part.pool {
        Pool::Gpu if part.kind == Kind::Anonymous => "GPU, anon.".to_owned(),
        Pool::Gpu => format!("GPU, {}", part.kind.name()),
        _ => part.memory(),
    }
}

fn what_decides(report: &Report) -> String {
    let needs = &report.placement.needs;
    let mut text = format!(
        "What decides: {}{} MiB are needed for full speed, {} of them anonymous memory, which cannot be dropped.",
        if report.placement.split.is_some() { "in the host's memory, " } else { "" },
        mib(needs.hot().bytes),
        mib(needs.anonymous.bytes)
    );
    if needs.load_file_bytes > 0 {
        text += &format!(
            " {} MiB of file pages are read at load only: they count while they are cached, and leave first.",
            mib(needs.load_file_bytes)
        );
    }
    if needs.expert_file_bytes > 0 {
        text += &format!(
            " A token reads {} of {} MiB of experts: with less memory, those that miss are read from storage.",
            mib(needs.active_expert_bytes),
            mib(needs.expert_file_bytes)
        );
    } else if needs.hot_file_bytes > needs.hot().bytes / 50 {
        text += &format!(
            " With a little less, each token reads nearly all {} MiB of hot weights from storage again.",
            mib(needs.hot_file_bytes)
        );
    }
    wrapped(&text, "")
}

fn overview(report: &Report) -> String {
    let several = report.devices.iter().any(|device| device.context_tokens != report.scenario.context_tokens);
    let header = ["Device", "Verdict", "Spare", "tok/s", "Fits up to"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(report.devices.iter().map(|device| {
        let speed = match (device.ceilings.reread_tokens_per_s, device.ceilings.expected_tokens_per_s) {
            (Some(reread), _) => format!("<{}", speed::rate(reread)),
            (None, Some((low, high))) if device.mode != Mode::Infeasible => {
                format!("{}-{}", speed::rate(low), speed::rate(high))
            }
            _ => "-".to_owned(),
        };
        let longest = device.inverse.longest_context_tokens.map_or("-".to_owned(), count);
        let spare = signed_mib(device.decisive().headroom_bytes);
        vec![device.device.clone(), verdict(device), spare, speed, longest]
    }));
    let mut text = columns(&[2, 3, 4], &rows).join("\n");
    text += "\n\n";
    if several {
        text += "Context: what is usual, 4,096 tokens on phones and boards, 8,192 on computers.\n";
    }
    let state = report.scenario.state;
    if state != State::Foreground {
        text += &format!("State: {}; the foreground on systems that know no other.\n", state.name());
    }
    text + "Spare: MiB under the limit that decides. ?: within the prediction's interval.\n\
            *: beyond a limit that does not stop it, such as Google Play's.\n\
            slow: below the target. Reasons and remedies: --device NAME.\n"
}

fn verdict(device: &Assessment) -> String {
    let doubt = if device.certainty == Certainty::Borderline { "?" } else { "" };
    let slow =
        if device.mode != Mode::Infeasible && device.meets_target == Some(false) { ", slow" } else { "" };
    let flagged = if device.flagged.is_empty() { "" } else { "*" };
    format!("{}{doubt}{flagged}{slow}", device.mode.name())
}

/// What a GPU holds whole.
fn whole_on_card(whole: &WholeOnCard) -> String {
    match (whole.longest_context_tokens, &whole.largest_weight_format) {
        (None, None) => "in no stock format".to_owned(),
        (None, Some(format)) => format!("not in this format; largest that is: {format}"),
        (Some(tokens), format) => {
            let format = format.as_deref().unwrap_or("none of the stock ones");
            format!("up to {} tokens; largest format {format}", count(tokens))
        }
    }
}

fn assessment(report: &Report, device: &Assessment, measured: usize, remarks: &[String]) -> String {
    let ceilings = &device.ceilings;
    let mut text = format!("[{}] {}\n", device.device, device.device_title);
    let mut line = |name: &str, value: String| {
        let body = wrapped(&value, "                  ");
        let body = body.trim_start();
        text += &format!("  {name:<15} {body}");
    };
    let sure = if device.certainty == Certainty::Borderline {
        String::new()
    } else {
        format!(", {}", device.certainty.name())
    };
    line("Verdict:", format!("{}{sure}. {}", verdict(device).to_uppercase(), device.reason));
    for (index, check) in device.checks.iter().enumerate() {
        let name = if index == 0 { "Limits:" } else { "" };
        line(name, format!("{}: {}. Source: {}", check.limit.title, check.text, check.limit.source.text));
    }
    line("Bottleneck:", bottleneck(device));
    if let Some(speed) = &device.speed {
        let remarks = (!remarks.is_empty()).then(|| ("Measured:", remarks.join("; ")));
        for (name, text) in speed::lines(speed, measured).into_iter().chain(remarks) {
            line(name, text);
        }
    }
    if let (None, Some(ceiling)) = (device.reread, ceilings.dram_tokens_per_s) {
        line(
            "Ceiling:",
            format!(
                "{} tok/s at the end of the context: memory bandwidth over the {} MiB read for a token; target {}",
                speed::rate(ceiling),
                mib(device.reads.weight_bytes + device.reads.kv_bytes + device.reads.state_bytes),
                report.scenario.target_tokens_per_s
            ),
        );
    }
    if let Some(text) = rows_on_storage(ceilings) {
        line("Rows on storage:", text);
    }
    if let Some(bound) = ceilings.sequential_bound_tokens_per_s {
        line(
            "0.1.2's bound:",
            format!("{bound:.0} tok/s (sequential bandwidth over row bytes; ignores latency)"),
        );
    }
    if let Some(split) = &device.split {
        let by_hand = match report.scenario.tensor_overrides.len() {
            0 => String::new(),
            count => format!("; {count} tensors placed by hand"),
        };
        line("On the GPU:", split.describe() + &by_hand);
    }
    if let Some(whole) = &device.inverse.whole_on_card {
        line("Whole there:", whole_on_card(whole));
    }
    let longest = device.inverse.longest_context_tokens;
    // What is read again for every token counts as fitting only at the target speed.
    let none = match device.reread {
        Some(_) => format!("none at {} tok/s from storage", report.scenario.target_tokens_per_s),
        None => "none fits".to_owned(),
    };
    line(
        "Longest context:",
        longest.map_or_else(|| none.clone(), |tokens| format!("{} tokens", count(tokens))),
    );
    let largest = &device.inverse.largest_weight_format;
    if report.scenario.runtime.takes_stock_formats() {
        line("Largest format:", largest.clone().unwrap_or(none));
    }
    for (name, text) in flips(device, &report.scenario) {
        line(name, text);
    }
    for (index, fix) in device.inverse.fixes.iter().enumerate() {
        let name = if index == 0 { "Would run if:" } else { "or:" };
        let slow = match (fix.expected_tokens_per_s, fix.meets_target) {
            (Some((low, high)), Some(false)) => format!("; but {low:.1}-{high:.1} tok/s, below the target"),
            _ => String::new(),
        };
        line(name, format!("{} ({}{slow})", fix.description, fix.leads_to()));
    }
    if device.mode == Mode::Infeasible && device.inverse.fixes.is_empty() {
        let together = &device.inverse.together;
        let steps: Vec<String> = together.iter().map(Change::describe).collect();
        line(
            "Would run if:",
            match steps.as_slice() {
                [] => nothing_helps(report.scenario.runtime).into(),
                steps => format!("no single change is enough; together: {}", steps.join(" and ")),
            },
        );
    }
    for (name, text) in remedies(&device.inverse.limits) {
        line(name, text);
    }
    text + "\n"
}

/// The resource that decides the ceiling; where most of a token's time is none of theirs, that is named first.
fn bottleneck(device: &Assessment) -> String {
    let (longest, ceiling) = (device.bottleneck(), device.bound.title());
    if longest == ceiling { longest.to_owned() } else { format!("{longest}; for the ceiling, {ceiling}") }
}

fn rows_on_storage(ceilings: &Ceilings) -> Option<String> {
    let bound = ceilings.flash_tokens_per_s?;
    Some(format!(
        "{:.2} pages a row, {:.2}-{:.2} ms per uncached token: at most {} tok/s; {:.1} s added to a prefill \
         of distinct tokens",
        ceilings.pages_per_row,
        ceilings.stall_s_best * 1e3,
        ceilings.stall_s_worst * 1e3,
        speed::rate(bound),
        ceilings.prefill_stall_s
    ))
}

/// What passes each limit that the run fails; states with the same answer are said once.
fn remedies(remedies: &[Remedy]) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    for (index, remedy) in remedies.iter().enumerate() {
        let same = |other: &&Remedy| other.limit == remedy.limit && other.changes == remedy.changes;
        if remedies[..index].iter().any(|earlier| same(&earlier)) {
            continue;
        }
        let states: Vec<&str> = remedies.iter().filter(same).map(|other| other.state.title()).collect();
        let steps: Vec<String> = remedy.changes.iter().map(Change::describe).collect();
        let steps =
            if steps.is_empty() { "nothing short of another model".to_owned() } else { steps.join(" and ") };
        let name = if lines.is_empty() { "To pass:" } else { "" };
        lines.push((name, format!("{} in {}: {steps}", first_up(&remedy.title), states.join(" or "))));
    }
    lines
}

/// Where the answer would be another one.
fn flips(device: &Assessment, scenario: &Scenario) -> Vec<(&'static str, String)> {
    let check = device.decisive();
    let split = device.split.as_ref().is_some_and(|split| !split.is_whole());
    let what = if split { "full speed with these layers on the GPU" } else { "full speed" };
    let counts = check.limit.counts.title();
    let mut text = match device.card_holds_from(check, scenario) {
        Some(bytes) => {
            let experts = device.split.as_ref().is_some_and(|split| !split.has_all_layers());
            let layers = match (split, experts) {
                (true, _) => "as many layers there",
                (false, true) => "all layers there with as many of their experts",
                (false, false) => "all layers there",
            };
            format!("{layers} from {} MiB of {counts}, of which llama.cpp leaves some free", mib(bytes))
        }
        None if check.limit.card.is_some() => {
            format!(
                "shares of the layers that all cards hold (--tensor-split), or more of {counts}: the shares change with it"
            )
        }
        None => format!("{what} from {} MiB of {counts}", mib(check.runs_from_bytes)),
    };
    if check.limit.card.is_none() && check.resident_from_bytes > check.runs_from_bytes {
        text += &format!(", tables in memory too from {}", mib(check.resident_from_bytes));
    }
    if let Some(held) = device.held_from_bytes(check).filter(|held| *held < check.runs_from_bytes) {
        let beyond = if check.limit.beyond == Beyond::Throttles { "held back" } else { "ended" };
        text += &format!("; slower below that, and {beyond} below {}", mib(held));
    }
    let thresholds = &device.thresholds;
    if let Some(bandwidth) = thresholds.dram_gb_per_s_for_target {
        text += &format!("; the target needs at least {bandwidth:.1} GB/s of memory bandwidth");
    }
    if let Some(storage) = thresholds.storage_mb_per_s_for_target {
        text += &format!("; as it is, {storage:.0} MB/s of storage for the target");
    }
    if let Some(storage) = thresholds.storage_mb_per_s_to_run {
        text += &format!("; no longer too slow to run from {storage:.0} MB/s of storage");
    }
    vec![("Flips:", text)]
}
