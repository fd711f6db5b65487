//! Chat templates: Jinja sources as checkpoints carry them.

use super::super::CheckpointError;
use minijinja::{Environment, Error, ErrorKind, context};
use serde::{Deserialize, Serialize};

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// A template with the special tokens it writes.
#[derive(Debug)]
pub(super) struct Template {
    source: String,
    bos: String,
    eos: String,
}

impl Template {
    pub(super) fn new(source: &str, bos: Option<String>, eos: Option<String>) -> Self {
        Self { source: source.to_owned(), bos: bos.unwrap_or_default(), eos: eos.unwrap_or_default() }
    }

    /// The special tokens that it writes: begin and end of text.
    pub(super) fn tokens(self) -> (Option<String>, Option<String>) {
        (Some(self.bos), Some(self.eos))
    }

    pub(super) fn render(&self, messages: &[Message], reply: bool) -> Result<String, CheckpointError> {
        let failed = |error: Error| CheckpointError::Tokenizer(format!("chat template: {error}"));
        let mut environment = Environment::new();
        // As Hugging Face's renderer is set up.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        // A fixed day, so that the same conversation always gives the same prompt.
        environment.add_function("strftime_now", |_: String| "26 Jul 2024");
        environment.add_template("chat", &self.source).map_err(failed)?;
        let template = environment.get_template("chat").map_err(failed)?;
        let values = context! {
            messages => messages,
            bos_token => self.bos,
            eos_token => self.eos,
            add_generation_prompt => reply,
        };
        template.render(values).map_err(failed)
    }
}
