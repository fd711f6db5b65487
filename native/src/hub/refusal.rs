//! Answers that are no file, in words.

use super::answer::{Answer, host};
use super::settings::Settings;
use super::{Failure, name};

/// Why `what` was not given; `what` begins with `owner/name` where the hub was asked.
pub(super) fn refusal(answer: &Answer, what: &str, asked: &str, settings: &Settings) -> Failure {
    let code = answer.header("x-error-code").unwrap_or_default();
    let message = answer.header("x-error-message").unwrap_or_default().to_ascii_lowercase();
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
    let gated = code == "GatedRepo" || message.contains("gated") || message.contains("restricted");
    match answer.status {
        401 | 403 if gated && token => Failure::way(format!(
            "{repository} is gated, and the token does not open it; expected that its terms were accepted at {page}"
        )),
        401 | 403 if gated => Failure::way(format!(
            "{repository} is gated; expected its terms accepted at {page}, and a token in HF_TOKEN"
        )),
        401 | 404 if code == "RepoNotFound" => nowhere(),
        404 if code == "RevisionNotFound" => Failure::input(format!(
            "{repository} has no revision that is called so; expected a branch, a tag or a commit, as main"
        )),
        401 if token => Failure::way(format!(
            "{host} refuses the token (401): it has expired or was taken back; expected one from {}/settings/tokens",
            settings.endpoint
        )),
        401 => Failure::way(format!(
            "{host} asks for a token: {repository} is gated, private or not there; expected one in HF_TOKEN, and the right name"
        )),
        403 => Failure::way(format!(
            "{host} does not give {what} ({}): the token has no right to it",
            answer.status
        )),
        404 | 410 => Failure::absent(format!("no {what} at {host}")),
        status => elsewhere(status, what, host),
    }
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
        name::file_name(url)
    ))
}
