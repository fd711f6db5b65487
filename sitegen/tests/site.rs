//! Whole sites: one that has to come out sound, sources that have to be refused, sites that have to be found broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dhurandhar_sitegen::build::{Sources, build};
use dhurandhar_sitegen::bundle::bindgen::Glued;
use dhurandhar_sitegen::bundle::wasm::Bundle;
use dhurandhar_sitegen::check::problems;
use dhurandhar_sitegen::compress::Compression;
use dhurandhar_sitegen::hub::Hub;
use dhurandhar_sitegen::output::site::Site;
use dhurandhar_sitegen::output::size::{MOST_BROTLI, MOST_SEARCH, first_visit};
use dhurandhar_sitegen::output::write::{Written, write};

#[cfg(test)]
fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[cfg(test)]
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
fn cases(name: &str) -> Vec<(PathBuf, String)> {
    let folders = fs::read_dir(fixtures(name)).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<_> = folders
        .map(|folder| {
            let expected = fs::read_to_string(folder.join("expected.txt")).unwrap();
            (folder, expected.trim().to_owned())
        })
        .collect();
    assert!(!cases.is_empty());
    cases
}

#[cfg(test)]
fn sources(content: PathBuf) -> Sources {
    Sources {
        content,
        style: workspace().join("web/style"),
        bundle: None,
        base_url: None,
        hub: Hub::default(),
    }
}

/// Stands for the compiled calculator, with the real start scripts.
#[cfg(test)]
fn bundle() -> Bundle {
    let read = |path: &str| fs::read_to_string(workspace().join(path)).unwrap();
    let glued = |name: &str| Glued {
        js: format!("export default () => '{name}';"),
        wasm: b"\0asm".to_vec(),
        parts_js: String::new(),
        parts: Vec::new(),
    };
    let app = Glued {
        js: "import './app-parts.js'; export default () => 'app';".to_owned(),
        parts_js: "export const share = () => new URL('./late.wasm', import.meta.url);".to_owned(),
        parts: vec![("late.wasm".to_owned(), b"\0asm".to_vec())],
        ..glued("app")
    };
    Bundle {
        app,
        reader: glued("reader"),
        catalogue: b"models and devices".to_vec(),
        first: b"what is shown first".to_vec(),
        boot_js: read("web/start/boot.js"),
        worker_js: read("web/src/worker/worker.js"),
        reader_js: read("web/reader/reader.js"),
    }
}

#[cfg(test)]
fn text(site: &Site, file: &str) -> String {
    String::from_utf8(site.files[file].clone()).unwrap()
}

/// A page with its words as they stand, without what they mean.
#[cfg(test)]
fn unexplained(page: &str) -> String {
    let mut parts = page.split("<span class=\"word\">");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (before, button) = part.split_once("<button").unwrap();
        let (name, after) = button.split_once('>').unwrap().1.split_once("</button>").unwrap();
        let (point, tip) = after.split_once("<span").unwrap();
        plain.extend([before, name, point, tip.split_once("</span></span>").unwrap().1]);
    }
    plain
}

#[test]
fn a_whole_site_comes_out_sound_with_and_without_a_base() {
    for base in [None, Some("https://a.example/sub".parse().unwrap())] {
        let sources = Sources { base_url: base.clone(), ..sources(fixtures("whole/content")) };
        let site = build(&sources).unwrap();
        assert_eq!(problems(&site), []);
        assert_eq!(site.files.contains_key("sitemap.xml"), base.is_some());
        assert_eq!(site.files.contains_key("feed.xml"), base.is_some());
        for file in
            ["index.html", "404.html", "docs/note/index.html", "figures/dot.svg", "robots.txt", "sw.js"]
        {
            assert!(site.files.contains_key(file), "{file}");
        }
    }
}

#[test]
fn the_projects_own_content_is_sound() {
    let site = build(&Sources { bundle: Some(bundle()), ..sources(workspace().join("content")) }).unwrap();
    assert_eq!(problems(&site), []);
    assert!(text(&site, "calculator/index.html").contains("wasm-unsafe-eval"));
}

/// The project's list of reports, and what it links.
#[cfg(test)]
fn copy_prose(to: &Path) {
    for prose in ["index.md", "reports/index.md", "docs/measuring.md", "docs/speed.md", "docs/words.md"] {
        let place = to.join(prose);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(workspace().join("content").join(prose), place).unwrap();
    }
    // The project's own leads to all of them.
    fs::write(to.join("docs/index.md"), "+++\ntitle = \"D\"\ndescription = \"D.\"\n+++\n").unwrap();
}

/// A content folder with a list of reports, and `text` of a profile as its one measurement.
#[cfg(test)]
fn with_measurement(text: impl FnOnce(&str) -> String) -> (tempfile::TempDir, Sources) {
    let own = fixtures("measurements").join("profile.json");
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("measurements/phones")).unwrap();
    copy_prose(dir.path());
    let text = text(&fs::read_to_string(own).unwrap());
    fs::write(dir.path().join("measurements/phones/one.json"), text).unwrap();
    let sources = sources(dir.path().to_path_buf());
    (dir, sources)
}

