//! A server with the hub's paths and its faults, that keeps a log of what it was asked and what it sent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What one request was and got.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) status: u16,
    /// Bytes of the body that went out.
    pub(crate) sent: u64,
}

/// A request as the server reads it.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

/// What the server answers.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Zeros after the body: the rest of a large file.
    pub(crate) zeros: u64,
    /// The connection ends after so many bytes of the body.
    pub(crate) cut_after: Option<u64>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A file of which only the beginning exists; the rest is zeros.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) beginning: Arc<Vec<u8>>,
    pub(crate) length: u64,
    pub(crate) etag: String,
}

impl File {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let beginning: Vec<u8> = bytes.into();
        let length = beginning.len() as u64;
        let etag = format!(
            "\"{length:x}-{:x}\"",
            beginning.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte))
        );
        Self { beginning: Arc::new(beginning), length, etag }
    }

    pub(crate) fn long(bytes: impl Into<Vec<u8>>, length: u64) -> Self {
        Self { length, ..Self::new(bytes) }
    }

    /// As a server that knows ranges and ETags gives it.
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        if request.headers.get("if-none-match") == Some(&self.etag) {
            return Answer::new(304).with("ETag", &self.etag);
        }
        let range = request.headers.get("range").and_then(|range| range.strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else { return self.whole() };
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        if first >= self.length {
            return Answer::new(416).with("Content-Range", &format!("bytes */{}", self.length));
        }
        let last = last.min(self.length - 1);
        let mut answer = self.slice(first, last + 1);
        answer.status = 206;
        answer
            .with("Content-Range", &format!("bytes {first}-{last}/{}", self.length))
            .with("ETag", &self.etag)
    }

    /// As a server that knows no ranges gives it.
    pub(crate) fn whole(&self) -> Answer {
        let mut answer = self.slice(0, self.length);
        answer.status = 200;
        answer.with("ETag", &self.etag)
    }

    fn slice(&self, first: u64, end: u64) -> Answer {
        let there = self.beginning.len() as u64;
        let at = |position: u64| usize::try_from(position.min(there)).unwrap();
        let body = self.beginning[at(first)..at(end)].to_vec();
        let zeros = end - first - body.len() as u64;
        Answer { body, zeros, ..Answer::default() }
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// A running server; its thread ends with the process.
pub(crate) struct Server {
    pub(crate) address: String,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (handler, shared): (Arc<Handler>, _) = (Arc::new(handler), log.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (handler.clone(), shared.clone());
                std::thread::spawn(move || serve(&stream, &*handler, &log));
            }
        });
        Self { address, log }
    }

    /// What was asked since the last time.
    pub(crate) fn log(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

fn serve(stream: &TcpStream, handler: &Handler, log: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let request = Request { path, headers };
    let answer = handler(&request);
    let length = answer.body.len() as u64 + answer.zeros;
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    let stated = answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if !stated && answer.status != 304 {
        head += &format!("Content-Length: {length}\r\n");
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut seen = Seen {
        path: request.path.clone(),
        authorization: request.headers.get("authorization").cloned(),
        status: answer.status,
        sent: 0,
    };
    let mut body = answer
        .body
        .as_slice()
        .chain(std::io::repeat(0).take(answer.zeros))
        .take(answer.cut_after.unwrap_or(u64::MAX));
    let mut out = stream;
    let mut buffer = vec![0; 1 << 14];
    if out.write_all(format!("{head}\r\n").as_bytes()).is_ok() {
        loop {
            let read = body.read(&mut buffer).unwrap();
            // Logged before it is written: when the client has the last byte, the log has it, too.
            let before = seen.sent;
            seen.sent += read as u64;
            if before == 0 {
                log.lock().unwrap().push(seen.clone());
            } else if let Some(last) = log
                .lock()
                .unwrap()
                .iter_mut()
                .rev()
                .find(|other| other.path == seen.path && other.sent == before)
            {
                last.sent = seen.sent;
            }
            if read == 0 || out.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
    }
}
