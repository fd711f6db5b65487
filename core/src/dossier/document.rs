//! A dossier as blocks: what an architecture review reads, in the order in which it asks.

use super::blocks::{Block, Row};
use super::flips::size;
use super::{AnsweredCase, Dossier};
use crate::feasibility::{Assessment, Change, Check, Outcome};
use crate::leaf::number::grouped;
use crate::speed::Estimate;

/// What is asked.
pub(super) fn question(dossier: &Dossier) -> Block {
    Block::Text(format!("Question: {}", dossier.question))
}

/// Everything below title and question.
pub(super) fn blocks(dossier: &Dossier, site: Option<&str>) -> Vec<Block> {
    let mut blocks = vec![
        Block::Heading(2, "Answer".into()),
        Block::List(dossier.cases.iter().map(|case| answer(case, dossier.cases.len() > 1)).collect()),
        Block::Heading(2, "Cases compared".into()),
        compared(&dossier.cases),
    ];
    for case in &dossier.cases {
        blocks.extend(details(case));
    }
    blocks.push(Block::Heading(2, "What no prediction covers".into()));
    blocks.push(Block::List(dossier.risks.clone()));
    blocks.push(Block::Heading(2, "How to get each number again".into()));
    for case in &dossier.cases {
        blocks.push(Block::Text(format!("{}:", case.title)));
        blocks.push(Block::Code(case.command.clone()));
        if let (Some(site), Some(link)) = (site, &case.link) {
            let address = format!("{}calculator/?{link}", with_slash(site));
            blocks.push(Block::Link { words: "The same in the calculator".into(), address });
        }
    }
    blocks.push(Block::Text(expiry(dossier)));
    blocks
}

fn with_slash(site: &str) -> String {
    if site.is_empty() || site.ends_with('/') { site.to_owned() } else { format!("{site}/") }
}

fn answer(case: &AnsweredCase, several: bool) -> String {
    let verdict = case.verdict();
    let name = if several { format!("{}: ", case.title) } else { String::new() };
    format!("{name}{}. {}", case.answer, verdict.reason)
}

fn expiry(dossier: &Dossier) -> String {
    let date = if dossier.date.is_empty() { String::new() } else { format!(" on {}", dossier.date) };
    let mut text = format!(
        "Computed{date} by dhurandhar {} ({}), whose formulas are of llama.cpp 0.5 and whose models, devices and limits \
         are those of that version.",
        dossier.tool_version, dossier.schema
    );
    text += &match &dossier.valid_until {
        Some(day) => format!(" Compute it again from {day} on."),
        None => {
            " Compute it again when the runtime, the system's version or a limit's date changes.".to_owned()
        }
    };
    text + " A prediction ends where a measurement on the device begins: `dhurandhar profile-mmap`, `dhurandhar bench`."
}

/// Facts as rows, cases as columns; rows in which the cases differ are marked.
fn compared(cases: &[AnsweredCase]) -> Block {
    let head = std::iter::once(String::new()).chain(cases.iter().map(|case| case.title.clone())).collect();
    let row = |name: &str, value: &dyn Fn(&AnsweredCase) -> String| {
        Row::compared(name, cases.iter().map(value).collect())
    };
    let rows = vec![
        row("Answer", &|case| case.answer.clone()),
        row("Model", &|case| case.report.model.title.clone()),
        row("Device", &|case| case.verdict().device_title.clone()),
        row("Program", &|case| match &case.report.program {
            Some(program) => format!("{} ({})", program.title, program.version),
            None => case.report.scenario.runtime.title().to_owned(),
        }),
        row("Weights", &|case| {
            format!(
                "{}, {:.2} bits a weight",
                case.report.weights.format, case.report.weights.bits_per_weight
            )
        }),
        row("Context", &|case| format!("{} tokens", grouped(case.verdict().context_tokens))),
        row("Runs on", &|case| {
            let (verdict, scenario) = (case.verdict(), &case.report.scenario);
            let whole = || verdict.machine.title(scenario, false).to_owned();
            verdict.split.as_ref().map_or_else(whole, |split| format!("{} on the GPU", split.describe()))
        }),
        row("Keys, values", &|case| {
            let scenario = &case.report.scenario;
            format!("{}, {}", scenario.k, scenario.v)
        }),
        row("State of the process", &|case| case.verdict().state.title().to_owned()),
        row("Limit that decides", &|case| {
            let check = case.verdict().decisive();
            format!("{}, {} of {}", check.limit.title, size(check.limit.bytes), check.limit.counts.title())
        }),
        row("Needed there", &|case| needed(case.verdict().decisive())),
        row("To spare", &|case| spare(case.verdict().decisive())),
        row("Longest context", &|case| {
            let longest = case.verdict().inverse.longest_context_tokens;
            longest.map_or("none fits".into(), |tokens| format!("{} tokens", grouped(tokens)))
        }),
        row("Decoding", &|case| decoding(case.verdict())),
        row("First token", &|case| {
            let turn = case.verdict().speed.as_ref().map(|speed| speed.turn);
            turn.map_or("unknown".into(), |turn| {
                format!("{} s for {} tokens", range(turn.first_token_s), grouped(turn.prompt_tokens))
            })
        }),
    ];
    Block::Table { head, rows }
}