#[test]
fn a_report_shows_the_verdict_and_the_figures_of_its_measurement() {
    let device = "\"name\":\"shared virtual machine, 2 cores, virtio disk\"";
    let rename = |text: &str| {
        assert!(text.contains(device));
        text.replace(device, "\"name\":\"<b>phone</b> & co\"")
    };
    let (_dir, sources) = with_measurement(rename);
    let site = build(&sources).unwrap();
    assert_eq!(problems(&site), []);
    let page = unexplained(&text(&site, "reports/phones-one/index.html"));
    for part in [
        "FAIL",
        "mean stall is 9.94 % of a token, limit 2",
        "8,779 rows a second",
        "mmap_default, as judged",
        "int4_aggressive",
        "virtual machine (unknown hypervisor)",
        "dhurandhar profile-mmap --realtime --measure-memory",
        "&lt;b&gt;phone&lt;/b&gt; &amp; co",
        "href=\"measurement.json\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<b>phone"));
    let json = &site.files["reports/phones-one/measurement.json"];
    assert_eq!(json, &fs::read(sources.content.join("measurements/phones/one.json")).unwrap());
    let csv = text(&site, "reports/phones-one/configurations.csv");
    assert_eq!(csv.lines().count(), 37);
    let list = text(&site, "reports/index.html");
    assert!(list.contains("href=\"./phones-one/\"") && list.contains("2026-11-23"), "{list}");
    assert!(list.contains("href=\"./on-b-phone-b-co/\""), "{list}");
    assert!(text(&site, "reports/mmap-profile.schema.json").contains("\"stall_over_measured\""));
    let machine = text(&site, "reports/on-b-phone-b-co/index.html");
    assert!(machine.contains("href=\"../phones-one/\"") && machine.contains("One report"), "{machine}");
    assert!(!machine.contains("<b>phone"));
}

#[test]
fn a_built_in_device_gathers_its_reports_on_its_own_page() {
    let device = "\"name\":\"shared virtual machine, 2 cores, virtio disk\"";
    let (dir, sources) = with_measurement(|text| text.replace(device, "\"name\":\"Steam-Deck\""));
    fs::create_dir_all(dir.path().join("devices")).unwrap();
    fs::write(dir.path().join("devices/index.md"), "+++\ntitle = \"D\"\ndescription = \"D.\"\n+++\n")
        .unwrap();
    let site = build(&sources).unwrap();
    let page = text(&site, "devices/steam-deck/index.html");
    assert!(page.contains("href=\"../../reports/phones-one/\""), "{page}");
    assert!(!site.files.keys().any(|file| file.starts_with("reports/on-")));
}

#[test]
fn a_broken_measurement_stops_the_build_with_file_and_field() {
    let cases: [(&str, &str, &str); 4] = [
        ("mmap-profile/1.0", "mmap-profile/2.0", "major version 2"),
        ("\"target_tps\":15.0", "\"target_tps\":-15.0", "target_tps is -15"),
        ("\"duration_s\":", "\"duration_s\":\"long\",\"x\":", "field run.duration_s: invalid type"),
        ("\"verdict\":", "\"verdit\":", "missing field `verdict`"),
    ];
    for (from, to, expected) in cases {
        let (_dir, sources) = with_measurement(|text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let message = format!("{:#}", build(&sources).unwrap_err());
        assert!(
            message.starts_with("measurements/phones/one.json: ") && message.contains(expected),
            "{message}"
        );
    }
}

/// A content folder with a list of reports, and a fine-tuning run changed by `text`.
#[cfg(test)]
fn with_training(text: impl FnOnce(&str) -> String) -> (tempfile::TempDir, Sources) {
    let own = fixtures("measurements").join("training.json");
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("measurements/training")).unwrap();
    copy_prose(dir.path());
    let text = text(&fs::read_to_string(own).unwrap());
    fs::write(dir.path().join("measurements/training/one.json"), text).unwrap();
    let sources = sources(dir.path().to_path_buf());
    (dir, sources)
}

#[test]
fn a_training_report_says_first_whether_anything_was_learnt() {
    let (_dir, sources) = with_training(|text| text.replace("\"prompt\":\"", "\"prompt\":\"<i>Q</i> "));
    let site = build(&sources).unwrap();
    assert_eq!(problems(&site), []);
    let page = text(&site, "reports/training-one/index.html");
    for part in [
        "LEARNT",
        "examples that were not trained on fell by",
        "Evaluation loss 4.9",
        "4,884,480 parameters were trained beside 134,515,008 frozen ones: 3.50 %",
        "id=\"losses-chart",
        "measured peak",
        "layer by layer, each layer run again",
        "dhurandhar train-lora --config profiles/lora/smollm2-135m.yaml",
        "&lt;i&gt;Q&lt;/i&gt; ",
        "href=\"measurement.json\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.find("LEARNT") < page.find("id=\"losses\""), "the verdict comes first");
    let list = text(&site, "reports/index.html");
    assert!(list.contains("href=\"./training-one/\""), "{list}");
    assert!(text(&site, "reports/training-one/steps.csv").starts_with("step,epoch,loss"));
    assert!(text(&site, "reports/train-lora.schema.json").contains("\"eval_perplexity\""));
    let json = &site.files["reports/training-one/measurement.json"];
    assert_eq!(json, &fs::read(sources.content.join("measurements/training/one.json")).unwrap());
}

