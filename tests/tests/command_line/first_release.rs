//! What the first release answered.

use dhurandhar_tests::program::answer;
use dhurandhar_tests::workspace::fixture;

#[test]
fn the_seeds_table_comes_out_of_the_seeds_constants() {
    let profile = fixture("seed/gemma4-e2b.yaml");
    let text = answer(&[
        "analyze-ple",
        "--method",
        "seed",
        "--model",
        profile.to_str().unwrap(),
        "--device",
        "low_tier_mobile_emmc",
        "--device",
        "high_end_mobile_ufs4",
        "--device",
        "laptop_nvme",
    ]);
    // The seed's published table, where its code agrees with it: activations are 32 and the resident total 2,404.
    for figure in ["809 MB", "1147 MB", "138 MB", "150 MB", "32 MB", "2404 MB", "1321 MB"] {
        assert!(text.contains(figure), "{figure} in\n{text}");
    }
    assert!(text.contains("Short by 297 MB"), "{text}");
    assert!(text.contains("727 MB headroom"), "{text}");
    assert!(text.contains("Fits resident with 5788 MB headroom"), "{text}");
}

#[test]
fn the_seeds_own_example_profile_loads_unchanged() {
    let profile = fixture("seed/my_model.yaml");
    let text = answer(&["analyze-ple", "--model", profile.to_str().unwrap(), "--context-tokens", "4096"]);
    assert!(text.contains("phi-3-mini-4k"), "{text}");
}

#[test]
fn the_options_of_the_first_release_are_all_there() {
    let text = answer(&[
        "analyze-ple",
        "--model",
        "gemma4-e2b",
        "--context-tokens",
        "32768",
        "--quant-bits",
        "4",
        "--kv-bits",
        "4",
        "--keep-audio",
        "--device",
        "laptop_nvme",
        "--target-decode-tps",
        "15",
    ]);
    // 32,768 tokens of 15 caches at 4 bits: 49.5 MiB logical, 51 in llama.cpp's cells.
    assert!(text.contains("4bit weights (4.00 bits per weight)"), "{text}");
    assert!(text.contains("51.0"), "{text}");
    assert!(answer(&["analyze-ple", "--strip-audio"]).contains("left out"));
}
