//! Requests: redirects by hand, so that the token stays with the hub; a few tries where waiting helps.

use super::Failure;
use super::answer::{Answer, header, host};
use super::cache::Cache;
use super::settings::{self, Settings};
use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Error};

/// Redirects followed for one file; the hub makes two at most.
const MOST_REDIRECTS: usize = 6;
/// Tries of one request that failed in a way that passes.
const TRIES: u32 = 3;
/// Longest wait that a busy server may ask for, in seconds; beyond that it is the user's to decide.
const LONGEST_WAIT_S: u64 = 10;

/// Who asks.
#[derive(Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    cache: Cache,
    plain: Agent,
    secure: OnceLock<Agent>,
}

impl Client {
    pub(super) fn new(settings: Settings) -> Self {
        let cache = Cache::new(settings.cache.clone());
        let plain = config().build().new_agent();
        Self { shared: Arc::new(Shared { settings, cache, plain, secure: OnceLock::new() }) }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    /// Ask for `url`; an answer whose file has `known_etag` comes back as 304, wherever the chain says so.
    pub(super) fn get(
        &self,
        url: &str,
        headers: &[(&str, String)],
        known_etag: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut tried = 0;
        loop {
            tried += 1;
            let (problem, wait_s) = match self.once(url, headers, known_etag) {
                Ok(answer) if !passes(answer.status) => return Ok(answer),
                Ok(answer) => {
                    let wait_s = answer.header("retry-after").map_or(Some(1), |text| text.parse().ok());
                    let host = host(&answer.url).to_owned();
                    let text = match answer.status {
                        429 => format!("{host} has had too many requests (429)"),
                        status => format!("{host} cannot answer now ({status})"),
                    };
                    let later = match wait_s {
                        Some(wait_s) if wait_s > LONGEST_WAIT_S => format!("; it asks to wait {wait_s} s"),
                        _ => "; expected an answer after a while: try again later".to_owned(),
                    };
                    (Failure::way(text + &later), wait_s.unwrap_or(u64::MAX))
                }
                Err(Stop::For(failure)) => return Err(failure),
                Err(Stop::Passing(failure)) => (failure, 0),
            };
            if tried >= TRIES || wait_s > LONGEST_WAIT_S {
                return Err(problem);
            }
            std::thread::sleep(Duration::from_secs(wait_s));
        }
    }

    /// One chain of requests.
    fn once(&self, url: &str, headers: &[(&str, String)], known_etag: Option<&str>) -> Result<Answer, Stop> {
        let mut at = url.to_owned();
        let mut linked_etag = None;
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.agent(&at)?.get(&at).header("accept-encoding", "identity");
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let own = origin(&at) == origin(&self.settings().endpoint);
            if let Some(token) = self.settings().token.as_ref().filter(|_| own) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| reached(&at, error))?;
            let (parts, body) = response.into_parts();
            let status = parts.status.as_u16();
            let etag = header(&parts.headers, "x-linked-etag").map(str::to_owned);
            linked_etag = linked_etag.or(etag);
            let target =
                header(&parts.headers, "location").filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
            let same = known_etag.is_some() && linked_etag.as_deref() == known_etag;
            let Some(target) = target.filter(|_| !same) else {
                let status = if same { 304 } else { status };
                let body: Box<dyn Read> = Box::new(body.into_reader());
                return Ok(Answer { status, headers: parts.headers, body, url: at, linked_etag });
            };
            let next = joined(&at, target);
            if !next.starts_with("http") || next.contains(char::is_whitespace) {
                let text = format!("{} sends to `{target}`, which is no web address", host(&at));
                return Err(Stop::For(Failure::way(text)));
            }
            if at.starts_with("https://") && !next.starts_with("https://") {
                let text =
                    format!("{} sends to {}, which is not encrypted; expected https", host(&at), host(&next));
                return Err(Stop::For(Failure::way(text)));
            }
            at = next;
        }
        let text = format!("{url} leads from one address to the next more than {MOST_REDIRECTS} times");
        Err(Stop::For(Failure::way(text)))
    }

    fn agent(&self, url: &str) -> Result<&Agent, Stop> {
        if !url.starts_with("https://") {
            return Ok(&self.shared.plain);
        }
        if let Some(agent) = self.shared.secure.get() {
            return Ok(agent);
        }
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let text = "this system has no certificates of authorities, without which nobody's name can be checked; \
                        expected them where SSL_CERT_FILE says, or in the package ca-certificates";
            return Err(Stop::For(Failure::way(text)));
        }
        let roots = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = config().tls_config(tls).build().new_agent();
        Ok(self.shared.secure.get_or_init(|| agent))
    }
}

