//! Decoding with a draft model: it proposes some tokens one after the other, the model checks them all at once.

use super::Estimate;
use super::ceilings::reads;
use super::forecast::{Asked, Run};
use super::told::Speculative;
use super::work::{PromptWork, TokenWork, batch_share};
use crate::memory::Draft;
use crate::model::tensor::{Active, Role, Tensor};
use crate::placement::Split;

impl Run<'_> {
    /// The speed with the scenario's draft model; none without one, or where its acceptance is not stated.
    pub(super) fn speculative(&self) -> Option<Speculative> {
        let draft = self.scenario.draft.as_ref()?;
        let speculation = draft.speculation()?;
        let (proposed, yields) = (speculation.draft_tokens(), speculation.tokens_per_step());
        let step = self.proposal(draft)?.times(proposed as f64) + self.check(proposed + 1)?;
        let speed = step.inverse().times(yields);
        let plain = self.decode()?.inverse();
        Some(Speculative {
            draft_tokens: proposed,
            acceptance: speculation.acceptance(),
            tokens_per_step: yields,
            decode_tokens_per_s: speed,
            gain: speed.expected / plain.expected,
        })
    }

    /// The time of one proposal: a token of the draft model, with all its layers where the model has layers.
    fn proposal(&self, draft: &Draft) -> Option<Estimate> {
        let (model, plan, scenario) = (draft.model(), draft.plan(), draft.scenario(self.scenario));
        let mut reads = reads(model, plan, &scenario);
        if draft.is_own() {
            // The head is the model's.
            let is_head = |tensor: &Tensor| match tensor.role {
                Role::OutputHead => true,
                Role::TokenEmbedding => tensor.active == Active::All,
                _ => false,
            };
            reads.weight_bytes += self.plan.bytes_where(self.model, is_head);
        }
        let of = model.architecture.layers.len() as u64 + 1;
        let split = self.split.map(|_| {
            reads.gpu_bytes = reads.weight_bytes + reads.kv_bytes + reads.state_bytes;
            Split::whole(of)
        });
        let asked = Asked::of(model, plan, &scenario, &reads);
        let run = Run {
            model,
            plan,
            scenario: &scenario,
            split,
            reads,
            asked,
            row_misses: 0.0,
            reread: None,
            ..*self
        };
        run.decode()
    }

    /// The time of checking `tokens` at once: as bytes, one token's with the experts that all of them choose; as arithmetic, a
    /// prompt's. The longer counts, at worst both.
    fn check(&self, tokens: u64) -> Option<Estimate> {
        let one = self.asked.token;
        let share = batch_share(self.model, self.plan, tokens);
        let bytes = self.token_time(TokenWork { weight_bytes: one.weight_bytes * share, ..one })?;
        let cached = self.scenario.context_tokens.saturating_sub(tokens);
        let prompt = PromptWork::of(self.model, self.plan, self.scenario, cached, tokens);
        let arithmetic = self.prompt_time(&prompt)?;
        Some(Estimate {
            low: bytes.low.max(arithmetic.low),
            expected: bytes.expected.max(arithmetic.expected),
            high: bytes.high + arithmetic.high,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::device::registry as devices;
    use crate::feasibility::assess;
    use crate::memory::{Draft, Scenario, Speculation};
    use crate::model::registry;
    use crate::speed::Speculative;
    use crate::weights::{StockType, WeightFormat, WeightPlan};

    fn with(model: &str, draft: &str, tokens: u64, acceptance: f64) -> Speculative {
        let model = registry::model(model).unwrap();
        let weights = WeightFormat::Stock(StockType::Q4_0);
        let plan = WeightPlan::new(&model, weights).unwrap();
        let draft = Draft::new(registry::model(draft).unwrap(), Some(weights)).unwrap();
        let draft = draft.with(Speculation::new(tokens, acceptance).unwrap());
        let scenario =
            Scenario { weights, context_tokens: 4096, draft: Some(draft), ..Scenario::for_model(&model) };
        let device = devices::device("desktop-rtx-4090-24gb").unwrap();
        assess(&model, &plan, &scenario, &device, 0.0).unwrap().speed.unwrap().speculative.unwrap()
    }

    #[test]
    fn accepted_proposals_speed_decoding_up_and_refused_ones_slow_it_down() {
        let speed = |acceptance| with("llama-3.1-8b", "llama-3.2-1b", 4, acceptance);
        let mut last = 0.0;
        for acceptance in [0.0, 0.3, 0.6, 0.9, 1.0] {
            let now = speed(acceptance);
            assert!(now.decode_tokens_per_s.expected > last, "{now:?}");
            assert!(now.decode_tokens_per_s.low <= now.decode_tokens_per_s.expected);
            last = now.decode_tokens_per_s.expected;
        }
        assert!(speed(0.0).gain < 1.0 && speed(0.9).gain > 1.2, "{:?}", speed(0.9));
    }

    #[test]
    fn a_check_brings_no_layers_over_the_slot() {
        // Half of the 70B lies with the processor: with its weights brought over for each check the draft would hardly pay.
        let found = with("llama-3.3-70b", "llama-3.2-1b", 4, 0.7);
        assert!((1.4..2.8).contains(&found.gain), "{found:?}");
    }

    #[test]
    fn a_draft_as_large_as_the_model_never_pays() {
        assert!(with("llama-3.2-1b", "llama-3.2-1b", 4, 0.9).gain < 1.0);
    }
}
