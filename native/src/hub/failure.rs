//! What goes wrong on the way to a model elsewhere, in a sentence.

/// Why a name gave no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    text: String,
    kind: Kind,
}

/// What a failure is to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The file is not there; another may be.
    Absent,
    /// What was asked for cannot be used.
    Input,
    /// The way there failed.
    Way,
}

impl Failure {
    /// A file that is not there.
    pub(super) fn absent(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Absent }
    }

    /// A name that leads nowhere.
    pub(crate) fn input(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Input }
    }

    /// A network, a server or a proxy that did not give what it should.
    pub(super) fn way(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Way }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.kind == Kind::Absent
    }

    /// The same with more said.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.text += more;
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The command line's error: a name that leads nowhere is bad input, a way that failed is a failure.
impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::Way => Self::msg(failure.text),
            Kind::Absent | Kind::Input => crate::bad_input(failure.text),
        }
    }
}