/// What ends a chain, or only this try.
enum Stop {
    For(Failure),
    Passing(Failure),
}

fn config() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .user_agent(concat!("dhurandhar/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_mins(2)))
}

/// Whether an answer of this kind may be another one soon.
fn passes(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

fn reached(url: &str, error: Error) -> Stop {
    let host = host(url);
    match error {
        Error::HostNotFound => Stop::For(unknown_host(host)),
        // The system's resolver has no kind of its own.
        Error::Io(problem) if problem.to_string().contains("lookup address") => Stop::For(unknown_host(host)),
        Error::ConnectProxyFailed(problem) if problem.contains("407") => Stop::For(Failure::way(
            "the proxy asks for a name and a password (407); expected them in HTTPS_PROXY, as http://NAME:PASSWORD@HOST:PORT"
                .to_owned(),
        )),
        Error::ConnectProxyFailed(problem) => {
            Stop::For(Failure::way(format!("the proxy does not lead to {host}: {problem}")))
        }
        Error::Rustls(problem) => Stop::For(Failure::way(format!(
            "{host} is not who it says ({problem}); behind a proxy that reads along, its certificate belongs among the \
             system's, or where SSL_CERT_FILE says"
        ))),
        Error::Io(problem) if problem.kind() == std::io::ErrorKind::ConnectionRefused => {
            let through = match settings::proxy() {
                Some((name, value)) => format!(" through the proxy of {name} ({value})"),
                None => String::new(),
            };
            Stop::For(Failure::way(format!("cannot reach {host}{through}: {problem}")))
        }
        Error::Io(problem) => Stop::Passing(Failure::way(format!("cannot reach {host}: {problem}"))),
        Error::Timeout(_) => Stop::For(Failure::way(format!("{host} did not answer in time"))),
        problem => Stop::For(Failure::way(format!("cannot reach {host}: {problem}"))),
    }
}

fn unknown_host(host: &str) -> Failure {
    Failure::way(format!(
        "cannot find the host {host}: is there a network? Models that are built in need none"
    ))
}

/// Scheme, host and port.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase();
    let host = match scheme {
        "https" => host.strip_suffix(":443").unwrap_or(&host),
        _ => host.strip_suffix(":80").unwrap_or(&host),
    };
    format!("{scheme}://{host}")
}

/// Where a redirect from `at` leads.
fn joined(at: &str, target: &str) -> String {
    if target
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.bytes().all(|sign| sign.is_ascii_alphanumeric()))
    {
        return target.to_owned();
    }
    let origin = origin(at);
    if let Some(rest) = target.strip_prefix("//") {
        let scheme = at.split("://").next().unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    if target.starts_with('/') {
        return origin + target;
    }
    let path = at.split(['?', '#']).next().unwrap_or(at);
    match path.strip_prefix(&origin).and_then(|path| path.rsplit_once('/')) {
        Some((folder, _)) => format!("{origin}{folder}/{target}"),
        None => format!("{origin}/{target}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_they_say() {
        let at = "https://a.org/x/y?z=1";
        for (target, expected) in [
            ("https://b.org/1", "https://b.org/1"),
            ("/api/1", "https://a.org/api/1"),
            ("1?q", "https://a.org/x/1?q"),
            ("//b.org/1", "https://b.org/1"),
        ] {
            assert_eq!(joined(at, target), expected);
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://A.org:443/x"), origin("https://a.org"));
        for other in ["http://a.org", "https://a.org:444", "https://a.org.evil", "https://b.org"] {
            assert_ne!(origin(other), origin("https://a.org/"));
        }
    }
}
