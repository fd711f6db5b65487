//! A server for one person at one machine: loopback only, files from disk, reload on change.

mod mime;
mod reload;
mod request;
mod response;
mod watch;

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use reload::Rebuilds;
use response::{Answer, Files, Response};
pub use watch::Rebuild;

/// A browser that sends nothing for this long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// An event stream says something this often, so that a page that was left is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The sub-path that a site is served under: begins and ends with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount(String);

/// Why a path is no sub-path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sub-path `{0}`: expected letters, digits, `-`, `_`, `.` and `/`, as in /sub/")]
pub struct BadMount(String);

impl Mount {
    /// The sub-path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mount {
    type Err = BadMount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim_matches('/');
        let usable = trimmed.split('/').all(|part| {
            (!part.is_empty() || trimmed.is_empty())
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        });
        match usable {
            false => Err(BadMount(text.to_owned())),
            true if trimmed.is_empty() => Ok(Self("/".to_owned())),
            true => Ok(Self(format!("/{trimmed}/"))),
        }
    }
}

/// A server that has its port and serves nothing yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    port: u16,
    mount: Mount,
}

/// What all connections share.
struct Shared {
    folder: PathBuf,
    mount: Mount,
    reloading: bool,
    rebuilds: Rebuilds,
}

impl Server {
    /// Takes the port; 0 takes any.
    pub fn bind(port: u16, mount: Mount) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => {
                    anyhow::anyhow!(
                        "port {port} is in use; choose another with --port, or --port 0 for any free one"
                    )
                }
                _ => anyhow::Error::new(error).context(format!("cannot listen on 127.0.0.1:{port}")),
            })?;
        let port = listener.local_addr().context("the listener has no address")?.port();
        Ok(Self { listener, port, mount })
    }

    /// Where the site will be.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.mount.as_str())
    }

    /// Serves `folder` until the process ends; with `rebuild`, watches the sources.
    pub fn run(self, folder: &Path, rebuild: Option<Rebuild>) -> Result<()> {
        let shared = Arc::new(Shared {
            folder: folder.to_path_buf(),
            mount: self.mount,
            reloading: rebuild.is_some(),
            rebuilds: Rebuilds::default(),
        });
        if let Some(rebuild) = rebuild {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                if let Err(error) = watch::watch(rebuild, &shared.rebuilds) {
                    eprintln!("sitegen: {error:#}; changes are not followed any more");
                }
            });
        }
        for connection in self.listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            // A browser that goes away in the middle of an answer is no news.
            thread::spawn(move || converse(connection, &shared).ok());
        }
        Ok(())
    }
}

/// One request, one answer.
fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let Some(request) = request::read(&mut BufReader::new(&stream))? else {
        return stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let files = Files { folder: &shared.folder, mount: &shared.mount, reloading: shared.reloading };
    match files.answer(&request) {
        Answer::Whole(response) => send(&mut stream, &response, request.method == "HEAD"),
        Answer::Events => stream_events(&mut stream, &shared.rebuilds),
    }
}

fn send(stream: &mut TcpStream, response: &Response, head_only: bool) -> io::Result<()> {
    let Response { status, headers, body } = response;
    let lines = headers.join("\r\n");
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\n{lines}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if head_only { Ok(()) } else { stream.write_all(body) }
}

fn stream_events(stream: &mut TcpStream, rebuilds: &Rebuilds) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
    )?;
    let mut seen = rebuilds.count();
    loop {
        let count = rebuilds.wait(seen, HEARTBEAT);
        let line: &[u8] = if count > seen { b"data: rebuilt\n\n" } else { b": still here\n\n" };
        stream.write_all(line)?;
        seen = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_path_begins_and_ends_with_a_slash() {
        for (text, expected) in [("/", "/"), ("", "/"), ("sub", "/sub/"), ("/a/b/", "/a/b/")] {
            assert_eq!(text.parse::<Mount>().unwrap().as_str(), expected);
        }
        for text in ["/a//b/", "/../", "a b", "/a?b/"] {
            assert!(text.parse::<Mount>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_way_out() {
        let first = Server::bind(0, Mount("/".into())).unwrap();
        let message = Server::bind(first.port, Mount("/".into())).unwrap_err().to_string();
        assert!(message.contains(&first.port.to_string()) && message.contains("--port"), "{message}");
    }
}
