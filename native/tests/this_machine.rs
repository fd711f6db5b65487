//! This machine as the user meets it: what it is, what runs on it, its profile.

use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dhurandhar");

/// A run with a cache of its own, so that no earlier measurement is seen.
#[cfg(test)]
fn run(cache: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).env("DHURANDHAR_CACHE", cache).args(arguments).output().unwrap()
}

#[cfg(test)]
fn answer(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_program_alone_says_what_runs_here_and_how_to_go_on() {
    let cache = tempfile::tempdir().unwrap();
    let text = answer(run(cache.path(), &[]));
    assert!(text.starts_with("This machine: "), "{text}");
    for part in ["dhurandhar analyze-ple --model ", "dhurandhar machine --measure", "dhurandhar --help"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_profile_of_this_machine_is_a_device_everywhere() {
    let cache = tempfile::tempdir().unwrap();
    let path = cache.path().join("mine.yaml");
    let (file, folder) = (path.to_str().unwrap(), cache.path().to_str().unwrap());
    let text = answer(run(cache.path(), &["machine", "--output", file, "--directory", folder]));
    for part in ["Machine:", "Memory:", "Limit:", "Pages:", "Storage:"] {
        assert!(text.contains(part), "{text}");
    }
    // A glance at memory's speed is another each time.
    let steady = |text: &str| -> String {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("dram_bandwidth_gb_per_s"));
        lines.map(|line| [line, "\n"].concat()).collect()
    };
    let yaml = || answer(run(cache.path(), &["machine", "--yaml", "--directory", folder]));
    let plain = steady(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(steady(&yaml()), plain);
    assert!(answer(run(cache.path(), &["devices", file])).contains("ram_mib"));
    let text = answer(run(cache.path(), &["analyze-ple", "--model", "qwen3-0.6b", "--device", file]));
    assert!(text.contains("[this] This machine"), "{text}");
    // The same without a file, as the default, and first among all.
    let text = answer(run(cache.path(), &["analyze-ple", "--model", "qwen3-0.6b"]));
    assert!(text.contains("[this] This machine"), "{text}");
    let table = answer(run(cache.path(), &["analyze-ple", "--model", "qwen3-0.6b", "--all-devices"]));
    let rows: Vec<&str> = table.lines().skip_while(|line| !line.starts_with("Device ")).collect();
    assert!(rows[1].starts_with("this ") && rows.len() > 50, "{table}");
    // What was measured before counts for the machine that it was measured on.
    let measured = plain + "  dram_bandwidth_gb_per_s: \"measured: by hand\"\n";
    let measured = measured.replace("page_size_kib: ", "dram_bandwidth_gb_per_s: 77.7\npage_size_kib: ");
    let measured =
        measured.replacen("  dram_bandwidth_gb_per_s: 77.7\npage_size_kib: ", "  page_size_kib: ", 1);
    std::fs::write(cache.path().join("machine.yaml"), measured).unwrap();
    assert!(answer(run(cache.path(), &["devices", "this"])).contains("77.7"));
    assert!(yaml().contains("dram_bandwidth_gb_per_s: 77.7"));
}

#[test]
fn recommendations_are_for_a_task_a_speed_and_a_device() {
    let cache = tempfile::tempdir().unwrap();
    let text = answer(run(cache.path(), &["recommend", "--device", "pixel-9a"]));
    assert!(text.contains("For chat on Pixel 9a") && text.contains("Quality: unknown"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let code =
        answer(run(cache.path(), &["recommend", "--device", "macbook-pro-m4-max-64gb", "--task", "code"]));
    assert!(code.contains("coder") || code.contains("devstral"), "{code}");
    let embed = answer(run(cache.path(), &["recommend", "--device", "laptop_nvme", "--task", "embed"]));
    assert!(embed.contains("qwen3-embedding"), "{embed}");
    let none =
        answer(run(cache.path(), &["recommend", "--device", "raspberry-pi-zero-2-w", "--min-tps", "500"]));
    assert!(none.contains("No built-in model stays in memory"), "{none}");
    for (more, expected) in [
        (["--task", "poetry"], "expected chat, code or embed"),
        (["--min-tps", "nan"], "expected a speed"),
        (["--context-tokens", "0"], "expected at least 1"),
        (["--device", "pixel-9"], "pixel-9a"),
        (["--count", "0"], "expected 1 to 100"),
    ] {
        let output = run(cache.path(), &[&["recommend"][..], &more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{more:?}");
    }
    let output = run(cache.path(), &["machine", "--directory", "/nowhere"]);
    assert_eq!(output.status.code(), Some(2));
}
