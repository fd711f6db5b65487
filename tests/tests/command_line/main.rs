//! The command line as a user meets it: answers, formats, exit codes and messages.

mod analysis;
mod codecs;
mod first_release;
mod machines;
mod refusals;

use dhurandhar_tests::program::run;
use std::process::Output;

fn answer(arguments: &[&str]) -> String {
    let output = run(arguments).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output: Output = run(arguments).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty(), "half an answer before the refusal");
    String::from_utf8(output.stderr).unwrap()
}
