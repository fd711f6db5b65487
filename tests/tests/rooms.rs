//! The rooms of native, web and sitegen stand on floors: none uses one above it, and native's engines know nothing of the
//! command line. Core's floors have a test of their own.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of native, from the ground up.
const NATIVE: &[&str] = &[
    "machine",
    "cli",
    "hub",
    "inputs",
    "checkpoint",
    "decoder",
    "generate",
    "kv_quality",
    "train",
    "profile",
    "validate",
    "commands",
];

/// Rooms of the page.
const WEB: &[&str] = &[
    "browser", "state", "link", "worker", "parts", "files", "memory", "devices", "compare", "codecs", "mmap",
    "shell",
];

/// Rooms of the site's generator.
const SITEGEN: &[&str] = &[
    "path",
    "disk",
    "workspace",
    "base_url",
    "hub",
    "config",
    "compress",
    "page",
    "pages",
    "content",
    "bundle",
    "output",
    "template",
    "build",
    "check",
    "serve",
    "bench",
    "cli",
];

/// Where the sources of a crate are.
#[cfg(test)]
fn source(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(package).join("src")
}

#[cfg(test)]
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
            found.push(path);
        }
    }
}

/// Files of tests alone.
fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Rooms that the program part of a file uses: the first word after each `crate::`, and those in braces there.
#[cfg(test)]
fn used(text: &str) -> Vec<String> {
    let program = text.split("mod tests {").next().unwrap_or(text);
    let mut rooms = Vec::new();
    for rest in program.split("crate::").skip(1) {
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split(';').next().unwrap_or_default(),
            None => rest,
        };
        let is_list = rest.starts_with('{');
        let mut depth = 0_i32;
        let mut word = String::new();
        for sign in list.chars() {
            if depth == 0 && (sign.is_alphanumeric() || sign == '_') {
                word.push(sign);
                continue;
            }
            if depth == 0 && !word.is_empty() {
                rooms.push(std::mem::take(&mut word));
                if !is_list {
                    break;
                }
            }
            depth += i32::from(sign == '{') - i32::from(sign == '}');
            if depth < 0 || (!is_list && depth == 0) {
                break;
            }
        }
    }
    rooms
}

#[test]
fn no_room_uses_one_above_it() {
    for (package, floors, least) in [("native", NATIVE, 50), ("web", WEB, 50), ("sitegen", SITEGEN, 40)] {
        let source = source(package);
        let floor = |room: &str| floors.iter().position(|name| *name == room);
        let mut files = Vec::new();
        sources(&source, &mut files);
        let mut arrows = 0;
        for file in files {
            let inner = file.strip_prefix(&source).unwrap();
            let first = inner.iter().next().unwrap().to_string_lossy();
            let room = first.trim_end_matches(".rs").to_owned();
            let Some(own) = floor(&room) else {
                assert!(["lib", "main"].contains(&room.as_str()), "{package}: {room} is on no floor");
                continue;
            };
            for other in used(&fs::read_to_string(&file).unwrap()) {
                let Some(above) = floor(&other) else { continue };
                assert!(above <= own, "{package}: {} uses {other}, which is above {room}", inner.display());
                arrows += usize::from(above < own);
            }
        }
        assert!(arrows > least, "{package}: only {arrows} uses were found");
    }
}

#[test]
fn engines_parse_no_arguments_and_print_nothing() {
    let source = source("native");
    for room in NATIVE.iter().filter(|room| !["cli", "commands", "generate"].contains(room)) {
        let mut files = Vec::new();
        sources(&source.join(room), &mut files);
        assert!(!files.is_empty(), "{room}");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let program = text.split("mod tests {").next().unwrap_or(&text);
            for word in ["clap::", "stdout()", "println!", "indicatif::", "ExitCode"] {
                let balloon = file.ends_with("profile/balloon.rs") && word == "stdout()";
                assert!(balloon || !program.contains(word), "{} has {word}", file.display());
            }
        }
    }
}
