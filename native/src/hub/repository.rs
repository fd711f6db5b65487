//! A repository of the hub: which of its files are a model's, found with as few requests as its kind allows.
//!
//! A checkpoint has a config and a file or an index of weights, whose names are known; only when they are not there is
//! the repository's list of files asked for.

use super::client::Client;
use super::name::{HubName, encode};
use super::{Failure, Found, Remote, RemoteFile, Several};
use dhurandhar_core::model::import::{FIRST_READ, gguf};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Weights of a checkpoint, the usual one first.
const WEIGHTS: [&str; 2] = ["model.safetensors", "model.safetensors.index.json"];
/// Endings of pickled weights.
const PICKLES: [&str; 5] = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

/// A model among those that a repository offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// What to write after the colon: its quantisation, or its file where that is not enough.
    pub(crate) label: String,
    /// Bytes of all its parts, where the hub says them.
    pub(crate) bytes: Option<u64>,
    parts: Vec<String>,
}

/// A file of a repository.
#[derive(Debug, Clone, Deserialize)]
struct Listed {
    #[serde(alias = "rfilename")]
    path: String,
    #[serde(default)]
    size: Option<u64>,
}

/// The answer of the hub about a repository.
#[derive(Deserialize)]
struct Repository {
    siblings: Vec<Listed>,
}

pub(super) fn open(client: Client, name: &HubName) -> Result<Found, Failure> {
    let reader = Reader { client, name };
    match name.wanted.as_deref() {
        Some(file) if is_file(file) => reader.named(file),
        Some(label) => reader.quantised(label),
        None => reader.plain(),
    }
}

struct Reader<'a> {
    client: Client,
    name: &'a HubName,
}

