//! The report for a terminal: verdict first, 80 columns, every number with its unit.

use crate::profile::plan::Plan;
use dhurandhar_core::measurement::{Configuration, Flag, MmapProfile, State};
use dhurandhar_core::storage::Layout;
use std::collections::BTreeSet;
use std::fmt::Write;

const WIDTH: usize = 80;

/// The whole report.
pub(super) fn report(profile: &MmapProfile) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = header(&mut text, profile);
    let _ = verdict(&mut text, profile);
    let _ = configurations(&mut text, profile);
    let _ = cliff(&mut text, profile);
    let _ = memory(&mut text, profile);
    let _ = remarks(&mut text, profile);
    text
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn header(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    let table = &profile.table;
    let rows = table.geometry.rows;
    let what = table.model.as_deref().unwrap_or("table");
    writeln!(
        text,
        "{what}: {rows} rows of {} B, {:.1} MiB ({})",
        table.geometry.row_bytes(),
        mib(table.bytes),
        table.content
    )?;
    let kernel = profile.device.os.kernel.as_deref().unwrap_or("");
    let (device, os) = (&profile.device, &profile.device.os);
    let line = format!("device {}, {} {kernel}, {} B pages", device.name, os.name, device.page_bytes);
    wrapped(text, "  ", &line)?;
    let storage = &profile.storage;
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let readahead =
        storage.readahead_bytes.map_or("unknown".to_owned(), |bytes| format!("{} KiB", bytes / 1024));
    writeln!(
        text,
        "  storage  {} on {} ({}), readahead {readahead}",
        known(&storage.filesystem),
        known(&storage.device),
        known(&storage.kind)
    )?;
    let load = profile.conditions.load_before.zip(profile.conditions.load_after);
    let load = load.map_or(String::new(), |(before, after)| format!(", load {before:.1} to {after:.1}"));
    writeln!(
        text,
        "  run      {}, {}, {:.0} s, seed {}{load}",
        profile.run.started, profile.run.mode, profile.run.duration_s, profile.run.seed
    )
}

fn verdict(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    let verdict = &profile.verdict;
    writeln!(
        text,
        "\nVerdict: {} at {} tok/s (policy {})",
        verdict.result.name(),
        verdict.target_tps,
        verdict.policy.version
    )?;
    for criterion in &verdict.criteria {
        let Some((value, result)) = criterion.value.zip(criterion.result) else {
            writeln!(text, "  {:<24}not measured", criterion.name)?;
            continue;
        };
        let limits = format!("PASS <= {}, WARN <= {}", criterion.pass_limit, criterion.warn_limit);
        writeln!(
            text,
            "  {:<24}{:>9.3} {:<13}{:<8}{limits}",
            criterion.name,
            value,
            criterion.unit,
            result.name()
        )?;
    }
    for reason in verdict.reasons.iter().take(6) {
        wrapped(text, "  - ", reason)?;
    }
    if verdict.reasons.len() > 6 {
        writeln!(text, "  - and {} more, in the JSON", verdict.reasons.len() - 6)?;
    }
    alternatives(text, profile)?;
    let gate = &profile.throughput_gate;
    let speed = |tps: Option<f64>| tps.map_or("not measured".to_owned(), |tps| format!("{tps:.0} tok/s"));
    let line = format!(
        "Throughput gate: {} (cold {}, warm {}). Weak test: {}.",
        gate.result,
        speed(gate.cold_tps),
        speed(gate.warm_tps),
        gate.caveat
    );
    wrapped(text, "  ", &line)
}

/// The same decode by every other engine: what a change of advice would bring.
fn alternatives(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    let all = profile.alternatives();
    let Some(decisive) = all.iter().find(|one| one.decisive).map(|one| &one.configuration) else {
        return Ok(());
    };
    let others = all.iter().filter(|one| !one.decisive);
    let others: Vec<String> =
        others.map(|one| format!("{} {:.2} %", one.engine.name(), one.stall_mean_percent)).collect();
    if others.is_empty() {
        return Ok(());
    }
    wrapped(text, "  ", &format!("Decided by {decisive}. Mean stall otherwise: {}.", others.join(", ")))
}

