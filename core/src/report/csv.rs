//! A report as CSV: a table for memory, a table for devices.

use super::Report;
use crate::format::csv::push_row;

/// Both tables in one text, an empty line between them.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    memory_rows(report, &mut |cells| push_row(&mut text, &cells));
    if !report.devices.is_empty() {
        push_row(&mut text, <[&str; 0]>::default());
        device_rows(report, &mut |cells| push_row(&mut text, &cells));
    }
    text
}

/// The memory table alone.
pub(super) fn memory(report: &Report) -> String {
    let mut text = String::new();
    memory_rows(report, &mut covered(report, &mut text));
    text
}

/// The table of verdicts alone.
pub(super) fn devices(report: &Report) -> String {
    let mut text = String::new();
    device_rows(report, &mut covered(report, &mut text));
    text
}

/// Writes rows; on a report with a cover, each ends in what the cover says of the case.
fn covered<'a>(report: &'a Report, text: &'a mut String) -> impl FnMut(Vec<String>) + 'a {
    let mut is_first = true;
    move |mut cells| {
        if let Some(cover) = &report.cover {
            if is_first {
                cells.extend(header("case,verdict,date,made_by,link"));
            } else {
                let said = [&cover.case, &cover.verdict, &cover.date, &cover.made_by, &cover.link];
                cells.extend(said.map(Clone::clone));
            }
        }
        is_first = false;
        push_row(text, &cells);
    }
}

fn memory_rows(report: &Report, row: &mut dyn FnMut(Vec<String>)) {
    row(header(
        "model,component,bytes,low_bytes,high_bytes,reserved_bytes,provenance,pool,kind,touched,note",
    ));
    let model = || report.model.name.clone();
    for part in &report.placement.parts {
        row(vec![
            model(),
            part.component.title().to_owned(),
            part.size.bytes.to_string(),
            part.size.low.to_string(),
            part.size.high.to_string(),
            part.reserved.to_string(),
            part.provenance.label().to_owned(),
            part.card.map_or_else(|| part.pool.name().to_owned(), |_| part.memory()),
            part.kind.name().to_owned(),
            part.touch.describe(),
            part.note.clone(),
        ]);
    }
    for (name, total) in report.placement.needs.totals() {
        let mut cells = vec![model(), name.to_owned()];
        cells.extend([total.bytes, total.low, total.high].map(|bytes| bytes.to_string()));
        cells.resize(11, String::new());
        row(cells);
    }
}

fn device_rows(report: &Report, row: &mut dyn FnMut(Vec<String>)) {
    let model = || report.model.name.clone();
    row(header(
        "model,device,context_tokens,mode,certainty,limit,counts,limit_bytes,needed_bytes,headroom_bytes,expected_low_tokens_per_s,expected_high_tokens_per_s,prompt_tokens,first_token_low_s,first_token_high_s,reason",
    ));
    for device in &report.devices {
        let check = device.decisive();
        let turn = device.speed.as_ref().map(|speed| &speed.turn);
        row(vec![
            model(),
            device.device.clone(),
            device.context_tokens.to_string(),
            device.mode.name().to_owned(),
            device.certainty.name().to_owned(),
            check.limit.id.clone(),
            check.limit.counts.title().to_owned(),
            check.limit.bytes.to_string(),
            check.needed.bytes.to_string(),
            check.headroom_bytes.to_string(),
            speed(device.ceilings.expected_tokens_per_s.map(|range| range.0)),
            speed(device.ceilings.expected_tokens_per_s.map(|range| range.1)),
            turn.map_or_else(String::new, |turn| turn.prompt_tokens.to_string()),
            speed(turn.map(|turn| turn.first_token_s.low)),
            speed(turn.map(|turn| turn.first_token_s.high)),
            device.reason.clone(),
        ]);
    }
}

fn header(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn speed(tokens_per_s: Option<f64>) -> String {
    tokens_per_s.map_or_else(String::new, |value| format!("{value:.3}"))
}