impl Reader<'_> {
    fn file(&self, path: &str) -> RemoteFile {
        let repository = &self.name.repository;
        let endpoint = &self.client.settings().endpoint;
        let revision = encode(self.name.revision()).replace('/', "%2F");
        let url = format!("{endpoint}/{repository}/resolve/{revision}/{}", encode(path));
        RemoteFile::new(&self.client, &url, &format!("{repository}/{path}"))
    }

    fn remote(&self, parts: Vec<RemoteFile>, config: Option<Vec<u8>>) -> Found {
        Found::Remote(Remote { title: self.name.title().to_owned(), parts, config })
    }

    /// The repository's one model.
    fn plain(&self) -> Result<Found, Failure> {
        let config = self.file("config.json").all_if_there()?;
        if config.is_some() {
            for weights in WEIGHTS {
                let mut file = self.file(weights);
                match file.fill(FIRST_READ) {
                    Ok(()) => return Ok(self.remote(vec![file], config)),
                    Err(failure) if failure.is_absent() => {}
                    Err(failure) => return Err(failure),
                }
            }
        }
        let files = self.files()?;
        let offers = offers(&files);
        match offers.as_slice() {
            [] => self.without_gguf(&files, config),
            [one] => Ok(self.remote(self.parts(one), None)),
            [first, ..] => {
                let smallest =
                    Remote { title: self.name.title().to_owned(), parts: self.parts(first), config: None };
                Ok(Found::Several(Several { repository: self.name.shown(), offers, smallest }))
            }
        }
    }

    /// A checkpoint under another name, or the reason why there is none.
    fn without_gguf(&self, files: &[Listed], config: Option<Vec<u8>>) -> Result<Found, Failure> {
        let name = self.name.shown();
        let with = |ending: &str| files.iter().filter(|file| file.path.ends_with(ending)).collect::<Vec<_>>();
        let alone = if config.is_some() {
            format!("; expected one with safetensors or GGUF, or {name}:config.json for what its config says")
        } else {
            "; expected one with safetensors or GGUF files".to_owned()
        };
        match with(".safetensors").as_slice() {
            [one] if config.is_some() => return Ok(self.remote(vec![self.file(&one.path)], config)),
            [] => {}
            [first, ..] => {
                return Err(Failure::input(format!(
                    "{name} has safetensors files, such as {}, under no usual name{alone}",
                    first.path
                )));
            }
        }
        let pickle = PICKLES.iter().find_map(|ending| with(ending).first().copied());
        Err(Failure::input(match pickle {
            Some(pickle) => {
                format!("{name} has pickled weights only ({}), which are a program{alone}", pickle.path)
            }
            None => format!("{name} has no weights{alone}"),
        }))
    }

    /// A file that was named.
    fn named(&self, file: &str) -> Result<Found, Failure> {
        let (folder, last) = file.rsplit_once('/').map_or(("", file), |(folder, last)| (folder, last));
        let in_folder =
            |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let parts = gguf::siblings(last).map_or_else(
            || vec![file.to_owned()],
            |parts| parts.iter().map(|part| in_folder(part)).collect(),
        );
        let mut parts: Vec<RemoteFile> = parts.iter().map(|part| self.file(part)).collect();
        if let Some(first) = parts.first_mut() {
            first
                .fill(FIRST_READ)
                .map_err(|failure| if failure.is_absent() { self.choice(failure) } else { failure })?;
        }
        let is_checkpoint = last.ends_with(".safetensors") || last.ends_with(".safetensors.index.json");
        let config = if is_checkpoint { self.file(&in_folder("config.json")).all_if_there()? } else { None };
        Ok(self.remote(parts, config))
    }

    /// The failure with what there is instead.
    fn choice(&self, failure: Failure) -> Failure {
        let Ok(files) = self.files() else { return failure };
        let there: Vec<String> =
            files.iter().map(|file| file.path.clone()).filter(|path| is_file(path)).collect();
        if there.is_empty() { failure } else { failure.and(&format!("; expected one of {}", few(&there))) }
    }

    /// The GGUF model in a quantisation.
    fn quantised(&self, wanted: &str) -> Result<Found, Failure> {
        let offers = offers(&self.files()?);
        let found = offers.iter().find(|offer| offer.label.eq_ignore_ascii_case(wanted));
        match found {
            Some(offer) => Ok(self.remote(self.parts(offer), None)),
            None if offers.is_empty() => Err(Failure::input(format!(
                "{} has no GGUF files, of which `{wanted}` would be one",
                self.name.shown()
            ))),
            None => {
                let labels: Vec<String> = offers.iter().map(|offer| offer.label.clone()).collect();
                Err(Failure::input(format!(
                    "{} has no `{wanted}`; expected one of {}",
                    self.name.shown(),
                    few(&labels)
                )))
            }
        }
    }

    fn parts(&self, offer: &Offer) -> Vec<RemoteFile> {
        offer.parts.iter().map(|part| self.file(part)).collect()
    }

    /// All files, by the one address of the hub or the other.
    fn files(&self) -> Result<Vec<Listed>, Failure> {
        let (repository, endpoint) = (&self.name.repository, &self.client.settings().endpoint);
        let revision = encode(self.name.revision()).replace('/', "%2F");
        let base = format!("{endpoint}/api/models/{repository}");
        let what = format!("{repository}/files");
        let ask = |tail: &str| RemoteFile::new(&self.client, &format!("{base}/{tail}"), &what).all();
        let read = |error: serde_json::Error| {
            Failure::way(format!("{endpoint} gives no list of the files of {repository} ({error})"))
        };
        match ask(&format!("revision/{revision}?blobs=true")) {
            Ok(text) => Ok(serde_json::from_slice::<Repository>(&text).map_err(read)?.siblings),
            Err(failure) if failure.is_absent() && !self.client.settings().offline => {
                match ask(&format!("tree/{revision}?recursive=true")) {
                    Ok(text) => serde_json::from_slice(&text).map_err(read),
                    Err(failure) if failure.is_absent() => Err(Failure::input(format!(
                        "no repository {} at {endpoint}; expected owner/name as on its page",
                        self.name.shown()
                    ))),
                    Err(failure) => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Whether what stands after the colon is a file rather than a quantisation.
fn is_file(wanted: &str) -> bool {
    [".gguf", ".safetensors", ".json"].iter().any(|ending| wanted.ends_with(ending))
}

/// Whether a file of this name is a GGUF model, or the first part of one: no projector, no importance matrix.
pub(super) fn is_model(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let lower = file.to_ascii_lowercase();
    let is_gguf = lower.rsplit_once('.').is_some_and(|(_, ending)| ending == "gguf");
    let is_first = gguf::siblings(file).is_none_or(|parts| parts.first().is_some_and(|first| first == file));
    is_gguf && !lower.contains("mmproj") && !lower.contains("imatrix") && is_first
}

/// The quantisation in a file's name, or the name.
pub(super) fn label(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    gguf::quantisation(file).unwrap_or_else(|| file.strip_suffix(".gguf").unwrap_or(file).to_owned())
}

/// The GGUF models of a repository, smallest first.
fn offers(files: &[Listed]) -> Vec<Offer> {
    let sizes: BTreeMap<&str, Option<u64>> =
        files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    let mut offers: Vec<Offer> = files
        .iter()
        .filter(|file| is_model(&file.path))
        .map(|file| {
            let (folder, last) =
                file.path.rsplit_once('/').map_or(("", file.path.as_str()), |(folder, last)| (folder, last));
            let in_folder = |part: String| if folder.is_empty() { part } else { format!("{folder}/{part}") };
            let parts: Vec<String> = gguf::siblings(last)
                .map_or_else(|| vec![file.path.clone()], |parts| parts.into_iter().map(in_folder).collect());
            let bytes = parts.iter().map(|part| sizes.get(part.as_str()).copied().flatten()).sum();
            Offer { label: label(&file.path), bytes, parts }
        })
        .collect();
    let labels: Vec<String> = offers.iter().map(|offer| offer.label.clone()).collect();
    for offer in &mut offers {
        if labels.iter().filter(|label| **label == offer.label).count() > 1 {
            offer.label = offer.parts.first().unwrap_or(&offer.label).clone();
        }
    }
    offers.sort_by(|a, b| (a.bytes, &a.label).cmp(&(b.bytes, &b.label)));
    offers
}

/// The first of many names.
fn few(names: &[String]) -> String {
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
    }
}
