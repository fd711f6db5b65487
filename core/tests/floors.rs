//! The rooms of core stand on floors, and arrows between them go down only.

mod rust_files;

use rust_files::sources;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Floors from the top, each with its rooms. A room may use rooms of lower floors, and those after it on its own.
#[cfg(test)]
const FLOORS: &[(&str, &[&str])] = &[
    // A report's schema, a document of several, the page's catalogue of models and devices and the jobs of its worker, the first release's arithmetic.
    ("report", &["schema", "dossier", "report", "work", "catalogue", "seed"]),
    ("feasibility", &["feasibility", "program"]),
    ("placement", &["speed", "measurement", "placement", "memory"]),
    ("device", &["device", "storage", "export", "training"]),
    ("weights", &["weights", "layer"]),
    ("model", &["model"]),
    ("format", &["format"]),
    // Crates of their own.
    ("leaf", &["codec", "leaf"]),
];

/// A file without its comments and its test modules.
#[cfg(test)]
fn program(text: &str) -> String {
    let mut program = String::new();
    let mut test = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match test {
            // The attribute, then the module's own line, then all that is indented deeper.
            Some((from, false)) => test = line.ends_with('{').then_some((from, true)),
            Some((from, true)) if indent <= from && line.trim() == "}" => test = None,
            Some(_) => {}
            None if line.trim() == "#[cfg(test)]" => test = Some((indent, false)),
            None => {
                program += line.split("//").next().unwrap_or_default();
                program.push('\n');
            }
        }
    }
    program
}

/// Rooms that a file of `module` names by `crate::` or `super::`, inside a list of a `use` too.
#[cfg(test)]
fn rooms(module: &[String], program: &str, known: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut push = |name: &str| {
        // What the crate's root gives out again.
        let name = if name == "Model" { "model" } else { name };
        if known.contains(name) {
            found.insert(name.to_owned());
        }
    };
    let words = |text: &str| -> Vec<String> {
        text.split(|sign: char| !sign.is_alphanumeric() && sign != '_').map(str::to_owned).collect()
    };
    for (at, _) in program.match_indices("crate::") {
        let rest = &program[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            // The first word of each item of the list.
            Some(list) => {
                let mut depth = 0;
                let mut first = true;
                for (place, sign) in list.char_indices() {
                    match sign {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => first = true,
                        _ if depth == 0 && first && sign.is_alphabetic() => {
                            push(&words(&list[place..])[0]);
                            first = false;
                        }
                        _ => {}
                    }
                }
            }
            None => push(&words(rest)[0]),
        }
    }
    // Enough `super` to leave the room.
    let leaves = "super::".repeat(module.len());
    for (at, _) in program.match_indices(&leaves) {
        let deeper = at >= "super::".len() && program[..at].ends_with("super::");
        if !deeper && !module.is_empty() {
            push(&words(&program[at + leaves.len()..])[0]);
        }
    }
    found
}

#[test]
fn no_room_uses_one_above_it() {
    let order: Vec<&str> = FLOORS.iter().flat_map(|(_, rooms)| *rooms).copied().collect();
    let known: BTreeSet<&str> = order.iter().copied().collect();
    let floor =
        |room: &str| FLOORS.iter().find(|(_, rooms)| rooms.contains(&room)).map_or("", |(name, _)| name);
    let height = |room: &str| order.iter().position(|one| *one == room);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    assert!(files.len() > 200, "{} files", files.len());
    let mut arrows = 0;
    for path in files {
        let shown = path.strip_prefix(&root).unwrap().display().to_string().replace('\\', "/");
        let mut module: Vec<String> = shown.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.iter().any(|part| part == "tests" || part == "sample") || shown == "lib.rs" {
            continue;
        }
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let room = module[0].clone();
        let from =
            height(&room).unwrap_or_else(|| panic!("{room}: a room without a floor; give it one in FLOORS"));
        for used in rooms(&module, &program(&fs::read_to_string(&path).unwrap()), &known) {
            let to = height(&used).unwrap();
            arrows += usize::from(used != room);
            assert!(
                to >= from,
                "core/src/{shown}: {room} (floor {}) uses {used} (floor {}), which stands above it",
                floor(&room),
                floor(&used)
            );
        }
    }
    assert!(arrows > 200, "{arrows} arrows");
}

#[test]
fn arrows_are_seen_in_every_spelling_and_not_in_tests() {
    let known = BTreeSet::from(["leaf", "model", "report", "weights"]);
    let module: Vec<String> = ["model", "import"].map(str::to_owned).to_vec();
    let text = "use crate::leaf::units;\nuse crate::{weights::A, report::{B, leafy}};\n// crate::nothing\n\
        fn f() { super::super::model::x() }\n#[cfg(test)]\nmod tests {\n    use crate::seed;\n}\n";
    let seen = rooms(&module, &program(text), &known);
    assert_eq!(seen, known.iter().map(|room| (*room).to_owned()).collect());
}
