//! Models by name, against a server on this machine with the hub's paths, redirects, answers and faults.

#[cfg(test)]
mod hub_server;

use dhurandhar_core::export::gguf_header;
use dhurandhar_core::format::gguf::Header;
use dhurandhar_core::model::registry;
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use hub_server::{Answer, File, Request, Server};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dhurandhar");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Files of one repository, `a/b`, by path.
type Files = BTreeMap<String, File>;

/// A run with its own home, so that nothing of this machine's caches and tokens is seen.
#[cfg(test)]
fn run(home: &Path, endpoint: &str, more: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("HOME", home).env("HF_ENDPOINT", endpoint).args(arguments);
    command.envs(more.iter().copied()).output().unwrap()
}

#[cfg(test)]
fn answer(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The one sentence of a failure.
#[cfg(test)]
fn failure(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty() && text.starts_with("error: "), "{text}");
    text
}

#[cfg(test)]
fn config() -> Vec<u8> {
    std::fs::read(format!("{ROOT}/tests/fixtures/configs/qwen3-0.6b.json")).unwrap()
}

/// Names and shapes of the tensors of Qwen3-0.6B.
#[cfg(test)]
fn tensors() -> Vec<(String, Vec<u64>)> {
    let mut all = vec![
        ("model.embed_tokens.weight".to_owned(), vec![151_936, 1024]),
        ("model.norm.weight".to_owned(), vec![1024]),
    ];
    for layer in 0..28 {
        let parts: [(&str, &[u64]); 11] = [
            ("self_attn.q_proj", &[2048, 1024]),
            ("self_attn.k_proj", &[1024, 1024]),
            ("self_attn.v_proj", &[1024, 1024]),
            ("self_attn.o_proj", &[1024, 2048]),
            ("self_attn.q_norm", &[128]),
            ("self_attn.k_norm", &[128]),
            ("mlp.gate_proj", &[3072, 1024]),
            ("mlp.up_proj", &[3072, 1024]),
            ("mlp.down_proj", &[1024, 3072]),
            ("input_layernorm", &[1024]),
            ("post_attention_layernorm", &[1024]),
        ];
        all.extend(
            parts.map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape.to_vec())),
        );
    }
    all
}

/// The header of that checkpoint, and its length with the weights.
#[cfg(test)]
fn safetensors() -> (Vec<u8>, u64) {
    let mut offset = 0;
    let entries: serde_json::Map<String, serde_json::Value> = tensors()
        .into_iter()
        .map(|(name, shape)| {
            let from = offset;
            offset += shape.iter().product::<u64>() * 2;
            (name, serde_json::json!({ "dtype": "BF16", "shape": shape, "data_offsets": [from, offset] }))
        })
        .collect();
    let json = serde_json::to_vec(&entries).unwrap();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&json);
    let length = bytes.len() as u64 + offset;
    (bytes, length)
}

/// A GGUF file of a built-in model in a format: its header, and zeros for weights.
#[cfg(test)]
fn gguf(model: &str, format: &str) -> File {
    let model = registry::model(model).unwrap();
    let plan = WeightPlan::new(&model, WeightFormat::parse(format).unwrap()).unwrap();
    let header = gguf_header(&model, &plan).unwrap();
    File::long(header.bytes, header.file_bytes)
}

/// The hub's answer for `a/b` with `files`; what is large is sent on to `cdn`.
#[cfg(test)]
fn hub(files: &Files, cdn: &str, request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap();
    if path == "/api/models/a/b/revision/main" {
        let siblings: Vec<_> = files
            .iter()
            .map(|(path, file)| serde_json::json!({ "rfilename": path, "size": file.length }))
            .collect();
        let text = serde_json::json!({ "id": "a/b", "sha": "0", "siblings": siblings }).to_string();
        return File::new(text).answer(request);
    }
    let Some(name) = path.strip_prefix("/a/b/resolve/main/") else {
        return Answer::new(404).with("X-Error-Code", "RepoNotFound").body("{}");
    };
    match files.get(name) {
        None => Answer::new(404).with("X-Error-Code", "EntryNotFound").body("Entry not found"),
        Some(file) if file.length > 4 << 20 => Answer::new(302)
            .with("Location", &format!("{cdn}/lfs/{name}?signature=1"))
            .with("X-Linked-ETag", &file.etag),
        Some(file) => file.answer(request),
    }
}

