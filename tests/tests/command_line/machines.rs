//! Limits, programs and GPUs.

use dhurandhar_tests::program::{answer, refusal};

#[test]
fn limits_are_listed_by_device_by_system_and_whole() {
    let phone = answer(&["limits", "--os", "android-17", "--ram", "8"]);
    assert!(
        phone.contains("google-play               2,304    1,536       1,536  anonymous memory"),
        "{phone}"
    );
    assert!(answer(&["limits", "--device", "iphone-15-pro"]).contains("jetsam"));
    assert!(answer(&["limits", "google-play"]).contains("2.25 GiB"));
    let list = answer(&["limits", "--list"]);
    assert!(list.lines().count() > 20 && list.lines().all(|line| line.len() <= 80), "{list}");
    let json = answer(&["limits", "--os", "android-17", "--ram", "6", "--state", "service", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["limits"][0]["bytes"], 1280 << 20);
    for (arguments, message) in [
        (vec!["limits"], "nothing to show"),
        (vec!["limits", "--os", "androd-17", "--ram", "8"], "no system `androd`; nearest: android"),
        (vec!["limits", "--os", "android-19", "--ram", "8"], "nearest: android-17"),
        (vec!["limits", "--os", "android-17", "--ram", "0"], "`--ram 0`: expected GB of memory"),
        (vec!["limits", "--os", "android-17"], "expected --ram GB"),
        (vec!["limits", "--device", "iphone-15-pro", "--state", "service"], "iOS has no state `service`"),
        (vec!["limits", "google-pley"], "nearest: google-play"),
        (
            vec!["analyze-ple", "--device", "macbook-air-m4", "--state", "service"],
            "macOS has no state `service`",
        ),
    ] {
        assert!(refusal(&arguments).contains(message), "{arguments:?}");
    }
}

#[test]
fn programs_are_listed_and_choose_for_each_device() {
    let list = answer(&["programs"]);
    assert!(list.contains("pocketpal") && list.lines().all(|line| line.len() <= 80), "{list}");
    let one = answer(&["programs", "ollama"]);
    assert!(
        one.contains("With a graphics card, from 4097 tokens on: micro-batch of 1024")
            && one.contains("https://github.com/ollama/ollama"),
        "{one}"
    );
    let ask = |more: &[&str]| {
        let arguments = ["analyze-ple", "--model", "llama-3.2-3b", "--program", "pocketpal", "--json"];
        let json = answer(&[&arguments[..], more].concat());
        serde_json::from_str::<serde_json::Value>(&json).unwrap()
    };
    let both = ask(&["--device", "pixel-9a", "--device", "iphone-16-pro"]);
    let on = &both["program"]["on"];
    assert_eq!((&on["pixel-9a"]["load"], &on["iphone-16-pro"]["load"]), (&"copy".into(), &"mmap".into()));
    assert_eq!(both["devices"][1]["context_tokens"], 2048);
    let said = ask(&["--device", "pixel-9a", "--load", "mmap", "--context-tokens", "4096"]);
    assert_eq!(
        (&said["scenario"]["load"], &said["scenario"]["context_tokens"]),
        (&"mmap".into(), &4096.into())
    );
    assert_eq!(said["scenario"]["flash_attention"], false);
    for (arguments, message) in [
        (vec!["programs", "olama"], "nearest: ollama"),
        (vec!["analyze-ple", "--program", "mlx-lm", "--device", "pixel-9a"], "expected a device with macOS"),
        (vec!["analyze-ple", "--program", "ollama", "--runtime", "vllm"], "cannot be used with"),
        (
            vec!["analyze-ple", "--program", "mlx-lm", "--device", "macbook-air-m4", "--load", "copy"],
            "a load mode with mlx",
        ),
    ] {
        assert!(refusal(&arguments).contains(message), "{arguments:?}");
    }
}

#[test]
fn a_gpu_in_the_hosts_memory_takes_any_number_of_layers() {
    for (option, said) in [
        (["--gpu-layers", "10"], "10 of 49 layers"),
        (["--cpu-moe-layers", "4"], "experts of the first 4 with the processor"),
    ] {
        let arguments = ["analyze-ple", "--model", "qwen3-30b-a3b", "--device", "strix-halo-64gb"];
        let text = answer(&[&arguments[..], &option].concat());
        assert!(text.contains("On the GPU:") && text.contains(said), "{text}");
    }
    assert!(refusal(&["analyze-ple", "--gpu", "rtx-4090", "--cpu-only"]).contains("cannot be used with"));
    // A card that is larger than half of the computer's memory is as large as it is.
    let text = answer(&[
        "analyze-ple",
        "--model",
        "qwen3-30b-a3b",
        "--device",
        "desktop-rtx-3060-12gb",
        "--gpu",
        "RTX-4090",
    ]);
    assert!(text.contains("Verdict:        RESIDENT") && !text.contains("shared GPU memory"), "{text}");
}

#[test]
fn a_store_that_shows_an_app_less_does_not_end_it_and_says_what_would_pass() {
    let arguments = ["analyze-ple", "--model", "gemma4-e2b", "--weights", "q4_0", "--context-tokens", "8192"];
    let ask = |state| {
        let json =
            answer(&[&arguments[..], &["--device", "pixel-10-pro", "--state", state, "--json"]].concat());
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["devices"][0].clone()
    };
    let (front, service) = (ask("foreground"), ask("service"));
    assert_eq!((&front["mode"], &service["mode"]), (&"resident".into(), &"resident".into()));
    assert_eq!(front["flagged"], serde_json::json!([]));
    let check = |verdict: &serde_json::Value| {
        let checks = verdict["checks"].as_array().unwrap();
        checks.iter().find(|check| check["limit"]["id"] == "google-play").unwrap().clone()
    };
    assert_eq!(check(&front)["limit"]["bytes"], 4352_u64 << 20);
    assert_eq!(check(&service)["limit"]["bytes"], 2048_u64 << 20);
    let copied =
        [&arguments[..], &["--device", "pixel-10-pro", "--state", "service", "--load", "copy"]].concat();
    let text = answer(&copied);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("Google Play's memory threshold in a foreground service: map the file"), "{flat}");
}

