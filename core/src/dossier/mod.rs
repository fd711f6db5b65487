//! A document for a decision: cases side by side, every limit with its source, what would flip the answer, what was
//! measured, what no prediction covers, and how to get each number again.
//!
//! A [`Request`] is what a person writes; a [`Dossier`] is the answer as data, which becomes HTML and Markdown.

mod blocks;
mod document;
mod evidence;
mod flips;
mod ordered;
mod page;
mod request;
mod risks;

pub use evidence::{Evidence, of_memory_run, of_speed_run};
pub use ordered::Ordered;
pub use request::{Case, Request};

use crate::device::Device;
use crate::feasibility::Assessment;
use crate::memory::{Offload, Scenario};
use crate::model::Model;
use crate::program::registry as programs;
use crate::report::{Query, Report, ReportError, arguments, parameter};
use serde::Serialize;
use std::fmt::Display;

/// Name and version of the schema.
pub const SCHEMA: &str = "dhurandhar.dossier/1";

/// Cases and their answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dossier {
    /// `dhurandhar.dossier/1`.
    pub schema: &'static str,
    /// Version of the tool, its formulas and its built-in models, devices and limits.
    pub tool_version: &'static str,
    /// What the document is called.
    pub title: String,
    /// The question that is to be decided.
    pub question: String,
    /// The day that it was computed, `YYYY-MM-DD`; empty where nobody says.
    pub date: String,
    /// The day from which on it should be computed again, as its author says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// The cases, in the order asked for.
    pub cases: Vec<AnsweredCase>,
    /// What no prediction covers: the author's own risks, then those of every prediction.
    pub risks: Vec<String>,
}

/// A case and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnsweredCase {
    /// What the case is called.
    pub title: String,
    /// The answer in words.
    pub answer: String,
    /// Inputs at which it would be another one.
    pub flips: Vec<String>,
    /// What of this case is estimated, assumed or not counted.
    pub doubts: Vec<String>,
    /// What was measured that is near it.
    pub evidence: Vec<Evidence>,
    /// The command line that prints it again.
    pub command: String,
    /// Parameters of the calculator's address; none for a model or device that it does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Everything that was predicted.
    pub report: Report,
}

/// A case that cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("case `{case}`: {problem}")]
pub struct CaseError {
    /// Its title.
    pub case: String,
    /// What is wrong, what was expected.
    pub problem: String,
}

impl Dossier {
    /// Answers a request. `model` and `device` find what it names; `measured` is everything that was measured, of which each
    /// case takes what is of its model on any device.
    ///
    /// # Errors
    /// The first case whose model, device, program or options cannot be used.
    pub fn new<E: Display>(
        request: &Request,
        model: impl Fn(&str) -> Result<Model, E>,
        device: impl Fn(&str) -> Result<Device, E>,
        measured: &[Evidence],
    ) -> Result<Self, CaseError> {
        let answered = |case: &Case| {
            let wrong = |problem: String| CaseError { case: case.title.clone(), problem };
            let of = model(&case.model).map_err(|error| wrong(error.to_string()))?;
            let on = device(&case.device).map_err(|error| wrong(error.to_string()))?;
            answer(case, &of, on, measured).map_err(wrong)
        };
        Ok(Self::with(request, request.cases.iter().map(answered).collect::<Result<_, _>>()?))
    }

    /// The document of cases that are answered.
    fn with(request: &Request, cases: Vec<AnsweredCase>) -> Self {
        Self {
            schema: SCHEMA,
            tool_version: env!("CARGO_PKG_VERSION"),
            title: request.title.clone(),
            question: request.question.clone(),
            date: request.date.clone().unwrap_or_default(),
            valid_until: request.valid_until.clone(),
            risks: risks::of_all(&request.risks),
            cases,
        }
    }

    /// Indented JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Markdown, with addresses of the calculator below `site`, where one is known.
    pub fn to_markdown(&self, site: Option<&str>) -> String {
        let title = blocks::Block::Heading(1, self.title.clone());
        let head = [title, document::question(self)];
        let all: Vec<_> = head.into_iter().chain(document::blocks(self, site)).collect();
        blocks::markdown(&all)
    }

    /// The body of a page that states title and question itself, with addresses of the calculator below `site`.
    pub fn to_html_body(&self, site: Option<&str>) -> String {
        blocks::html(&document::blocks(self, site))
    }

    /// The name of a heading in addresses.
    pub fn anchor(heading: &str) -> String {
        blocks::anchor(heading)
    }