/// A hub and what it sends large files from, on another origin.
#[cfg(test)]
fn servers(files: Files) -> (Server, Server) {
    let there = files.clone();
    let cdn = Server::start(move |request| {
        let name = request.path.strip_prefix("/lfs/").unwrap().split('?').next().unwrap();
        there[name].answer(request)
    });
    let address = cdn.address.clone();
    (Server::start(move |request| hub(&files, &address, request)), cdn)
}

#[cfg(test)]
fn files(list: impl IntoIterator<Item = (&'static str, File)>) -> Files {
    list.into_iter().map(|(path, file)| (path.to_owned(), file)).collect()
}

const ASK: [&str; 5] = ["analyze-ple", "--device", "pixel-9a", "--model", "a/b"];

#[test]
fn a_checkpoint_takes_three_requests_and_its_header_and_the_token_stays_at_the_hub() {
    let (header, length) = safetensors();
    let (hub, cdn) = servers(files([
        ("config.json", File::new(config())),
        ("model.safetensors", File::long(header, length)),
    ]));
    let home = tempfile::tempdir().unwrap();
    let token = [("HF_TOKEN", "hf_secret")];
    let text = answer(run(home.path(), &hub.address, &token, &ASK));
    assert!(text.contains("596,049,920 text parameters"), "{text}");
    let (asked, fetched) = (hub.log(), cdn.log());
    assert!(asked.len() + fetched.len() <= 3, "{asked:?} {fetched:?}");
    assert!(asked.iter().chain(&fetched).map(|seen| seen.sent).sum::<u64>() <= 2_000_000);
    assert!(asked.iter().all(|seen| seen.authorization.as_deref() == Some("Bearer hf_secret")));
    assert!(fetched.iter().all(|seen| seen.authorization.is_none()), "{fetched:?}");

    // The second time, nothing has changed: the large file is not asked for where it lies.
    assert_eq!(answer(run(home.path(), &hub.address, &token, &ASK)), text);
    assert_eq!(hub.log().iter().map(|seen| seen.status).collect::<Vec<_>>(), [304, 302]);
    assert_eq!(cdn.log().len(), 0);
    // And without a network at all.
    for offline in [
        run(home.path(), &hub.address, &[], &[&ASK[..], &["--offline"]].concat()),
        run(home.path(), &hub.address, &[("HF_HUB_OFFLINE", "1")], &ASK),
    ] {
        assert_eq!(answer(offline), text);
    }
    assert_eq!(hub.log().len(), 0);
    let empty = tempfile::tempdir().unwrap();
    let output = run(empty.path(), &hub.address, &[], &[&ASK[..], &["--offline"]].concat());
    assert!(failure(&output, 2).contains("offline, and the cache has not enough of a/b"));
}

#[test]
fn an_index_takes_three_requests() {
    let map: BTreeMap<String, &str> =
        tensors().into_iter().map(|(name, _)| (name, "model-00001-of-00002.safetensors")).collect();
    let index = serde_json::json!({ "metadata": { "total_size": 1_192_099_840_u64 }, "weight_map": map });
    let (hub, cdn) = servers(files([
        ("config.json", File::new(config())),
        ("model.safetensors.index.json", File::new(index.to_string())),
    ]));
    let home = tempfile::tempdir().unwrap();
    let text = answer(run(home.path(), &hub.address, &[], &["import", "hf.co/a/b"]));
    assert!(text.starts_with("b (b, family qwen3, safetensors)"), "{text}");
    let log = hub.log();
    assert!(log.len() <= 3 && cdn.log().is_empty(), "{log:?}");
    assert!(log.iter().map(|seen| seen.sent).sum::<u64>() <= 2_000_000);
}

#[test]
fn a_vocabulary_of_262_thousand_takes_no_more_than_its_header() {
    let file = gguf("gemma3-1b", "q4_k_m");
    let header = file.beginning.len() as u64;
    assert!(header > 4 << 20 && file.length > 700 << 20, "{header} of {}", file.length);
    let (hub, cdn) = servers(files([("m-Q4_K_M.gguf", file), ("mmproj-F16.gguf", File::new("GGUF"))]));
    let home = tempfile::tempdir().unwrap();
    let by_name = answer(run(home.path(), &hub.address, &[], &ASK));
    let (asked, fetched) = (hub.log(), cdn.log());
    let sent: u64 = asked.iter().chain(&fetched).map(|seen| seen.sent).sum();
    assert!(sent <= 8_000_000 && sent <= header + (1 << 20) + 1000, "{sent} for a header of {header}");
    // The hub is asked for each file once, and the place it lends for further ranges.
    assert_eq!(asked.iter().filter(|seen| seen.path.contains("gguf")).count(), 1, "{asked:?}");
    let by_quantisation = answer(run(home.path(), &hub.address, &[], &[&ASK[..4], &["a/b:q4_k_m"]].concat()));
    assert_eq!(by_quantisation, by_name);
    let url = format!("{}/lfs/m-Q4_K_M.gguf", cdn.address);
    assert_eq!(answer(run(home.path(), &hub.address, &[], &[&ASK[..4], &[url.as_str()]].concat())), by_name);
    let page = format!("{}/a/b/blob/main/m-Q4_K_M.gguf", hub.address);
    assert_eq!(answer(run(home.path(), &hub.address, &[], &[&ASK[..4], &[page.as_str()]].concat())), by_name);
}

#[test]
fn a_name_that_leaves_a_choice_lists_it_with_what_runs_here() {
    let formats = ["q2_k", "q3_k_m", "q4_0", "q4_k_m", "q5_0", "q5_k_m", "q6_k", "q8_0", "f16"];
    let mut list: Files = formats
        .iter()
        .map(|format| (format!("Llama-{}.gguf", format.to_uppercase()), gguf("llama-3.1-8b", format)))
        .collect();
    let large = gguf("llama-3.1-8b", "bf16");
    list.insert("BF16/Llama-BF16-00001-of-00002.gguf".into(), large.clone());
    list.insert("BF16/Llama-BF16-00002-of-00002.gguf".into(), large);
    let (hub, _cdn) = servers(list);
    let home = tempfile::tempdir().unwrap();
    let text = failure(&run(home.path(), &hub.address, &[], &ASK), 2);
    assert!(text.contains("a/b has 10 models; expected one, such as a/b:Q2_K"), "{text}");
    let line = |label: &str| {
        text.lines().find(|line| line.trim_start().starts_with(label)).unwrap_or_default().to_owned()
    };
    assert!(line("Q2_K").contains("3,029") && line("Q2_K").ends_with("  runs"), "{text}");
    assert!(line("F16").ends_with("does not run"), "{text}");
    let text = failure(&run(home.path(), &hub.address, &[], &["models", "a/b:Q9_X"]), 2);
    assert!(text.contains("a/b has no `Q9_X`; expected one of Q2_K,"), "{text}");
}

/// A server that answers every request in one way.
#[cfg(test)]
fn with(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> (Server, tempfile::TempDir) {
    (Server::start(answer), tempfile::tempdir().unwrap())
}

#[test]
fn what_the_hub_refuses_is_said_in_a_sentence() {
    let gated = |code: u16| {
        Answer::new(code)
            .with("X-Error-Code", "GatedRepo")
            .with("X-Error-Message", "Access to model a/b is restricted")
    };
    let none: &[(&str, &str)] = &[];
    let token: &[(&str, &str)] = &[("HF_TOKEN", "hf_old")];
    type Case<'a> = (Answer, &'a [(&'a str, &'a str)], i32, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (gated(401), none, 1, "a/b is gated; expected its terms accepted at http"),
        (gated(403), token, 1, "the token does not open it"),
        (
            Answer::new(401).with("X-Error-Message", "Invalid credentials in Authorization header"),
            token,
            1,
            "refuses the token (401): it has expired",
        ),
        (Answer::new(401).with("X-Error-Code", "RepoNotFound"), none, 2, "no repository a/b at 127.0.0.1"),
        (Answer::new(401), none, 1, "asks for a token"),
        (
            Answer::new(404).with("X-Error-Code", "RevisionNotFound"),
            none,
            2,
            "a/b has no revision that is called so",
        ),
        (Answer::new(404), none, 2, "no repository a/b at http"),
        (Answer::new(429).with("Retry-After", "0"), none, 1, "has had too many requests (429)"),
        (Answer::new(429).with("Retry-After", "600"), none, 1, "it asks to wait 600 s"),
        (Answer::new(503).with("Retry-After", "0"), none, 1, "cannot answer now (503)"),
        (
            Answer::new(200).with("Content-Type", "text/html; charset=utf-8").body("<html>Sign in"),
            none,
            1,
            "gives a web page instead of a/b/config.json",
        ),
        (
            Answer::new(200).body("<!DOCTYPE html><html>"),
            none,
            1,
            "gives a web page instead of a/b/config.json",
        ),
        (Answer::new(200).with("Content-Encoding", "br").body("x"), none, 1, "packs a/b/config.json as `br`"),
        (
            Answer::new(206).with("Content-Range", "bytes 5-9/10").body("12345"),
            none,
            1,
            "from byte 5 on; expected it from 0 on",
        ),
        (Answer::new(206).body("12345"), none, 1, "expected a range such as"),
        (
            Answer::new(206).with("Content-Range", "bytes 0-18446744073709551615/*").body("12345"),
            none,
            1,
            "expected a range such as",
        ),
        (Answer::new(403).body("no"), none, 1, "does not give a/b/config.json (403)\n"),
        (
            Answer::new(403).with("Content-Type", "text/html").body("<p>Blocked"),
            none,
            1,
            "gives a web page instead",
        ),
        (
            Answer::new(302).with("Location", "ftp://a/b"),
            none,
            1,
            "sends to `ftp://a/b`, which is no web address",
        ),
        (
            Answer { cut_after: Some(3), ..Answer::new(200).body("{\"model_type\": 1}") },
            none,
            1,
            "ends the connection before a/b/config.json is there",
        ),
        (
            Answer::new(302).with("Location", "/a/b/resolve/main/config.json"),
            none,
            1,
            "leads from one address to the next",
        ),
        (Answer::new(418), none, 1, "answers 418 to a request for a/b/config.json"),
    ];
    for (answer, environment, code, expected) in cases {
        let (server, home) = with(move |_| answer.clone());
        let text = failure(&run(home.path(), &server.address, environment, &ASK), code);
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}\nexpected: {expected}");
        assert!(!text.contains("hf_old"), "{text}");
        // Nothing half-read is kept.
        assert!(!home.path().join(".cache/dhurandhar/hub").exists(), "{expected}");
    }
    let home = tempfile::tempdir().unwrap();
    let text = failure(&run(home.path(), "http://127.0.0.1:9", &[], &ASK), 1);
    assert!(text.contains("cannot reach 127.0.0.1:9"), "{text}");
    let built_in = [&ASK[..4], &["Qwen/Qwen3-0.6B"]].concat();
    let text = failure(&run(home.path(), "http://127.0.0.1:9", &[], &built_in), 1);
    assert!(text.contains("; `qwen3-0.6b` is built in"), "{text}");
    for value in ["garbage", "127.0.0.1:1", "socks5://127.0.0.1:1"] {
        let text = failure(&run(home.path(), "http://127.0.0.1:9", &[("HTTPS_PROXY", value)], &ASK), 2);
        assert!(text.contains(&format!("HTTPS_PROXY is `{value}`; expected a proxy such as")), "{text}");
    }
    let text = failure(&run(home.path(), "hub", &[], &ASK), 2);
    assert!(text.contains("HF_ENDPOINT is `hub`; expected an address"), "{text}");
    let text = failure(&run(home.path(), "http://127.0.0.1:9", &[("HF_TOKEN", "a b")], &ASK), 2);
    assert!(text.contains("signs that no token has") && !text.contains("a b"), "{text}");
}

