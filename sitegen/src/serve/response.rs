//! Which answer a request gets from the files of a site.

use std::fs;
use std::path::{Component, Path};

use super::mime::content_type;
use super::request::Request;
use super::{Mount, reload};
use crate::check::percent_decoded;
use crate::compress::quick;
use crate::output::assets::is_hashed;
use crate::path::extension;
use crate::template::with_base;

/// An answer with a known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: &'static str,
    /// Lines of the head, without their ends.
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// These bytes.
    Whole(Response),
    /// A line for every rebuild, until the page is left.
    Events,
}

/// The files to answer from.
pub(super) struct Files<'a> {
    pub(super) folder: &'a Path,
    pub(super) mount: &'a Mount,
    /// Are pages to reload when they change?
    pub(super) reloading: bool,
}

impl Files<'_> {
    /// Answers a request.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return plain("405 Method Not Allowed", "only GET and HEAD");
        }
        if !is_loopback(&request.host) {
            return plain("403 Forbidden", "this server answers to this machine only");
        }
        let path = percent_decoded(&request.path);
        if self.reloading {
            match path.strip_prefix(self.mount.as_str()) {
                Some(reload::SCRIPT_PLACE) => return Answer::Whole(ok("a.js", reload::SCRIPT.into())),
                Some(reload::EVENTS_PLACE) => return Answer::Events,
                _ => {}
            }
        }
        self.file(&path, request).unwrap_or_else(|| self.not_found())
    }

    fn file(&self, path: &str, request: &Request) -> Option<Answer> {
        let place = path.strip_prefix(self.mount.as_str())?;
        // `..`, a drive or a second root would leave the folder; hidden files are sitegen's own.
        let inside = Path::new(place).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || place.split('/').any(|part| part.starts_with('.')) {
            return None;
        }
        let file = self.folder.join(place);
        if file.is_dir() && !place.is_empty() && !place.ends_with('/') {
            return Some(moved(&format!("{}/", request.path)));
        }
        let place = if file.is_dir() { format!("{place}index.html") } else { place.to_owned() };
        let bytes = fs::read(self.folder.join(&place)).ok()?;
        if self.reloading && extension(&place) == "html" {
            let page = reload::with_script(&bytes, &place);
            return Some(Answer::Whole(packed(&place, page, request)));
        }
        Some(Answer::Whole(self.best_twin(&place, bytes, request)))
    }

    /// The compressed twin that the client takes and the disk has, else what can be had at once.
    fn best_twin(&self, place: &str, bytes: Vec<u8>, request: &Request) -> Response {
        for (encoding, extension) in [("br", "br"), ("gzip", "gz")] {
            if request.accepts(encoding)
                && let Ok(packed) = fs::read(self.folder.join(format!("{place}.{extension}")))
            {
                return encoded(place, packed, encoding);
            }
        }
        packed(place, bytes, request)
    }

    fn not_found(&self) -> Answer {
        let page =
            fs::read_to_string(self.folder.join("404.html")).unwrap_or_else(|_| "not found".to_owned());
        let page = if page.contains("<base ") { page } else { with_base(&page, self.mount.as_str()) };
        let mut response = ok("404.html", page.into_bytes());
        response.status = "404 Not Found";
        Answer::Whole(response)
    }
}

/// A page of another origin that resolves its own name to 127.0.0.1 sends that name as the host.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost")
}

/// The bytes, compressed if the client takes that and it is worth it: as a host would send them.
fn packed(place: &str, bytes: Vec<u8>, request: &Request) -> Response {
    match request.accepts("gzip").then(|| quick(place, &bytes)).flatten() {
        Some(packed) => encoded(place, packed, "gzip"),
        None => ok(place, bytes),
    }
}

fn encoded(place: &str, body: Vec<u8>, encoding: &str) -> Response {
    let mut response = ok(place, body);
    response.headers.push(format!("Content-Encoding: {encoding}"));
    response
}

fn ok(place: &str, body: Vec<u8>) -> Response {
    let cache = if is_hashed(place) { "max-age=31536000, immutable" } else { "no-cache" };
    let headers = vec![
        format!("Content-Type: {}", content_type(place)),
        format!("Cache-Control: {cache}"),
        "Vary: Accept-Encoding".to_owned(),
        "X-Content-Type-Options: nosniff".to_owned(),
    ];
    Response { status: "200 OK", headers, body }
}

fn moved(location: &str) -> Answer {
    let headers = vec![format!("Location: {location}")];
    Answer::Whole(Response { status: "301 Moved Permanently", headers, body: Vec::new() })
}

