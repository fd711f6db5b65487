//! A report as CSV: a block for memory, a block for devices.

use super::Report;

/// RFC 4180 text.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    let mut row = |cells: &[String]| {
        let line: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&line.join(","));
        text.push_str("\r\n");
    };
    row(&header("model,component,bytes,low_bytes,high_bytes,reserved_bytes,provenance,place,note"));
    for term in &report.footprint.terms {
        row(&[
            report.model.name.clone(),
            term.component.title().to_owned(),
            term.bytes.to_string(),
            term.low.to_string(),
            term.high.to_string(),
            term.reserved.to_string(),
            term.provenance.label().to_owned(),
            term.place.name().to_owned(),
            term.note.clone(),
        ]);
    }
    for (name, total) in
        [("Total, PLE resident", &report.footprint.resident), ("Total, PLE mapped", &report.footprint.mmap)]
    {
        let mut cells = vec![report.model.name.clone(), name.to_owned()];
        cells.extend([total.bytes, total.low, total.high].map(|bytes| bytes.to_string()));
        cells.extend([String::new(), String::new(), String::new(), String::new()]);
        row(&cells);
    }
    if !report.devices.is_empty() {
        row(&[]);
        row(&header(
            "model,device,mode,certainty,metric,budget_bytes,needed_bytes,headroom_bytes,expected_low_tokens_per_s,expected_high_tokens_per_s,reason",
        ));
    }
    for device in &report.devices {
        row(&[
            report.model.name.clone(),
            device.device.clone(),
            device.mode.name().to_owned(),
            device.certainty.name().to_owned(),
            device.metric.title().to_owned(),
            device.budget_bytes.to_string(),
            device.needed_bytes.to_string(),
            device.headroom_bytes.to_string(),
            speed(device.ceilings.expected_tokens_per_s.map(|range| range.0)),
            speed(device.ceilings.expected_tokens_per_s.map(|range| range.1)),
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

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