#[test]
fn a_repository_without_weights_that_can_be_read_says_what_it_has() {
    for (list, expected) in [
        (
            vec![("config.json", File::new(config())), ("pytorch_model.bin", File::new("PK"))],
            "a/b has pickled weights only (pytorch_model.bin)",
        ),
        (vec![("config.json", File::new(config())), ("README.md", File::new("x"))], "a/b has no weights"),
        (vec![("README.md", File::new("x"))], "a/b has no weights"),
        (
            vec![("x/one.safetensors", File::new("x")), ("y/two.safetensors", File::new("x"))],
            "under no usual name",
        ),
    ] {
        let (hub, _cdn) = servers(files(list));
        let home = tempfile::tempdir().unwrap();
        let text = failure(&run(home.path(), &hub.address, &[], &ASK), 2);
        assert!(text.contains(expected), "{text}");
    }
    let (hub, _cdn) =
        servers(files([("config.json", File::new(config())), ("pytorch_model.bin", File::new("PK"))]));
    let home = tempfile::tempdir().unwrap();
    let text = answer(run(home.path(), &hub.address, &[], &[&ASK[..4], &["a/b:config.json"]].concat()));
    assert!(text.contains("596,049,920 text parameters"), "{text}");
    let text = failure(&run(home.path(), &hub.address, &[], &[&ASK[..4], &["a/b:model.gguf"]].concat()), 2);
    assert!(
        text.contains("no a/b/model.gguf at 127.0.0.1") && text.contains("expected one of config.json"),
        "{text}"
    );
}

