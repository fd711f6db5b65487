//! A verdict's reason, in a sentence or two.

use super::check::{Certainty, Check, Outcome};
use super::fit::Mode;
use crate::device::{Beyond, SourceKind};
use crate::leaf::first_up;
use crate::leaf::number::{padded, plain};
use crate::memory::Scenario;
use crate::speed::Ceilings;

/// Why the scenario runs as `mode` says, by the first of the checks, which decides; `storage` has the fewest and the most
/// tokens a second that what is read again allows, where the target lies between them.
pub(super) fn reason(
    checks: &[Check],
    mode: Mode,
    certainty: Certainty,
    storage: Option<(f64, f64)>,
    speed: &Ceilings,
    scenario: &Scenario,
) -> String {
    let Some(check) = checks.first() else { return String::new() };
    let target = plain(scenario.target_tokens_per_s);
    let limit = format!("{} ({})", first_up(&check.limit.title), known(check));
    let mut text = match mode {
        Mode::Resident => format!("Fits in memory. {limit}: {}.", check.text),
        Mode::Mmap if matches!(check.outcome, Outcome::Slows { .. }) => format!(
            "Fits with part of the weights left on storage. {limit}: {}; storage allows {} tok/s.",
            check.text,
            padded(speed.reread_tokens_per_s.unwrap_or(0.0), 1)
        ),
        Mode::Mmap if speed.stall_s_worst > 0.0 => format!(
            "Fits with tables left on storage. {limit}: {}; a row that is not cached costs {} ms.",
            check.text,
            padded(speed.stall_s_worst * 1e3, 2)
        ),
        Mode::Mmap => format!("Fits with tables left on storage. {limit}: {}.", check.text),
        Mode::Infeasible => match check.outcome {
            Outcome::Fails if check.limit.beyond == Beyond::Spills => {
                format!("Beyond the card, at a speed that is not known. {limit}: {}.", check.text)
            }
            Outcome::Fails if check.limit.beyond == Beyond::Throttles => {
                format!("Held back, at a speed that is not known. {limit}: {}.", check.text)
            }
            Outcome::Fails => format!("Does not run. {limit}: {}.", check.text),
            Outcome::Slows { .. } => format!(
                "Too slow for the target of {target} tok/s. {limit}: {}: about {} tok/s from storage.",
                check.text,
                padded(speed.reread_tokens_per_s.unwrap_or(0.0), 2)
            ),
            _ => format!(
                "Too slow for the target of {target} tok/s. {limit}: {}, but rows from storage allow {}.",
                check.text,
                padded(speed.flash_tokens_per_s.unwrap_or(0.0), 1)
            ),
        },
    };
    if let Some((low, high)) = storage {
        let (low, high) = (padded(low, 1), padded(high, 1));
        text += &format!(" It may be {low} to {high}, on either side of {target}: measure before deciding.");
    } else if certainty == Certainty::Borderline {
        text += " The limit lies within the prediction's interval: measure before deciding.";
    }
    text
}

/// How the limit is known, in a word or two.
fn known(check: &Check) -> &'static str {
    match check.limit.source.kind {
        SourceKind::Estimate => "an estimate",
        SourceKind::Published => "published",
        SourceKind::SpecSheet => "data sheet",
        SourceKind::SecondHand => "second hand",
        SourceKind::Measured => "measured",
        SourceKind::Stated => "as stated",
    }
}
