//! Verdicts of built-in models on built-in devices, one by one and over the matrix.

use super::{Assessment, Certainty, Change, Check, Mode, Prospects, assess};
use crate::device::{Counts, Device, State, registry as devices};
use crate::memory::{KvFormat, LoadMode, Runtime, Scenario};
use crate::model::registry;
use crate::report::Report;
use crate::speed::Bound;
use crate::weights::{StockType, WeightFormat, WeightPlan};

fn verdict(slug: &str, device: &str, change: impl Fn(&mut Scenario)) -> Assessment {
    let model = registry::model(slug).unwrap();
    let mut scenario = Scenario::for_model(&model);
    scenario.vision = false;
    change(&mut scenario);
    let plan = WeightPlan::new(&model, scenario.weights).unwrap();
    assess(&model, &plan, &scenario, &devices::device(device).unwrap(), 0.0).unwrap()
}

/// Sets of changes go on past what the runtime refuses, and name what makes it accept them.
#[test]
fn without_flash_attention_something_still_helps() {
    let plain = verdict("llama-3.1-8b", "raspberry-pi-4-4gb", |scenario| {
        (scenario.flash_attention, scenario.context_tokens) = (false, 32_768);
    });
    assert_eq!(plain.mode, Mode::Infeasible);
    let together = &plain.inverse.together;
    assert!(!plain.inverse.fixes.is_empty() || !together.is_empty(), "{:?}", plain.inverse);
    let scenario = together.iter().fold(plain_scenario("llama-3.1-8b"), |now, change| change.applied(&now));
    let model = registry::model("llama-3.1-8b").unwrap();
    let plan = WeightPlan::new(&model, scenario.weights).unwrap();
    let device = devices::device("raspberry-pi-4-4gb").unwrap();
    assert_ne!(assess(&model, &plan, &scenario, &device, 0.0).unwrap().mode, Mode::Infeasible);
}

fn plain_scenario(slug: &str) -> Scenario {
    let model = registry::model(slug).unwrap();
    let scenario = Scenario::for_model(&model);
    Scenario { vision: false, flash_attention: false, context_tokens: 32_768, ..scenario }
}

/// Layers that a card does not hold need not be there.
#[test]
fn too_many_layers_on_a_card_are_no_end() {
    use crate::memory::Offload;
    let forced = verdict("mixtral-8x7b", "desktop-rtx-4060-8gb", |scenario| {
        (scenario.offload, scenario.context_tokens) = (Offload::All, 4096);
    });
    assert_eq!(forced.mode, Mode::Infeasible);
    let fixes = forced.inverse.fixes.iter().map(|fix| fix.change);
    let offered: Vec<Change> = fixes.chain(forced.inverse.together).collect();
    assert!(offered.contains(&Change::LayersThatFit), "{offered:?}");
}

/// "Whole there" is where llama.cpp, left to itself, leaves no layer out.
#[test]
fn the_longest_context_whole_on_a_card_is_where_the_split_ends() {
    let model = registry::model("llama-3.1-8b").unwrap();
    let at = |tokens: u64| {
        let scenario = Scenario { context_tokens: tokens, ..Scenario::for_model(&model) };
        let devices = [devices::device("desktop-rtx-4060-8gb").unwrap()];
        Report::new(&model, &scenario, &devices, 0.0).unwrap().explained(&model, &devices).unwrap()
    };
    let report = at(4096);
    let whole = report.devices[0].inverse.whole_on_card.as_ref().unwrap().longest_context_tokens.unwrap();
    let layers = |tokens| at(tokens).devices[0].split.as_ref().unwrap().gpu_layers;
    assert_eq!(layers(whole), layers(512), "{whole}");
    assert!(layers(whole + 512) < layers(512), "{whole}");
    // A card with less memory than is named takes fewer.
    let verdict = &report.devices[0];
    let gpu = |check: &&Check| check.limit.counts == Counts::Gpu;
    let check = verdict.checks.iter().find(gpu).unwrap();
    let from = verdict.card_holds_from(check, &report.scenario).unwrap();
    let on = |bytes: u64| {
        let mut device = devices::device("desktop-rtx-4060-8gb").unwrap();
        device.gpu.as_mut().unwrap().memory_mib = Some(bytes >> 20);
        let plan = WeightPlan::new(&model, report.scenario.weights).unwrap();
        let there = assess(&model, &plan, &report.scenario, &device, 0.0).unwrap();
        there.split.unwrap().gpu_layers
    };
    assert!(on(from + (16 << 20)) == layers(4096) && on(from - (64 << 20)) < layers(4096), "{from}");
}

