//! Layers that llama.cpp's own `--fit` puts on a card: `tests/scripts/llama_cpp_fit.cpp` asked it.

use dhurandhar_core::device::GpuKind;
use dhurandhar_core::memory::Scenario;
use dhurandhar_core::model::registry;
use dhurandhar_core::placement::{Fraction, Machine, Placement};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use serde_json::Value;

/// Answers that are met to the layer and to its part.
const ALIKE: u64 = 39;

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
        // The driver hands out 1 GiB at a time at most: a matrix of 1.05 GiB stands beside what it could have replaced.
        let chunked = u64::from(slug == "gpt-oss-120b");
        // Layers that need more than is there would be refused; one or two fewer are left out.
        let near = |ours: u64, truth: u64| ours <= truth && truth - ours <= 1 + truth / 32;
        if !near(ours.0, truth.0) || !near(truth.1, ours.1 + chunked) {
            off.push(format!("{slug} on {card} MiB, {context} tokens: {ours:?}, llama.cpp {truth:?}"));
        }
    }
    println!("{alike} of {told} alike");
    assert!(off.is_empty(), "{}", off.join("\n"));
    assert!(alike >= ALIKE, "{alike} of {told} alike");
}
