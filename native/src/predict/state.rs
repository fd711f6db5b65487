//! The state of a process as an argument.

use dhurandhar_core::device::State;

/// Reads `foreground`, `service` or `background`.
pub(super) fn parse(text: &str) -> Result<State, String> {
    let found = State::NAMES.iter().find(|(name, _)| *name == text);
    found.map(|(_, state)| *state).ok_or_else(|| "expected foreground, service or background".to_owned())
}