/// Where the context alone would lose most of itself, half the cache keeps more of it.
#[test]
fn a_coded_cache_and_a_shorter_context_are_offered_together() {
    let asked = |scenario: &mut Scenario| scenario.context_tokens = 32_768;
    let fixes = verdict("phi-3.5-mini", "pixel-9a", asked).inverse.fixes;
    let alone = fixes.iter().find_map(|fix| match fix.change {
        Change::ShorterContext { tokens } => Some(tokens),
        _ => None,
    });
    let both = fixes.iter().find_map(|fix| match fix.change {
        Change::KvQ8AtContext { tokens } => Some((tokens, fix.change)),
        _ => None,
    });
    let (tokens, change) = both.unwrap();
    assert!(tokens > alone.unwrap() * 5 / 4 && tokens < 32_768, "{tokens} {alone:?}");
    let after = verdict("phi-3.5-mini", "pixel-9a", |scenario| {
        asked(scenario);
        *scenario = change.applied(scenario);
    });
    assert_ne!(after.mode, Mode::Infeasible);
}

#[test]
fn every_pair_has_a_verdict_and_what_is_said_to_fit_fits() {
    // The most that is said to fit is tried on a quarter of the devices for a model, the next quarter for the next.
    const SHARE: usize = 4;
    for (number, model) in registry::models().enumerate() {
        let scenario = Scenario::for_model(&model);
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        for (place, device) in devices::devices().enumerate() {
            // A graph on a GPU takes long to lay out: those are tried in turn, too.
            if device.gpu.is_some() && !(number + place).is_multiple_of(SHARE) {
                continue;
            }
            let answer = assess(&model, &plan, &scenario, &device, 0.0).unwrap();
            let pair = format!("{} on {}", model.architecture.name, device.name);
            assert_eq!(answer.mode == Mode::Infeasible, !answer.reason.starts_with("Fits "), "{pair}");
            let tried =
                answer.inverse.longest_context_tokens.filter(|_| (number + place).is_multiple_of(SHARE));
            if let Some(tokens) = tried {
                let longest = Scenario { context_tokens: tokens, ..scenario.clone() };
                let again = assess(&model, &plan, &longest, &device, 1.0).unwrap();
                assert_ne!(again.mode, Mode::Infeasible, "{pair} at {tokens}");
                if tokens < model.architecture.max_context_tokens {
                    let more = Scenario { context_tokens: tokens + 1, ..scenario.clone() };
                    let again = assess(&model, &plan, &more, &device, 1.0).unwrap();
                    assert_eq!(again.mode, Mode::Infeasible, "{pair} at {tokens} + 1");
                }
            }
        }
    }
}

