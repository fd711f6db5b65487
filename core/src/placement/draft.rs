//! A draft model beside the model (llama.cpp's `--model-draft`): a context of its own with weights, cache and buffers.

use super::EachCard;
use super::case::Case;
use super::part::{Component, Part, Pool};
use crate::device::MAX_CARDS;
use crate::leaf::Provenance;
use crate::memory::kv_cache;

/// Its parts; none without one.
pub(super) fn parts(case: &Case<'_>) -> Vec<Part> {
    let Some(draft) = &case.scenario.draft else { return Vec::new() };
    let (model, plan) = (draft.model(), draft.plan());
    let scenario = draft.scenario(case.scenario);
    let kv = kv_cache::layers(&model.architecture, &scenario);
    let own = Case::new(model, plan, &scenario, case.machine, &kv);
    let mut parts = own.weights();
    parts.extend(own.rest(&kv));
    // The process, its libraries and the card's driver are there already.
    parts.retain(|part| {
        !matches!(part.component, Component::Runtime | Component::Libraries) && part.size.high > 0
    });
    // The model's own layers speak its own vocabulary.
    parts.retain(|part| !(draft.is_own() && part.component == Component::Tokenizer));
    for part in &mut parts {
        // They run with the output, on the last card.
        if let (true, Some(split), Some(_)) = (draft.is_own(), &case.split, part.card) {
            part.card = Some(split.output_card());
        }
        // A config says how many there are, not what they look like.
        let guessed = draft.is_own() && !model.is_stored();
        if guessed && part.component != Component::PageTables {
            part.provenance = Provenance::Estimated;
            part.note += "; taken to be like the last layer that attends";
        }
        part.component = match part.component {
            Component::KvCache | Component::RecurrentState => Component::DraftCache,
            Component::Compute => Component::DraftCompute,
            Component::PageTables => Component::PageTables,
            _ => Component::Draft,
        };
    }
    parts
}

/// Bytes that it takes of each GPU's memory.
pub(super) fn on_cards(case: &Case<'_>) -> EachCard<u64> {
    let mut taken = [0; MAX_CARDS];
    if case.scenario.draft.is_none() || !case.machine.uses_gpu(case.scenario) {
        return taken;
    }
    for part in parts(case).iter().filter(|part| matches!(part.pool, Pool::Vram | Pool::Gpu)) {
        taken[part.card.unwrap_or(0)] += part.size.bytes;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::GpuKind;
    use crate::memory::{Draft, LoadMode, Runtime, Scenario};
    use crate::model::registry;
    use crate::placement::{Machine, Placement};
    use crate::weights::{WeightFormat, WeightPlan};

    fn placed(machine: Machine, change: impl Fn(&mut Scenario)) -> Placement {
        let model = registry::model("qwen3-8b").unwrap();
        let mut scenario = Scenario { context_tokens: 8_192, ..Scenario::for_model(&model) };
        change(&mut scenario);
        scenario.check(&model).unwrap();
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        Placement::of(&model, &plan, &scenario, machine)
    }

    fn small() -> Draft {
        let format = WeightFormat::parse("q8_0").ok();
        Draft::new(registry::model("qwen3-0.6b").unwrap(), format).unwrap()
    }

    /// As the draft model takes by itself, but for the process: 28 layers x 8 heads x 128 channels x 2 sides x 2 bytes a token.
    #[test]
    fn a_draft_model_takes_what_it_takes_alone() {
        let alone = placed(Machine::X86, |_| {});
        let both = placed(Machine::X86, |scenario| scenario.draft = Some(small()));
        assert_eq!(both.bytes(Component::DraftCache), 8_192 * 28 * 8 * 128 * 2 * 2);
        let draft = small();
        let bytes = draft.plan().text_bytes(draft.model());
        let mapped: u64 = both
            .of_component(Component::Draft)
            .filter(|part| part.kind == crate::placement::Kind::File)
            .map(|part| part.size.bytes)
            .sum();
        assert_eq!(mapped, bytes);
        assert_eq!(both.bytes(Component::KvCache), alone.bytes(Component::KvCache));
        assert!(both.needs.hot().bytes > alone.needs.hot().bytes + 8_192 * 114_688 + bytes / 2);
    }

    #[test]
    fn a_draft_model_leaves_less_of_a_card_to_the_model() {
        let machine =
            Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes: Some(7 << 30), ..Machine::X86 };
        let layers = |placement: &Placement| placement.split.unwrap().gpu_layers;
        let alone = placed(machine, |_| {});
        let both = placed(machine, |scenario| scenario.draft = Some(small()));
        assert!(layers(&both) < layers(&alone), "{} {}", layers(&both), layers(&alone));
        assert!(both.of_component(Component::DraftCache).all(|part| part.pool == Pool::Vram));
        assert!(both.needs.gpu.bytes <= 7 << 30);
    }

    #[test]
    fn a_draft_model_of_other_tokens_is_refused() {
        let model = registry::model("gemma4-e2b").unwrap();
        let scenario = Scenario { draft: Some(small()), ..Scenario::for_model(&model) };
        let refused = scenario.check(&model).unwrap_err().to_string();
        assert!(refused.contains("151936 tokens of vocabulary, `gemma4-e2b` has 262144"), "{refused}");
    }

    #[test]
    fn copied_weights_of_a_draft_model_are_anonymous_and_other_runtimes_have_none() {
        let copied = placed(Machine::X86, |scenario| {
            (scenario.draft, scenario.load) = (Some(small()), LoadMode::Copy);
        });
        assert!(
            copied.of_component(Component::Draft).all(|part| part.kind == crate::placement::Kind::Anonymous)
        );
        let model = registry::model("qwen3-8b").unwrap();
        let scenario = Scenario { draft: Some(small()), ..Scenario::for_model(&model).run_by(Runtime::Vllm) };
        let refused = scenario.check(&model).unwrap_err().to_string();
        assert!(refused.starts_with("a draft model with vllm"), "{refused}");
    }

    /// A layer like the last, in q8_0, and what joins two streams: attention of 32 + 2 x 8 heads of 128, three matrices of
    /// 12,288 x 4,096, one of 4,096 x 8,192; keys and values of one layer.
    #[test]
    fn own_layers_for_further_tokens_share_table_and_head() {
        let q8_0 = WeightFormat::parse("q8_0").unwrap();
        let mut model = registry::model("qwen3-8b").unwrap();
        assert_eq!(Draft::own_layers(&model, q8_0).unwrap(), None);
        model.architecture.published.mtp_layers = 1;
        let own = Draft::own_layers(&model, q8_0).unwrap().unwrap();
        let matrices = 4096 * 4096 * 2 + 2 * 1024 * 4096 + 3 * 12_288 * 4096 + 4096 * 8192;
        let norms = (2 * 4096 + 2 * 128 + 3 * 4096) * 4;
        assert_eq!(own.plan().text_bytes(own.model()), matrices / 32 * 34 + norms);
        let with = placed(Machine::X86, |scenario| scenario.draft = Some(own.clone()));
        assert_eq!(with.bytes(Component::DraftCache), 8_192 * 8 * 128 * 2 * 2);
        let tokenizers = |placement: &Placement| placement.bytes(Component::Tokenizer);
        assert_eq!(tokenizers(&with), tokenizers(&placed(Machine::X86, |_| {})));
        let mut layers = with.of_component(Component::Draft);
        assert!(layers.all(|part| part.provenance == Provenance::Estimated));
    }
}
