//! Every built-in limit against bytes worked out by hand from its source.

use super::super::{ByState, Confidence, Counts, State};
use super::*;
use crate::device::{Device, SourceKind};
use crate::leaf::units::{GIB, MIB};

/// Bytes of a limit in the foreground, a service, the background, on a system with so many GiB of memory.
fn bytes(name: &str, system: &str, ram_gib: u64, device: &str) -> Option<[Option<u64>; 3]> {
    let (platform, version) = Platform::parse(system).unwrap();
    let setting = Setting { platform, version, ram_mib: Some(ram_gib * 1024), device };
    let limit = entry(name).unwrap().limit(&setting)?;
    Some([State::Foreground, State::Service, State::Background].map(|state| limit.states.get(state)))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be nothing")]
fn same(bytes: u64) -> Option<[Option<u64>; 3]> {
    Some([Some(bytes); 3])
}

/// On systems that know one state it stands for all.
fn foreground(bytes: u64) -> Option<[Option<u64>; 3]> {
    same(bytes)
}

#[test]
fn every_file_loads_under_its_own_name_and_says_all_that_a_limit_must() {
    for (name, text) in LIMITS {
        let entry = Entry::from_yaml(&format!("{name}.yaml"), text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(entry.name, *name);
        for text in [&entry.title, &entry.who, &entry.since, &entry.source] {
            assert!(text.len() > 3, "{name}: {text:?}");
        }
        for class in &entry.classes {
            let states = class.bytes(Some(8192));
            // A background that is allowed more than the foreground would make verdicts better off the screen.
            let order = [states.get(State::Service), states.get(State::Background)];
            assert!(
                order.iter().flatten().all(|bytes| Some(*bytes) <= states.get(State::Foreground)),
                "{name}: {class:?}"
            );
            if entry.confidence_of(class) != Confidence::Estimate {
                assert!(!entry.source_of(class).is_empty(), "{name}");
            }
        }
    }
    assert_eq!(entries().count(), LIMITS.len());
    let error = entry("google-pley").unwrap_err().to_string();
    assert_eq!(error, "no built-in limit `google-pley`; nearest: google-play");
}

#[test]
fn google_play_goes_by_class_of_memory_and_state() {
    let play = |ram| bytes("google-play", "android-17", ram, "");
    let row = |foreground: u64, service: u64| Some([foreground, service, service].map(|mib| Some(mib * MIB)));
    assert_eq!(play(3), None);
    assert_eq!(play(4), row(2048, 1024));
    assert_eq!(play(6), row(2304, 1280));
    assert_eq!(play(8), row(2304, 1536));
    assert_eq!(play(12), row(3328, 1792));
    assert_eq!(play(16), row(4352, 2048));
    assert_eq!(play(24), None);
    let play = entry("google-play").unwrap();
    assert_eq!((Counts::of(&play.counts), play.beyond.stops()), (Counts::HostAnonymous, false));
    // Each class includes its lower edge, of MemTotal in MiB.
    let at = |ram| {
        let setting = Setting { platform: Platform::Android, version: None, ram_mib: Some(ram), device: "" };
        play.limit(&setting).map(|limit| limit.bytes / MIB)
    };
    let edges = [3199, 3200, 4799, 4800, 6799, 6800, 9215, 9216, 14_335, 14_336, 18_943, 18_944].map(at);
    let expected = [0, 2048, 2048, 2304, 2304, 2304, 2304, 3328, 3328, 4352, 4352, 0];
    assert_eq!(edges.map(|mib| mib.unwrap_or(0)), expected);
    let old = Setting {
        platform: Platform::Android,
        version: Version::parse("12"),
        ram_mib: Some(8192),
        device: "",
    };
    assert!(!play.holds(&old));
}

#[test]
fn the_limiter_has_two_steps_since_android_17() {
    let row = |foreground: u64, rest: u64| Some([foreground, rest, rest].map(|mib| Some(mib * MIB)));
    let first = |ram| bytes("memory-limiter", "android-17", ram, "");
    assert_eq!(first(4), row(1948, 974));
    assert_eq!(first(6), row(3072, 1536));
    assert_eq!(first(8), row(4096, 2048));
    assert_eq!(first(12), row(6144, 3072));
    assert_eq!(first(16), row(8192, 4096));
    let kill = |ram| bytes("memory-limiter-kill", "android-17", ram, "");
    assert_eq!(kill(4), row(2922, 1461));
    assert_eq!(kill(6), row(4608, 2304));
    assert_eq!(kill(8), row(6144, 3072));
    assert_eq!(kill(12), row(9216, 6144));
    assert_eq!(kill(16), row(12_288, 8192));
    let steps = ["memory-limiter", "memory-limiter-kill"].map(|name| entry(name).unwrap());
    assert_eq!(steps.map(|step| Counts::of(&step.counts)), [Counts::Memory, Counts::Anonymous]);
    let of = |version: &str| of_system(Platform::Android, Version::parse(version), Some(8192));
    let ids = |version: &str| of(version).into_iter().map(|limit| limit.id).collect::<Vec<_>>();
    assert_eq!(ids("16"), ["google-play", "lmkd"]);
    assert_eq!(ids("17"), ["google-play", "lmkd", "memory-limiter", "memory-limiter-kill"]);
    // None of them is a figure of a real phone.
    assert!(of("17").iter().all(Limit::is_estimate));
}

#[test]
fn lmkd_is_reckoned_from_kills_on_a_phone_with_6_gb() {
    assert_eq!(bytes("lmkd", "android-17", 6, ""), same(3 * GIB));
    assert_eq!(bytes("lmkd", "android-12", 4, ""), same(GIB));
}

#[test]
fn jetsam_goes_by_device_and_falls_back_to_memory() {
    let jetsam = |device, system, ram| bytes("jetsam", system, ram, device);
    assert_eq!(jetsam("iphone-13-pro", "ios-26", 6), foreground(3_120_000_000));
    assert_eq!(jetsam("iphone-15-pro", "ios-26", 8), foreground(3_270_000_000));
    assert_eq!(jetsam("iphone-air", "ios-27", 12), foreground(3376 * MIB));
    assert_eq!(jetsam("iphone-14", "ios-26", 6), foreground(2_098_000_000));
    assert_eq!(jetsam("iphone-12-mini", "ios-18", 4), foreground(2_100_000_000));
    // 55 % of 4 GiB.
    assert_eq!(jetsam("iphone-xs", "ios-15", 4), foreground(2_362_232_013));
    // iPadOS 26.4 took half of what 26.3 gave: 37.5 and 75 % of 8 GiB.
    assert_eq!(jetsam("ipad-8gb", "ipados-26.4", 8), foreground(3 * GIB));
    assert_eq!(jetsam("ipad-8gb", "ipados-26.3", 8), foreground(6 * GIB));
    assert_eq!(jetsam("mine", "ios-26", 8), foreground(3_543_348_019));
    let entitled = |device, system, ram| bytes("jetsam-entitled", system, ram, device);
    assert_eq!(entitled("iphone-13-pro", "ios-26", 6), foreground(4_200_000_000));
    assert_eq!(entitled("iphone-15-pro", "ios-26", 8), foreground(6_000_000_000));
    assert_eq!(entitled("ipad-pro-m1-16gb", "ipados-15", 16), foreground(12_000_000_000));
    assert_eq!(entitled("mine", "ios-26", 4), None);
}

#[test]
fn metals_working_set_goes_by_memory_and_generation() {
    let metal = |system, ram| bytes("metal", system, ram, "");
    assert_eq!(metal("macos-15", 16), same(11_453_250_000));
    // What llama.cpp lists for M1 to M5: 12,124 and 18,186 MiB.
    assert_eq!(metal("macos-26", 16), same(12_713_120_000));
    assert_eq!(metal("macos-26", 24), same(18_186 << 20));
    assert_eq!(metal("macos-15", 32), same(22_906_500_000));
    assert_eq!(metal("macos-26", 32), same(26_800_600_000));
    assert_eq!(metal("macos-15", 36), same(28_991_030_000));
    assert_eq!(metal("macos-26", 36), same(30_150_670_000));
    assert_eq!(metal("macos-26", 48), same(40_200_900_000));
    assert_eq!(metal("macos-15", 64), same(51_539_610_000));
    assert_eq!(metal("macos-26", 64), same(55_662_790_000));
    // 107.52 x 2^30.
    assert_eq!(metal("macos-26", 128), same(115_448_720_916));
    assert_eq!(metal("macos-15", 128), same(96 * GIB));
    // 66.67 % of 24 GiB.
    assert_eq!(metal("macos-15", 24), same(17_180_728_177));
}

#[test]
fn windows_linux_and_boards() {
    assert_eq!(bytes("windows-commit", "windows-11", 16, ""), same(16 * GIB));
    assert_eq!(bytes("windows-shared-gpu", "windows-11", 16, ""), same(8 * GIB));
    // What was seen on single cards is shown, and holds on no other.
    assert_eq!(bytes("windows-gpu-budget", "windows-11", 16, ""), None);
    // A device with a card has 95 % of it, as a warning.
    let desktop = crate::device::registry::device("desktop-rtx-4060-8gb").unwrap();
    let budget = desktop.limits().into_iter().find(|limit| limit.id == "windows-gpu-budget").unwrap();
    assert_eq!((budget.bytes, budget.decides()), (8_160_437_862, false));
    assert_eq!(bytes("amdgpu-gtt", "linux", 27, ""), same(27 * GIB / 2));
    assert_eq!(bytes("amdgpu-gtt", "linux", 4, ""), same(3 * GIB));
    assert_eq!(bytes("earlyoom", "linux", 10, ""), same(9 * GIB));
    assert_eq!(bytes("systemd-oomd", "linux", 16, ""), same(16 * GIB));
    assert_eq!(bytes("cgroup-v2", "linux", 16, ""), None);
    assert_eq!(bytes("raspberry-pi-cma", "linux", 8, ""), same(64_000_000));
    assert_eq!(bytes("rk3588-npu", "linux", 16, ""), same(4 * GIB));
    assert_eq!(bytes("jetson", "linux", 8, ""), same(7607 * MIB));
    // 61.4 x 2^30.
    assert_eq!(bytes("jetson", "linux", 64, ""), same(65_927_747_994));
}

#[test]
fn headsets_browsers_and_what_systems_leave() {
    assert_eq!(bytes("quest", "horizon", 8, ""), foreground(5888 * MIB));
    assert_eq!(bytes("quest", "horizon", 6, ""), foreground(4_724_464_026));
    assert_eq!(bytes("quest", "horizon", 12, ""), foreground(4_724_464_026));
    assert_eq!(bytes("wasm32", "browser", 8, ""), same(4 * GIB));
    assert_eq!(bytes("wasm-memory64", "browser", 8, ""), same(16 * GIB));
    assert_eq!(bytes("ios-web-content", "browser", 8, ""), foreground(1_500_000_000));
    assert_eq!(bytes("webgpu", "browser", 8, ""), None);
    assert_eq!(bytes("android-gpu", "android-17", 8, ""), None);
    let shown = |name: &str| {
        entry(name).unwrap().classes.iter().find_map(|class| class.bytes(None).get(State::Foreground))
    };
    assert_eq!(shown("webgpu"), Some(256 * MIB));
    assert_eq!(shown("android-gpu"), Some(1_000_000_000));
    let left = |system, ram| bytes("left-by-system", system, ram, "");
    assert_eq!(left("ios-26", 8), same(6 * GIB));
    assert_eq!(left("macos-26", 16), same(12 * GIB));
    assert_eq!(left("linux", 8), same((8192 - 614) * MIB));
    assert_eq!(left("windows-11", 16), same(10_651_518_894));
    assert_eq!(left("other", 8), same(4 * GIB));
}

#[test]
fn mistakes_in_a_file_are_named() {
    let start =
        "name: a\ntitle: A\nwho: me\nsystems: [linux]\ncounts: [anonymous]\nbeyond: killed\nsince: now\n";
    let error = |text: &str| Entry::from_yaml("l.yaml", text).unwrap_err().to_string();
    let rest = "source: here\nconfidence: read\n";
    for (text, message) in [
        (
            format!("{start}confidence: read\nclasses: [{{title: x, all: 1 GiB}}]\n"),
            "l.yaml:1: field `source` is missing; expected text",
        ),
        (
            format!("{start}{rest}classes:\n  - title: x\n"),
            "l.yaml:11: field `classes[0].foreground` is missing; expected a size (2.25 GiB, 1948 MiB, 3.1 GB), a \
             share of memory (50 %), ram - 614 MiB, or none (or `all`, for every state)",
        ),
        (
            format!("{start}{rest}classes:\n  - title: x\n    service: 2 gigabytes\n"),
            "l.yaml:12: field `classes[0].service` is \"2 gigabytes\"; expected a size (2.25 GiB, 1948 MiB, 3.1 GB), a \
             share of memory (50 %), ram - 614 MiB, or none",
        ),
        (
            format!("{start}{rest}"),
            "l.yaml:1: field `classes` is missing; expected bytes by class of memory and state",
        ),
        (
            format!(
                "{start}{rest}classes:\n  - title: x\n    ram_from_mib: 9\n    ram_below_mib: 9\n    all: 1 GiB\n"
            ),
            "l.yaml:13: field `classes[0].ram_below_mib` is 9; expected more than ram_from_mib, 9",
        ),
        (
            start.replace("[linux]", "[beos]") + rest + "classes: [{title: x, all: 1 GiB}]\n",
            "l.yaml:4: field `systems` is \"beos\"; expected one of android, horizon, ios, ipados, linux, macos, windows, \
             browser, other",
        ),
    ] {
        assert_eq!(error(&text), message);
    }
}

fn device(text: &str) -> Result<Device, String> {
    let start = "name: mine\nos: android\nversion: 17\nram_mib: 8192\nstorage: {class: ufs-4.0}\n";
    Device::from_yaml("d.yaml", &format!("{start}{text}")).map_err(|error| error.to_string())
}

#[test]
fn a_devices_file_adds_replaces_and_drops_limits_by_name() {
    let ids = |text: &str| -> Vec<String> {
        device(text).unwrap().limits().into_iter().map(|limit| limit.id).collect()
    };
    let plain = ["google-play", "lmkd", "memory-limiter", "memory-limiter-kill", "physical"];
    assert_eq!(ids(""), plain);
    assert_eq!(ids("limits:\n  - name: google-play\n    none: true\n"), plain[1..]);
    assert_eq!(ids("limits:\n  - name: lmkd\n"), plain);
    let own = "limits:\n  - name: memory-limiter\n    foreground: 5 GiB\n    service: 3 GiB\n    source: adb shell\n";
    let phone = device(own).unwrap();
    let limit = phone.limits().into_iter().find(|limit| limit.id == "memory-limiter").unwrap();
    assert_eq!(
        (limit.bytes, limit.states.get(State::Service), limit.states.get(State::Background)),
        (5 * GIB, Some(3 * GIB), Some(3 * GIB))
    );
    assert_eq!((limit.source.kind, limit.is_estimate()), (SourceKind::Stated, false));
    assert_eq!(limit.counts, Counts::Memory);
    let new = "limits:\n  - name: app\n    counts: [anonymous]\n    beyond: killed\n    all: 25 %\n    source: \"estimate: mine\"\n";
    let phone = device(new).unwrap();
    let limit = phone.limits().into_iter().find(|limit| limit.id == "app").unwrap();
    assert_eq!((limit.states, limit.counts), (ByState::same(2 * GIB), Counts::HostAnonymous));
    // A budget takes the place of what the system would leave, and of nothing else.
    assert_eq!(
        ids("ram_budget_mb: 3000\n"),
        ["budget", "google-play", "memory-limiter", "memory-limiter-kill", "physical"]
    );
    // Unless the file asks for both.
    let both = ids("ram_budget_mb: 3000\nlimits:\n  - name: lmkd\n");
    assert!(both.contains(&"budget".to_owned()) && both.contains(&"lmkd".to_owned()));
}

#[test]
fn mistakes_in_a_devices_limits_are_named() {
    let entry = |text: &str| device(&format!("limits:\n  - name: {text}\n")).unwrap_err();
    assert_eq!(
        entry("google-pley\n    none: true"),
        "d.yaml:7: field `limits[0].name` is \"google-pley\"; expected the name of a built-in limit; nearest: google-play, or a limit of your own with bytes (all: 2 GiB), counts, beyond and source"
    );
    assert!(
        entry("mine")
            .starts_with("d.yaml:7: field `limits[0].name` is \"mine\"; expected the name of a built-in")
    );
    assert_eq!(
        entry("app\n    counts: [anonymous]\n    beyond: killed\n    all: 2 GiB"),
        "d.yaml:7: field `limits[0].source` is missing; expected where its bytes are from (published: ..., estimate: ... \
         or your own words)"
    );
    assert!(
        entry("app\n    counts: [anonymous]\n    source: me").contains("`limits[0].foreground` is missing")
    );
    // Kinds that no sum of a prediction is made of alone.
    for kinds in ["swap", "shmem, swap", "wired", "file"] {
        let text = format!("app\n    counts: [{kinds}]\n    beyond: killed\n    all: 1 GiB\n    source: me");
        let expected =
            format!("`limits[0].counts` is {kinds}; expected kinds with anonymous or gpu among them");
        assert!(entry(&text).contains(&expected), "{}", entry(&text));
    }
    assert!(
        entry("lmkd\n    foreground: 1 GiB\n    service: 2 GiB\n    source: me")
            .contains("`limits[0].service` is ")
    );
    assert!(
        entry("lmkd\n    foreground: 1 GiB\n    source: me\n  - name: lmkd")
            .contains("a name that no other entry has")
    );
    assert!(entry("rk3588-npu\n    size: 1").contains("unknown field `limits[0].size`"));
    assert!(
        entry("app\n    beyond: boom\n    all: 1 GiB\n    source: x")
            .contains("expected one of evicts, throttles, killed")
    );
    let version = |text: &str| device(text).unwrap_err();
    let text = "name: mine\nos: android\nversion: 19\nram_mib: 8192\nstorage: {class: ufs-4.0}\n";
    assert_eq!(
        Device::from_yaml("d.yaml", text).unwrap_err().to_string(),
        "d.yaml:3: field `version` is 19; expected a version that is known: no version 19 of android is known; nearest: \
         android-17 (known: 8 to 17)"
    );
    assert!(
        version("platform: ipados\n").contains("expected a system of the family that `os` states, android")
    );
}

/// Shares of iPads by their memory (limits.md), whatever the device is called; more memory allows no less.
#[test]
fn ipads_by_the_systems_name_have_their_own_shares() {
    let at = |version: &str, gib: u64| bytes("jetsam", version, gib, "").unwrap()[0].unwrap();
    assert!(at("ipados-26.4", 6).abs_diff(6 * GIB * 81 / 100) <= 1);
    assert!(at("ipados-26.4", 4).abs_diff(4 * GIB * 77 / 100) <= 1);
    for version in ["ipados-26.3", "ipados-26.4"] {
        assert!(at(version, 8) <= at(version, 12) && at(version, 12) <= at(version, 16), "{version}");
    }
}

#[test]
fn what_cannot_be_checked_without_the_memory_is_named() {
    let text = "name: mine\nos: android\nversion: 17\nram_budget_mb: 3000\nstorage: {class: ufs-4.0}\n";
    let device = Device::from_yaml("d.yaml", text).unwrap();
    let unchecked = device.unchecked_limits();
    assert!(
        unchecked.contains(&"google-play") && unchecked.contains(&"memory-limiter-kill"),
        "{unchecked:?}"
    );
    let known = Device::from_yaml("d.yaml", &text.replace("ram_budget_mb: 3000", "ram_mib: 8192")).unwrap();
    assert!(known.unchecked_limits().is_empty());
}