/// What each limit makes of the states that it allows other bytes in, and what would pass it there.
fn other_states(verdict: &Assessment) -> Vec<String> {
    let said = |check: &Check| {
        let states = check.elsewhere.iter().map(|other| {
            format!("{} {} allowed, {}", other.state.title(), size(other.bytes), other.outcome.short())
        });
        let states: Vec<String> = states.collect();
        (!states.is_empty()).then(|| format!("{}: in {}.", check.limit.title, states.join("; in ")))
    };
    let passes = verdict.inverse.limits.iter().filter(|remedy| !remedy.changes.is_empty()).map(|remedy| {
        let changes: Vec<String> = remedy.changes.iter().map(Change::describe).collect();
        format!("{} in {} is passed if: {}.", remedy.title, remedy.state.title(), changes.join(", and "))
    });
    verdict.checks.iter().filter_map(said).chain(passes).collect()
}

fn needed(check: &Check) -> String {
    let needed = check.needed;
    if needed.low == needed.high {
        size(needed.bytes)
    } else {
        format!("{} ({} to {})", size(needed.bytes), size(needed.low), size(needed.high))
    }
}

fn spare(check: &Check) -> String {
    let bytes = size(check.headroom_bytes.unsigned_abs());
    if check.headroom_bytes < 0 { format!("{bytes} short") } else { bytes }
}

fn decoding(verdict: &Assessment) -> String {
    match (&verdict.speed, verdict.ceilings.reread_tokens_per_s) {
        (_, Some(reread)) => format!("under {reread:.1} tok/s, weights read again for every token"),
        (Some(speed), None) => format!("{} tok/s", range(speed.decode_tokens_per_s)),
        (None, None) => "none: it is ended, or a bandwidth is unknown".into(),
    }
}

fn range(estimate: Estimate) -> String {
    let text = |value: f64| if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    format!("{} to {}", text(estimate.low), text(estimate.high))
}

/// Every limit, what would flip the answer, what was measured, and what is doubtful of one case.
fn details(case: &AnsweredCase) -> Vec<Block> {
    let verdict = case.verdict();
    let head = ["Limit", "Allows", "Needed", "What happens", "Sure", "Source"];
    let rows = verdict.checks.iter().map(|check| {
        Row::plain(vec![
            check.limit.title.clone(),
            format!("{} of {}", size(check.limit.bytes), check.limit.counts.title()),
            needed(check),
            outcome(check),
            check.certainty.name().to_owned(),
            check.limit.source.text.clone(),
        ])
    });
    let mut blocks = vec![
        Block::Heading(2, case.title.clone()),
        Block::Text(format!("{}. {}", case.answer, verdict.reason)),
        Block::Heading(3, "Every limit".into()),
        Block::Table { head: head.map(str::to_owned).to_vec(), rows: rows.collect() },
    ];
    let others = other_states(verdict);
    if !others.is_empty() {
        blocks.push(Block::Text("In other states of the process:".into()));
        blocks.push(Block::List(others));
    }
    blocks.extend([Block::Heading(3, "What would flip the answer".into()), Block::List(case.flips.clone())]);
    if !verdict.inverse.fixes.is_empty() {
        blocks.push(Block::Heading(3, "What would make it run".into()));
        blocks.push(Block::List(
            verdict
                .inverse
                .fixes
                .iter()
                .map(|fix| {
                    let speed = fix
                        .expected_tokens_per_s
                        .map_or_else(String::new, |(low, high)| format!(", {low:.1} to {high:.1} tok/s"));
                    format!("{} ({}{speed})", fix.description, fix.leads_to())
                })
                .collect(),
        ));
    }
    blocks.push(Block::Heading(3, "What was measured near it".into()));
    if case.evidence.is_empty() {
        blocks.push(Block::Text(
            "Nothing among the measurements that were given. Measure before you rely on it.".into(),
        ));
    } else {
        let head = ["Measured", "Weights", "Predicted", "Result", "On", "Date"];
        let rows = case.evidence.iter().map(|line| {
            Row::plain(vec![
                line.what.clone(),
                line.weights.clone(),
                line.predicted.clone(),
                line.measured.clone(),
                line.device.clone(),
                line.date.clone(),
            ])
        });
        blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows: rows.collect() });
    }
    if !case.doubts.is_empty() {
        blocks.push(Block::Heading(3, "What is estimated or assumed".into()));
        blocks.push(Block::List(case.doubts.clone()));
    }
    blocks
}

fn outcome(check: &Check) -> String {
    match check.outcome {
        Outcome::Passes => "passes".into(),
        Outcome::PassesWithTablesOnStorage => "passes with tables left on storage".into(),
        Outcome::Slows { reread } => format!("slowed: {} read again for every token", size(reread.expected)),
        Outcome::Fails => check.limit.beyond.title().to_owned(),
    }
}
