//! Layers that llama.cpp's own `--fit` puts on a card: `tests/scripts/llama_cpp_fit.cpp` asked it.

use dhurandhar_core::device::GpuKind;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry;
use dhurandhar_core::placement::{Fraction, Machine, Placement};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use serde_json::Value;

/// Answers that are met to the layer and to its part.
const ALIKE: u64 = 48;

/// What `--fit` chose: layers, those of the last whose experts stay with the processor, and what of the first of those does not.
fn chosen(answer: &Value, of: u64) -> (u64, u64, Option<Fraction>) {
    let layers = answer["gpu_layers"].as_i64().map_or(0, |layers| u64::try_from(layers).unwrap_or(of));
    let kept = answer["overrides"].as_u64().unwrap_or(0).saturating_sub(1);
    let fraction = match answer["first"].as_str().and_then(|pattern| pattern.rsplit_once("ffn_")) {
        Some((_, "(gate|up|gate_up|down).*")) => Some(Fraction::Attention),
        Some((_, "(gate|gate_up|down).*")) => Some(Fraction::Up),
        Some((_, "down.*")) => Some(Fraction::Gate),
        _ => None,
    };
    (layers, kept, fraction)
}

#[test]
fn as_many_layers_fit_as_the_runtime_itself_finds() {
    let text = include_str!("../../tests/fixtures/llama-cpp-fit.jsonl");
    let (mut off, mut told, mut alike) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let [card, context] = ["card_mib", "context"].map(|field| answer[field].as_u64().unwrap());
        let slug = answer["model"].as_str().unwrap();
        let model = registry::model(slug).unwrap();
        let weights = WeightFormat::parse("q4_k_m").unwrap();
        let scenario = Scenario { weights, context_tokens: context, ..Scenario::for_model(&model) };
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let machine =
            Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes: Some(card << 20), ..Machine::X86 };
        let split = Placement::of(&model, &plan, &scenario, machine).split.unwrap();
        let truth = chosen(&answer, split.of);
        let ours = (split.gpu_layers, split.cpu_moe_last_layers, split.fraction);
        println!("{slug} {card} {context}: {ours:?} llama.cpp {truth:?}");
        told += 1;
        alike += u64::from(ours == truth);
        // Layers that need more than is there would be refused; one or two fewer are left out.
        let near = |ours: u64, truth: u64| ours <= truth && truth - ours <= 1 + truth / 32;
        if !near(ours.0, truth.0) || !near(truth.1, ours.1) {
            off.push(format!("{slug} on {card} MiB, {context} tokens: {ours:?}, llama.cpp {truth:?}"));
        }
    }
    println!("{alike} of {told} alike");
    assert!(off.is_empty(), "{}", off.join("\n"));
    assert!(alike >= ALIKE, "{alike} of {told} alike");
}

/// Cases over several cards that are met to the layer on each card.
const ALIKE_OVER_CARDS: u64 = 14;

/// Two and three cards, of one size and of several: the layers on each, as `--fit` chose them.
#[test]
fn layers_over_several_cards_are_those_of_the_runtime() {
    let text = include_str!("../../tests/fixtures/llama-cpp-fit-cards.jsonl");
    let (mut off, mut told, mut alike) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let numbers = |field: &str| -> Vec<u64> {
            answer[field].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
        };
        let (memory, mut truth) = (numbers("card_mib"), numbers("layers"));
        let slug = answer["model"].as_str().unwrap();
        let model = registry::model(slug).unwrap();
        let weights = WeightFormat::parse("q4_k_m").unwrap();
        let context_tokens = answer["context"].as_u64().unwrap();
        let scenario = Scenario { weights, context_tokens, ..Scenario::for_model(&model) };
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let mut cards = [0; 4];
        cards.iter_mut().zip(&memory).for_each(|(card, mib)| *card = u32::try_from(*mib).unwrap());
        let gpu_memory_bytes = Some(memory[0] << 20);
        let machine = Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes, cards, ..Machine::X86 };
        let placement = Placement::of(&model, &plan, &scenario, machine);
        let split = placement.split.unwrap();
        // Everything fits when the driver's free memory shares it out: all its devices are one, and share alike.
        if answer["gpu_layers"].as_i64() == Some(-1) {
            truth = (0..memory.len() as u64).map(|_| split.of / memory.len() as u64).collect();
            truth[0] += split.of - truth.iter().sum::<u64>();
        }
        let ours: Vec<u64> = split.cards[..memory.len()].iter().map(|layers| u64::from(*layers)).collect();
        let (_, kept, _) = chosen(&answer, split.of);
        println!(
            "{slug} {memory:?}: {ours:?} kept {} llama.cpp {truth:?} kept {kept}",
            split.cpu_moe_last_layers
        );
        told += 1;
        alike += u64::from(ours == truth && split.cpu_moe_last_layers == kept);
        for (card, mib) in memory.iter().enumerate() {
            let needed = placement.needs.on_card(Some(card)).bytes;
            // The driver's own is not part of the fit.
            assert!(needed <= (mib << 20) - (724 << 20), "{slug} {memory:?}: {needed} on card {card}");
        }
        let near = |ours: u64, truth: u64| ours.abs_diff(truth) <= 2 + truth / 16;
        if !ours.iter().zip(&truth).all(|(ours, truth)| near(*ours, *truth))
            || !near(split.cpu_moe_last_layers, kept)
        {
            off.push(format!("{slug} on {memory:?}: {ours:?}, llama.cpp {truth:?}"));
        }
    }
    println!("{alike} of {told} alike");
    assert!(off.is_empty(), "{}", off.join("\n"));
    assert!(alike >= ALIKE_OVER_CARDS, "{alike} of {told} alike");
}
