//! What the environment says of the hub: its address, the token, folders of caches, and whether to stay offline.

use super::Failure;
use crate::cli::folders;
use dhurandhar_core::model::hub::{HUB, OLLAMA};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// `--offline`; it holds for the whole run, whatever reads a model.
static OFFLINE: AtomicBool = AtomicBool::new(false);

/// Read nothing from the network from now on.
pub(crate) fn stay_offline() {
    OFFLINE.store(true, Ordering::Relaxed);
}

/// What is asked, and of whom.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Address of the hub, without a slash at its end.
    pub(super) endpoint: String,
    /// Address of Ollama's registry, likewise; what is wrong with it is nothing to a name of the hub.
    pub(super) ollama: Result<String, Failure>,
    /// The hub's token.
    pub(super) token: Option<String>,
    /// Take what the cache has, ask nobody.
    pub(super) offline: bool,
    /// Where beginnings of files are kept; `None` where the system names no folder.
    pub(super) cache: Option<PathBuf>,
    /// The hub's own cache of whole files.
    pub(super) hub_cache: Option<PathBuf>,
    /// Ollama's store of models.
    pub(super) ollama_models: Option<PathBuf>,
}

impl Settings {
    pub(super) fn from_environment() -> Result<Self, Failure> {
        let home = std::env::home_dir();
        let hub_home = path("HF_HOME")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| home.as_ref().map(|home| home.join(".cache/huggingface")));
        let hub_cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let ollama_models = path("OLLAMA_MODELS");
        let yes = |name| {
            text(name).is_some_and(|value| {
                ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
            })
        };
        check_proxies()?;
        Ok(Self {
            endpoint: address("HF_ENDPOINT", HUB)?,
            ollama: address("OLLAMA_REGISTRY", OLLAMA),
            token: token(hub_home.clone())?,
            offline: OFFLINE.load(Ordering::Relaxed) || yes("HF_HUB_OFFLINE"),
            cache: folders::cache(),
            hub_cache: hub_cache.or_else(|| hub_home.map(|home| home.join("hub"))),
            ollama_models: ollama_models.or_else(|| home.map(|home| home.join(".ollama/models"))),
        })
    }
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where programs look for a proxy, in this order.
const PROXIES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The proxy that is used, and what names it; a password in it is not shown.
pub(super) fn proxy() -> Option<(&'static str, String)> {
    PROXIES.iter().find_map(|name| {
        let value = text(name)?;
        let shown = match value.rsplit_once('@') {
            Some((_, host)) => host.to_owned(),
            None => value,
        };
        Some((*name, shown))
    })
}

/// A proxy that cannot be used is not passed by in silence.
fn check_proxies() -> Result<(), Failure> {
    let works = |value: &str| {
        let scheme = value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        matches!(scheme.as_deref(), Some("http" | "https")) && ureq::Proxy::new(value).is_ok()
    };
    let stated: Vec<(&str, String)> = PROXIES.iter().filter_map(|name| Some((*name, text(name)?))).collect();
    match stated.first() {
        Some((name, value)) if !stated.iter().any(|(_, value)| works(value)) => {
            let shown = value.rsplit_once('@').map_or(value.as_str(), |(_, host)| host);
            Err(Failure::input(format!("{name} is `{shown}`; expected a proxy such as http://HOST:PORT")))
        }
        _ => Ok(()),
    }
}

fn address(name: &str, usual: &str) -> Result<String, Failure> {
    if std::env::var_os(name).is_some_and(|value| value.to_str().is_none()) {
        return Err(Failure::input(format!(
            "{name} is not text in UTF-8; expected an address such as {usual}"
        )));
    }
    let stated = text(name).unwrap_or_else(|| usual.to_owned());
    let stated = stated.trim_end_matches('/');
    let rest = stated.strip_prefix("https://").or_else(|| stated.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => Ok(stated.to_owned()),
        _ => Err(Failure::input(format!("{name} is `{stated}`; expected an address such as {usual}"))),
    }
}

/// The token, from where the hub's own tools look for it, in their order.
fn token(hub_home: Option<PathBuf>) -> Result<Option<String>, Failure> {
    let stated = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN"));
    let file = path("HF_TOKEN_PATH").or_else(|| hub_home.map(|home| home.join("token")));
    let found = stated.or_else(|| file.and_then(|file| std::fs::read_to_string(file).ok()));
    let found = found.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    match &found {
        // It is not printed: half a token is somebody's secret, too.
        Some(token) if !token.bytes().all(|sign| sign.is_ascii_graphic()) => Err(Failure::input(
            "the hub's token has spaces or signs that no token has; expected one as in HF_TOKEN=hf_...",
        )),
        _ => Ok(found),
    }
}
