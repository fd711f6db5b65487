//! Runs of llama.cpp under limits that others measured: nothing is fitted to them.
//!
//! llama.cpp 0.5.0 on x86-64 with AVX2, Linux 6.18, a memory control group without swap, files with real blocks on ext4;
//! prompts of about 128 tokens but for Gemma's, which had 512. Where a row's source states no context or prompt, 2,048 and
//! 128 tokens are assumed.

use super::{PredictedRun, RunOutcome, VerdictCase, predicted};
use crate::leaf::units::MIB;

/// Usual read-ahead of Linux, with which these were measured.
const READ_AHEAD: u64 = 128 << 10;

/// A published run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishedVerdict {
    /// Model, weights, whether matrices were packed, tokens of context and of the prompt.
    pub choices: (&'static str, &'static str, bool, u64, u64),
    /// The limit, MiB.
    pub limit_mib: u64,
    /// What was read for a token in the steady state, from and to, MiB; `None` for a run that was killed.
    pub reread_mib: Option<(f64, f64)>,
}

const fn run(
    choices: (&'static str, &'static str, bool, u64, u64),
    limit_mib: u64,
    low: f64,
    high: f64,
) -> PublishedVerdict {
    PublishedVerdict { choices, limit_mib, reread_mib: Some((low, high)) }
}

const fn killed(choices: (&'static str, &'static str, bool, u64, u64), limit_mib: u64) -> PublishedVerdict {
    PublishedVerdict { choices, limit_mib, reread_mib: None }
}

const E2B: (&str, &str, bool, u64, u64) = ("gemma4-e2b", "q4_0", true, 8192, 512);
const PLAIN: (&str, &str, bool, u64, u64) = ("llama-3.2-1b", "q4_0", false, 2048, 128);
const EIGHT: (&str, &str, bool, u64, u64) = ("llama-3.2-1b", "q8_0", false, 2048, 128);
const PACKED: (&str, &str, bool, u64, u64) = ("llama-3.2-1b", "q4_0", true, 2048, 128);
const EXPERTS: (&str, &str, bool, u64, u64) = ("qwen3-30b-a3b-8-layers", "q4_k_m", false, 2048, 128);
const EXPERTS_PACKED: (&str, &str, bool, u64, u64) = ("qwen3-30b-a3b-8-layers", "q4_k_m", true, 2048, 128);

/// Every published run.
pub const PUBLISHED_VERDICTS: [PublishedVerdict; 32] = [
    run(E2B, 2048, 0.2, 0.2),
    run(E2B, 1800, 0.2, 0.2),
    run(E2B, 1700, 0.2, 0.2),
    run(E2B, 1660, 0.2, 0.2),
    run(E2B, 1630, 180.0, 180.0),
    run(E2B, 1600, 336.0, 336.0),
    run(PLAIN, 850, 728.0, 728.0),
    run(PLAIN, 780, 728.0, 728.0),
    run(PLAIN, 700, 565.0, 565.0),
    run(PLAIN, 600, 640.0, 640.0),
    run(PLAIN, 400, 664.0, 664.0),
    run(PLAIN, 150, 728.0, 728.0),
    run(EIGHT, 1370, 1253.0, 1253.0),
    run(EIGHT, 1300, 268.0, 604.0),
    run(EIGHT, 1000, 885.0, 885.0),
    run(EIGHT, 700, 1012.0, 1012.0),
    run(PACKED, 840, 201.0, 201.0),
    run(PACKED, 740, 205.0, 205.0),
    run(PACKED, 650, 257.0, 257.0),
    killed(PACKED, 640),
    run(EXPERTS, 3600, 0.0, 0.0),
    run(EXPERTS, 2700, 36.0, 36.0),
    run(EXPERTS, 2300, 77.0, 77.0),
    run(EXPERTS, 1900, 110.0, 110.0),
    run(EXPERTS, 1500, 156.0, 156.0),
    run(EXPERTS, 1100, 198.0, 198.0),
    run(EXPERTS, 800, 278.0, 278.0),
    run(EXPERTS, 550, 484.0, 484.0),
    run(EXPERTS, 450, 529.0, 529.0),
    run(EXPERTS_PACKED, 3200, 8.7, 8.7),
    run(EXPERTS_PACKED, 2600, 317.0, 317.0),
    killed(EXPERTS_PACKED, 2300),
];

impl PublishedVerdict {
    /// The case to predict.
    pub fn case(&self) -> VerdictCase {
        let (model, weights, repack, context_tokens, prompt) = self.choices;
        VerdictCase {
            model: model.to_owned(),
            weights: weights.to_owned(),
            context_tokens,
            kv: "f16".to_owned(),
            ubatch: prompt,
            prompt_tokens: prompt,
            decoded_tokens: 8,
            policy: "llama-cpp".to_owned(),
            slots: 1,
            load: "mmap".to_owned(),
            repack,
            lazy_table: false,
            threads: 2,
            processor: "avx2".to_owned(),
        }
    }

    /// What it came to.
    pub fn outcome(&self) -> RunOutcome {
        self.reread_mib.map_or(RunOutcome::Killed, |(low, high)| {
            if f64::midpoint(low, high) > super::STEADY_BYTES as f64 / MIB as f64 {
                RunOutcome::Slowed
            } else {
                RunOutcome::FullSpeed
            }
        })
    }

    /// The prediction by the rules of this build.
    pub fn predicted(&self) -> Option<PredictedRun> {
        predicted(&self.case(), Some(self.limit_mib * MIB), READ_AHEAD)
    }
}
