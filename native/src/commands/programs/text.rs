//! Programs as a list, and one of them whole.

use crate::cli::output::{table, wrapped};
use dhurandhar_core::leaf::first_up;
use dhurandhar_core::program::Program;

/// Every program in a line.
pub(crate) fn list(programs: &[&Program]) -> String {
    let systems = |program: &Program| {
        if program.systems.is_empty() {
            return "all".to_owned();
        }
        program.systems.iter().map(|system| system.title()).collect::<Vec<_>>().join(", ")
    };
    let row = |program: &&Program| {
        vec![
            program.name.clone(),
            program.version.clone(),
            program.runtime.name().to_owned(),
            systems(program),
        ]
    };
    let mut text =
        table(&["Program", "Version", "Rules of", "Systems"], &[], programs.iter().map(row).collect());
    text += "\n";
    text += &wrapped(
        "`dhurandhar programs NAME` shows what one chooses; `analyze-ple --program NAME --device DEVICE` computes it.",
        "",
    );
    text
}

/// A program with its choices.
pub(crate) fn one(program: &Program) -> String {
    let mut text = wrapped(
        &format!("{} ({}), by the rules of {}", program.title, program.version, program.runtime.title()),
        "",
    );
    text += "\n";
    let mut say = |condition: &str, choices: Vec<String>, note: &str| {
        let choices = if choices.is_empty() { "as the runtime does".to_owned() } else { choices.join(", ") };
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        text += &wrapped(&format!("{condition}: {choices}{note}"), "  ");
    };
    say("When nothing is said", program.choices.in_words(), "");
    for variant in &program.variants {
        say(&first_up(&variant.condition()), variant.choices.in_words(), &variant.note);
    }
    if !program.note.is_empty() {
        text += "\n";
        text += &wrapped(&program.note, "");
    }
    text += &wrapped(&format!("Source: {} ({})", program.source, program.confidence.title()), "");
    text
}
