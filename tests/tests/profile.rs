//! `profile-mmap` and `publish` from outside: plans, honest cold, refusals, clean-up, publishing.
//!
//! Counts and exit codes only; no test looks at a latency.

use dhurandhar_core::measurement::{Measurement, MmapProfile, State};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn program() -> PathBuf {
    dhurandhar_tests::program::path("dhurandhar").unwrap()
}

fn dhurandhar(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).current_dir(directory).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A directory on the file system of the build, which is a disk; the system's own may be memory.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(program().parent().unwrap()).unwrap()
}

fn bytes_in(directory: &Path) -> u64 {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// A quick run of a 28 MiB table, written as JSON and read back.
fn profile(directory: &Path, more: &[&str]) -> (Output, Option<MmapProfile>) {
    let mut arguments =
        vec!["profile-mmap", "--quick", "--scale", "0.025", "--num-tokens", "200", "--output", "r.json"];
    arguments.extend(more);
    let output = dhurandhar(directory, &arguments);
    let text = std::fs::read_to_string(directory.join("r.json")).ok();
    (output, text.map(|text| MmapProfile::read(&text).unwrap()))
}

#[test]
fn a_plan_touches_nothing() {
    let directory = directory();
    let output = dhurandhar(directory.path(), &["profile-mmap", "--plan"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("writes   ") && text.contains("random_scatter/contiguous/mmap_random/cold"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn bad_numbers_are_refused_by_name() {
    let directory = directory();
    for (arguments, named) in [
        (["--scale", "0"], "--scale"),
        (["--scale", "nan"], "--scale"),
        (["--num-tokens", "0"], "--num-tokens"),
        (["--table-bits", "-4"], "--table-bits"),
        (["--target-tps", "nan"], "--target-tps"),
        (["--model", "gemma5"], "gemma5"),
        (["--directory", "nowhere"], "nowhere"),
        (["--trace", "nowhere.txt"], "nowhere.txt"),
    ] {
        let mut all = vec!["profile-mmap", "--plan"];
        let joined = format!("{}={}", arguments[0], arguments[1]);
        all.push(&joined);
        let output = dhurandhar(directory.path(), &all);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_cold_block_is_proved_cold_or_void() {
    let directory = directory();
    let (output, profile) = profile(directory.path(), &["--seed", "7"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let profile = profile.unwrap();
    let page = profile.table.geometry.page_bytes;
    let mut checked = 0;
    for configuration in profile.configurations.iter().filter(|c| c.state == State::Cold) {
        for block in configuration.blocks.iter().filter(|block| block.valid) {
            assert!(block.residency.before.unwrap() <= 0.01, "{}", configuration.id);
            let read = block.counters.device_read_bytes.unwrap() as f64;
            let ratio = read / (block.expected_pages * page) as f64;
            assert!(ratio >= 0.95, "{}: {ratio}", configuration.id);
            assert!(ratio <= 1.05 || configuration.engine.reads_ahead(), "{}: {ratio}", configuration.id);
            checked += 1;
        }
    }
    assert!(checked > 0, "no cold block was valid");
    // What was written is gone, only the result is left.
    assert!(bytes_in(directory.path()) < 1 << 20);
    assert!(profile.device.name.len() > 1 && !profile.run.arguments.iter().any(|text| text.contains('/')));
    let scattered = profile.configurations.iter().find(|c| c.id.starts_with("random_scatter")).unwrap();
    let pages: u64 = scattered.blocks.iter().map(|block| block.expected_pages).sum();
    let tokens: u64 = scattered.blocks.iter().map(|block| block.latency.tokens).sum();
    assert!(pages as f64 / tokens as f64 > 30.0, "scatter is as dense as decode");
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_mapper_makes_the_verdict_invalid() {
    let directory = directory();
    let made = dhurandhar(
        directory.path(),
        &[
            "profile-mmap",
            "--quick",
            "--warm-only",
            "--scale",
            "0.025",
            "--num-tokens",
            "20",
            "--table",
            "t.bin",
            "--keep",
        ],
    );
    assert!(made.status.success(), "{}", stderr(&made));
    let before = std::fs::metadata(directory.path().join("t.bin")).unwrap().len();
    // A process of its own that maps and touches the table, and holds on to it.
    let script = "import mmap,sys\nf=open('t.bin','rb')\nm=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)\n\
                  s=sum(m[i] for i in range(0,len(m),4096))\nprint('up',flush=True)\nsys.stdin.read()";
    let mapper = Command::new("python3")
        .args(["-c", script])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut mapper) = mapper else {
        eprintln!("skipped: no python3 to hold a second mapping");
        return;
    };
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(mapper.stdout.take().unwrap()), &mut line)
        .unwrap();
    let (output, profile) = profile(directory.path(), &["--table", "t.bin", "--gate"]);
    drop(mapper.stdin.take());
    mapper.wait().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let verdict = profile.unwrap().verdict;
    assert_eq!(verdict.result.name(), "INVALID");
    assert!(
        verdict.reasons.iter().any(|reason| reason.contains("still cached after eviction")),
        "{verdict:?}"
    );
    assert_eq!(std::fs::metadata(directory.path().join("t.bin")).unwrap().len(), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_sparse_table_and_a_foreign_file_are_refused_and_kept() {
    let directory = directory();
    let sparse = std::fs::File::create(directory.path().join("sparse.bin")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::fs::write(directory.path().join("letter.txt"), vec![b'a'; 40 << 20]).unwrap();
    for name in ["sparse.bin", "letter.txt"] {
        let output = dhurandhar(
            directory.path(),
            &["profile-mmap", "--quick", "--scale", "0.025", "--table", name, "--keep"],
        );
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("left as it is"), "{}", stderr(&output));
    }
    assert_eq!(std::fs::read(directory.path().join("letter.txt")).unwrap(), vec![b'a'; 40 << 20]);
    let absent = dhurandhar(directory.path(), &["profile-mmap", "--quick", "--table", "absent.bin"]);
    assert_eq!(absent.status.code(), Some(2), "{}", stderr(&absent));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_no_storage() {
    let shared = Path::new("/dev/shm");
    if !shared.exists() {
        eprintln!("skipped: no file system in memory to try");
        return;
    }
    let directory = directory();
    let output = dhurandhar(directory.path(), &["profile-mmap", "--quick", "--directory", "/dev/shm"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("held in memory"), "{}", stderr(&output));
}

/// A limit on file sizes stands in for a disk that fills up after the free space was checked.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_half_way_leaves_nothing() {
    let directory = directory();
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" profile-mmap --quick --scale 0.05"])
        .arg(program())
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot write the table"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_balloon_holds_memory_until_its_input_ends() {
    let mut balloon = Command::new(program())
        .args(["worker", "balloon"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(balloon.stdin.as_mut().unwrap(), b"67108864\n").unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(balloon.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", balloon.id())).unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let held: u64 = held.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(line.trim(), "up");
    assert!((65_536..65_536 + 8192).contains(&held), "{held} KiB");
    drop(balloon.stdin.take());
    assert!(balloon.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_table_unlinked_while_it_is_read_is_a_result() {
    let directory = directory();
    let arguments = ["profile-mmap", "--quick", "--scale", "0.05", "--table", "t.bin", "--output", "r.json"];
    let journal = directory.path().join("journal.jsonl");
    let made = dhurandhar(
        directory.path(),
        &[&arguments[..], &["--keep", "--warm-only", "--num-tokens", "20"]].concat(),
    );
    assert!(made.status.success(), "{}", stderr(&made));
    let mut child = Command::new(program())
        .args(arguments)
        .args(["--journal", "journal.jsonl"])
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its children open the table again and again; one of those after the first finds it gone.
    wait_for("the first block", || std::fs::metadata(&journal).is_ok_and(|about| about.len() > 0));
    std::fs::remove_file(directory.path().join("t.bin")).unwrap();
    let status = child.wait().unwrap();
    let mut complaint = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut complaint).unwrap();
    assert!(status.success() || !complaint.contains("panicked"), "{status}: {complaint}");
    let text = std::fs::read_to_string(directory.path().join("r.json")).unwrap();
    let profile = MmapProfile::read(&text).unwrap();
    assert_eq!(profile.verdict.result.name(), "INVALID", "{:?}", profile.verdict);
}

/// Looks again and again until something is so; a test that waits in vain says for what.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes that a process has written to files so far.
#[cfg(target_os = "linux")]
fn written(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let count = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(target_os = "linux")]
#[test]
fn ending_it_leaves_nothing_behind() {
    // While the table is written, and while blocks are run.
    for (signal, in_blocks) in
        [("-INT", false), ("-KILL", false), ("-INT", true), ("-KILL", true), ("-TERM", true)]
    {
        let directory = directory();
        let journal = directory.path().join("journal.jsonl");
        let mut child = Command::new(program())
            .args(["profile-mmap", "--quick", "--scale", "0.05", "--journal", "journal.jsonl"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let id = child.id();
        if in_blocks {
            wait_for("the first block", || std::fs::metadata(&journal).is_ok_and(|about| about.len() > 0));
        } else {
            wait_for("the table", || written(id) > 1 << 20);
        }
        Command::new("kill").args([signal, &id.to_string()]).status().unwrap();
        wait_for(signal, || child.try_wait().unwrap().is_some());
        assert!(bytes_in(directory.path()) < 1 << 20, "{signal} leaves a file");
    }
}

/// A block specification for the hidden child command, on a file of this test's own.
#[cfg(target_os = "linux")]
fn run_block(path: &Path, bytes: u64, engine: &str) -> Value {
    answer(start_block(path, bytes, engine, 0))
}

/// Starts such a block; paced, it lasts 50 times the pause.
#[cfg(target_os = "linux")]
fn start_block(path: &Path, bytes: u64, engine: &str, pacing_us: u64) -> std::process::Child {
    use std::io::Write;
    let spec = serde_json::json!({
        "key": {"state": "cold", "pattern": "random_decode", "layout": "contiguous", "engine": engine,
                "pacing_us": pacing_us, "budget_bytes": 0},
        "order": 0, "seed": 1, "stream_seed": 1, "tokens": 50, "warm_up": 0, "windows": 1,
        "geometry": {"rows": bytes / 4480, "layers": 35, "layer_bytes": 128, "page_bytes": 4096},
        "place": {"path": path, "offset": 0, "bytes": bytes / 4480 * 4480},
        "zipf_exponent": 1.0, "trace": [], "group": null, "settle_ms": 0, "realtime": false, "stop_share": 0.04,
    });
    let mut child = Command::new(program())
        .args(["worker", "block"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(spec.to_string().as_bytes()).unwrap();
    child
}

#[cfg(target_os = "linux")]
fn answer(child: std::process::Child) -> Value {
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| Value::String(output.status.to_string()))
}

#[cfg(target_os = "linux")]
#[test]
fn holes_fault_without_reading() {
    let directory = directory();
    let path = directory.path().join("holes.bin");
    std::fs::File::create(&path).unwrap().set_len(16 << 20).unwrap();
    let reply = run_block(&path, 16 << 20, "mmap_random");
    let counters = &reply["windows"][0]["block"]["counters"];
    assert_eq!(counters["device_read_bytes"], 0, "{reply}");
    assert!(counters["major_faults"].as_u64().unwrap() > 50, "{reply}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_ends_early_is_a_reply() {
    let directory = directory();
    let path = directory.path().join("short.bin");
    std::fs::write(&path, vec![1; 8 << 20]).unwrap();
    for engine in ["mmap_random", "pread", "direct"] {
        let reply = run_block(&path, 16 << 20, engine);
        assert_eq!(reply["failed"]["kind"], "io_error", "{engine}: {reply}");
    }
}

/// Whether a process has a mapping of a file of this name and has read from it.
#[cfg(target_os = "linux")]
fn has_mapped(process: u32, name: &str) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/smaps")).unwrap_or_default();
    let mut of_file = maps.lines().skip_while(|line| !line.ends_with(name));
    of_file.find_map(|line| line.strip_prefix("Rss:")).is_some_and(|rss| rss.trim() != "0 kB")
}

/// Whether a process has read rows: bytes beyond its program and its task.
#[cfg(target_os = "linux")]
fn has_read(process: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let calls = text.lines().find_map(|line| line.strip_prefix("syscr: "));
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let is_open = descriptors
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|path| path.ends_with("cut.bin"));
    is_open && calls.and_then(|calls| calls.trim().parse::<u64>().ok()).is_some_and(|calls| calls > 0)
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_cut_under_the_mapping_kills_only_the_child() {
    use std::os::unix::process::ExitStatusExt;
    let directory = directory();
    let path = directory.path().join("cut.bin");
    std::fs::write(&path, vec![1; 8 << 20]).unwrap();
    let child = start_block(&path, 8 << 20, "mmap_random", 60_000);
    wait_for("the mapping", || has_mapped(child.id(), "cut.bin"));
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    let status = child.wait_with_output().unwrap().status;
    assert_eq!(status.signal(), Some(7), "{status}");
    // The same by read calls is an answer.
    std::fs::write(&path, vec![1; 8 << 20]).unwrap();
    let child = start_block(&path, 8 << 20, "pread", 60_000);
    wait_for("the first reads", || has_read(child.id()));
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(answer(child)["failed"]["kind"], "io_error");
}

/// A safetensors file with one table of `rows` rows of 4480 bytes.
#[cfg(target_os = "linux")]
fn checkpoint(path: &Path, rows: usize) {
    let bytes = rows * 4480;
    let header = format!(
        r#"{{"model.embed_tokens.weight":{{"dtype":"U8","shape":[{rows},4480],"data_offsets":[0,{bytes}]}}}}"#
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend((0..bytes as u64).map(|i| dhurandhar_core::leaf::mix64(i).to_le_bytes()[0]));
    std::fs::write(path, file).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_tensor_of_a_real_file_is_read_in_place() {
    let directory = directory();
    let path = directory.path().join("model.safetensors");
    checkpoint(&path, 8000);
    let before = std::fs::metadata(&path).unwrap();
    let arguments = [
        "profile-mmap",
        "--quick",
        "--model",
        "model.safetensors",
        "--num-tokens",
        "200",
        "--output",
        "r.json",
    ];
    let output = dhurandhar(directory.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = std::fs::read_to_string(directory.path().join("r.json")).unwrap();
    let table = MmapProfile::read(&text).unwrap().table;
    assert_eq!((table.source.as_str(), table.geometry.rows, table.bytes), ("file", 8000, 8000 * 4480));
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
    let wrong = ["profile-mmap", "--quick", "--model", "model.safetensors", "--tensor", "lm_head"];
    let output = dhurandhar(directory.path(), &wrong);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("model.embed_tokens.weight"), "{}", stderr(&output));
}

#[test]
fn publishing_strips_names_checks_versions_and_never_overwrites() {
    let directory = directory();
    let (output, profile) =
        profile(directory.path(), &["--warm-only", "--device-name", "<b>Test & board</b>"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(profile.is_some());
    let publish = |file: &str| dhurandhar(directory.path(), &["publish", file, "--to", "site"]);
    let first = publish("r.json");
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(publish("r.json").status.success());
    let published: Vec<PathBuf> = std::fs::read_dir(directory.path().join("site"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(published.len(), 1, "{published:?}");
    let name = published[0].file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("b-test-board-b-2"), "{name}");
    let text = std::fs::read_to_string(&published[0]).unwrap();
    assert!(!text.contains("hostname") && MmapProfile::read(&text).is_ok());

    let value: Value = serde_json::from_str(&text).unwrap();
    let refuse = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut changed = value.clone();
        change(&mut changed);
        std::fs::write(directory.path().join("bad.json"), changed.to_string()).unwrap();
        let output = publish("bad.json");
        assert_eq!(output.status.code(), Some(2), "{expected}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    };
    refuse(&|v| v["schema"] = "dhurandhar/mmap-profile/9.0".into(), "major version 9");
    refuse(&|v| v["run"]["duration_s"] = (-1).into(), "run.duration_s");
    refuse(&|v| v["table"]["content"] = "/home/ann/table".into(), "table.content");
    refuse(&|v| v["table"] = Value::Null, "field table");
    let mut newer = value.clone();
    newer["schema"] = "dhurandhar/mmap-profile/1.7".into();
    newer["moon_phase"] = "waning".into();
    std::fs::write(directory.path().join("newer.json"), newer.to_string()).unwrap();
    assert!(publish("newer.json").status.success());
    std::fs::write(directory.path().join("cut.json"), &text[..text.len() / 2]).unwrap();
    assert_eq!(publish("cut.json").status.code(), Some(2));
}