#[test]
fn a_broken_training_run_stops_the_build_with_file_and_field() {
    for (from, to, expected) in [
        ("train-lora/1.0", "train-lora/3.1", "major version 3"),
        ("\"ending\":\"complete\"", "\"ending\":\"best\"", "field ending: unknown variant `best`"),
        ("\"evaluations\":", "\"evaluation\":", "missing field `evaluations`"),
    ] {
        let (_dir, sources) = with_training(|text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let message = format!("{:#}", build(&sources).unwrap_err());
        assert!(
            message.starts_with("measurements/training/one.json: ") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn a_section_lists_its_pages_and_an_article_its_sections() {
    let site = build(&sources(fixtures("whole/content"))).unwrap();
    let docs = text(&site, "docs/index.html");
    assert!(docs.contains("<a href=\"./note/\">Note</a>"), "{docs}");
    let method = text(&site, "method/index.html");
    for part in [
        "href=\"#bits\"",
        "<math",
        "class=\"footnotes\"",
        "<dt id=\"kv-cache\">KV cache</dt>",
        "Method &amp; measure",
    ] {
        assert!(method.contains(part), "{part} in {method}");
    }
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let sources = sources(fixtures("whole/content"));
    assert_eq!(build(&sources).unwrap(), build(&sources).unwrap());
}

#[test]
fn one_changed_page_is_one_written_file() {
    let dir = tempfile::tempdir().unwrap();
    let content = dir.path().join("content");
    for file in ["index.md", "method.md", "docs/index.md", "docs/note.md", "figures/dot.svg"] {
        let to = content.join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixtures("whole/content").join(file), to).unwrap();
    }
    let out = dir.path().join("site");
    let run = || {
        let site = build(&sources(content.clone())).unwrap();
        write(&site, &out, Compression::Off, dir.path()).unwrap()
    };
    let files = run().files;
    assert_eq!(run(), Written { files, changed: 0, removed: 0 });
    let page = content.join("docs/note.md");
    fs::write(&page, format!("{}\nMore.\n", fs::read_to_string(&page).unwrap())).unwrap();
    assert_eq!(run(), Written { files, changed: 1, removed: 0 });
}

#[test]
fn bad_sources_are_refused_with_file_line_and_reason() {
    for (folder, expected) in cases("refused") {
        let error = build(&sources(folder.clone())).unwrap_err();
        let message = format!("{error:#}");
        assert!(
            message.starts_with("page.md: ") && message.contains(&expected),
            "{}: {message}",
            folder.display()
        );
    }
}

#[test]
fn broken_sites_are_found_broken_and_for_one_reason() {
    for (folder, expected) in cases("broken") {
        let mut site = Site::read(&folder).unwrap();
        site.files.remove("expected.txt");
        let found: Vec<String> = problems(&site).iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected], "{}", folder.display());
    }
}

#[cfg(test)]
fn sitegen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sitegen")).args(arguments).current_dir(workspace()).output().unwrap()
}

#[test]
fn exit_codes_tell_success_failure_and_misuse_apart() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("site").display().to_string();
    let content = fixtures("whole/content").display().to_string();
    let build = sitegen(&["build", "--no-calculator", "--no-compress", "--content", &content, "--out", &out]);
    assert_eq!(build.status.code(), Some(0), "{}", String::from_utf8_lossy(&build.stderr));
    assert_eq!(sitegen(&["check", &out]).status.code(), Some(0));
    let broken = sitegen(&["check", &fixtures("broken/missing-page").display().to_string()]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&broken.stdout).contains("`gone/` leads nowhere"));
    assert_eq!(sitegen(&["check", "/nowhere/at/all"]).status.code(), Some(1));
    let misuse = sitegen(&["build", "--base-url", "example"]);
    assert_eq!(misuse.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&misuse.stderr).contains("expected http:// or https://"));
}

/// The compiled application is measured by `sitegen size`; what is here arrives before it.
#[test]
fn what_is_drawn_first_fits_its_byte_budget() {
    let site = build(&Sources { bundle: Some(bundle()), ..sources(workspace().join("content")) }).unwrap();
    let visit = first_visit(&site).unwrap();
    assert!(visit.before_drawing() <= MOST_BROTLI && visit.search() <= MOST_SEARCH, "{visit}");
}
