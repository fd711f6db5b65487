//! The GGUF models that a repository offers.

use crate::format::document::{Node, Value, parse_json};
use crate::format::gguf;
use std::collections::BTreeMap;

/// A model among those that a repository offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What to write after the colon: its quantisation, or its file where that is not enough.
    pub label: String,
    /// Bytes of all its parts, where the hub says them.
    pub bytes: Option<u64>,
    /// Its files, in order.
    pub parts: Vec<String>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it lies in the repository.
    pub path: String,
    /// Its bytes, where the hub says them.
    pub size: Option<u64>,
}

/// The files in the hub's answer about a repository (`siblings`), or about a folder of one (a list); or what is wrong with it.
pub fn listed(text: &[u8]) -> Result<Vec<Listed>, String> {
    let answer = parse_json("the list of files", text).map_err(|error| error.to_string())?;
    let files = match &answer.value {
        Value::List(files) => Some(files),
        Value::Map(_) => match field(&answer, "siblings") {
            Some(Value::List(files)) => Some(files),
            _ => None,
        },
        _ => None,
    };
    let files = files.ok_or_else(|| format!("the list of files is {}", answer.value.describe()))?;
    let file = |node: &Node| {
        let Some(Value::Text(path)) = field(node, "rfilename").or_else(|| field(node, "path")) else {
            return None;
        };
        let size = match field(node, "size") {
            Some(Value::Integer(size)) => u64::try_from(*size).ok(),
            _ => None,
        };
        Some(Listed { path: path.clone(), size })
    };
    Ok(files.iter().filter_map(file).collect())
}

fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Value> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|(known, _)| known == name).map(|(_, node)| &node.value),
        _ => None,
    }
}

/// Whether a file of this name is a GGUF model, or the first part of one: no projector, no importance matrix.
pub fn is_model(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let lower = file.to_ascii_lowercase();
    let is_gguf = lower.rsplit_once('.').is_some_and(|(_, ending)| ending == "gguf");
    let is_first = gguf::siblings(file).is_none_or(|parts| parts.first().is_some_and(|first| first == file));
    is_gguf && !lower.contains("mmproj") && !lower.contains("imatrix") && is_first
}

/// The quantisation in a file's name or in that of its folder, or the name.
pub fn label(path: &str) -> String {
    let (folder, file) = split(path);
    let folder = || gguf::quantisation(split(folder).1);
    gguf::quantisation(file).or_else(folder).unwrap_or_else(|| stem(file).to_owned())
}

/// A GGUF file's name without its ending.
fn stem(file: &str) -> &str {
    let end = file.len().saturating_sub(5);
    match file.split_at_checked(end) {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(".gguf") => stem,
        _ => file,
    }
}

/// All parts of a file, in its folder.
pub(super) fn parts(path: &str) -> Vec<String> {
    let (folder, last) = split(path);
    gguf::siblings(last).map_or_else(
        || vec![path.to_owned()],
        |parts| parts.iter().map(|part| within(folder, part)).collect(),
    )
}

/// Folder and name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A name in a folder.
pub(super) fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The GGUF models of a repository, smallest first.
pub(super) fn offers(files: &[Listed]) -> Vec<Offer> {
    let sizes: BTreeMap<&str, Option<u64>> =
        files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    let mut offers: Vec<Offer> = files
        .iter()
        .filter(|file| is_model(&file.path))
        .map(|file| {
            let parts = parts(&file.path);
            let mut sizes = parts.iter().map(|part| sizes.get(part.as_str()).copied().flatten());
            let bytes = sizes.try_fold(0_u64, |all, size| all.checked_add(size?));
            Offer { label: label(&file.path), bytes, parts }
        })
        .collect();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for offer in &offers {
        *times.entry(offer.label.clone()).or_default() += 1;
    }
    for offer in &mut offers {
        if times.get(&offer.label).is_some_and(|times| *times > 1) {
            offer.label = offer.parts.first().unwrap_or(&offer.label).clone();
        }
    }
    offers.sort_by(|a, b| (a.bytes, &a.label).cmp(&(b.bytes, &b.label)));
    offers
}

/// The first of many names.
pub(super) fn few(names: &[String]) -> String {
    match names.get(..12) {
        Some(first) if names.len() > 12 => format!("{} and {} more", first.join(", "), names.len() - 12),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_one_offer_and_projectors_none() {
        let listed = |path: &str, size: u64| Listed { path: path.into(), size: Some(size) };
        let files = [
            listed("Q8_0/m-Q8_0-00001-of-00002.gguf", 5),
            listed("Q8_0/m-Q8_0-00002-of-00002.gguf", 4),
            listed("m-Q4_K_M.gguf", 3),
            listed("mmproj-F16.gguf", 1),
            listed("m.imatrix.gguf", 1),
            listed("README.md", 1),
        ];
        let found = offers(&files);
        let shown: Vec<_> =
            found.iter().map(|offer| (offer.label.as_str(), offer.bytes, offer.parts.len())).collect();
        assert_eq!(shown, [("Q4_K_M", Some(3), 1), ("Q8_0", Some(9), 2)]);
        let twice = offers(&[listed("a/m-Q4_0.gguf", 2), listed("b/m-Q4_0.gguf", 1)]);
        assert_eq!(twice[0].label, "b/m-Q4_0.gguf");
        let folders =
            offers(&[listed("Q4_K_M/model.gguf", 1), listed("Q8_0/model.gguf", 2), listed("M-F16.GGUF", 3)]);
        let labels: Vec<&str> = folders.iter().map(|offer| offer.label.as_str()).collect();
        assert_eq!(labels, ["Q4_K_M", "Q8_0", "F16"]);
        let endless = ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"].map(|part| listed(part, u64::MAX));
        assert_eq!(offers(&endless)[0].bytes, None);
    }

    #[test]
    fn both_forms_of_a_list_are_read_and_another_is_named() {
        let expected =
            vec![Listed { path: "a.gguf".into(), size: Some(7) }, Listed { path: "b".into(), size: None }];
        let newer = br#"{"id": "a/b", "siblings": [{"rfilename": "a.gguf", "size": 7}, {"rfilename": "b"}]}"#;
        let older = br#"[{"type": "file", "path": "a.gguf", "size": 7}, {"path": "b"}]"#;
        assert_eq!(listed(newer), Ok(expected.clone()));
        assert_eq!(listed(older), Ok(expected));
        for wrong in ["<html>", "{}", "7", ""] {
            assert!(listed(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
