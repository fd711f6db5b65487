//! What the hub means when it gives no file.

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its terms have to be accepted first.
    Gated,
    /// No repository of that name, or a private one.
    NoRepository,
    /// No such branch, tag or commit.
    NoRevision,
    /// Who asks has to say who they are (401).
    Unknown,
    /// Who asks has no right to it (403).
    Forbidden,
    /// No such file.
    Absent,
    /// Another answer.
    Other,
}

impl Refusal {
    /// What an answer's status means, with its headers `x-error-code` and `x-error-message`.
    pub fn of(status: u16, code: &str, message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        let gated = code == "GatedRepo" || message.contains("gated") || message.contains("restricted");
        match status {
            401 | 403 if gated => Self::Gated,
            401 | 404 if code == "RepoNotFound" => Self::NoRepository,
            404 if code == "RevisionNotFound" => Self::NoRevision,
            401 => Self::Unknown,
            403 => Self::Forbidden,
            404 | 410 => Self::Absent,
            _ => Self::Other,
        }
    }
}
