//! A report as CSV: a block for memory, a block for devices.

use super::Report;
use crate::format::csv::push_row;

/// RFC 4180 text.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    let mut row = |cells: &[String]| push_row(&mut text, cells);
    row(&header(
        "model,component,bytes,low_bytes,high_bytes,reserved_bytes,provenance,pool,kind,touched,note",
    ));
    let model = || report.model.name.clone();
    for part in &report.placement.parts {
        row(&[
            model(),
            part.component.title().to_owned(),
            part.size.bytes.to_string(),
            part.size.low.to_string(),
            part.size.high.to_string(),
            part.reserved.to_string(),
            part.provenance.label().to_owned(),
            part.pool.name().to_owned(),
            part.kind.name().to_owned(),
            part.touch.describe(),
            part.note.clone(),
        ]);
    }
    for (name, total) in report.placement.needs.totals() {
        let mut cells = vec![model(), name.to_owned()];
        cells.extend([total.bytes, total.low, total.high].map(|bytes| bytes.to_string()));
        cells.resize(11, String::new());
        row(&cells);
    }
    if !report.devices.is_empty() {
        row(&[]);
        row(&header(
            "model,device,context_tokens,mode,certainty,limit,counts,limit_bytes,needed_bytes,headroom_bytes,expected_low_tokens_per_s,expected_high_tokens_per_s,prompt_tokens,first_token_low_s,first_token_high_s,reason",
        ));
    }
    for device in &report.devices {
        let check = device.decisive();
        let turn = device.speed.as_ref().map(|speed| &speed.turn);
        row(&[
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
    text
}

fn header(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn speed(tokens_per_s: Option<f64>) -> String {
    tokens_per_s.map_or_else(String::new, |value| format!("{value:.3}"))
}