#[test]
fn a_server_without_ranges_is_read_as_far_as_needed() {
    let file = gguf("llama-3.2-1b", "q4_k_m");
    let large = File { length: 10_000_000_000, ..file.clone() };
    for file in [file, large] {
        let header = file.beginning.len() as u64;
        let is_right = file.length < 10_000_000_000;
        let (server, home) = with(move |_| file.whole());
        let url = format!("{}/model.gguf", server.address);
        let output = run(
            home.path(),
            &server.address,
            &[],
            &["analyze-ple", "--device", "pixel-9a", "--model", &format!("{url}?x=1")],
        );
        assert!(output.status.success() || !is_right, "{}", String::from_utf8_lossy(&output.stderr));
        let log = server.log();
        // What the system had taken in before the connection was closed counts, too.
        assert!(log.len() == 1 && log[0].sent < header + (16 << 20), "{log:?}");
    }
}

/// A server that sends the whole rest for a range: no more than was asked for is taken.
#[test]
fn an_endless_range_is_left_where_enough_has_come() {
    let file = File { length: 10_000_000_000, ..gguf("llama-3.2-1b", "q4_k_m") };
    let header = file.beginning.len() as u64;
    let (server, home) = with(move |request| {
        let first = request.headers["range"].strip_prefix("bytes=").and_then(|range| range.split('-').next());
        let first: u64 = first.unwrap().parse().unwrap();
        let at = usize::try_from(first.min(header)).unwrap();
        let body = file.beginning[at..].to_vec();
        let answer = Answer { zeros: file.length - first - body.len() as u64, ..Answer::new(206).body(body) };
        answer.with("Content-Range", &format!("bytes {first}-{}/{}", file.length - 1, file.length))
    });
    let url = format!("{}/model.gguf", server.address);
    let output = run(home.path(), &server.address, &[], &["import", &url]);
    let log = server.log();
    assert!(log.len() < 12 && log.iter().all(|seen| seen.sent < 64 << 20), "{log:?}");
    // The table ends where its header says; ten billion bytes are no fault of a header.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A header that claims a key of 32 GiB is refused by that number.
#[test]
fn a_header_without_end_is_refused_by_its_length() {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    for number in [0, 1, 1_u64 << 35] {
        bytes.extend(number.to_le_bytes());
    }
    let mut shards = (90_u64 << 20).to_le_bytes().to_vec();
    shards.extend(b"PICKLE");
    for (name, bytes, expected) in [
        ("model.gguf", bytes, "a metadata key is 34359738368 bytes long; expected at most 65535"),
        ("model.safetensors", shards, "begins with byte 0x50"),
    ] {
        let file = File::long(bytes, 1 << 40);
        let (server, home) = with(move |request| match request.path.as_str() {
            path if path.ends_with("config.json") => Answer::new(404),
            _ => file.answer(request),
        });
        let url = format!("{}/{name}", server.address);
        let text = failure(&run(home.path(), &server.address, &[], &["import", &url]), 2);
        assert!(text.contains(expected) && text.contains(name), "{text}");
        assert!(server.log().iter().map(|seen| seen.sent).sum::<u64>() < 8 << 20);
    }
}

#[test]
fn long_lists_and_folders_of_quantisations_are_read() {
    let mut list: Files =
        (0..50_000).map(|number| (format!("m{number}-Q4_0.gguf"), File::new("x"))).collect();
    let (hub, _cdn) = servers(std::mem::take(&mut list));
    let home = tempfile::tempdir().unwrap();
    let text = failure(&run(home.path(), &hub.address, &[], &ASK), 2);
    assert!(text.contains("a/b has 50000 models") && text.lines().count() < 60, "{text}");
    let model = || gguf("llama-3.2-1b", "q4_k_m");
    let (hub, _cdn) = servers(files([("Q4_K_M/model.gguf", model()), ("Q8_0/model.gguf", model())]));
    let link = format!("{}/a/b/tree/main/Q4_K_M", hub.address);
    for name in [link.as_str(), "a/b:Q4_K_M", "a/b:q4_k_m"] {
        let text = answer(run(home.path(), &hub.address, &[], &["import", name]));
        assert!(text.contains("1,235,814,400"), "{text}");
    }
}

#[test]
fn a_cut_connection_is_taken_up_where_it_ended() {
    let file = gguf("llama-3.2-1b", "q4_k_m");
    let header = file.beginning.len() as u64;
    let (server, home) = with(move |request| Answer { cut_after: Some(300_000), ..file.answer(request) });
    let url = format!("{}/model.gguf", server.address);
    let text = answer(run(home.path(), &server.address, &[], &["import", &url]));
    assert!(text.contains("1,235,814,400"), "{text}");
    let log = server.log();
    assert!(log.len() > 5, "{}", log.len());
    assert!(log.iter().map(|seen| seen.sent).sum::<u64>() <= header + (2 << 20));
}

#[test]
fn a_packed_answer_and_a_renamed_repository_are_followed() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&config()).unwrap();
    let packed = packed.finish().unwrap();
    let (server, home) = with(move |request| match request.path.as_str() {
        "/a/b/resolve/main/config.json" => {
            Answer::new(307).with("Location", "/new/c/resolve/main/config.json")
        }
        "/new/c/resolve/main/config.json" => {
            Answer::new(200).with("Content-Encoding", "gzip").body(packed.clone())
        }
        _ => Answer::new(404).with("X-Error-Code", "EntryNotFound"),
    });
    let text = answer(run(home.path(), &server.address, &[], &[&ASK[..4], &["a/b:config.json"]].concat()));
    assert!(text.contains("596,049,920 text parameters"), "{text}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    let file = gguf("gemma4-e2b", "q4_k_m");
    let (server, home) = with(move |request| {
        let at_first = request.headers.get("range").is_some_and(|range| range.starts_with("bytes=0-"));
        if at_first {
            file.answer(request)
        } else {
            File { length: file.length + 1, ..file.clone() }.answer(request)
        }
    });
    let url = format!("{}/model.gguf", server.address);
    let text = failure(&run(home.path(), &server.address, &[], &["import", &url]), 1);
    assert!(text.contains("it has changed while it was read"), "{text}");
}

