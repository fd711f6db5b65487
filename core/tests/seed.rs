//! The first version's own sweeps, reproduced to the printed digit from its own constants.

use dhurandhar_core::device::{Device, registry};
use dhurandhar_core::model::{Model, Profile};
use dhurandhar_core::seed::{SeedOptions, assess, breakdown};

const BREAKDOWNS: &str = include_str!("../../tests/fixtures/seed/breakdown-sweep.csv");
const VERDICTS: &str = include_str!("../../tests/fixtures/seed/feasibility-sweep.csv");
const DEVICES: &str = include_str!("../../tests/fixtures/seed/device-profiles.json");
const BRING_YOUR_OWN: &str = include_str!("../../tests/fixtures/seed/my_model.yaml");

macro_rules! seed_models {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../tests/fixtures/seed/", $name, ".yaml")))),*]
    };
}

const MODELS: [(&str, &str); 8] = seed_models!(
    "gemma4-e2b",
    "gemma4-e4b",
    "qwen2.5-0.5b",
    "qwen2.5-1.5b",
    "qwen2.5-3b",
    "granite-3.3-2b",
    "llama-3.2-1b",
    "llama-3.2-3b"
);

#[cfg(test)]
fn profile(name: &str) -> Profile {
    let (_, text) = MODELS.iter().find(|(known, _)| *known == name).unwrap();
    Profile::parse(&format!("{name}.yaml"), text).unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
fn options(cells: &[&str]) -> SeedOptions {
    let whole = |column: usize| cells[column].parse().unwrap();
    SeedOptions {
        context_tokens: whole(1),
        quant_bits: whole(2),
        kv_bits: whole(3),
        ..SeedOptions::default()
    }
}

/// A figure as the sweep prints it.
#[cfg(test)]
fn same(found: f64, printed: &str) -> bool {
    let decimals = printed.split_once('.').map_or(0, |(_, fraction)| fraction.len()).max(2);
    let rounded: f64 = format!("{found:.decimals$}").parse().unwrap();
    (rounded - printed.parse::<f64>().unwrap()).abs() < 1e-9
}

#[test]
fn every_breakdown_of_the_sweep() {
    let rows = BREAKDOWNS.lines().skip(1);
    for line in rows.clone() {
        let cells: Vec<&str> = line.split(',').collect();
        let profile = profile(cells[0]);
        let strip = breakdown(&profile, options(&cells));
        let keep = breakdown(&profile, SeedOptions { strip_audio: false, ..options(&cells) });
        let found = [
            strip.decoder_mb,
            strip.embedding_mb,
            strip.kv_cache_mb,
            strip.vision_encoder_mb,
            strip.audio_encoder_mb,
            strip.activations_overhead_mb,
            strip.runtime_overhead_mb,
            strip.resident_total_mb,
            keep.resident_total_mb,
            strip.mmap_total_mb,
            keep.mmap_total_mb,
        ];
        for (value, printed) in found.into_iter().zip(&cells[4..]) {
            assert!(same(value, printed), "{line}: {value} for {printed}");
        }
    }
    assert_eq!(rows.count(), 1152);
}

#[test]
fn every_verdict_of_the_sweep() {
    let rows = VERDICTS.lines().skip(1);
    for line in rows.clone() {
        let cells: Vec<&str> = line.splitn(9, ',').collect();
        let device = registry::device(cells[4]).unwrap_or_else(|error| panic!("{error}"));
        let verdict = assess(&profile(cells[0]), options(&cells), &device, 15.0);
        assert_eq!(verdict.mode.name(), cells[5], "{line}");
        assert!(same(verdict.headroom_mb, cells[6]), "{line}: {}", verdict.headroom_mb);
        let bound = verdict.flash_read_bound_tok_per_sec;
        assert_eq!(bound.is_some(), !cells[7].is_empty(), "{line}");
        assert!(bound.is_none_or(|bound| same(bound, cells[7])), "{line}: {bound:?}");
        assert_eq!(verdict.rationale, cells[8].trim_matches('"'), "{line}");
    }
    assert_eq!(rows.count(), 960);
}

#[test]
fn the_built_in_devices_keep_the_first_figures() {
    let devices: serde_json::Value = serde_json::from_str(DEVICES).unwrap();
    let devices = devices.as_object().unwrap();
    assert_eq!(devices.len(), 5);
    for (slug, fields) in devices {
        let device = registry::device(slug).unwrap();
        assert_eq!(device.title, fields["name"].as_str().unwrap());
        assert_eq!(device.notes, fields["notes"].as_str().unwrap());
        assert_eq!(Some(device.supports_npu), fields["supports_npu"].as_bool());
        assert_eq!(device.ram_budget_mb, fields["ram_budget_mb"].as_f64());
        assert!((device.flash_read_gbps() - fields["flash_read_gbps"].as_f64().unwrap()).abs() < 1e-12);
        // The same fields as a file of one's own.
        let own =
            Device::from_yaml("own.yaml", &fields.to_string()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(own.ram_budget_mb, device.ram_budget_mb);
    }
}

#[test]
fn a_model_of_ones_own_loads_unchanged() {
    let model = Model::from_yaml("my_model.yaml", BRING_YOUR_OWN).unwrap();
    assert_eq!(model.architecture.layers.len(), 32);
    assert_eq!(model.architecture.max_context_tokens, 4096);
    let memory =
        breakdown(&model.profile.unwrap(), SeedOptions { context_tokens: 4096, ..SeedOptions::default() });
    assert!((memory.kv_cache_mb - 384.0).abs() < 1e-9, "{}", memory.kv_cache_mb);
    assert!((memory.runtime_overhead_mb - 96.0).abs() < 1e-9);
}
