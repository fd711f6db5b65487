//! Bad input, which is told what was wrong and what was expected.

use dhurandhar_tests::program::{refusal, run};
use dhurandhar_tests::workspace::{fixture, root};
use snapbox::str;

#[test]
fn choices_that_cannot_be_are_refused_in_words() {
    let base = ["analyze-ple", "--model", "llama-3.2-1b", "--device", "pixel-9a"];
    let refused = |more: &[&str]| refusal(&[&base[..], more].concat());
    for (more, expected) in [
        (&["--v-bits", "q4_0", "--no-flash-attention"][..], "need flash attention"),
        (&["--slots", "0"], "0 slots; expected 1 to 256"),
        (
            &["--slots", "256", "--context-tokens", "131072", "--unified-kv", "false", "--ubatch", "0"],
            "ubatch of 0",
        ),
        (&["--context-tokens", "131073"], "expected 1 to 131072"),
        (&["--runtime", "vllm", "--load", "copy"], "a load mode with vllm"),
        (&["--prompt-cache-mib", "100"], "a prompt cache with llama-cpp"),
        (&["--load", "copy", "--lazy", "on"], "needs the file mapped"),
        (&["--memory-limit-mib", "0"], "invalid value '0'"),
        (&["--load", "mlock", "--no-mmap"], "cannot be used with"),
    ] {
        let message = refused(more);
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    let config = fixture("configs/s-granite-4.1-3b-headdim80.json");
    let message = refusal(&[
        "analyze-ple",
        "--model",
        config.to_str().unwrap(),
        "--k-bits",
        "q8_0",
        "--v-bits",
        "q8_0",
        "--device",
        "pixel-9a",
    ]);
    assert!(message.contains("multiple of 32 channels") && message.contains("80"), "{message}");
}

/// Everybody runs it there: on the GPU, without a packed copy.

#[test]
fn choices_that_would_have_no_effect_are_refused() {
    for (arguments, named) in [
        (&["--method", "seed", "--slots", "2"][..], "--slots"),
        (&["--method", "seed", "--load", "copy"], "--load"),
        (&["--runtime", "vllm", "--no-repack"], "packed copies"),
        (&["--json-version", "1"], "--output"),
        (&["--context-tokens", "-1"], "'-1'"),
    ] {
        let error = refusal(&[&["analyze-ple"], arguments].concat());
        assert!(error.contains(named), "{arguments:?}: {error}");
    }
}

#[test]
fn bad_input_names_what_was_wrong_and_what_was_expected() {
    snapbox::assert_data_eq!(
        refusal(&["analyze-ple", "--model", "gemma4-e2"]),
        str![[r#"
error: no built-in model `gemma4-e2`; nearest: gemma4-e2b, gemma4-e4b, gemma4-12b; `dhurandhar models` lists them

"#]]
    );
    snapbox::assert_data_eq!(
        refusal(&["analyze-ple", "--context-tokens", "0"]),
        str![[r#"
error: context of 0 tokens; expected 1 to 131072, the longest that `gemma4-e2b` declares

"#]]
    );
    let far = refusal(&["analyze-ple", "--context-tokens", "1000000000000"]);
    assert!(far.contains("expected 1 to 131072"), "{far}");
    for (arguments, part) in [
        (vec!["analyze-ple", "--weight-bits", "0"], "--weight-bits"),
        (vec!["analyze-ple", "--weight-bits", "1000"], "--weight-bits"),
        (vec!["analyze-ple", "--kv-bits", "-4"], "-4"),
        (vec!["analyze-ple", "--weights", "q9"], "unknown weight format `q9`"),
        (vec!["analyze-ple", "--k-bits", "turbo9"], "unknown KV format `turbo9`"),
        (vec!["analyze-ple", "--runtime", "tgi"], "unknown runtime `tgi`"),
        (vec!["analyze-ple", "--device", "pixel-9"], "pixel-9a"),
        (vec!["analyze-ple", "--target-decode-tps", "nan"], "target of NaN tok/s"),
        (vec!["analyze-ple", "--ple-cache-hit", "2"], "expected 0 to 1"),
        (vec!["analyze-ple", "--model", "nowhere.yaml"], "no file at nowhere.yaml"),
        (vec!["analyze-ple", "--weights", "as_stored"], "needs a GGUF or safetensors file"),
    ] {
        let message = refusal(&arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}

#[test]
fn a_profile_with_a_mistake_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    let good = std::fs::read_to_string(root().join("profiles/models/llama-3.2-1b.yaml")).unwrap();
    for (from, to, expected) in [
        (
            "hidden_size: 2048",
            "hidden_size: 2048\nhead_dims: 64",
            "unknown field `head_dims`; did you mean `head_dim`?",
        ),
        ("num_hidden_layers: 16", "num_hidden_layers: -16", "expected a whole number from 1 to 4096"),
        ("head_dim: 64", "", "field `head_dim` is missing"),
        ("vocab_size: 128256", "vocab_size: many", "field `vocab_size` is \"many\""),
        ("head_dim: 64", "head_dim: 64\nhead_dim: 64", "field `head_dim` is given twice"),
        ("family: llama", "family: [llama", "mine.yaml:"),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        let message = refusal(&["analyze-ple", "--model", path.to_str().unwrap()]);
        assert!(message.contains(expected), "{from} -> {to}: {message}");
        assert!(message.contains("mine.yaml:"), "{message}");
    }
}

#[test]
fn a_path_that_is_not_there_is_bad_input_and_is_named() {
    for arguments in [
        ["analyze-ple", "--output", "/nowhere/file.json"],
        ["analyze-ple", "--calibrate", "/nowhere/file.json"],
        ["dossier", "--format=json", "/nowhere/file.json"],
    ] {
        let output = run(&arguments).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/file.json"));
    }
}

#[test]
fn cards_and_tensors_that_cannot_be_are_named() {
    for (options, said) in [
        (&["--gpu", "rtx-4090", "--gpu", "none"][..], "`--gpu none` with other cards"),
        (&["--gpu", "rtx-4090", "--gpu", "integrated"], "one of them in the host's memory"),
        (&["--gpu", "rtx-4090", "--gpu", "rtx-9000"], "no built-in GPU `rtx-9000`"),
        (&["--gpu", "rtx-4090", "--gpu", "rtx-3090", "--runtime", "vllm"], "2 cards on"),
        (&["--gpu", "rtx-4090", "--tensor-split", "0,0"], "shares [0, 0] for the cards"),
        (&["--gpu", "rtx-4090", "--override-tensor", "ffn"], "expected PATTERN=CPU"),
        (&["--gpu", "rtx-4090", "--override-tensor", "ffn=TPU"], "`TPU`; expected CPU"),
        (&["--gpu", "rtx-4090", "--override-tensor", "expert=CPU"], "no tensor's name matches"),
        (&["--gpu", "rtx-4090", "--override-tensor", "(=CPU"], "--override-tensor"),
        (
            &["--gpu", "rtx-4090", "--override-tensor", "ffn_up=CUDA1"],
            "GPU1 on desktop-rtx-4090-24gb, which has 1",
        ),
        (&["--gpu", "none", "--rpc", "rtx-4090", "--runtime", "vllm"], "cards of other machines on"),
        (&["--gpu", "rtx-4090", "--rpc", "rtx-4090", "--split-mode", "row"], "expected whole layers"),
        (&["--rpc", "integrated"], "`--rpc integrated`; expected a card"),
        (&["--tensor-split", "a"], "expected numbers with commas"),
        (&["--runtime", "mlx"], "MLX on desktop-rtx-4090-24gb; expected a Mac"),
    ] {
        let arguments = ["analyze-ple", "--model", "qwen3-8b", "--device", "desktop-rtx-4090-24gb"];
        let message = refusal(&[&arguments[..], options].concat());
        assert!(message.contains(said), "{options:?}: {message}");
    }
    let message = refusal(&["analyze-ple", "--device", "pixel-9a", "--gpu", "rtx-4090"]);
    assert!(message.contains("a card in pixel-9a, which has no place for one"), "{message}");
}
