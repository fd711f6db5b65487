//! A file elsewhere, of which as much is read as is asked for.

use super::Failure;
use super::answer::{Answer, host};
use super::cache::Entry;
use super::client::Client;
use super::refusal::{refusal, web_page};
use dhurandhar_core::model::hub::{Range, is_web_page};
use dhurandhar_core::model::import::FIRST_READ;
use std::io::Read;

/// Largest text document read, in bytes; `core` takes no larger one.
const MAX_TEXT: u64 = 32 << 20;
/// Bytes below which a part is not worth its request.
const CRUMB: u64 = 4096;
/// Connections in a row that may end before their answer does.
const MOST_CUTS: u32 = 3;

/// The beginning of a file elsewhere.
pub(crate) struct RemoteFile {
    client: Client,
    url: String,
    name: String,
    /// Where the file itself lies, behind the hub's redirect.
    direct: Option<String>,
    etag: Option<String>,
    length: Option<u64>,
    bytes: Vec<u8>,
    /// What is left of an answer of a server that knows no ranges.
    rest: Option<Box<dyn Read>>,
    /// Bytes that the cache has.
    kept: usize,
    is_recalled: bool,
    /// The server has said that `bytes` are those of the file as it is now, or nobody has to.
    is_current: bool,
    /// Its address is made from its content.
    is_immutable: bool,
    /// Connections in a row that brought nothing new.
    cuts: u32,
    /// The most bytes that were there at any time: a server without ranges begins anew after a cut.
    furthest: usize,
}

impl RemoteFile {
    /// The file at `url`, of which nothing is read yet; `name` is what messages call it.
    pub(super) fn new(client: &Client, url: &str, name: &str) -> Self {
        Self {
            client: client.clone(),
            url: url.to_owned(),
            name: name.to_owned(),
            direct: None,
            etag: None,
            length: None,
            bytes: Vec::new(),
            rest: None,
            kept: 0,
            is_recalled: false,
            is_current: false,
            is_immutable: false,
            cuts: 0,
            furthest: 0,
        }
    }

    /// A file whose address is made from its content: what the cache has of it is never asked for again.
    pub(super) fn immutable(mut self) -> Self {
        self.is_immutable = true;
        self
    }

