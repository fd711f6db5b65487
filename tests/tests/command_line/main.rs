//! The command line as a user meets it: answers, formats, exit codes and messages.

mod analysis;
mod codecs;
mod first_release;
mod machines;
mod refusals;