#[test]
fn several_cards_share_the_layers_and_each_has_its_limit() {
    let arguments = ["analyze-ple", "--model", "llama-3.3-70b", "--device", "desktop-rtx-4090-24gb"];
    // Lines are wrapped.
    let ask = |more: &[&str]| {
        let text = answer(&[&arguments[..], more].concat());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let alone = ask(&[]);
    assert!(alone.contains("of 81 layers") && !alone.contains("card 2"), "{alone}");
    let two = ask(&["--gpu", "rtx-4090", "--gpu", "rtx-3090"]);
    for said in ["all 81 layers over 2 cards (41 + 40)", "card 2, GeForce RTX 3090", "several cards"] {
        assert!(two.contains(said), "{said}: {two}");
    }
    let shared =
        ask(&["--gpu", "rtx-4090", "--gpu", "rtx-3090", "--tensor-split", "3,1", "--gpu-layers", "all"]);
    assert!(shared.contains("(61 + 20)") && shared.contains("allocations fail"), "{shared}");
    let rows = ask(&["--gpu", "rtx-4090", "--gpu", "rtx-3090", "--split-mode", "row"]);
    assert!(rows.contains("matrices divided by rows"), "{rows}");
    // Other machines' cards come first, as in llama.cpp.
    let remote = ask(&["--rpc", "rtx-3090"]);
    assert!(remote.contains("card 1, GeForce RTX 3090") && remote.contains("in another machine"), "{remote}");
}

#[test]
fn tensors_are_placed_by_their_names() {
    let arguments = ["analyze-ple", "--model", "qwen3-30b-a3b", "--device", "desktop-rtx-4090-24gb"];
    let ask = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&answer(&[&arguments[..], &["--json"], more].concat())).unwrap()
    };
    let on_card = |report: &serde_json::Value| report["placement"]["needs"]["gpu"]["bytes"].as_u64().unwrap();
    // The option for experts and the pattern that says the same.
    let kept = ask(&["--cpu-moe-layers", "48"]);
    let named = ask(&["--override-tensor", r"ffn_(up|down|gate)_exps=CPU"]);
    assert_eq!(on_card(&kept), on_card(&named));
    assert!(on_card(&named) * 4 < on_card(&ask(&["--gpu-layers", "all"])));
    let moved = ask(&["--gpu-layers", "0", "--override-tensor", r"blk\.0\.ffn_up_exps=CUDA0"]);
    assert!(on_card(&moved) > on_card(&ask(&["--gpu-layers", "0"])) + (60 << 20));
}

#[test]
fn a_models_own_layers_propose_tokens() {
    let arguments = ["analyze-ple", "--model", "qwen3.5-9b", "--device", "macbook-pro-m4-max-36gb"];
    let text =
        answer(&[&arguments[..], &["--mtp", "--draft-acceptance", "0.8", "--draft-tokens", "1"]].concat());
    for said in ["Draft model", "Draft model's cache", "With the draft:"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let none = refusal(&["analyze-ple", "--model", "qwen3-8b", "--mtp"]);
    assert!(none.contains("qwen3-8b states no layers for further tokens"), "{none}");
    let alone = refusal(&["analyze-ple", "--draft-acceptance", "0.8"]);
    assert!(alone.contains("without a draft"), "{alone}");
}