#[test]
fn a_cache_that_cannot_be_written_costs_nothing_but_a_note() {
    let (header, length) = safetensors();
    let (hub, _cdn) = servers(files([
        ("config.json", File::new(config())),
        ("model.safetensors", File::long(header, length)),
    ]));
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    std::fs::write(&cache, "a file where a folder should be").unwrap();
    let output = run(home.path(), &hub.address, &[("DHURANDHAR_CACHE", cache.to_str().unwrap())], &ASK);
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && note.contains("what was read is not kept") && note.lines().count() == 1,
        "{note}"
    );
    // What another release has written there is read again.
    let output = run(home.path(), &hub.address, &[], &ASK);
    assert!(output.status.success());
    let folder = home.path().join(".cache/dhurandhar/hub");
    let entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        std::fs::write(entry, "another version\n").unwrap();
    }
    hub.log();
    answer(run(home.path(), &hub.address, &[], &ASK));
    assert_eq!(hub.log().iter().map(|seen| seen.status).collect::<Vec<_>>(), [206, 302]);
}

#[test]
fn what_is_on_this_machine_already_is_not_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("hub/models--a--b");
    std::fs::create_dir_all(folder.join("refs")).unwrap();
    std::fs::create_dir_all(folder.join("snapshots/abc")).unwrap();
    std::fs::write(folder.join("refs/main"), "abc\n").unwrap();
    std::fs::write(folder.join("snapshots/abc/config.json"), config()).unwrap();
    let (header, length) = safetensors();
    let weights = folder.join("snapshots/abc/model.safetensors");
    std::fs::write(&weights, header).unwrap();
    std::fs::File::options().write(true).open(&weights).unwrap().set_len(length).unwrap();
    let cache = home.path().join("hub");
    let environment = [("HF_HUB_CACHE", cache.to_str().unwrap())];
    let text = answer(run(home.path(), "http://127.0.0.1:9", &environment, &ASK));
    assert!(text.starts_with("b (b, "), "{text}");
    assert!(text.contains("596,049,920 text parameters"), "{text}");
}

