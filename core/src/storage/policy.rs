//! The verdict: what the table adds to a token, to the first token and to memory, against a versioned policy.

use crate::leaf::named;
use crate::leaf::wire::wire_enum;
use serde::{Deserialize, Serialize};

/// Outcome, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum VerdictResult {
    /// Within every pass limit.
    Pass,
    /// Within every warn limit.
    Warn,
    /// Beyond a warn limit.
    Fail,
    /// The figures do not support a verdict.
    Invalid,
}

named!(VerdictResult { Pass "PASS", Warn "WARN", Fail "FAIL", Invalid "INVALID" });

/// Limits by version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// Which limits these are.
    pub version: String,
    /// Mean stall, share of a token: pass and warn.
    pub stall_mean: (f64, f64),
    /// 99th-percentile stall, share of a token: pass and warn.
    pub stall_p99: (f64, f64),
    /// Time added to the first token, seconds: pass and warn.
    pub prefill_s: (f64, f64),
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: "2026.1".to_owned(),
            stall_mean: (0.02, 0.10),
            stall_p99: (0.10, 0.50),
            prefill_s: (0.2, 1.0),
        }
    }
}

/// One compared figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Criterion {
    /// What is compared.
    pub name: String,
    /// The figure; `null` when it was not measured.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Largest value that passes.
    pub pass_limit: f64,
    /// Largest value that only warns.
    pub warn_limit: f64,
    /// Outcome; `null` when not measured.
    pub result: Option<VerdictResult>,
    /// Where the figure comes from.
    pub source: String,
}

/// Name of the criterion that sets the decoder's memory with the table's pages beside the budget.
pub const MEMORY_CRITERION: &str = "memory with the decoder";

/// What the policy looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyInputs {
    /// Decode speed to hold, tokens a second.
    pub target_tps: f64,
    /// Mean stall of the decisive configuration, microseconds.
    pub stall_mean_us: Option<f64>,
    /// Its 99th percentile, microseconds.
    pub stall_p99_us: Option<f64>,
    /// The decisive configuration.
    pub decode_source: String,
    /// Time added to the first token, seconds.
    pub prefill_s: Option<f64>,
    /// Where that comes from.
    pub prefill_source: String,
    /// Memory need over memory budget.
    pub memory_share: Option<f64>,
    /// The memory check's own outcome (a steady state within budget only warns).
    pub memory_result: Option<VerdictResult>,
    /// Where that comes from.
    pub memory_source: String,
    /// Every hard flag of the run, in words.
    pub hard_flags: Vec<String>,
}

/// The outcome with everything that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// Limits used.
    pub policy: Policy,
    /// Decode speed to hold, tokens a second.
    pub target_tps: f64,
    /// Outcome.
    pub result: VerdictResult,
    /// Compared figures.
    pub criteria: Vec<Criterion>,
    /// Why, in words, decisive reason first.
    pub reasons: Vec<String>,
}

/// The plain throughput gate: cold random decode against the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeedGate {
    /// `PASS`, `WARN`, `FAIL` or `UNKNOWN`.
    pub result: String,
    /// Decode speed to hold, tokens a second.
    pub target_tps: f64,
    /// Cold fetches a second.
    pub cold_tps: Option<f64>,
    /// Warm fetches a second.
    pub warm_tps: Option<f64>,
    /// Why it says little.
    pub caveat: String,
}

impl Policy {
    /// Judges. A hard flag gives INVALID whatever the figures say; so does a missing decode figure.
    pub fn decide(&self, inputs: &PolicyInputs) -> Verdict {
        let token_share = |us: Option<f64>| us.map(|us| crate::storage::stall_share(us, inputs.target_tps));
        let percent = |share: Option<f64>| share.map(|share| share * 100.0);
        let scaled = |(pass, warn): (f64, f64)| (pass * 100.0, warn * 100.0);
        let decode = &inputs.decode_source;
        let mut criteria = vec![
            criterion(
                "mean stall",
                percent(token_share(inputs.stall_mean_us)),
                "% of a token",
                scaled(self.stall_mean),
                decode,
            ),
            criterion(
                "p99 stall",
                percent(token_share(inputs.stall_p99_us)),
                "% of a token",
                scaled(self.stall_p99),
                decode,
            ),
            criterion("prefill added", inputs.prefill_s, "s", self.prefill_s, &inputs.prefill_source),
        ];
        let mut memory = criterion(
            MEMORY_CRITERION,
            percent(inputs.memory_share),
            "% of budget",
            (100.0, 100.0),
            &inputs.memory_source,
        );
        memory.result = inputs.memory_result.or(memory.result);
        criteria.push(memory);

        let mut reasons: Vec<String> = inputs.hard_flags.clone();
        let mut result = criteria.iter().filter_map(|c| c.result).max().unwrap_or(VerdictResult::Invalid);
        if inputs.stall_mean_us.is_none() {
            reasons.push("no valid speed of cold decoding".to_owned());
        }
        if !reasons.is_empty() {
            result = VerdictResult::Invalid;
        }
        reasons.extend(criteria.iter().filter_map(Criterion::reason));
        if reasons.is_empty() {
            reasons.push(format!("everything measured is within the limits of policy {}", self.version));
        }
        Verdict { policy: self.clone(), target_tps: inputs.target_tps, result, criteria, reasons }
    }

