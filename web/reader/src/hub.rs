//! A model by its name on the hub: `core` says which files are to be asked for, `fetch` reads their beginnings.

use std::collections::BTreeMap;

use dhurandhar_core::Model;
use dhurandhar_core::model::hub::{
    Answer, Ask, Files, HubName, Next, Offer, Range, Reference, Refusal, Search, is_web_page, listed, parse,
    titled,
};
use dhurandhar_core::model::import::{FIRST_READ, gguf_joined, gguf_part, import, import_with_config};
use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::header::{self, Beginning};

/// Largest text document read, in bytes; `core` takes no larger one.
const MAX_TEXT: u64 = 16 << 20;

/// What a name leads to.
pub(crate) enum Found {
    Model(Box<Model>),
    /// Several of the repository called so, and the smallest of them where it can be read.
    Several(String, Vec<Offer>, Option<Box<Model>>),
}

/// Looks for what `name` says at the hub.
pub(crate) async fn find(endpoint: &str, name: &str, fetch: Function) -> Result<Found, String> {
    let Some(Reference::Hub(reference)) = parse(name.trim(), endpoint)? else {
        return Err(format!(
            "`{name}` is no name on the hub; expected owner/name, such as Qwen/Qwen3-8B, and after it @revision, :file or :Q4_K_M if need be"
        ));
    };
    let hub = Hub { endpoint, name: &reference, fetch };
    let mut begun = BTreeMap::new();
    let mut next = Search::start(reference.clone());
    loop {
        next = match next {
            Next::Ask(ask, search) => search.answered(hub.answer(ask, &mut begun).await?),
            Next::Model(files) => return Ok(Found::Model(Box::new(hub.model(files, &mut begun).await?))),
            Next::Several(offers) => {
                // The file that takes the least to read says what all of them are.
                let parts = offers.first().map(|offer| offer.parts.clone()).unwrap_or_default();
                let smallest = hub.model(Files { parts, config: None }, &mut begun).await.ok();
                return Ok(Found::Several(reference.shown(), offers, smallest.map(Box::new)));
            }
            Next::Refused(problem) => return Err(problem),
        }
    }
}

struct Hub<'a> {
    endpoint: &'a str,
    name: &'a HubName,
    fetch: Function,
}

impl Hub<'_> {
    fn file(&self, path: &str) -> Remote {
        self.at(self.name.file_url(self.endpoint, path), format!("{}/{path}", self.name.repository))
    }

    fn at(&self, url: String, name: String) -> Remote {
        let (fetch, endpoint) = (self.fetch.clone(), self.endpoint.to_owned());
        Remote { fetch, endpoint, url, name, bytes: Vec::new(), length: None, absent: None }
    }

    async fn answer(&self, ask: Ask, begun: &mut BTreeMap<String, Remote>) -> Result<Answer, String> {
        let (mut file, text) = match &ask {
            Ask::Text(path) => (self.file(path), true),
            Ask::Beginning(path) => (self.file(path), false),
            Ask::List => return self.files().await,
        };
        let read = if text {
            file.all().await.map(Answer::Text)
        } else {
            file.first(FIRST_READ).await.map(|_| Answer::There)
        };
        if let Some(problem) = file.absent.take() {
            return Ok(Answer::Absent(problem));
        }
        if let Ask::Beginning(path) = ask {
            begun.insert(path, file);
        }
        read
    }

    /// All files, by the one address of the hub or the other.
    async fn files(&self) -> Result<Answer, String> {
        let repository = &self.name.repository;
        let nowhere =
            format!("no repository {} on the hub; expected owner/name as on its page", self.name.shown());
        for url in self.name.list_urls(self.endpoint) {
            let mut file = self.at(url, format!("{repository}/files"));
            let text = file.all().await;
            if file.absent.is_none() {
                return listed(&text?).map(Answer::List).map_err(|error| {
                    format!("the hub gives no list of the files of {repository} ({error})")
                });
            }
        }
        Ok(Answer::Absent(nowhere))
    }

    async fn model(&self, files: Files, begun: &mut BTreeMap<String, Remote>) -> Result<Model, String> {
        let mut parts = files.parts.iter().map(|path| begun.remove(path).unwrap_or_else(|| self.file(path)));
        let title = self.name.title();
        let model = if files.parts.len() > 1 {
            let mut headers = Vec::new();
            for mut part in parts {
                let name = part.name.clone();
                headers.push(header::read(&mut part, |bytes, length| gguf_part(&name, bytes, length)).await?);
            }
            gguf_joined(title, headers).map_err(|error| error.to_string())?
        } else {
            let mut file = parts.next().ok_or_else(|| format!("{} has no files", self.name.shown()))?;
            let name = file.name.clone();
            let config = files.config.as_deref();
            header::read(&mut file, |bytes, length| match config {
                Some(config) => import_with_config(&name, bytes, length, config),
                None => import(&name, bytes, length),
            })
            .await?
        };
        Ok(titled(model, title))
    }
}