#[test]
fn a_model_of_ollamas_registry_is_its_blob() {
    let file = gguf("llama-3.2-1b", "q8_0");
    let digest = format!("sha256:{:064x}", 7);
    let manifest = serde_json::json!({ "schemaVersion": 2, "layers": [
        { "mediaType": "application/vnd.ollama.image.template", "digest": "sha256:1", "size": 1 },
        { "mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": file.length },
    ] });
    let (blob, elsewhere) = (format!("/v2/library/llama3.2/blobs/{digest}"), file.clone());
    let store = Server::start(move |request| elsewhere.answer(request));
    let away = format!("{}/blob", store.address);
    let (server, home) = with(move |request| match request.path.as_str() {
        "/v2/library/llama3.2/manifests/1b" => File::new(manifest.to_string()).answer(request),
        path if path == blob => Answer::new(307).with("Location", &away),
        _ => Answer::new(404),
    });
    let environment = [("OLLAMA_REGISTRY", server.address.as_str()), ("HF_TOKEN", "hf_secret")];
    let ask = ["analyze-ple", "--device", "pixel-9a", "--model", "ollama:llama3.2:1b"];
    let text = answer(run(home.path(), "http://127.0.0.1:9", &environment, &ask));
    assert!(text.contains("1,235,814,400 text parameters"), "{text}");
    let seen: Vec<_> = server.log().into_iter().chain(store.log()).collect();
    assert!(
        seen.iter().all(|seen| seen.authorization.is_none())
            && seen.iter().map(|seen| seen.sent).sum::<u64>() < 8_000_000
    );
    // A blob is named by its content: only the manifest is asked for again.
    assert_eq!(answer(run(home.path(), "http://127.0.0.1:9", &environment, &ask)), text);
    assert_eq!((server.log().len(), store.log().len()), (1, 0));
    let text =
        failure(&run(home.path(), "http://127.0.0.1:9", &environment, &["import", "ollama:nothing"]), 2);
    assert!(text.contains("no ollama:nothing:latest at 127.0.0.1"), "{text}");
}