/// A longer context, more slots, less memory, more bytes for the same weights or a lesser state of the process never
/// give a better verdict, on any built-in pair.
#[test]
fn verdicts_are_monotone_over_the_whole_matrix() {
    // A third of the devices for a model, the next third for the next: all pairs take ten minutes.
    const SHARE: usize = 3;
    let devices: Vec<Device> = devices::devices().collect();
    for (number, model) in registry::models().enumerate() {
        let start = Scenario::for_model(&model);
        let longest = model.architecture.max_context_tokens;
        let at = |context_tokens, slots| Scenario { context_tokens, slots, ..start.clone() };
        let contexts = [512, 4096, 8192, 32_768, 131_072].map(|tokens| at(tokens.min(longest), 1));
        let slots = [1, 2, 4, 8].map(|slots| at(4096.min(longest), slots));
        let formats = ["q2_k", "q4_k_m", "q6_k", "q8_0", "f16"]
            .map(|name| Scenario { weights: WeightFormat::parse(name).unwrap(), ..start.clone() });
        let states = State::RUNNING.map(|(_, state)| Scenario { state, ..start.clone() });
        for series in [contexts.as_slice(), &slots, &formats, &states] {
            let plans: Vec<WeightPlan> =
                series.iter().map(|scenario| WeightPlan::new(&model, scenario.weights).unwrap()).collect();
            let prospects: Vec<Prospects<'_>> = series
                .iter()
                .zip(&plans)
                .map(|(scenario, plan)| Prospects::new(&model, plan, scenario))
                .collect();
            let chosen = devices.iter().skip(number % SHARE).step_by(SHARE).enumerate();
            let in_turn = |(place, device): &(usize, &Device)| {
                device.gpu.is_none() || (number / SHARE + place).is_multiple_of(SHARE)
            };
            for (_, device) in chosen.filter(in_turn) {
                let mut least = device.clone();
                least.cgroup_mib = Some(1024);
                let modes = |device: &Device| -> Vec<Mode> {
                    let mode = |prospects: &Prospects<'_>| prospects.assess(device, 0.0).unwrap().mode;
                    prospects.iter().map(mode).collect()
                };
                let (free, limited) = (modes(device), modes(&least));
                let pair = format!("{} on {}", model.architecture.name, device.name);
                assert!(free.is_sorted(), "{pair}: {free:?}");
                assert!(free.iter().zip(&limited).all(|(free, limited)| free <= limited), "{pair}");
            }
        }
    }
}

/// The README's example, which real runs under limits agree with.
#[test]
fn originals_of_packed_matrices_are_no_need() {
    let answer = verdict("gemma4-e2b", "galaxy-a16-6gb", |s| {
        s.weights = WeightFormat::Stock(StockType::Q4_0);
        s.context_tokens = 8192;
    });
    assert_eq!((answer.mode, answer.reread), (Mode::Mmap, None), "{}", answer.reason);
    assert!(answer.needs.load_file_bytes > 900 << 20, "{:?}", answer.needs);
    assert_eq!(answer.certainty, Certainty::Likely);
}

#[test]
fn what_people_run_on_apples_devices_runs() {
    assert_eq!(verdict("qwen3-0.6b", "iphone-16-pro", |_| ()).mode, Mode::Resident);
    let mac = verdict("llama-3.1-8b", "macbook-air-m4", |s| s.context_tokens = 8192);
    assert_eq!(mac.mode, Mode::Resident, "{}", mac.reason);
    assert!(mac.checks.iter().any(|check| check.limit.id == "metal"));
    // Nothing was packed: only the libraries have pages that loading alone touches.
    assert!(mac.needs.load_file_bytes < 10 << 20);
    let phone = verdict("llama-3.2-1b", "iphone-16-pro", |_| ());
    let asked = phone.checks.iter().find(|check| check.limit.on_request).unwrap();
    let jetsam = phone.checks.iter().find(|check| check.limit.id == "jetsam").unwrap();
    assert!(asked.headroom_bytes > jetsam.headroom_bytes);
}

#[test]
fn anonymous_memory_cannot_be_dropped() {
    let answer = verdict("llama-3.1-8b", "raspberry-pi-4-2gb", |s| s.context_tokens = 131_072);
    assert_eq!((answer.mode, answer.bound, answer.reread), (Mode::Infeasible, Bound::MemoryLimit, None));
    // 16 GiB of cache in 2 GiB of memory: no estimate is needed to be sure.
    assert_eq!(answer.certainty, Certainty::Certain);
    assert!(answer.reason.contains("the process is ended"), "{}", answer.reason);
    let copied = verdict("llama-3.2-3b", "raspberry-pi-4-2gb", |s| s.load = LoadMode::Copy);
    assert_eq!(copied.bound, Bound::MemoryLimit);
}

#[test]
fn weights_that_do_not_fit_are_read_whole_for_every_token() {
    let answer = verdict("llama-3.2-3b", "raspberry-pi-4-2gb", |s| s.context_tokens = 512);
    let reread = answer.reread.unwrap();
    assert_eq!((answer.mode, reread.expected), (Mode::Infeasible, answer.needs.dense_file_bytes()));
    assert!(reread.low < reread.expected);
    assert!(answer.ceilings.reread_tokens_per_s.unwrap() < 0.1);
}

