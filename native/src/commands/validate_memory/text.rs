//! Rows for people.

use crate::cli::output;
use dhurandhar_core::measurement::{Compared, MemoryCase, MemoryRun, MemoryValidation};

/// `smollm2-135m q4_k_m, 2048 tokens, kv f16, ubatch 512`.
pub(super) fn name(case: &MemoryCase) -> String {
    let lazy = if case.lazy_table { ", lazy table" } else { "" };
    let MemoryCase { model, weights, context_tokens, kv, ubatch, .. } = case;
    format!("{model} {weights}, {context_tokens} tokens, kv {kv}, ubatch {ubatch}{lazy}")
}

/// A case and its peak.
pub(super) fn line(row: &MemoryRun) -> String {
    let peak = row.compared().map(|figures| figures[5].1);
    let peak = peak.map_or_else(String::new, |peak| {
        format!(
            ": peak {:.1} MiB, predicted {:.1} ({})",
            peak.measured_mib,
            peak.predicted_mib,
            percent(peak)
        )
    });
    name(&row.case) + &peak
}

fn percent(compared: Compared) -> String {
    if compared.is_exact() { "exact".to_owned() } else { format!("{:+.1} %", compared.error() * 100.0) }
}

/// Everything measured: whether sizes agree, and errors where a number follows no exact rule.
pub(super) fn table(report: &MemoryValidation) -> String {
    let header = ["model, weights", "context", "kv", "sizes", "compute", "peak MiB", "predicted", "error"];
    let rows = report.rows.iter().filter_map(|row| {
        let [mapped, repack, kv, state, compute, peak] = row.compared()?.map(|(_, figure)| figure);
        let exact = [mapped, repack, kv, state].iter().all(|figure| figure.is_exact());
        let case = &row.case;
        Some(vec![
            format!("{} {}", case.model, case.weights),
            case.context_tokens.to_string(),
            case.kv.clone(),
            if exact { "exact" } else { "differ" }.to_owned(),
            percent(compute),
            format!("{:.1}", peak.measured_mib),
            format!("{:.1}", peak.predicted_mib),
            percent(peak),
        ])
    });
    let mut text = format!("{}\n\n", report.runtime);
    text += &output::table(&header, &[1, 4, 5, 6, 7], rows.collect());
    text += "\nsizes: mapped weights, packed copies, KV cache and recurrent state\n";
    for note in &report.notes {
        text += &output::wrapped(&format!("{}: {}", note.about, note.reason), "  ");
    }
    text
}