fn configurations(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    writeln!(text, "\nTime a token waits for its row, and what storage delivers for it")?;
    writeln!(
        text,
        "  {:<33}{:>9}{:>9}{:>8}{:>9}{:>8}",
        "pattern, engine", "p50 us", "p99 us", "reads", "KiB/tok", "pred/m"
    )?;
    let mut heading = String::new();
    for configuration in &profile.configurations {
        let group = group_of(configuration);
        if group != heading {
            writeln!(text, " {group}")?;
            heading = group;
        }
        let paced = if configuration.pacing_us > 0 { " paced" } else { "" };
        let name = format!("{} {}{paced}", configuration.pattern.name(), configuration.engine.name());
        let Some(summary) = &configuration.summary else {
            writeln!(text, "  {name:<33}  no valid block")?;
            continue;
        };
        let optional =
            |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |v| format!("{v:.digits$}"));
        let ratio = configuration.prediction.as_ref().and_then(|p| p.reads_over_measured);
        let mark = if configuration.is_invalid() { "!" } else { "" };
        writeln!(
            text,
            "  {name:<33}{:>9.1}{:>9.1}{:>8}{:>9}{:>8}{mark}",
            summary.p50_us.estimate,
            summary.p99_us,
            optional(summary.reads_per_token, 2),
            optional(summary.bytes_per_token.map(|bytes| bytes / 1024.0), 1),
            optional(ratio, 3),
        )?;
    }
    writeln!(text, "  (reads: pages a token; pred/m: predicted over measured reads; !: invalid)")
}

fn group_of(configuration: &Configuration) -> String {
    let layout = match configuration.layout {
        Layout::Contiguous => "rows contiguous",
        Layout::Padded => "rows padded to pages",
        Layout::LayerMajor => "one table a layer",
    };
    match (configuration.state, configuration.budget_bytes) {
        (State::Cold, _) => format!("cold, {layout}"),
        (State::Warm, _) => format!("warm, {layout}"),
        (State::Budget, bytes) => format!("{:.0} MiB of memory, {layout}", mib(bytes.unwrap_or(0))),
    }
}

fn cliff(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    let Some(cliff) = &profile.cliff else { return Ok(()) };
    writeln!(
        text,
        "\nDecoder read together with the table: {:.0} MiB swept a token, {:.1} GB/s from",
        mib(cliff.decoder_bytes),
        cliff.memory_bytes_per_s / 1e9
    )?;
    writeln!(
        text,
        "memory, {:.2} GB/s from storage ({:.0} % of the decoder's size)",
        cliff.storage_bytes_per_s / 1e9,
        cliff.scale * 100.0
    )?;
    writeln!(
        text,
        "  {:>12}{:>14}{:>18}{:>22}",
        "budget MiB", "ms a token", "MiB read a token", "predicted ms"
    )?;
    for point in &cliff.points {
        let read = point
            .device_bytes_per_token
            .map_or("-".to_owned(), |bytes| format!("{:.1}", bytes / f64::from(1 << 20)));
        let predicted = format!("{:.0} to {:.0}", point.predicted_ms.0, point.predicted_ms.1);
        writeln!(
            text,
            "  {:>12.0}{:>14.1}{read:>18}{predicted:>22}",
            mib(point.budget_bytes),
            point.token_ms
        )?;
    }
    Ok(())
}

