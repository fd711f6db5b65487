//! A verdict in the words in which people answer: yes, yes but, no.

use super::check::Certainty;
use super::fit::Mode;
use super::verdict::Assessment;
use crate::leaf::named;
use serde::Serialize;

/// The answer to "does it run there?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// In memory, and it can reach the target speed.
    Yes,
    /// At the target speed, with part of the weights left on storage.
    FromStorage,
    /// It runs, but not at the target speed, even at best.
    Slow,
    /// It is ended, or so slow that it does not count.
    No,
}

named!(Answer { Yes "Yes", FromStorage "Yes, but from storage", Slow "Yes, but slow", No "No" });

impl Assessment {
    /// The verdict as an answer.
    pub fn answer(&self) -> Answer {
        match (self.mode, self.meets_target) {
            (Mode::Infeasible, _) => Answer::No,
            (_, Some(false)) => Answer::Slow,
            (Mode::Mmap, _) => Answer::FromStorage,
            (Mode::Resident, _) => Answer::Yes,
        }
    }

    /// The answer with the doubt that it leaves: `Yes`, `Yes, likely`, `No, borderline: measure`.
    pub fn answer_in_words(&self) -> String {
        let answer = self.answer().name();
        match self.certainty {
            Certainty::Certain => answer.to_owned(),
            Certainty::Likely => format!("{answer}, likely"),
            Certainty::Borderline => format!("{answer}, borderline: measure"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::memory::Scenario;
    use crate::model::registry as models;
    use crate::report::Report;

    fn answered(model: &str, device: &str, target_tokens_per_s: f64) -> Assessment {
        let model = models::model(model).unwrap();
        let device = devices::device(device).unwrap();
        let scenario = Scenario { context_tokens: 4096, target_tokens_per_s, ..Scenario::for_model(&model) };
        Report::new(&model, &scenario, &[device], 0.0).unwrap().devices.remove(0)
    }

    #[test]
    fn an_answer_is_yes_yes_but_or_no() {
        assert_eq!(answered("llama-3.2-1b", "iphone-16-pro", 5.0).answer(), Answer::Yes);
        assert_eq!(answered("llama-3.2-1b", "iphone-16-pro", 5000.0).answer(), Answer::Slow);
        assert_eq!(answered("llama-3.1-8b", "raspberry-pi-5-4gb", 5.0).answer(), Answer::No);
        assert!(answered("llama-3.2-1b", "iphone-16-pro", 5.0).answer_in_words().starts_with("Yes"));
    }
}
