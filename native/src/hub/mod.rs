//! Models by name: from a repository of the Hugging Face hub, a name of Ollama's registry or a plain address to the
//! beginnings of files, read by ranges.
//!
//! The crate `hf-hub` fetches whole files, and a header is a thousandth of one, so this asks for ranges itself. What
//! was read is kept with its ETag, and asked for again only when it changed. A token goes to the hub's own origin alone,
//! never along a redirect to another.

mod answer;
mod cache;
mod client;
mod failure;
mod file;
mod local;
mod ollama;
mod refusal;
mod repository;
mod settings;

pub(crate) use failure::Failure;
pub(crate) use file::RemoteFile;
pub(crate) use settings::stay_offline;

use dhurandhar_core::model::hub::{self as name, Offer};
use std::path::PathBuf;

/// What a name leads to.
pub(crate) enum Found {
    /// A file or a checkpoint folder that is on this machine already.
    Local {
        /// Where.
        path: PathBuf,
        /// What to call the model where its files do not say.
        title: String,
    },
    /// One file, or all parts of a split one, and the text of the config that belongs to it.
    Remote(Remote),
    /// Several models, one of which has to be named.
    Several(Several),
}

/// A model's files elsewhere.
pub(crate) struct Remote {
    /// What to call the model where its files do not say.
    pub(crate) title: String,
    /// The parts, in order.
    pub(crate) parts: Vec<RemoteFile>,
    /// The config that completes a safetensors file or index.
    pub(crate) config: Option<Vec<u8>>,
}

/// A repository that offers more than one model.
pub(crate) struct Several {
    /// `owner/name`, with the revision where one was stated.
    pub(crate) repository: String,
    /// Smallest first.
    pub(crate) offers: Vec<Offer>,
    /// The smallest offer's files.
    pub(crate) smallest: Remote,
}

/// What `name` leads to, when it is a name of something elsewhere; `None` when it is none.
pub(crate) fn find(name: &str) -> Option<Result<Found, Failure>> {
    let settings = match settings::Settings::from_environment() {
        Ok(settings) => settings,
        // Only a name that needs the settings may fail on them.
        Err(failure) => {
            return name::parse(name, name::HUB).is_ok_and(|found| found.is_some()).then_some(Err(failure));
        }
    };
    match name::parse(name, &settings.endpoint) {
        Ok(None) => None,
        Ok(Some(reference)) => Some(open(reference, settings)),
        Err(problem) => Some(Err(Failure::input(problem))),
    }
}

fn open(reference: name::Reference, settings: settings::Settings) -> Result<Found, Failure> {
    match reference {
        name::Reference::Hub(reference) => match local::in_hub_cache(&settings, &reference) {
            Some(path) => Ok(Found::Local { path, title: reference.title().to_owned() }),
            None => repository::open(client::Client::new(settings), &reference),
        },
        name::Reference::Url(url) => address(&client::Client::new(settings), &url),
        name::Reference::Ollama(reference) => match ollama::in_store(&settings, &reference) {
            Some(path) => Ok(Found::Local { path, title: reference.name }),
            None => ollama::open(&client::Client::new(settings), &reference),
        },
    }
}

/// A plain address of one file; a config stands beside it as on a disk.
fn address(client: &client::Client, url: &str) -> Result<Found, Failure> {
    let file_name = name::file_name(url);
    let parts = dhurandhar_core::model::import::gguf::siblings(file_name);
    let names = parts.unwrap_or_else(|| vec![file_name.to_owned()]);
    let parts: Vec<_> =
        names.iter().map(|part| RemoteFile::new(client, &name::beside(url, part), part)).collect();
    let is_safetensors =
        file_name.ends_with(".safetensors") || file_name.ends_with(".safetensors.index.json");
    let config = if is_safetensors {
        RemoteFile::new(client, &name::beside(url, "config.json"), "config.json").all_if_there()?
    } else {
        None
    };
    let title = file_name.split('.').next().unwrap_or(file_name).to_owned();
    Ok(Found::Remote(Remote { title, parts, config }))
}
