//! The verdict with its reasons, the flags, and the plain gate beside it.

use std::collections::BTreeMap;

use dhurandhar_core::measurement::{FlagCode, MEMORY_CRITERION, MmapProfile, Verdict, VerdictResult};
use maud::{Markup, html};

use crate::pages::figures::{mib, plain, significant};

pub(super) fn sign(result: VerdictResult) -> &'static str {
    match result {
        VerdictResult::Pass => "●",
        VerdictResult::Warn => "▲",
        VerdictResult::Fail => "✕",
        VerdictResult::Invalid => "?",
    }
}

/// A sign, a word, and only then a colour.
pub(super) fn badge(result: VerdictResult) -> Markup {
    let class = result.name().to_lowercase();
    html! { span.verdict.(class) { span aria-hidden="true" { (sign(result)) " " } (result.name()) } }
}

fn sentence(verdict: &Verdict) -> &'static str {
    let mut failed =
        verdict.criteria.iter().filter(|criterion| criterion.result == Some(VerdictResult::Fail)).peekable();
    let memory_alone = failed.peek().is_some() && failed.all(|criterion| criterion.name == MEMORY_CRITERION);
    match verdict.result {
        VerdictResult::Fail if memory_alone => {
            "The decoder and the pages that it keeps need more memory than the device's budget; the table's reads alone would not forbid it."
        }
        VerdictResult::Pass => "The table can stay on storage.",
        VerdictResult::Warn => "The table can stay on storage, at a cost that will be noticed.",
        VerdictResult::Fail => "Read this way, the table cannot stay on storage.",
        VerdictResult::Invalid => "The figures do not support a verdict.",
    }
}

pub(super) fn verdict(profile: &MmapProfile) -> Markup {
    let verdict = &profile.verdict;
    html! {
        p.outcome { (badge(verdict.result)) " " (sentence(verdict)) }
        ul { @for reason in &verdict.reasons { li { (reason) } } }
        div.scroll role="region" aria-label="Criteria" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Criterion" }
                        th scope="col" { "Outcome" }
                        th.num scope="col" { "Measured" }
                        th.num scope="col" { "Passes up to" }
                        th.num scope="col" { "Warns up to" }
                        th scope="col" { "Unit" }
                        th scope="col" { "From" }
                    }
                }
                tbody {
                    @for criterion in &verdict.criteria {
                        tr {
                            th scope="row" { (criterion.name) }
                            td { @if let Some(result) = criterion.result { (badge(result)) } @else { "not judged" } }
                            td.num { (criterion.value.map_or_else(|| "not measured".to_owned(), significant)) }
                            td.num { (plain(criterion.pass_limit)) }
                            td.num { (plain(criterion.warn_limit)) }
                            td { (criterion.unit) }
                            td.how { (source(profile, &criterion.source)) }
                        }
                    }
                }
            }
        }
        p.small.muted {
            "Limits of policy " (verdict.policy.version) " for " (plain(verdict.target_tps)) " tok/s. The worst criterion decides; a hard flag makes the verdict INVALID."
            @if profile.run.interrupted { " The run was stopped before its plan was done." }
        }
    }
}

/// Where a criterion's value is from: a configuration's name, or a budget with its size.
fn source(profile: &MmapProfile, name: &str) -> String {
    let mut checks = profile.memory.iter().flat_map(|memory| &memory.checks);
    let budget = checks.find(|check| check.budget == name);
    budget.map_or_else(
        || name.to_owned(),
        |check| format!("a budget of {} MiB ({name})", mib(check.budget_bytes)),
    )
}

/// The same reads by other engines: what a change of advice would do to the verdict.
pub(super) fn alternatives(profile: &MmapProfile) -> Markup {
    let all = profile.alternatives();
    html! {
        @if all.len() > 1 {
            h2 #alternatives { "The same reads by other engines" }
            p { "Rows, order, pace and cache are those of the verdict; only the way of reading differs. Judged by the stalls alone." }
            div.scroll role="region" aria-label="Other engines" tabindex="0" {
                table.narrow {
                    thead { tr { th scope="col" { "Engine" } th scope="col" { "Stalls" } th.num scope="col" { "Mean, % of a token" } th.num scope="col" { "p99, % of a token" } } }
                    tbody {
                        @for one in &all {
                            tr {
                                th scope="row" { (one.engine.name()) @if one.decisive { ", as judged" } }
                                td { (badge(one.result)) }
                                td.num { (significant(one.stall_mean_percent)) }
                                td.num { (significant(one.stall_p99_percent)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Flags by code: how often, where first, and what each means.
pub(super) fn flags(profile: &MmapProfile) -> Markup {
    let of_configurations = profile.configurations.iter().flat_map(|c| {
        let own = c.flags.iter().map(move |flag| (c.id.as_str(), flag));
        own.chain(c.blocks.iter().flat_map(move |b| b.flags.iter().map(move |flag| (c.id.as_str(), flag))))
    });
    let mut by_code: BTreeMap<(bool, FlagCode), (usize, &str, &str)> = BTreeMap::new();
    for (place, flag) in profile.flags.iter().map(|flag| ("the run", flag)).chain(of_configurations) {
        by_code.entry((!flag.hard, flag.code)).or_insert((0, place, &flag.detail)).0 += 1;
    }
    html! {
        h2 #flags { "Validity flags" }
        @if by_code.is_empty() { p { "None." } } @else {
            div.scroll role="region" aria-label="Validity flags" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Flag" } th scope="col" { "Weight" } th.num scope="col" { "Times" } th scope="col" { "What it means" } th scope="col" { "First seen" } } }
                    tbody {
                        @for ((soft, code), (times, place, detail)) in &by_code {
                            tr {
                                th scope="row" { (code.title()) }
                                td { (if *soft { "soft" } else { "hard" }) }
                                td.num { (times) }
                                td.how { (code.meaning()) }
                                td.how { (place) ": " (detail) }
                            }
                        }
                    }
                }
            }
            p.small.muted { "Times counts the run, its configurations and their blocks, voided blocks too. A hard flag on a block voids the block; on a configuration or the run, the verdict." }
        }
        @let failures: Vec<_> = profile.configurations.iter().flat_map(|c| c.failures.iter().map(move |f| (&c.id, f))).collect();
        @if !failures.is_empty() {
            h3 { "Processes that did not come back" }
            ul { @for (id, failure) in failures { li { (id) ": " (failure.kind) ", " (failure.detail) } } }
        }
    }
}

pub(super) fn gate(profile: &MmapProfile) -> Markup {
    let gate = &profile.throughput_gate;
    let speed = |tps: Option<f64>| {
        tps.map_or_else(|| "not measured".to_owned(), |tps| format!("{} rows a second", significant(tps)))
    };
    html! {
        p {
            strong { (gate.result) } ": " (speed(gate.cold_tps)) " cold and " (speed(gate.warm_tps)) " warm, against " (plain(gate.target_tps)) " tok/s."
        }
        p {
            "This gate of dhurandhar 0.1.2 compares how many rows storage can fetch with how many tokens are wanted, and it says little: "
            (gate.caveat) ". It does not see what a fetch adds to each token, what a prompt adds to the first one, or what the table's pages take from the decoder. The verdict above does."
        }
    }
}