fn plain(status: &'static str, text: &str) -> Answer {
    let headers = vec!["Content-Type: text/plain; charset=utf-8".to_owned()];
    Answer::Whole(Response { status, headers, body: text.into() })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        mount: Mount,
    }

    impl Fixture {
        fn new(mount: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let page = "<html><head></head><body></body></html>";
            fs::create_dir_all(folder.path().join("docs")).unwrap();
            fs::create_dir_all(folder.path().join("assets")).unwrap();
            for (file, text) in [
                ("index.html", page),
                ("docs/index.html", page),
                ("404.html", page),
                ("assets/app-0123456789.wasm", "raw"),
                ("assets/app-0123456789.wasm.br", "packed"),
                (".sitegen-files", "secret"),
            ] {
                fs::write(folder.path().join(file), text).unwrap();
            }
            Self { folder, mount: mount.parse().unwrap() }
        }

        fn get(&self, path: &str, reloading: bool) -> Response {
            let request = Request {
                method: "GET".into(),
                path: path.into(),
                host: "127.0.0.1:1".into(),
                accept_encoding: "gzip, br".into(),
            };
            let files = Files { folder: self.folder.path(), mount: &self.mount, reloading };
            match files.answer(&request) {
                Answer::Whole(response) => response,
                Answer::Events => panic!("{path} is an event stream"),
            }
        }
    }

    #[test]
    fn pages_and_twins_are_found_under_the_mount() {
        let site = Fixture::new("/sub/");
        assert_eq!(site.get("/sub/docs/", false).status, "200 OK");
        let wasm = site.get("/sub/assets/app-0123456789.wasm", false);
        assert_eq!(wasm.body, b"packed");
        for header in [
            "Content-Type: application/wasm",
            "Content-Encoding: br",
            "Cache-Control: max-age=31536000, immutable",
        ] {
            assert!(wasm.headers.iter().any(|line| line == header), "{header} in {:?}", wasm.headers);
        }
        assert_eq!(site.get("/docs/", false).status, "404 Not Found");
        assert_eq!(site.get("/sub/docs", false).headers, ["Location: /sub/docs/"]);
    }

    #[test]
    fn what_has_no_twin_is_packed_for_clients_that_take_it() {
        let site = Fixture::new("/");
        let style = "a { color: red }\n".repeat(100);
        fs::write(site.folder.path().join("assets/site-0123456789.css"), &style).unwrap();
        let files = Files { folder: site.folder.path(), mount: &site.mount, reloading: true };
        let ask = |accept: &str| {
            let request = Request {
                method: "GET".into(),
                path: "/assets/site-0123456789.css".into(),
                host: "localhost".into(),
                accept_encoding: accept.into(),
            };
            match files.answer(&request) {
                Answer::Whole(response) => response,
                Answer::Events => panic!("an event stream"),
            }
        };
        assert_eq!(ask("identity").body, style.as_bytes());
        let packed = ask("gzip, br");
        assert!(packed.headers.iter().any(|line| line == "Content-Encoding: gzip"), "{:?}", packed.headers);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, style);
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let site = Fixture::new("/");
        for path in
            ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/.sitegen-files", "//etc/passwd", "/docs/../../x"]
        {
            assert_eq!(site.get(path, false).status, "404 Not Found", "{path}");
        }
    }

    #[test]
    fn the_not_found_page_finds_its_files_at_any_depth() {
        let body = String::from_utf8(Fixture::new("/sub/").get("/sub/a/b/c/", false).body).unwrap();
        assert!(body.contains("<base href=\"/sub/\">"), "{body}");
    }

    #[test]
    fn only_a_watched_site_has_the_reload_script() {
        let site = Fixture::new("/");
        let text = |reloading| String::from_utf8(site.get("/docs/", reloading).body).unwrap();
        assert!(!text(false).contains("<script"));
        assert!(text(true).contains(&format!("src=\"../{}\"", reload::SCRIPT_PLACE)), "{}", text(true));
    }

    #[test]
    fn other_methods_and_other_hosts_are_refused() {
        let site = Fixture::new("/");
        let files = Files { folder: site.folder.path(), mount: &site.mount, reloading: false };
        let ask = |method: &str, host: &str| {
            let request =
                Request { method: method.into(), path: "/".into(), host: host.into(), ..Request::default() };
            match files.answer(&request) {
                Answer::Whole(response) => response.status,
                Answer::Events => "events",
            }
        };
        assert_eq!(ask("POST", "localhost:8080"), "405 Method Not Allowed");
        assert_eq!(ask("GET", "evil.example:8080"), "403 Forbidden");
        assert_eq!(ask("HEAD", "localhost:8080"), "200 OK");
    }
}