/// The beginning of a file elsewhere.
struct Remote {
    fetch: Function,
    endpoint: String,
    url: String,
    /// What messages call it.
    name: String,
    bytes: Vec<u8>,
    length: Option<u64>,
    /// What is to be said of it, where it is not there.
    absent: Option<String>,
}

impl Beginning for Remote {
    fn length(&self) -> Option<u64> {
        self.length
    }

    async fn first(&mut self, length: u64) -> Result<Vec<u8>, String> {
        let is_there = |remote: &Self| {
            let have = remote.bytes.len() as u64;
            have >= length || remote.length.is_some_and(|whole| have >= whole)
        };
        while !is_there(self) {
            let before = self.bytes.len();
            self.request(length).await?;
            if self.bytes.len() == before && !is_there(self) {
                return Err(format!("the hub ends the connection before {} is there", self.name));
            }
        }
        let end = usize::try_from(length).unwrap_or(usize::MAX).min(self.bytes.len());
        Ok(self.bytes[..end].to_vec())
    }
}

impl Remote {
    /// The whole text of a small file.
    async fn all(&mut self) -> Result<Vec<u8>, String> {
        self.first(FIRST_READ).await?;
        let length = self.length.unwrap_or(MAX_TEXT + 1);
        if length > MAX_TEXT {
            return Err(format!(
                "{} is longer than any text document of a model, {MAX_TEXT} bytes",
                self.name
            ));
        }
        self.first(length).await
    }

    /// Asks for what is missing of the first `wanted` bytes.
    async fn request(&mut self, wanted: u64) -> Result<(), String> {
        let host = self.endpoint.split("://").last().unwrap_or_default().to_owned();
        let from = self.bytes.len() as u64;
        let asked = self.fetch.call3(
            &JsValue::NULL,
            &self.url.as_str().into(),
            &(from as f64).into(),
            &(wanted as f64).into(),
        );
        let unreachable = |_| {
            format!(
                "{} cannot be had from this page: no network, or {host} sends to where the page may not ask. Its file can be dropped here instead",
                self.name
            )
        };
        let answer = asked.and_then(JsCast::dyn_into::<Promise>).map_err(unreachable)?;
        let answer: Array = JsFuture::from(answer).await.map_err(unreachable)?.unchecked_into();
        let text = |at: u32| answer.get(at).as_string().unwrap_or_default();
        let status = answer.get(0).as_f64().unwrap_or_default();
        let bytes = Uint8Array::new(&answer.get(5)).to_vec();
        let is_end = answer.get(6).is_truthy();
        if text(4).to_ascii_lowercase().starts_with("text/html") || from == 0 && is_web_page(&bytes) {
            return Err(format!(
                "{host} gives a web page instead of {}: a page to sign in stands between",
                self.name
            ));
        }
        match status {
            206.0 => {
                // Where the server does not let the page see it, it is what was asked for.
                let range = Range::parse(&text(3));
                if let Some(first) = range.map(|range| range.first).filter(|first| *first != from) {
                    return Err(format!(
                        "{host} gives {} from byte {first} on; expected it from {from} on",
                        self.name
                    ));
                }
                self.bytes.extend(bytes);
                let known = range.and_then(|range| range.length);
                self.length = known.or(self.length).or(is_end.then_some(self.bytes.len() as u64));
                Ok(())
            }
            200.0 => {
                self.bytes = bytes;
                self.length = is_end.then_some(self.bytes.len() as u64);
                Ok(())
            }
            416.0 if from > 0 => {
                self.length = Some(from);
                Ok(())
            }
            // A status is a small whole number.
            status => {
                let code = format!("{status}").parse().unwrap_or(0);
                Err(self.refused(&host, code, &text(1), &text(2)))
            }
        }
    }

    fn refused(&mut self, host: &str, status: u16, code: &str, message: &str) -> String {
        let name = &self.name;
        let repository = name.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
        let page = format!("{}/{repository}", self.endpoint);
        match Refusal::of(status, code, message) {
            Refusal::Gated => format!(
                "{repository} is gated, and this page holds no token: accept its terms at {page}, download its config.json or GGUF file there and drop it here"
            ),
            Refusal::NoRepository | Refusal::Unknown => format!(
                "no repository {repository} at {host}, or a private one, for which this page holds no token; expected owner/name as on its page"
            ),
            Refusal::NoRevision => {
                format!(
                    "{repository} has no revision that is called so; expected a branch, a tag or a commit, as main"
                )
            }
            Refusal::Forbidden => format!("{host} does not give {name} without leave (403)"),
            Refusal::Absent => {
                let text = format!("no {name} at {host}");
                self.absent = Some(text.clone());
                text
            }
            Refusal::Other if status == 429 => {
                format!("{host} has had too many requests (429); try again later")
            }
            Refusal::Other => format!("{host} answers {status} to a request for {name}"),
        }
    }
}
