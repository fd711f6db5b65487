//! The part of HTTP that a loopback server for files needs.

use std::io::{self, BufRead, Read};

/// A request's head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path without query, still escaped.
    pub(super) path: String,
    pub(super) host: String,
    pub(super) accept_encoding: String,
}

/// A longer head is no browser's.
const LONGEST_HEAD: u64 = 64 * 1024;

/// Reads a head; `None` when it is not HTTP.
pub(super) fn read(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = stream.take(LONGEST_HEAD);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
    let mut request = Request { method: method.to_owned(), path, ..Request::default() };
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(Some(request));
        }
        let Some((name, value)) = line.split_once(':') else { return Ok(None) };
        match name.to_ascii_lowercase().as_str() {
            "host" => value.trim().clone_into(&mut request.host),
            "accept-encoding" => request.accept_encoding = value.trim().to_ascii_lowercase(),
            _ => {}
        }
    }
}

impl Request {
    /// Does the client take this encoding?
    pub(super) fn accepts(&self, encoding: &str) -> bool {
        self.accept_encoding.split(',').any(|offer| {
            let (name, parameters) = offer.split_once(';').unwrap_or((offer, ""));
            name.trim() == encoding && !matches!(parameters.trim(), "q=0" | "q=0.0")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Request> {
        read(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn the_head_of_a_request_is_read() {
        let text =
            "GET /a%20b/?q=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept-Encoding: gzip;q=0, BR\r\n\r\n";
        let request = parse(text).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a%20b/"));
        assert_eq!(request.host, "127.0.0.1:8080");
        assert!(request.accepts("br") && !request.accepts("gzip"));
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("GET\r\n"), None);
        assert_eq!(parse("GET / HTTP/1.1\r\nnonsense\r\n\r\n"), None);
    }
}
