//! `dossier`: cases side by side, as a document for a decision.

use crate::cli::{files, output};
use crate::{bad_input, inputs};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use dhurandhar_core::dossier::{Dossier, Evidence, Request, of_memory_run, of_speed_run};
use dhurandhar_core::measurement::{Kind, Measurement as _, MemoryValidation, SpeedRun};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `dossier`.
#[derive(Debug, Args)]
pub(crate) struct DossierArgs {
    /// Question and cases (YAML); docs/dossier on the site shows one
    #[arg(value_name = "CASES.YAML")]
    cases: PathBuf,
    /// Form of the document [default: by the ending of --output, markdown without one]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the document to this file instead of printing it
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Results of `validate-memory` or `bench` (JSON), or a folder of them, to compare with the predictions; may be repeated
    #[arg(long, value_name = "PATH")]
    measured: Vec<PathBuf>,
    /// Address of a site with the calculator, for links to it
    #[arg(long, value_name = "URL")]
    site: Option<String>,
}

/// Form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page of its own that prints well on A4
    Html,
    /// Markdown
    Markdown,
    /// Everything as data
    Json,
}

impl DossierArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let name = self.cases.display().to_string();
        let text = std::fs::read_to_string(&self.cases).with_context(|| format!("cannot read {name}"))?;
        let request = Request::from_yaml(&name, &text).map_err(bad_input)?;
        let mut evidence = Vec::new();
        for path in &self.measured {
            evidence.extend(measured(path)?);
        }
        // An error without its causes would lose what was wrong with a file.
        let model = |name: &str| inputs::model::load(name).map_err(|error| format!("{error:#}"));
        let device = |name: &str| inputs::device::load(name).map_err(|error| format!("{error:#}"));
        let dossier = Dossier::new(&request, model, device, &evidence)
            .map_err(|error| bad_input(format!("{name}: {error}")))?;
        let site = self.site.as_deref();
        let document = match self.format()? {
            Format::Html => dossier.to_html(site),
            Format::Markdown => dossier.to_markdown(site),
            Format::Json => dossier.to_json(),
        };
        match &self.output {
            Some(path) => files::save(path, &document)?,
            None => output::print(&document)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn format(&self) -> anyhow::Result<Format> {
        let ending = self.output.as_ref().and_then(|path| path.extension()?.to_str());
        Ok(match (self.format, ending) {
            (Some(format), _) => format,
            (None, Some("html" | "htm")) => Format::Html,
            (None, Some("json")) => Format::Json,
            (None, Some("md" | "markdown")) => Format::Markdown,
            (None, _) if self.output.is_none() => Format::Markdown,
            (None, _) => {
                return Err(bad_input(
                    "`--output` without a known ending; expected .html, .md or .json, or --format",
                ));
            }
        })
    }
}

/// What a file says, or every JSON file of a folder; other kinds of results have nothing for a dossier.
fn measured(path: &Path) -> anyhow::Result<Vec<Evidence>> {
    if path.is_dir() {
        let listed = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut inside: Vec<PathBuf> =
            listed.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        inside.retain(|path| path.is_dir() || path.extension().is_some_and(|ending| ending == "json"));
        inside.sort();
        if inside.is_empty() {
            return Err(bad_input(format!(
                "{}: no JSON file in it; expected those of measurements",
                path.display()
            )));
        }
        let all: anyhow::Result<Vec<_>> = inside.iter().map(|path| measured(path)).collect();
        return Ok(all?.into_iter().flatten().collect());
    }
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let wrong = |error: dhurandhar_core::measurement::MeasurementError| bad_input(format!("{name}: {error}"));
    let kind = Kind::of(&text).map_err(wrong)?;
    if kind.name == MemoryValidation::KIND.name {
        return Ok(of_memory_run(&MemoryValidation::read(&text).map_err(wrong)?));
    }
    if kind.name == SpeedRun::KIND.name {
        return Ok(of_speed_run(&SpeedRun::read(&text).map_err(wrong)?));
    }
    Ok(Vec::new())
}
