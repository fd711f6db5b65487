//! Answers that are no file, in words.

use super::Failure;
use super::answer::{Answer, host};
use super::settings::Settings;
use dhurandhar_core::model::hub::{Refusal, file_name};

/// Why `what` was not given; `what` begins with `owner/name` where the hub was asked.
pub(super) fn refusal(answer: &Answer, what: &str, asked: &str, settings: &Settings) -> Failure {
    let code = answer.header("x-error-code").unwrap_or_default();
    let message = answer.header("x-error-message").unwrap_or_default();
    let host = host(&answer.url);
    if !asked.starts_with(&settings.endpoint) {
        return elsewhere(answer.status, what, host);
    }
    let repository: Vec<&str> = what.splitn(3, '/').take(2).collect();
    let repository = repository.join("/");
    let page = format!("{}/{repository}", settings.endpoint);
    let token = settings.token.is_some();
    let nowhere = || {
        let private = if token {
            "one that the token does not open"
        } else {
            "a private one, for which HF_TOKEN has to be set"
        };
        Failure::input(format!(
            "no repository {repository} at {host}, or {private}; expected owner/name as on its page"
        ))
    };
    match Refusal::of(answer.status, code, message) {
        Refusal::Gated if token => Failure::way(format!(
            "{repository} is gated, and the token does not open it; expected that its terms were accepted at {page}"
        )),
        Refusal::Gated => Failure::way(format!(
            "{repository} is gated; expected its terms accepted at {page}, and a token in HF_TOKEN"
        )),
        Refusal::NoRepository => nowhere(),
        Refusal::NoRevision => Failure::input(format!(
            "{repository} has no revision that is called so; expected a branch, a tag or a commit, as main"
        )),
        Refusal::Unknown if token => Failure::way(format!(
            "{host} refuses the token (401): it has expired or was taken back; expected one from {}/settings/tokens",
            settings.endpoint
        )),
        Refusal::Unknown => Failure::way(format!(
            "{host} asks for a token: {repository} is gated, private or not there; expected one in HF_TOKEN, and the right name"
        )),
        Refusal::Forbidden if is_page(answer) => web_page(what, &answer.url),
        Refusal::Forbidden if token && answer.url.starts_with(&settings.endpoint) => Failure::way(format!(
            "{host} does not give {what} ({}): the token has no right to it",
            answer.status
        )),
        Refusal::Forbidden => Failure::way(format!("{host} does not give {what} ({})", answer.status)),
        Refusal::Absent => Failure::absent(format!("no {what} at {host}")),
        Refusal::Other => elsewhere(answer.status, what, host),
    }
}

fn is_page(answer: &Answer) -> bool {
    answer.header("content-type").unwrap_or_default().to_ascii_lowercase().starts_with("text/html")
}

fn elsewhere(status: u16, what: &str, host: &str) -> Failure {
    match status {
        404 | 410 => Failure::absent(format!("no {what} at {host}")),
        407 => Failure::way(
            "the proxy asks for a name and a password (407); expected them in HTTPS_PROXY".to_owned(),
        ),
        401 | 403 => Failure::way(format!("{host} does not give {what} without leave ({status})")),
        status => Failure::way(format!("{host} answers {status} to a request for {what}")),
    }
}

/// A page for people where a file was expected.
pub(super) fn web_page(what: &str, url: &str) -> Failure {
    Failure::way(format!(
        "{} gives a web page instead of {what}: a proxy or a page to sign in stands between, or {} is the address of a page",
        host(url),
        file_name(url)
    ))
}
