//! `recommend`, and the short answer of the program alone: which models to run.

use crate::cli::output::{self, count, mib, wrapped};
use crate::inputs::{self, this_machine};
use crate::{bad_input, machine};
use clap::Args;
use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::{Recommendation, Task, Wish, recommend};
use std::process::ExitCode;

/// Models that are named.
const COUNT: usize = 5;

/// Options of `recommend`.
#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// What the model is for: chat, code or embed
    #[arg(long, default_value = "chat", value_parser = task)]
    task: Task,
    /// Least expected speed, tokens a second [default: as fast as people read for chat, 15 for code]
    #[arg(long, alias = "target-tps", value_name = "TPS", allow_negative_numbers = true)]
    min_tps: Option<f64>,
    /// Tokens that one conversation can hold [default: 4096 on phones and boards, 8192 on computers]
    #[arg(long)]
    context_tokens: Option<u64>,
    /// Built-in device, YAML file, or `this` for this machine
    #[arg(long, default_value = this_machine::NAME)]
    device: String,
    /// Number of models, each of another family
    #[arg(long, value_name = "N", default_value_t = COUNT, value_parser = one_to_hundred)]
    count: usize,
}

fn task(text: &str) -> Result<Task, &'static str> {
    let found = Task::NAMES.iter().find(|(name, _)| *name == text);
    found.map(|(_, task)| *task).ok_or("expected chat, code or embed")
}

fn one_to_hundred(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|count| (1..=100).contains(count)).ok_or("expected 1 to 100")
}

impl RecommendArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let tokens_per_s = self.min_tps.unwrap_or_else(|| self.task.usual_tokens_per_s());
        if !tokens_per_s.is_finite() || tokens_per_s < 0.0 {
            return Err(bad_input(format!(
                "`--min-tps` is {tokens_per_s}; expected a speed of 0 or more tokens a second"
            )));
        }
        if self.context_tokens == Some(0) {
            return Err(bad_input("`--context-tokens` is 0; expected at least 1"));
        }
        let wish = Wish { task: self.task, tokens_per_s, context_tokens: self.context_tokens };
        let device = inputs::device::load(&self.device)?;
        let found = recommend(&device, &wish, self.count);
        let mut text = format!("For {} on {}\n\n", self.task.name(), device.title);
        if found.is_empty() {
            text += &wrapped(&nothing(&wish), "");
        } else {
            text += &table(&found);
            for one in &found {
                text += &format!("\n{}\n{}", one.title, wrapped(&format!("{}.", one.reason(&wish)), "  "));
            }
            text += "\n";
            text += &wrapped(
                "Quality: unknown. No profile states it; models come by their number of parameters, one a family.",
                "",
            );
        }
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn nothing(wish: &Wish) -> String {
    let context = wish
        .context_tokens
        .map_or(String::new(), |tokens| format!(" and a context of {} tokens", count(tokens)));
    let less =
        if wish.context_tokens.is_some() { "--min-tps or fewer --context-tokens" } else { "--min-tps" };
    format!(
        "No built-in model stays in memory with {} expected tok/s{context}. `dhurandhar recommend` with a lower {less} asks for less.",
        wish.tokens_per_s
    )
}

fn table(found: &[Recommendation]) -> String {
    let header = ["Model", "Format", "Weights MiB", "Context", "tok/s", "Expected"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|one| {
        let speed = one.outlook.decode_tokens_per_s;
        // The choice is made by the expected speed, which a range alone does not show.
        let (range, expected) = speed.map_or(("unknown".to_owned(), String::new()), |speed| {
            let digits = usize::from(speed.high < 10.0);
            (
                format!("{:.digits$}-{:.digits$}", speed.low, speed.high),
                format!("{:.digits$}", speed.expected),
            )
        });
        vec![
            one.model.clone(),
            one.format.to_string(),
            mib(one.weight_bytes),
            count(one.outlook.context_tokens),
            range,
            expected,
        ]
    }));
    output::columns(&[2, 3, 4, 5], &rows).join("\n") + "\n"
}

/// The answer of the program without a command: this machine, what to run on it, and how to go on.
pub(crate) fn overview() -> anyhow::Result<ExitCode> {
    let device = this_machine::device()?;
    let mut wish =
        Wish { task: Task::Chat, tokens_per_s: Task::Chat.usual_tokens_per_s(), context_tokens: None };
    if device.dram_bandwidth_gb_per_s.is_none() {
        wish.tokens_per_s = 0.0;
    }
    let found = recommend(&device, &wish, COUNT);
    let mut text = wrapped(&line(&device), "");
    text += "\n";
    text += &if found.is_empty() { wrapped(&nothing(&wish), "") } else { table(&found) };
    let first = found.first().map_or("qwen3-0.6b", |one| one.model.as_str());
    text += &format!(
        "\ndhurandhar analyze-ple --model {first}    why, and what would change it\n\
         dhurandhar machine --measure    measure its memory, processor and storage\n\
         dhurandhar --help    everything else\n"
    );
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// This machine in a line.
fn line(device: &Device) -> String {
    let mut parts = vec![device.title.clone()];
    parts.extend(device.ram_mib.map(|mib| format!("{} MiB", count(mib))));
    parts.extend(device.cgroup_mib.map(|mib| format!("limited to {} MiB by its control group", count(mib))));
    parts.extend(device.gpu.as_ref().map(|gpu| gpu.title.clone()));
    if let Some(speed) = device.dram_bandwidth_gb_per_s {
        let how = device.sources.get("dram_bandwidth_gb_per_s").map(|source| source.kind);
        let how = if how == Some(dhurandhar_core::device::SourceKind::Measured) {
            "measured"
        } else {
            "at a glance"
        };
        parts.push(format!("{speed:.0} GB/s of memory {how}"));
    } else {
        parts.push("speed of memory not known: too much else runs".to_owned());
    }
    parts.extend(machine::surroundings::inside().map(|inside| format!("inside {inside}")));
    parts.join(", ")
}
