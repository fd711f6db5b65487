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
        Self { source: without_marks(source), bos: bos.unwrap_or_default(), eos: eos.unwrap_or_default() }
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

/// The source without the marks by which transformers finds replies: they print nothing. Whitespace control stays.
fn without_marks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}").map(|end| end + 2) else { break };
        let tag = &rest[start..start + length];
        let word = tag[2..length - 2].trim_matches(['-', '+']).trim();
        out.push_str(&rest[..start]);
        if matches!(word, "generation" | "endgeneration") {
            // A statement without effect in its place, which trims what the mark would have trimmed.
            let [before, after] = [tag[2..].starts_with('-'), tag[..length - 2].ends_with('-')]
                .map(|trims| if trims { "-" } else { "" });
            out.push_str(&format!("{{%{before} set _ = 0 {after}%}}"));
        } else {
            out.push_str(tag);
        }
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str) -> String {
        let turn = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
        let turns = [turn("user", "a"), turn("assistant", "b"), turn("user", "c")];
        Template::new(source, None, None).render(&turns, false).unwrap()
    }

    #[test]
    fn marks_of_replies_print_nothing() {
        let plain = "{%- for m in messages %}\n[{{ m.content }}]\n{%- endfor %}!";
        let marked = "{%- for m in messages %}\n{%- generation %}\n[{{ m.content }}]\n{%- endgeneration -%}\n{%- endfor %}!";
        assert_eq!(rendered(plain), "[a][b][c]!");
        assert_eq!(rendered(marked), "[a][b][c]!");
    }

    #[test]
    fn loops_break_and_go_on() {
        let source = "{% for m in messages %}{% if m.role == 'assistant' %}{% break %}{% endif %}{{ m.content }}{% endfor %}";
        assert_eq!(rendered(source), "a");
        let source = "{% for m in messages %}{% if m.role == 'assistant' %}{% continue %}{% endif %}{{ m.content }}{% endfor %}";
        assert_eq!(rendered(source), "ac");
    }
}
