//! How well verdicts held in runs under limits: outcomes, the places of cliffs, and what is read again.

use super::{RunOutcome, VerdictCase, VerdictRun, VerdictValidation, median};

/// Judgement of a set of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerdictSummary {
    /// Runs with a prediction.
    pub runs: usize,
    /// Those whose outcome was predicted.
    pub right: usize,
    /// Places of cliffs, one for each case that was seen on both sides.
    pub cliffs: Vec<Cliffs>,
    /// Re-reads of dense weights: predicted over measured less one.
    pub dense: Rereads,
    /// The same of experts.
    pub experts: Rereads,
}

/// The limit at which a case begins to read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cliffs {
    /// The case.
    pub case: VerdictCase,
    /// As predicted, bytes.
    pub predicted: u64,
    /// Highest limit under which it was slowed, bytes.
    pub slowed: u64,
    /// Lowest limit above that with which it ran at full speed, bytes.
    pub full: u64,
}

/// Errors of re-read bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rereads {
    /// Predicted over measured, less one, for runs that were slowed as predicted.
    pub errors: Vec<f64>,
    /// Measured figures that lay in the predicted interval, widened by a tenth for read-ahead.
    pub within: usize,
}

impl Cliffs {
    /// How far the prediction is outside the two measured limits, as a share of itself; 0 between them.
    pub fn error(&self) -> f64 {
        let nearest = self.predicted.clamp(self.slowed.min(self.full), self.full);
        (self.predicted as f64 - nearest as f64) / self.predicted.max(1) as f64
    }
}

impl Rereads {
    /// Median of the errors' sizes.
    pub fn median(&self) -> Option<f64> {
        median(&self.errors.iter().map(|error| error.abs()).collect::<Vec<_>>())
    }

    /// Errors of at most `share`.
    pub fn below(&self, share: f64) -> usize {
        self.errors.iter().filter(|error| error.abs() <= share).count()
    }
}

impl VerdictValidation {
    /// The cases, in the order of the rows.
    pub fn cases(&self) -> Vec<&VerdictCase> {
        let mut cases: Vec<&VerdictCase> = Vec::new();
        for row in &self.rows {
            if !cases.contains(&&row.case) {
                cases.push(&row.case);
            }
        }
        cases
    }

    /// Every figure that tells how far the predictions are from these runs.
    pub fn summary(&self) -> VerdictSummary {
        let mut summary = VerdictSummary::default();
        for row in &self.rows {
            let Some(predicted) = row.prediction() else { continue };
            summary.runs += 1;
            summary.right += usize::from(predicted.outcome == row.outcome());
            let slowed = RunOutcome::Slowed;
            let (Some(steady), true) =
                (row.steady_bytes(), predicted.outcome == slowed && row.outcome() == slowed)
            else {
                continue;
            };
            let dense = row.case.needs().is_none_or(|needs| needs.expert_file_bytes == 0);
            let rereads = if dense { &mut summary.dense } else { &mut summary.experts };
            let (low, expected, high) = predicted.reread_bytes;
            rereads.errors.push(expected as f64 / steady.max(1) as f64 - 1.0);
            rereads.within += usize::from((low / 10 * 9..=high / 10 * 11).contains(&steady));
        }
        summary.cliffs = self.cases().into_iter().filter_map(|case| self.cliff(case)).collect();
        summary
    }

    /// Where a case's cliff lies; mixtures have none.
    fn cliff(&self, case: &VerdictCase) -> Option<Cliffs> {
        let needs = case.needs().filter(|needs| needs.expert_file_bytes == 0)?;
        let runs = || self.rows.iter().filter(|row| row.case == *case);
        let under = |outcome, row: &&VerdictRun| row.outcome() == outcome;
        let slowed =
            runs().filter(|row| under(RunOutcome::Slowed, row)).filter_map(|row| row.limit_bytes).max()?;
        let full = runs()
            .filter(|row| under(RunOutcome::FullSpeed, row))
            .filter_map(|row| row.limit_bytes)
            .filter(|limit| *limit > slowed)
            .min()?;
        Some(Cliffs { case: case.clone(), predicted: needs.hot().bytes, slowed, full })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cliff_between_two_limits_has_no_error() {
        let case = VerdictCase {
            model: "smollm2-135m".into(),
            weights: "q4_0".into(),
            context_tokens: 1024,
            kv: "f16".into(),
            ubatch: 128,
            prompt_tokens: 128,
            decoded_tokens: 8,
            policy: "llama-cpp".into(),
            slots: 1,
            load: "mmap".into(),
            repack: true,
            lazy_table: false,
            threads: 1,
            processor: "avx2".into(),
        };
        let at = |predicted| Cliffs { case: case.clone(), predicted, slowed: 900, full: 950 }.error();
        assert_eq!((at(920), at(1000), at(800)), (0.0, 0.05, -0.125));
        let rereads = Rereads { errors: vec![0.1, -0.3, 0.02], within: 2 };
        assert_eq!((rereads.median(), rereads.below(0.15)), (Some(0.1), 2));
    }
}
