//! Built-in programs: each file reads, and the choices that its source states come out.

use super::registry::{self, files};
use super::{Gpus, Program};
use crate::device::{Confidence, Gpu, registry as devices};
use crate::feasibility::{Certainty, Change, Mode};
use crate::leaf::units::MIB;
use crate::memory::{KvFormat, LoadMode, Offload, Runtime, Scenario};
use crate::model::registry as models;
use crate::placement::{Component, Kind, Machine, Placement, Pool};
use crate::report::{Report, ReportError};
use crate::weights::{WeightFormat, WeightPlan};

fn chosen(program: &str, model: &str, device: &str) -> Scenario {
    let device = devices::device(device).unwrap();
    registry::program(program).unwrap().scenario(&models::model(model).unwrap(), &device, None)
}

#[test]
fn every_program_reads_under_its_own_name_with_a_source() {
    assert_eq!(registry::programs().count(), files().len());
    for (name, text) in files() {
        let program = Program::from_yaml(name, text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(program.name, *name);
        assert!(program.source.starts_with("https://") && !program.version.is_empty(), "{name}");
    }
}

/// Every program makes a scenario that can be computed on every built-in device it runs on.
#[test]
fn every_program_can_be_asked_on_every_device_it_runs_on() {
    let model = models::model("llama-3.2-1b").unwrap();
    for program in registry::programs() {
        let there: Vec<_> = devices::devices().filter(|device| program.runs_on(device)).collect();
        assert!(!there.is_empty(), "{}", program.name);
        let report = Report::by_program(&model, program, &there, 0.0, None, |_| {})
            .unwrap_or_else(|error| panic!("{}: {error}", program.name));
        // Choices that are a guess leave nothing certain that works.
        let mut works = report.devices.iter().filter(|device| device.mode != Mode::Infeasible);
        let is_guess = program.confidence == Confidence::Estimate;
        assert!(!is_guess || works.all(|device| device.certainty != Certainty::Certain), "{}", program.name);
    }
}

/// What is said to fit is asked again as the program would run it there.
#[test]
fn ollamas_longest_context_holds_with_the_micro_batch_it_takes_there() {
    let ollama = registry::program("ollama").unwrap();
    let model = models::model("granite-3.3-8b").unwrap();
    let device = [devices::device("desktop-rtx-4060-8gb").unwrap()];
    let at = |tokens| {
        let report = Report::by_program(&model, ollama, &device, 0.0, tokens, |_| {}).unwrap();
        report.explained(&model, &device).unwrap().devices.remove(0)
    };
    let inverse = at(None).inverse;
    assert_ne!(at(inverse.longest_context_tokens).mode, Mode::Infeasible);
    let whole = inverse.whole_on_card.unwrap().longest_context_tokens.unwrap();
    let split = |tokens| at(Some(tokens)).split.unwrap().describe();
    assert_eq!(split(whole), split(4_096), "{whole}");
    assert_ne!(split(whole + 512), split(4_096), "{whole}");
}

/// `server/routes.go`, `server/sched.go`: 4,096 tokens, 32,768 from 23 GiB of GPU memory on; one slot; no mapping without a
/// GPU; the micro-batch grows with the context.
#[test]
fn ollama_follows_the_memory_of_the_gpu() {
    let laptop = chosen("ollama", "qwen3-4b", "intel-n100-16gb");
    assert_eq!((laptop.context_tokens, laptop.load, laptop.slots), (4_096, LoadMode::Copy, 1));
    assert_eq!((laptop.ubatch, laptop.runtime), (512, Runtime::LlamaServer));
    let ollama = registry::program("ollama").unwrap();
    let model = models::model("qwen3-4b").unwrap();
    let mut desktop = devices::device("intel-n100-16gb").unwrap();
    // A GB10 lends all of its memory; the micro-batch grows on cards only.
    let spark = chosen("ollama", "llama-3.1-8b", "dgx-spark-128gb");
    assert_eq!((spark.context_tokens, spark.ubatch), (131_072, 512));
    for (mib, context, ubatch) in [(8_192, 4_096, 512), (24_576, 32_768, 1_024), (49_152, 40_960, 2_048)] {
        desktop.gpu = Gpu::of_memory(mib);
        let scenario = ollama.scenario(&model, &desktop, None);
        assert_eq!((scenario.context_tokens, scenario.ubatch), (context, ubatch), "{mib} MiB");
        assert_eq!(scenario.load, LoadMode::Mmap);
    }
    let asked = ollama.scenario(&model, &desktop, Some(2_048));
    assert_eq!((asked.context_tokens, asked.ubatch), (2_048, 512));
}

/// PocketPal 1.17.1: no mapping and no flash attention on Android, so the whole file is anonymous memory there.
#[test]
fn pocketpal_copies_on_android_and_maps_on_ios() {
    let android = chosen("pocketpal", "llama-3.2-3b", "pixel-9a");
    assert_eq!((android.context_tokens, android.load), (2_048, LoadMode::Copy));
    assert!(!android.flash_attention && android.repack);
    let ios = chosen("pocketpal", "llama-3.2-3b", "iphone-16-pro");
    assert_eq!((ios.load, ios.offload, ios.repack), (LoadMode::Mmap, Offload::All, false));
    let model = models::model("llama-3.2-3b").unwrap();
    let needs = |scenario: &Scenario, device: &str| {
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let machine = Machine::of(&devices::device(device).unwrap());
        Placement::of(&model, &plan, scenario, machine).needs
    };
    assert!(needs(&android, "pixel-9a").anonymous.bytes > 2_000 * MIB);
    assert!(needs(&ios, "iphone-16-pro").anonymous.bytes < 700 * MIB);
}

/// Its entitlement raises what jetsam allows, so that the higher limit decides.
#[test]
fn pocketpal_asks_ios_for_more_memory() {
    let model = models::model("qwen3-4b").unwrap();
    let phone = devices::device("iphone-16-pro").unwrap();
    let permitted = registry::program("pocketpal").unwrap().permitted(&phone);
    let ids: Vec<String> =
        permitted.limits().into_iter().filter(crate::device::Limit::decides).map(|limit| limit.id).collect();
    assert!(ids.contains(&"jetsam-entitled".to_owned()) && !ids.contains(&"jetsam".to_owned()), "{ids:?}");
    let at = |program: &str| {
        let program = registry::program(program).unwrap();
        let report =
            Report::by_program(&model, program, std::slice::from_ref(&phone), 0.0, Some(24_576), |_| {});
        report.unwrap().devices[0].mode
    };
    assert_eq!((at("llama-rn"), at("pocketpal")), (Mode::Infeasible, Mode::Resident));
}

/// A runtime that reads no GGUF is told of no stock formats.
#[test]
fn remedies_are_what_the_program_can_do() {
    let model = models::model("qwen3-32b").unwrap();
    let mac = [devices::device("macbook-air-m4").unwrap()];
    let mlx = registry::program("mlx-lm").unwrap();
    let report = Report::by_program(&model, mlx, &mac, 0.0, None, |_| {}).unwrap();
    let verdict = &report.explained(&model, &mac).unwrap().devices[0];
    let inverse = &verdict.inverse;
    let stock =
        |change: &Change| matches!(change, Change::SmallerWeights { .. } | Change::KvQ8 | Change::KvQ4);
    assert_eq!((verdict.mode, &inverse.largest_weight_format), (Mode::Infeasible, &None));
    let changes = inverse.fixes.iter().map(|fix| fix.change).chain(inverse.together.iter().copied());
    let passing = inverse.limits.iter().flat_map(|remedy| remedy.changes.iter().copied());
    assert!(!changes.chain(passing).any(|change| stock(&change)));
}

fn placed(program: &str, model: &str, device: &str, context: u64) -> Placement {
    let device = devices::device(device).unwrap();
    let model = models::model(model).unwrap();
    let scenario = registry::program(program).unwrap().scenario(&model, &device, Some(context));
    let plan = WeightPlan::new(&model, scenario.weights).unwrap();
    Placement::of(&model, &plan, &scenario, Machine::of(&device))
}

/// MLX 4-bit in groups of 64 is 4.5 bits for every matrix, embeddings too; the cache grows by 256 tokens: Llama 3.2 1B has
/// 16 layers x 8 heads x 64 channels x 2 sides x 2 bytes, 32 KiB a token.
#[test]
fn mlx_holds_everything_in_anonymous_buffers() {
    let placement = placed("mlx-swift", "llama-3.2-1b", "iphone-16-pro", 1_000);
    assert_eq!(placement.bytes(Component::KvCache), 1_024 * 32 * 1_024);
    let weights: u64 =
        [Component::Decoder, Component::TokenEmbedding].map(|part| placement.bytes(part)).iter().sum();
    let bits = weights as f64 * 8.0 / 1_235_814_400.0;
    assert!((4.5..4.51).contains(&bits), "{bits}");
    let on_gpu = placement.parts.iter().filter(|part| part.component != Component::Runtime);
    assert!(on_gpu.clone().all(|part| part.pool == Pool::Gpu && part.kind == Kind::Anonymous));
    assert_eq!(
        placement.needs.host_anonymous,
        placement.of_component(Component::Runtime).next().unwrap().size
    );
}

/// LiteRT-LM issue 3507: Gemma 4 E2B at 8,192 tokens took 1,603 MB on iOS, where weights stay mapped, and 2,644 MB on Android.
#[test]
fn litert_on_the_gpu_holds_the_two_published_runs() {
    let of = |device: &str| {
        let device = devices::device(device).unwrap();
        let model = models::model("gemma4-e2b").unwrap();
        let mut scenario = registry::program("litert-lm-gpu").unwrap().scenario(&model, &device, Some(8_192));
        scenario.weights = WeightFormat::Published;
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        Placement::of(&model, &plan, &scenario, Machine::of(&device)).needs
    };
    let ios = of("iphone-16-pro").anonymous;
    assert!((ios.low..=ios.high).contains(&1_603_000_000), "{ios:?}");
    let android = of("pixel-9a");
    assert!((android.hot().low..=android.resident().high).contains(&2_644_000_000), "{android:?}");
    // Google Play counts anonymous memory of the process, a driver's buffers not among it.
    assert!(android.host_anonymous.bytes < android.anonymous.bytes);
}

/// The exporter's cache is f32 for the whole context: 2 x 16 layers x 8 heads x 64 channels x 4 bytes a token for Llama 3.2 1B.
#[test]
fn executorch_packs_matrices_and_plans_an_f32_cache() {
    let placement = placed("executorch", "llama-3.2-1b", "pixel-9a", 2_048);
    assert_eq!(placement.bytes(Component::KvCache), 2_048 * 64 * 1_024);
    let decoder: u64 = placement.of_component(Component::Decoder).map(|part| part.size.bytes).sum();
    assert!(placement.bytes(Component::PackedWeights) >= decoder);
    assert!(placement.of_component(Component::Decoder).all(|part| part.kind == Kind::File));
}

/// `cpp/serve/config.cc`: pages of 16 tokens and 48 MiB of workspace.
#[test]
fn mlc_makes_the_whole_cache_at_start() {
    let placement = placed("mlc-llm", "llama-3.2-1b", "pixel-9a", 1_001);
    assert_eq!(placement.bytes(Component::KvCache), 1_008 * 32 * 1_024 + 48 * MIB);
    assert!(placement.needs.gpu.bytes > 700 * MIB);
}

#[test]
fn a_program_is_refused_where_it_does_not_run_and_a_name_has_near_ones() {
    let model = models::model("llama-3.2-1b").unwrap();
    let pixel = [devices::device("pixel-9a").unwrap()];
    let mlx = registry::program("mlx-lm").unwrap();
    let refused = Report::by_program(&model, mlx, &pixel, 0.0, None, |_| {}).unwrap_err();
    assert_eq!(refused.to_string(), "MLX (mlx-lm) on pixel-9a; expected a device with macOS");
    assert_eq!(Report::by_program(&model, mlx, &[], 0.0, None, |_| {}).unwrap_err(), ReportError::NoDevice);
    let unknown = registry::program("olama").unwrap_err().to_string();
    assert!(
        unknown.starts_with("no built-in program `olama`; nearest: ollama; expected one of"),
        "{unknown}"
    );
    assert_eq!(registry::program("LM_Studio").unwrap().name, "lm-studio");
}

#[test]
fn mistakes_in_a_file_are_named() {
    let good = "name: x\ntitle: X\nversion: \"1\"\nruntime: llama-cpp\nsource: \"https://example.org\"\nconfidence: read\n";
    assert!(Program::from_yaml("x.yaml", good).is_ok());
    for (extra, expected) in [
        ("slots: 0\n", "slots"),
        ("k_bits: q9\n", "k_bits"),
        ("memory: 4\n", "memory"),
        ("variants:\n  - gpu: big\n", "variants[0].gpu"),
        ("systems: [beos]\n", "systems"),
        ("gpu_layers: some\n", "gpu_layers"),
    ] {
        let error = Program::from_yaml("x.yaml", &format!("{good}{extra}")).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("x.yaml"), "{error}");
    }
    let error = Program::from_yaml("x.yaml", &good.replace("llama-cpp", "llama")).unwrap_err().to_string();
    assert!(error.contains("runtime") && error.contains("llama"), "{error}");
}

#[test]
fn choices_and_conditions_are_said_in_words() {
    let ollama = registry::program("ollama").unwrap();
    assert!(ollama.choices.in_words().contains(&"4096 tokens of context".to_owned()));
    let card = ollama.variants.iter().find(|variant| variant.gpu_memory_from_mib == Some(23_552)).unwrap();
    assert_eq!(
        (card.gpu, card.condition().as_str()),
        (Some(Gpus::Card), "with a graphics card, from 23 GiB of GPU memory on")
    );
    let executorch = registry::program("executorch").unwrap();
    assert_eq!(executorch.choices.k, KvFormat::parse("f32").ok());
    assert!(executorch.choices.in_words().contains(&"f32 cache".to_owned()));
}
