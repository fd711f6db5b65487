use super::*;
use crate::device::registry as devices;
use crate::feasibility::Outcome;
use crate::model::registry as models;

const CASES: &str = "\
title: Gemma 4 E2B on 6 GB phones
question: Can the app ship with the 4-bit file?
date: 2026-11-29
risks: [The phone's maker changes its background rules.]
cases:
  - title: As shipped
    model: gemma4-e2b
    device: galaxy-a16-6gb
    weights: q4_0
    context_tokens: 8192
  - title: Without a packed copy
    model: gemma4-e2b
    device: galaxy-a16-6gb
    weights: q4_0
    context_tokens: 8192
    repack: false
  - title: As PocketPal runs it
    model: gemma4-e2b
    device: galaxy-a16-6gb
    program: pocketpal
";

fn dossier(text: &str) -> Result<Dossier, String> {
    let request = Request::from_yaml("cases.yaml", text).map_err(|error| error.to_string())?;
    let model = |name: &str| models::model(name).map_err(|error| error.to_string());
    let device = |name: &str| devices::device(name).map_err(|error| error.to_string());
    Dossier::new(&request, model, device, &[]).map_err(|error| error.to_string())
}

#[test]
fn a_case_is_the_report_that_the_command_line_prints() {
    let dossier = dossier(CASES).unwrap();
    let [shipped, unpacked, program] = dossier.cases.as_slice() else { panic!("{dossier:?}") };
    assert_eq!(
        unpacked.command,
        "dhurandhar analyze-ple --model gemma4-e2b --device galaxy-a16-6gb --context-tokens 8192 --weights q4_0 --no-repack"
    );
    assert!(program.command.ends_with("--program pocketpal"), "{}", program.command);
    assert_eq!(shipped.link.as_deref(), Some("v=1&model=gemma4-e2b&dev=galaxy-a16-6gb&ctx=8192&w=q4_0"));
    assert_eq!(program.report.program.as_ref().map(|by| by.name.as_str()), Some("pocketpal"));
    let anonymous = |case: &AnsweredCase| case.verdict().needs.anonymous.bytes;
    assert!(anonymous(unpacked) < anonymous(shipped));
    let model = models::model("gemma4-e2b").unwrap();
    let mut scenario = Scenario::for_model(&model);
    (scenario.context_tokens, scenario.weights) =
        (8192, crate::weights::WeightFormat::parse("q4_0").unwrap());
    let device = [devices::device("galaxy-a16-6gb").unwrap()];
    let report = Report::new(&model, &scenario, &device, 0.0).unwrap().explained(&model, &device).unwrap();
    assert_eq!(shipped.report, report);
}

/// Every threshold holds: at its bytes the limit passes, one MiB below it does not.
#[test]
fn the_answer_flips_where_the_document_says() {
    let found = dossier(CASES).unwrap();
    for case in &found.cases {
        let check = case.verdict().decisive();
        let needs = &case.verdict().needs;
        let at = |bytes: u64| crate::device::Limit { bytes, ..check.limit.clone() };
        assert!(Outcome::of(&at(check.runs_from_bytes), needs).passes(), "{}", case.title);
        assert!(!Outcome::of(&at(check.runs_from_bytes - (1 << 20)), needs).passes(), "{}", case.title);
    }
    let with = |tokens: u64| {
        let text = CASES.replacen("model: gemma4-e2b", "model: llama-3.2-1b", 1).replacen(
            "context_tokens: 8192",
            &format!("context_tokens: {tokens}"),
            1,
        );
        dossier(&text).unwrap().cases.remove(0).report.devices.remove(0)
    };
    let longest = with(8192).inverse.longest_context_tokens.unwrap();
    assert_ne!(with(longest).mode, crate::feasibility::Mode::Infeasible);
    assert_eq!(with(longest + 4096).mode, crate::feasibility::Mode::Infeasible);
}

#[test]
fn the_document_says_question_answers_limits_flips_and_commands() {
    let dossier = dossier(CASES).unwrap();
    let (markdown, html) = (dossier.to_markdown(Some("https://example.org/site")), dossier.to_html(None));
    for text in [&markdown, &html] {
        for part in [
            "Can the app ship",
            "As shipped",
            "What would flip the answer",
            "--no-repack",
            "2026-11-29",
            "Heat",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }
    assert!(markdown.starts_with("# Gemma 4 E2B on 6 GB phones\n\nQuestion: Can the app ship"), "{markdown}");
    assert!(markdown.contains(
        "(https://example.org/site/calculator/?v=1&model=gemma4-e2b&dev=galaxy-a16-6gb&ctx=8192&w=q4_0)"
    ));
    assert!(html.contains("size: A4") && !html.contains("calculator/?"));
    let value: serde_json::Value = serde_json::from_str(&dossier.to_json()).unwrap();
    assert_eq!((value["schema"].as_str(), value["cases"].as_array().unwrap().len()), (Some(SCHEMA), 3));
}

#[test]
fn bad_cases_are_named() {
    let wrong = |from: &str, to: &str| dossier(&CASES.replacen(from, to, 1)).unwrap_err();
    for (from, to, expected) in [
        ("galaxy-a16-6gb", "galaxy-a16-7gb", "case `As shipped`: no built-in device"),
        (
            "context_tokens: 8192",
            "context_tokens: 0",
            "case `As shipped`: `context_tokens` is \"0\"; expected a whole number",
        ),
        ("weights: q4_0", "weihgts: q4_0", "unknown field `cases[0].weihgts`; did you mean `weights`?"),
        (
            "weights: q4_0",
            "weights: [q4_0]",
            "cases.yaml:9: field `cases[0].weights` is a list of 1; expected one value",
        ),
        ("title: Without a packed copy", "title: As shipped", "two cases called \"As shipped\""),
        ("2026-11-29", "29.11.2026", "expected a day as YYYY-MM-DD"),
        (
            "program: pocketpal",
            "program: pocketpal\n    runtime: llama-cpp",
            "`runtime` together with `program: pocketpal`",
        ),
        ("program: pocketpal", "program: pocketpla", "pocketpal"),
    ] {
        let error = wrong(from, to);
        assert!(error.contains(expected), "{error}");
    }
    let empty = dossier("title: T\nquestion: Q\n").unwrap_err();
    assert_eq!(empty, "cases.yaml:1: field `cases` is missing; expected a list of at least one case");
}
