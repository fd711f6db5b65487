//! `man`: the manual page.

use crate::cli::output;
use std::process::ExitCode;

/// Print the manual page.
pub(crate) fn run(command: clap::Command) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    output::print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