    /// What messages call it; the last part is the file's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Length of the whole file, once a server has said it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// What has been read.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.bytes.len() as u64 >= length)
    }

    /// Read on until there are `wanted` bytes or the whole file.
    pub(crate) fn fill(&mut self, wanted: u64) -> Result<(), Failure> {
        self.recall();
        let has = |file: &Self| file.bytes.len() as u64 >= wanted || file.is_whole();
        if self.client.settings().offline {
            return if has(self) { Ok(()) } else { Err(self.not_kept()) };
        }
        while !self.is_current || !has(self) {
            match self.rest.take() {
                Some(rest) => self.read_on(rest, wanted)?,
                None => self.request(wanted)?,
            }
            if self.cuts >= MOST_CUTS {
                let text = format!("{} ends the connection before {} is there", host(&self.url), self.name);
                return Err(Failure::way(text));
            }
        }
        Ok(())
    }

    /// The whole text of a small file; `None` when there is no such file.
    pub(super) fn all_if_there(mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.all() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The whole text of a small file.
    pub(super) fn all(&mut self) -> Result<Vec<u8>, Failure> {
        let mut wanted = FIRST_READ;
        loop {
            self.fill(wanted)?;
            if self.is_whole() {
                self.keep();
                return Ok(self.bytes.clone());
            }
            wanted = self.length.unwrap_or(MAX_TEXT + 1).min(MAX_TEXT + 1);
            if self.length.is_some_and(|length| length > MAX_TEXT) || self.bytes.len() as u64 > MAX_TEXT {
                let text =
                    format!("{} is longer than any text document of a model, {MAX_TEXT} bytes", self.name);
                return Err(Failure::input(text));
            }
        }
    }

    /// Put what was read into the cache; called once it has turned out to be good for something.
    pub(crate) fn keep(&mut self) {
        if self.bytes.len() > self.kept && !self.client.settings().offline {
            let entry = Entry { etag: self.etag.clone(), length: self.length, bytes: self.bytes.clone() };
            self.client.cache().keep(&self.url, &entry);
            self.kept = self.bytes.len();
        }
    }

    fn recall(&mut self) {
        if std::mem::replace(&mut self.is_recalled, true) {
            return;
        }
        if let Some(entry) = self.client.cache().entry(&self.url) {
            self.kept = entry.bytes.len();
            (self.etag, self.length, self.bytes) = (entry.etag, entry.length, entry.bytes);
            self.is_current = self.is_immutable;
        }
    }

    fn not_kept(&self) -> Failure {
        Failure::absent(format!(
            "offline, and the cache has not enough of {}; expected a run with a network before",
            self.name
        ))
    }

    /// Ask for what is missing of the first `wanted` bytes, and read as much of the answer.
    fn request(&mut self, wanted: u64) -> Result<(), Failure> {
        let known = self.etag.clone().filter(|_| !self.is_current);
        let from = if self.is_current { self.bytes.len() as u64 } else { 0 };
        let mut headers = vec![("range", format!("bytes={from}-{}", wanted.max(from + 1) - 1))];
        if let Some(etag) = &known {
            headers.push(("if-none-match", etag.clone()));
        }
        let direct = self.direct.take();
        let asked = direct.as_deref().unwrap_or(&self.url);
        let answer = self.client.get(asked, &headers, known.as_deref())?;
        match answer.status {
            304 if known.is_some() => self.is_current = true,
            200 => self.begin(answer, wanted)?,
            206 => self.part(answer, from, wanted)?,
            // An address that was lent for a while; the next round asks the hub for another.
            403 if direct.is_some() => self.cuts += 1,
            416 => self.beyond(&answer, from)?,
            _ => return Err(refusal(&answer, &self.name, &self.url, self.client.settings())),
        }
        Ok(())
    }

    /// The answer of a server that knows no ranges, or has packed the file: it is read as far as it is needed.
    fn begin(&mut self, answer: Answer, wanted: u64) -> Result<(), Failure> {
        self.is_page(&answer)?;
        let length = answer.header("content-length").and_then(|text| text.parse().ok());
        let etag = answer.linked_etag.clone().or_else(|| answer.header("etag").map(str::to_owned));
        let (body, length): (Box<dyn Read>, _) = match answer.header("content-encoding").unwrap_or("identity")
        {
            "identity" => (answer.body, length),
            "gzip" | "x-gzip" => (Box::new(flate2::read::GzDecoder::new(answer.body)), None),
            other => {
                let text =
                    format!("{} packs {} as `{other}`; expected it as it is", host(&answer.url), self.name);
                return Err(Failure::way(text));
            }
        };
        self.bytes.clear();
        (self.etag, self.length, self.kept, self.is_current) = (etag, length, 0, true);
        self.read_on(body, wanted)?;
        self.looks_like_page(&answer.url)
    }

    /// Waiting once is enough: a server that sends a byte now and then would be waited for three times.
    fn in_time(&self, problem: &std::io::Error) -> Result<(), Failure> {
        let late = problem.kind() == std::io::ErrorKind::TimedOut || problem.to_string().contains("timeout");
        if !late {
            return Ok(());
        }
        let (host, name) = (host(&self.url), &self.name);
        Err(Failure::way(format!("{host} sends {name} too slowly: {} bytes came in time", self.bytes.len())))
    }

    fn read_on(&mut self, mut rest: Box<dyn Read>, wanted: u64) -> Result<(), Failure> {
        let missing = wanted.saturating_sub(self.bytes.len() as u64);
        let read = rest.by_ref().take(missing).read_to_end(&mut self.bytes);
        match read {
            Ok(_) if self.bytes.len() as u64 >= wanted => self.rest = Some(rest),
            // Without a stated length, the end is where it ends.
            Ok(_) if self.length.is_none() => self.length = Some(self.bytes.len() as u64),
            Ok(_) if self.is_whole() => {}
            Ok(_) => self.is_cut(),
            Err(problem) => {
                self.in_time(&problem)?;
                self.is_cut();
            }
        }
        Ok(())
    }

    /// The connection ended too early: ask again, unless that has brought nothing new for a while.
    fn is_cut(&mut self) {
        self.cuts = if self.bytes.len() > self.furthest { 1 } else { self.cuts + 1 };
        self.furthest = self.furthest.max(self.bytes.len());
    }

    /// The bytes that were asked for, from `from` on.
    fn part(&mut self, answer: Answer, from: u64, wanted: u64) -> Result<(), Failure> {
        self.is_page(&answer)?;
        let host = host(&answer.url).to_owned();
        let wrong = |problem: String| Failure::way(format!("{host} gives {problem}"));
        if let Some(packed) = answer.header("content-encoding").filter(|packed| *packed != "identity") {
            return Err(wrong(format!("a part of {} packed as `{packed}`; expected it as it is", self.name)));
        }
        let stated = answer.header("content-range").unwrap_or_default().to_owned();
        let Some(range) = Range::parse(&stated) else {
            return Err(wrong(format!(
                "a part of {} at `{stated}`; expected a range such as `bytes 0-9/20`",
                self.name
            )));
        };
        if range.first != from {
            return Err(wrong(format!(
                "{} from byte {} on; expected it from {from} on",
                self.name, range.first
            )));
        }
        let etag = answer.linked_etag.clone().or_else(|| answer.header("etag").map(str::to_owned));
        if !self.is_current {
            self.bytes.clear();
            (self.etag, self.length, self.kept, self.is_current) = (etag, range.length, 0, true);
        } else if range.length.is_some() && self.length.is_some() && range.length != self.length {
            return Err(wrong(format!(
                "{} with another length than before: it has changed while it was read",
                self.name
            )));
        }
        self.length = self.length.or(range.length);
        // No more than was asked for, whatever comes.
        let asked = wanted.saturating_sub(from).max(1);
        let expected = (range.last - range.first + 1).min(asked);
        let before = self.bytes.len() as u64;
        let read = answer.body.take(expected).read_to_end(&mut self.bytes);
        let came = self.bytes.len() as u64 - before;
        if let Err(problem) = &read {
            self.in_time(problem)?;
        }
        // Parts that are far smaller than what was asked for make no end of requests.
        let is_crumb = came < expected || came < asked.min(CRUMB) && !self.is_whole();
        if read.is_err() || is_crumb {
            self.is_cut();
        }
        self.direct = (answer.url != self.url).then_some(answer.url);
        if from == 0 { self.looks_like_page(&self.url.clone()) } else { Ok(()) }
    }

    /// The file ends before the range that was asked for.
    fn beyond(&mut self, answer: &Answer, from: u64) -> Result<(), Failure> {
        let stated = answer.header("content-range").unwrap_or_default();
        let length = stated.strip_prefix("bytes */").and_then(|text| text.parse::<u64>().ok());
        if length != Some(from) {
            let text =
                format!("{} does not give the beginning of {} ({stated})", host(&answer.url), self.name);
            return Err(Failure::way(text));
        }
        self.bytes.truncate(usize::try_from(from).unwrap_or(usize::MAX));
        (self.length, self.is_current) = (length, true);
        Ok(())
    }

    fn is_page(&self, answer: &Answer) -> Result<(), Failure> {
        let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/html") { Err(web_page(&self.name, &answer.url)) } else { Ok(()) }
    }

    fn looks_like_page(&self, url: &str) -> Result<(), Failure> {
        if is_web_page(&self.bytes) { Err(web_page(&self.name, url)) } else { Ok(()) }
    }
}