fn memory(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    let Some(memory) = &profile.memory else { return Ok(()) };
    writeln!(
        text,
        "\nMemory with the decoder ({:.0} MiB stand for it), {} tokens",
        mib(memory.placeholder_bytes),
        memory.tokens
    )?;
    if let Some(last) = memory.samples.last() {
        let part =
            |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| format!("{:.1} MiB", mib(bytes)));
        writeln!(
            text,
            "  RssAnon {}, RssFile {}, RssShmem {}, swap {}",
            part(last.rss_anon_bytes),
            part(last.rss_file_bytes),
            part(last.rss_shmem_bytes),
            part(last.swap_bytes)
        )?;
        writeln!(text, "  PSS {}, peak RSS {}", part(last.pss_bytes), part(last.peak_rss_bytes))?;
        writeln!(text, "  table in the page cache {}", part(last.table_resident_bytes))?;
    }
    for check in &memory.checks {
        let line = format!(
            "{} {} ({}): {}",
            check.result.name(),
            check.budget,
            check.interpretation.name(),
            check.detail
        );
        wrapped(text, "  - ", &line)?;
    }
    for limit in &memory.limits {
        let line = format!(
            "{} limit {}: {:.0} MiB of {} measured, {:.0} allowed",
            if limit.passes { "PASS" } else { "FAIL" },
            limit.limit,
            mib(limit.measured_bytes),
            limit.counts,
            mib(limit.allowed_bytes)
        );
        wrapped(text, "  - ", &line)?;
    }
    Ok(())
}

fn remarks(text: &mut String, profile: &MmapProfile) -> std::fmt::Result {
    let mut seen = BTreeSet::new();
    let of_configurations =
        profile.configurations.iter().flat_map(|c| c.flags.iter().map(move |f| (c.id.as_str(), f)));
    let of_run = profile.flags.iter().map(|flag| ("run", flag));
    let remarks: Vec<(&str, &Flag)> = of_run.chain(of_configurations).collect();
    if remarks.is_empty() && profile.notes.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nFlags and notes")?;
    for (place, flag) in remarks {
        if seen.insert((place.to_owned(), flag.code)) {
            wrapped(text, "  - ", &format!("{place}: {flag}"))?;
        }
    }
    for note in &profile.notes {
        wrapped(text, "  - ", &format!("{}: {}", note.about, note.reason))?;
    }
    Ok(())
}

/// Greedy lines of at most 80 columns; the first begins with `lead`, the others with as many blanks.
fn wrapped(text: &mut String, lead: &str, words: &str) -> std::fmt::Result {
    let mut line = lead.to_owned();
    let mut fresh = true;
    for word in words.split_whitespace() {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(text, "{line}")?;
            line = " ".repeat(lead.len());
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    writeln!(text, "{line}")
}

/// What `--plan` prints.
pub(super) fn plan(plan: &Plan, table_bytes: u64, other_bytes: u64, limit_s: u64) -> String {
    let mut text = String::new();
    let _ = write_plan(&mut text, plan, table_bytes, other_bytes, limit_s);
    text
}

fn write_plan(text: &mut String, plan: &Plan, table: u64, other: u64, limit_s: u64) -> std::fmt::Result {
    writeln!(text, "  {:<52}{:>7}{:>8}{:>11}", "configuration", "blocks", "tokens", "reads MiB")?;
    for planned in &plan.configurations {
        let windows = planned.blocks * planned.windows;
        writeln!(
            text,
            "  {:<52}{windows:>7}{:>8}{:>11.1}",
            planned.key.id(),
            planned.tokens,
            mib(planned.read_bytes)
        )?;
    }
    writeln!(text, "\nwrites   {:.1} MiB, removed afterwards unless kept", mib(table + other))?;
    writeln!(text, "reads    at most {:.1} MiB", mib(plan.read_bytes()))?;
    writeln!(text, "blocks   {}, interleaved; none starts after {limit_s} s", plan.order.len())?;
    for note in &plan.notes {
        wrapped(text, "  - ", &format!("{}: {}", note.about, note.reason))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{plan, wrapped};
    use crate::profile::plan::tests::settings;
    use crate::profile::plan::{Mode, plan as lay_out};

    #[test]
    fn a_plan_fits_the_terminal() {
        let text = plan(&lay_out(&settings(Mode::Full)), 1 << 30, 0, 60);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("writes   1024.0 MiB"));
    }

    #[test]
    fn long_remarks_are_folded_under_their_lead() {
        let mut text = String::new();
        wrapped(&mut text, "  - ", &"word ".repeat(40)).unwrap();
        assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("    word"));
    }
}
