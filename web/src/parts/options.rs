//! What can be chosen: formats of weights and of the cache, runtimes.

use dhurandhar_core::memory::{KvFormat, Runtime};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use yew::AttrValue;

use crate::parts::choice::Group;
use crate::state::catalogue::Loaded;

/// Formats that apply to the model, with the present one among them.
pub(crate) fn weight_groups(model: &Loaded, now: WeightFormat) -> Vec<Group> {
    let applies = |format: &WeightFormat| WeightPlan::new(model, *format).is_ok();
    let own = [WeightFormat::AsStored, WeightFormat::Published].into_iter().filter(applies);
    let named = WeightFormat::names();
    let stock = |name: &String| matches!(WeightFormat::parse(name), Ok(WeightFormat::Stock(_)));
    let (gguf, other): (Vec<String>, Vec<String>) = named.into_iter().partition(stock);
    let mut bits: Vec<u8> = vec![16, 8, 6, 5, 4, 3, 2];
    if let WeightFormat::Bits(now) = now
        && !bits.contains(&now)
    {
        bits.push(now);
    }
    let bits = bits.into_iter().map(|bits| WeightFormat::Bits(bits).to_string());
    let groups = [
        Group::plain("This model's own", own.map(|format| format.to_string())),
        Group::plain("GGUF, as llama-quantize writes it", gguf),
        Group::plain("Other toolkits", other),
        Group::plain("Plain bits, no scales", bits),
    ];
    groups.into_iter().filter(|group| !group.options.is_empty()).collect()
}

/// Formats of keys or values, with the present one among them.
pub(crate) fn kv_groups(now: KvFormat) -> Vec<Group> {
    let turbo = |name: &String| matches!(KvFormat::parse(name), Ok(KvFormat::TurboQuant(_)));
    let (turbo, block): (Vec<String>, Vec<String>) = KvFormat::names().into_iter().partition(turbo);
    let mut bits: Vec<u8> = vec![16, 8, 4, 3, 2];
    if let KvFormat::Bits(now) = now
        && !bits.contains(&now)
    {
        bits.push(now);
    }
    let bits = bits.into_iter().map(|bits| KvFormat::Bits(bits).to_string());
    vec![
        Group::plain("llama.cpp cache types", block),
        Group::plain("TurboQuant, bits and a scale", turbo),
        Group::plain("Plain bits, no scales", bits),
    ]
}

/// Every runtime.
pub(crate) fn runtime_groups() -> Vec<Group> {
    let options =
        Runtime::ALL.map(|runtime| (AttrValue::from(runtime.name()), AttrValue::from(runtime.title())));
    vec![Group { title: "", options: options.into() }]
}