#[test]
fn storage_is_fast_enough_where_the_whole_token_is() {
    let model = registry::model("llama-3.2-3b").unwrap();
    let asked = |target_tokens_per_s, storage: f64| {
        let scenario = Scenario { context_tokens: 1024, target_tokens_per_s, ..Scenario::for_model(&model) };
        let mut device = devices::device("raspberry-pi-4-2gb").unwrap();
        device.storage.sequential_read_mb_per_s = storage;
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let prospects = Prospects::new(&model, &plan, &scenario);
        let mut answer = prospects.assess(&device, 0.0).unwrap();
        prospects.explain(&device, &mut answer).unwrap();
        answer
    };
    let needed = asked(1.0, 90.0).thresholds.storage_mb_per_s_for_target.unwrap();
    let reached = |storage| asked(1.0, storage).speed.unwrap().decode_tokens_per_s.expected;
    assert!((1.0..1.01).contains(&reached(needed)), "{needed} {}", reached(needed));
    assert_eq!(asked(1.0, needed * 1.01).mode, Mode::Mmap);
    // Memory and arithmetic alone are slower than that.
    let never = asked(8.0, 90.0);
    let runs = never.thresholds.storage_mb_per_s_to_run.unwrap();
    assert_eq!((asked(8.0, runs * 0.99).mode, asked(8.0, runs * 1.01).mode), (Mode::Infeasible, Mode::Mmap));
    assert_eq!(never.thresholds.storage_mb_per_s_for_target, None);
    let fast = asked(8.0, 20_000.0);
    // It runs, and is told to be slow.
    assert_eq!((fast.mode, fast.meets_target), (Mode::Mmap, Some(false)));
}

#[test]
fn remedies_cover_the_new_choices_and_lead_where_they_say() {
    let answer = verdict("llama-3.2-1b", "mid_tier_mobile_ufs3", |s| {
        s.load = LoadMode::Copy;
        s.context_tokens = 65_536;
        s.slots = 4;
    });
    assert_eq!(answer.mode, Mode::Infeasible);
    let all: Vec<Change> = answer.inverse.fixes.iter().map(|fix| fix.change).collect();
    assert!(!all.is_empty() || !answer.inverse.together.is_empty(), "{answer:?}");
    let server = Scenario::for_model(&registry::model("llama-3.2-1b").unwrap()).run_by(Runtime::LlamaServer);
    assert_eq!((server.slots, server.unified_kv, server.prompt_cache_mib), (4, true, 8192));
    assert_eq!(Change::OneSlot.applied(&server).slots, 1);
    assert_eq!(Change::NoPromptCache.applied(&server).prompt_cache_mib, 0);
    assert_eq!(Change::KvQ4.applied(&server).k, KvFormat::Q4_0);
}

#[test]
fn a_prompt_cache_that_fills_leaves_doubt() {
    let now = verdict("llama-3.2-1b", "raspberry-pi-5-8gb", |s| *s = s.clone().run_by(Runtime::LlamaServer));
    assert_eq!((now.mode, now.certainty), (Mode::Resident, Certainty::Borderline), "{}", now.reason);
}

/// A report of one device and a table name the same bottleneck: the largest part of a token's time.
#[test]
fn a_bottleneck_is_the_same_alone_and_in_a_table() {
    let model = registry::model("llama-3.2-1b").unwrap();
    let scenario = Scenario::for_model(&model);
    let on = ["pixel-9a", "iphone-16-pro", "raspberry-pi-5-8gb"].map(|name| devices::device(name).unwrap());
    let table = Report::new(&model, &scenario, &on, 0.0).unwrap();
    let named: Vec<_> = table.devices.iter().map(Assessment::bottleneck).collect();
    assert_eq!(named, ["arithmetic", "DRAM bandwidth", "DRAM bandwidth"]);
    for (device, named) in on.iter().zip(named) {
        let alone = Report::new(&model, &scenario, std::slice::from_ref(device), 0.0).unwrap();
        let verdict = &alone.devices[0];
        assert_eq!(verdict.bottleneck(), named, "{}", device.name);
        let terms = &verdict.speed.as_ref().unwrap().terms.as_ref().unwrap().units[0];
        let read = terms.weights_ms + terms.cache_ms + terms.connection_ms;
        assert_eq!(terms.products_ms + terms.unpacking_ms > read, named == "arithmetic", "{}", device.name);
    }
}