    /// A page of its own that prints well on A4.
    pub fn to_html(&self, site: Option<&str>) -> String {
        let question = blocks::html(&[document::question(self)]);
        page::page(&self.title, &(question + &self.to_html_body(site)))
    }
}

impl AnsweredCase {
    /// The verdict of its only device.
    pub fn verdict(&self) -> &Assessment {
        // A case names one device, and its report has a verdict for each.
        &self.report.devices[0]
    }
}

/// The report of a case, then what can be said of it.
fn answer(case: &Case, model: &Model, device: Device, measured: &[Evidence]) -> Result<AnsweredCase, String> {
    let (report, device) = predicted(case, model, device)?;
    let scenario = report.scenario.clone();
    let linked = crate::model::registry::slugs().any(|known| known == case.model)
        && crate::device::registry::slugs().any(|known| known == case.device);
    let link = linked.then(|| {
        let choices = Query::write(model, &scenario);
        let separator = if choices.is_empty() { "" } else { "&" };
        format!("v=1&model={}&dev={}{separator}{choices}", case.model, case.device)
    });
    answered(case, report, &device, link, measured)
}

/// What can be said of a case and its report.
fn answered(
    case: &Case,
    report: Report,
    device: &Device,
    link: Option<String>,
    measured: &[Evidence],
) -> Result<AnsweredCase, String> {
    let verdict = report.devices.first().ok_or("no verdict; expected one device")?;
    Ok(AnsweredCase {
        title: case.title.clone(),
        answer: verdict.answer_in_words(),
        flips: flips::of(verdict, &report),
        doubts: risks::of_case(&report, device),
        evidence: evidence::near(measured, &report),
        command: command(case),
        link,
        report,
    })
}

/// The report of a case, and the device as its program finds it.
fn predicted(case: &Case, model: &Model, device: Device) -> Result<(Report, Device), String> {
    let pairs = case.options.iter().filter_map(|(option, value)| Some((parameter(option)?, value)));
    let query = Query::new(pairs.map(|(name, value)| (name.to_owned(), value.clone())));
    let mut scenario = Scenario::for_model(model);
    scenario.context_tokens = device.form.usual_context_tokens().min(model.architecture.max_context_tokens);
    if let Some(error) = query.apply(model, &mut scenario).first() {
        let option = case.options.iter().find(|(option, _)| parameter(option) == Some(error.name.as_str()));
        let name = option.map_or(error.name.as_str(), |(option, _)| option);
        return Err(format!("`{name}` is {:?}; expected {}", error.value, error.expected));
    }
    device.platform.check_state(scenario.state).map_err(|error| format!("`state`: {error}"))?;
    let on_gpu = matches!(scenario.offload, Offload::All | Offload::Layers(1..));
    if on_gpu && device.gpu.is_none() && device.more_gpus.is_empty() {
        return Err(format!("`gpu_layers`: layers on the GPU of {}, which has none", device.name));
    }
    let said = |error: ReportError| error.to_string();
    let Some(name) = &case.program else {
        let devices = [device];
        let report = Report::new(model, &scenario, &devices, 0.0).map_err(said)?;
        let report = report.explained(model, &devices).map_err(said)?;
        let [device] = devices;
        return Ok((report, device));
    };
    if case.options.iter().any(|(option, _)| option == "runtime") {
        return Err(format!(
            "`runtime` together with `program: {name}`; expected one of them, since a program has its runtime"
        ));
    }
    let program = programs::program(name).map_err(|error| error.to_string())?;
    let stated = case.options.iter().any(|(option, _)| option == "context_tokens");
    let context = stated.then_some(scenario.context_tokens);
    let change = |scenario: &mut Scenario| drop(query.apply(model, scenario));
    let devices = [program.permitted(&device)];
    let report = Report::by_program(model, program, &devices, 0.0, context, change).map_err(said)?;
    let report = report.explained(model, &devices).map_err(said)?;
    let [device] = devices;
    Ok((report, device))
}

/// The command that prints the case again.
fn command(case: &Case) -> String {
    let mut words =
        vec!["--model".to_owned(), case.model.clone(), "--device".to_owned(), case.device.clone()];
    words.extend(case.program.iter().flat_map(|program| ["--program".to_owned(), program.clone()]));
    words.extend(case.options.iter().flat_map(|(option, value)| arguments(option, value)));
    let quoted = |word: &String| {
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+".contains(c));
        if plain { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    let words: Vec<String> = words.iter().map(quoted).collect();
    format!("dhurandhar analyze-ple {}", words.join(" "))
}

#[cfg(test)]
mod tests;
