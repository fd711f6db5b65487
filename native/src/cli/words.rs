//! The words of the command line, and what is said of those that cannot be read.

use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory, FromArgMatches};

/// What the standard library says of a number, and what was expected instead.
const EXPECTED: [(&str, &str); 5] = [
    ("invalid digit found in string", "expected a whole number of 0 or more"),
    ("cannot parse integer from empty string", "expected a whole number of 0 or more"),
    ("number too large to fit in target type", "expected a smaller whole number"),
    ("invalid float literal", "expected a number, with a point for decimals"),
    ("cannot parse float from empty string", "expected a number"),
];

/// The program's own words, or an end with an error that says what was expected.
pub(crate) fn read<T: CommandFactory + FromArgMatches>() -> T {
    let read = signed(T::command()).try_get_matches().and_then(|matches| T::from_arg_matches(&matches));
    read.unwrap_or_else(|error| {
        let text = error.to_string();
        match explained(&text) {
            Some(text) if error.kind() == ErrorKind::ValueValidation => {
                eprint!("{text}");
                std::process::exit(2)
            }
            _ => error.exit(),
        }
    })
}

/// Numbers below zero are values, not options, so that the option they are given to says what it expects.
fn signed(command: Command) -> Command {
    let value =
        |arg: Arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg };
    command.mut_args(value).mut_subcommands(signed)
}

fn explained(text: &str) -> Option<String> {
    let (found, expected) = EXPECTED.iter().find(|(found, _)| text.contains(found))?;
    Some(text.replacen(found, expected, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Cli;

    #[test]
    fn numbers_below_zero_and_no_numbers_are_answered_by_their_option() {
        let asked = |words: &str| {
            let words = std::iter::once("dhurandhar").chain(words.split(' '));
            signed(Cli::command()).try_get_matches_from(words).unwrap_err().to_string()
        };
        let error = asked("analyze-ple --model a --gpu-layers -1");
        assert!(error.contains("--gpu-layers") && error.contains("expected"), "{error}");
        let error = asked("analyze-ple --model a --ubatch -1");
        assert!(
            explained(&error).unwrap().contains("'--ubatch <UBATCH>': expected a whole number"),
            "{error}"
        );
        let error = asked("limits --os ios --ram 6,5");
        assert!(explained(&error).unwrap().contains("expected a number, with a point"), "{error}");
    }
}