#[test]
fn parts_of_a_split_file_are_read_together() {
    let mut parts = Files::new();
    let model = registry::model("llama-3.2-1b").unwrap();
    let plan = WeightPlan::new(&model, WeightFormat::parse("q4_0").unwrap()).unwrap();
    let whole = gguf_header(&model, &plan).unwrap();
    // One part holds everything, the other nothing but its number.
    let mut second = Header::default();
    second.text("general.architecture", "llama");
    for (key, value) in [("split.no", 1), ("split.count", 2)] {
        second.count(key, value);
    }
    let second = second.finish();
    parts.insert("m-Q4_0-00001-of-00002.gguf".into(), File::long(whole.bytes, whole.file_bytes));
    parts.insert("m-Q4_0-00002-of-00002.gguf".into(), File::long(second.bytes, second.file_bytes));
    let (hub, cdn) = servers(parts);
    let home = tempfile::tempdir().unwrap();
    let text = answer(run(home.path(), &hub.address, &[], &["import", "a/b:Q4_0"]));
    assert!(text.contains("1,235,814,400"), "{text}");
    let asked: Vec<_> = hub.log().into_iter().chain(cdn.log()).map(|seen| seen.path).collect();
    assert!(
        asked.iter().any(|path| path.contains("00001")) && asked.iter().any(|path| path.contains("00002")),
        "{asked:?}"
    );
}