    /// What the limits on stalls alone say of a mean and a 99th percentile, both as shares of a token.
    pub fn stall_result(&self, mean: f64, p99: f64) -> VerdictResult {
        let judged = |value, limits| criterion("stall", Some(value), "", limits, "").result;
        judged(mean, self.stall_mean).max(judged(p99, self.stall_p99)).unwrap_or(VerdictResult::Invalid)
    }
}

impl Criterion {
    fn reason(&self) -> Option<String> {
        let value = self.value?;
        match self.result? {
            VerdictResult::Pass => None,
            _ => Some(format!("{} is {} {}, limit {}", self.name, brief(value), self.unit, self.pass_limit)),
        }
    }
}

/// Three digits that mean something, for figures above a thousandth.
fn brief(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn criterion(
    name: &str,
    value: Option<f64>,
    unit: &str,
    (pass, warn): (f64, f64),
    source: &str,
) -> Criterion {
    let result = value.map(|value| {
        if value <= pass {
            VerdictResult::Pass
        } else if value <= warn {
            VerdictResult::Warn
        } else {
            VerdictResult::Fail
        }
    });
    Criterion {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        pass_limit: pass,
        warn_limit: warn,
        result,
        source: source.to_owned(),
    }
}

impl SeedGate {
    /// Cold at or above the target passes, warm alone warns.
    pub fn judge(
        target_tps: f64,
        cold_tps: Option<f64>,
        warm_tps: Option<f64>,
        reads_per_token: f64,
    ) -> Self {
        let result = match (cold_tps, warm_tps) {
            (None, _) => "UNKNOWN",
            (Some(cold), _) if cold >= target_tps => "PASS",
            (_, Some(warm)) if warm >= target_tps => "WARN",
            _ => "FAIL",
        };
        let reads = target_tps * reads_per_token;
        let caveat = format!(
            "{target_tps} tok/s needs {reads:.0} random reads/s; the slowest class of memory card is specified for 1500"
        );
        Self { result: result.to_owned(), target_tps, cold_tps, warm_tps, caveat }
    }
}

wire_enum!(VerdictResult { 0 Pass, 1 Warn, 2 Fail, 3 Invalid });

#[cfg(test)]
mod tests {
    use super::{Policy, PolicyInputs, SeedGate, VerdictResult};

    fn inputs(mean_us: f64, p99_us: f64, prefill_s: f64) -> PolicyInputs {
        PolicyInputs {
            target_tps: 15.0,
            stall_mean_us: Some(mean_us),
            stall_p99_us: Some(p99_us),
            prefill_s: Some(prefill_s),
            ..PolicyInputs::default()
        }
    }

    #[test]
    fn limits_at_15_tokens_a_second() {
        // A token is 66.7 ms: 2 % of it 1.33 ms, 10 % 6.67 ms, 50 % 33.3 ms.
        let policy = Policy::default();
        let result = |i: &PolicyInputs| policy.decide(i).result;
        assert_eq!(result(&inputs(250.0, 2000.0, 0.1)), VerdictResult::Pass);
        assert_eq!(result(&inputs(1340.0, 2000.0, 0.1)), VerdictResult::Warn);
        assert_eq!(result(&inputs(250.0, 7000.0, 0.1)), VerdictResult::Warn);
        assert_eq!(result(&inputs(250.0, 34_000.0, 0.1)), VerdictResult::Fail);
        assert_eq!(result(&inputs(250.0, 2000.0, 1.01)), VerdictResult::Fail);
        assert_eq!(policy.stall_result(0.02, 0.1), VerdictResult::Pass);
        assert_eq!(policy.stall_result(0.001, 0.4), VerdictResult::Warn);
        assert_eq!(policy.stall_result(0.11, 0.1), VerdictResult::Fail);
        assert_eq!(policy.stall_result(f64::NAN, 0.1), VerdictResult::Fail);
    }

    #[test]
    fn a_hard_flag_is_never_a_pass() {
        let mut flagged = inputs(1.0, 1.0, 0.0);
        flagged.hard_flags.push("residency 100 % after eviction".to_owned());
        let verdict = Policy::default().decide(&flagged);
        assert_eq!(verdict.result, VerdictResult::Invalid);
        assert!(verdict.reasons[0].contains("100 %"));
    }

    #[test]
    fn nothing_measured_is_invalid() {
        let verdict = Policy::default().decide(&PolicyInputs { target_tps: 15.0, ..PolicyInputs::default() });
        assert_eq!(verdict.result, VerdictResult::Invalid);
    }

    #[test]
    fn memory_decides_when_it_is_worst() {
        let mut heavy = inputs(1.0, 1.0, 0.0);
        heavy.memory_share = Some(1.2);
        heavy.memory_result = Some(VerdictResult::Warn);
        assert_eq!(Policy::default().decide(&heavy).result, VerdictResult::Warn);
        heavy.memory_result = Some(VerdictResult::Fail);
        assert_eq!(Policy::default().decide(&heavy).result, VerdictResult::Fail);
    }

    #[test]
    fn the_plain_gate_passes_a_memory_card() {
        let gate = SeedGate::judge(15.0, Some(727.0), None, 2.0625);
        assert_eq!(gate.result, "PASS");
        assert!(gate.caveat.contains("31 random reads/s"), "{}", gate.caveat);
        assert_eq!(SeedGate::judge(15.0, None, Some(1e6), 2.0).result, "UNKNOWN");
        assert_eq!(SeedGate::judge(15.0, Some(1.0), Some(20.0), 2.0).result, "WARN");
        assert_eq!(SeedGate::judge(15.0, Some(1.0), Some(2.0), 2.0).result, "FAIL");
    }
}
