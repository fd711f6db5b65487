//! Graphics cards that options give a device, and tensors that they place by hand.

use crate::bad_input;
use dhurandhar_core::device::{Device, Gpu, GpuKind, MAX_CARDS, Maker, Os};
use dhurandhar_core::memory::{Runtime, Scenario, TensorOverride};
use dhurandhar_core::model::Model;
use regex_lite::Regex;

/// Gives every device the cards named, and those of other machines.
pub(super) fn give(devices: &mut [Device], gpus: &[String], rpc: &[String]) -> anyhow::Result<()> {
    let named = |name: &String| Gpu::named(name).map_err(bad_input);
    if gpus.iter().any(|name| name == "none") {
        if gpus.len() > 1 {
            return Err(bad_input("`--gpu none` with other cards; expected either"));
        }
        for device in &mut *devices {
            (device.gpu, device.more_gpus) = (None, Vec::new());
        }
    } else if let [first, others @ ..] = gpus {
        let (first, others) = (named(first)?, others.iter().map(named).collect::<Result<Vec<_>, _>>()?);
        let card = first.kind == GpuKind::Discrete;
        if let [device] = devices
            && has_no_slot(device)
            && card
        {
            let text = format!(
                "a card in {}, which has no place for one; expected --rpc for one of another machine",
                device.name
            );
            return Err(bad_input(text));
        }
        // A GPU that is there already and shares the memory is the one that is meant.
        let has_own =
            |device: &Device| !card && device.gpu.as_ref().is_some_and(|gpu| gpu.kind != GpuKind::Discrete);
        for device in devices.iter_mut().filter(|device| !(card && has_no_slot(device) || has_own(device))) {
            (device.gpu, device.more_gpus) = (Some(first.clone()), others.clone());
            if let Some(gpu) = &mut device.gpu {
                gpu.maker = gpu.maker.or_else(|| Maker::of_machine(&device.title));
            }
        }
    }
    if let Some(name) = rpc.iter().find(|name| matches!(name.as_str(), "none" | "integrated")) {
        return Err(bad_input(format!(
            "`--rpc {name}`; expected a card such as rtx-4060, or MiB of its memory"
        )));
    }
    let remote = |name| named(name).map(|gpu| Gpu { remote: true, ..gpu });
    let remote = rpc.iter().map(remote).collect::<Result<Vec<_>, _>>()?;
    for device in &mut *devices {
        device.more_gpus.extend(remote.iter().cloned());
        let several = !device.more_gpus.is_empty();
        let shared = |gpu: &Gpu| gpu.kind != GpuKind::Discrete;
        let others = device.more_gpus.iter().any(shared);
        if others || several && device.gpu.as_ref().is_some_and(shared) {
            return Err(bad_input(format!(
                "several GPUs on {}, one of them in the host's memory; expected graphics cards with memory of their own (--gpu none leaves it out)",
                device.name
            )));
        }
        if device.cards().len() > MAX_CARDS {
            return Err(bad_input(format!("{} cards; expected at most {MAX_CARDS}", device.cards().len())));
        }
    }
    Ok(())
}

fn has_no_slot(device: &Device) -> bool {
    matches!(device.os, Os::Android | Os::Ios | Os::Macos)
}

/// Refuses a device on which the runtime does not run.
pub(super) fn check_system(runtime: Runtime, devices: &[Device]) -> anyhow::Result<()> {
    let apple = |device: &&Device| !matches!(device.os, Os::Macos | Os::Ios);
    if let Some(device) = devices.iter().find(apple).filter(|_| runtime == Runtime::Mlx && devices.len() == 1)
    {
        let text =
            format!("MLX on {}; expected a Mac, an iPhone or an iPad, where alone it runs", device.name);
        return Err(bad_input(text));
    }
    Ok(())
}

/// Refuses cards that the runtime does not use in a way that is known here, and places that are not there.
pub(super) fn check(runtime: Runtime, devices: &[Device], scenario: &Scenario) -> anyhow::Result<()> {
    for device in devices {
        let (cards, name) = (device.cards(), &device.name);
        let remote = cards.iter().any(|card| card.remote);
        if !runtime.is_llama_cpp() && (cards.len() > 1 || remote) {
            let what =
                if remote { "cards of other machines".to_owned() } else { format!("{} cards", cards.len()) };
            let title = runtime.title();
            return Err(bad_input(format!(
                "{what} on {name} with {title}; expected llama.cpp, whose split is known here"
            )));
        }
        if remote && scenario.cards.by_rows {
            return Err(bad_input(
                "`--split-mode row` with `--rpc`; expected whole layers, since rows are divided within one machine",
            ));
        }
        let shares = scenario.cards.shares.len();
        if shares > cards.len().max(1) && scenario.cards.shares.iter().any(|share| *share > 0) {
            return Err(bad_input(format!(
                "`--tensor-split`: {shares} shares on {name}, which has {}; expected one for each card",
                cards.len()
            )));
        }
        let there = cards.len().max(usize::from(device.gpu.is_some())) as u64;
        let wanted = scenario.tensor_overrides.iter().filter_map(|placed| placed.card).max();
        if let Some(card) = wanted.filter(|card| *card >= there && devices.len() == 1) {
            let text = format!(
                "`--override-tensor`: GPU{card} on {name}, which has {there}; expected CPU, or GPU0 for the first"
            );
            return Err(bad_input(text));
        }
    }
    Ok(())
}

/// The tensors of `model` that the patterns place, by name.
pub(super) fn overrides(given: &[String], model: &Model) -> anyhow::Result<Vec<TensorOverride>> {
    let mut patterns = Vec::new();
    for text in given {
        let wrong = |why: &str| bad_input(format!("`--override-tensor {text}`: {why}"));
        let (pattern, place) =
            text.rsplit_once('=').ok_or_else(|| wrong("expected PATTERN=CPU or PATTERN=GPU0"))?;
        let card =
            if place.eq_ignore_ascii_case("cpu") {
                None
            } else {
                Some(card(place).ok_or_else(|| {
                    wrong(&format!("`{place}`; expected CPU, or GPU0 to GPU{}", MAX_CARDS - 1))
                })?)
            };
        let regex = Regex::new(pattern).map_err(|error| wrong(&error.to_string()))?;
        patterns.push((regex, card, text, false));
    }
    let mut found = Vec::new();
    for tensor in &model.tensors {
        // llama.cpp's names end so; ours do not.
        let whole = if tensor.name.contains(".weight") {
            tensor.name.clone()
        } else {
            format!("{}.weight", tensor.name)
        };
        if let Some((_, card, _, used)) = patterns.iter_mut().find(|(regex, ..)| regex.is_match(&whole)) {
            *used = true;
            found.push(TensorOverride { tensor: tensor.name.clone(), card: *card });
        }
    }
    if let Some((.., text, _)) = patterns.iter().find(|(.., used)| !used) {
        let example = model.tensors.iter().find(|tensor| tensor.layer.is_some());
        let like = example.map_or("blk.0.ffn_up.weight", |tensor| &tensor.name);
        return Err(bad_input(format!(
            "`--override-tensor {text}`: no tensor's name matches; expected names like {like}"
        )));
    }
    found.sort_by(|one, other| one.tensor.cmp(&other.tensor));
    Ok(found)
}

/// The number of a card after a back end's name, as in CUDA0.
fn card(place: &str) -> Option<u64> {
    let digits = place.trim_start_matches(|sign: char| sign.is_ascii_alphabetic());
    let number = digits.parse().ok().filter(|card| *card < MAX_CARDS as u64);
    number.filter(|_| digits.len() < place.len())
}
