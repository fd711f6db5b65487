//! Learning-rate schedules: warm-up from zero, then constant, linear or cosine.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// What follows the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Half a cosine down to zero.
    Cosine,
    /// A straight line down to zero.
    Linear,
    /// The peak rate to the end.
    Constant,
}

/// A learning rate by step, as transformers' `get_*_schedule_with_warmup` compute it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Schedule {
    /// Shape after the warm-up.
    pub kind: ScheduleKind,
    /// Highest rate.
    pub peak: f64,
    /// Steps of warm-up.
    pub warmup: u64,
    /// Steps in all.
    pub steps: u64,
}

impl Schedule {
    /// Rate of a step, counted from 1. The first step of a warm-up has rate zero, as in transformers.
    pub fn rate(&self, step: u64) -> f64 {
        let done = step.saturating_sub(1);
        if done < self.warmup {
            return self.peak * done as f64 / self.warmup as f64;
        }
        let left = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let share = ((done - self.warmup) as f64 / left).min(1.0);
        self.peak
            * match self.kind {
                ScheduleKind::Cosine => 0.5 * (1.0 + (PI * share).cos()),
                ScheduleKind::Linear => 1.0 - share,
                ScheduleKind::Constant => 1.0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let of = |kind| Schedule { kind, peak: 2.0, warmup: 4, steps: 12 };
        for kind in [ScheduleKind::Cosine, ScheduleKind::Linear, ScheduleKind::Constant] {
            let schedule = of(kind);
            assert!(schedule.rate(1).abs() < 1e-12 && (schedule.rate(3) - 1.0).abs() < 1e-12);
            assert!((schedule.rate(5) - 2.0).abs() < 1e-12);
        }
        assert!((of(ScheduleKind::Cosine).rate(9) - 1.0).abs() < 1e-12);
        assert!((of(ScheduleKind::Linear).rate(7) - 1.5).abs() < 1e-12);
        assert!(of(ScheduleKind::Cosine).rate(13).abs() < 1e-12);
        assert!((of(ScheduleKind::Constant).rate(12) - 2.0).abs() < 1e-12);
    }
}
