//! One example as tokens, with the tokens that count.
//!
//! Which tokens of a conversation are replies is found by writing it up to each reply and comparing token ids, so it
//! works with any template.

use crate::checkpoint::CheckpointError;
use crate::checkpoint::tokenizer::{Message, Tokenizer};
use crate::train::config::TemplateChoice;

/// ChatML, as the models that use it write it.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + \
                      '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' \
                      }}{% endif %}";

/// Tokens of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) ids: Vec<u32>,
    /// Which of them count.
    pub(crate) trained: Vec<bool>,
    /// Line in its file, from 1.
    pub(crate) line: usize,
}

impl Example {
    /// Tokens that are predicted and count.
    pub(crate) fn targets(&self) -> usize {
        self.trained.iter().skip(1).filter(|trained| **trained).count()
    }

    /// Cut to the first `length` tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.ids.truncate(length);
        self.trained.truncate(length);
    }
}

/// An example as it was written.
#[derive(Debug)]
pub(super) enum Line {
    /// A conversation.
    Messages {
        /// Turns in order.
        messages: Vec<Message>,
    },
    /// An instruction and its answer.
    Pair {
        /// Not trained.
        prompt: String,
        /// Trained.
        completion: String,
    },
    /// Running text, all of it trained.
    Text {
        /// The text.
        text: String,
    },
}

/// From lines to tokens.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    template: TemplateChoice,
    train_on_prompt: bool,
}

impl<'a> Encoder<'a> {
    /// With the checkpoint's tokenizer; its template is replaced where another is asked for.
    pub(crate) fn new(tokenizer: &'a mut Tokenizer, template: TemplateChoice, train_on_prompt: bool) -> Self {
        if template == TemplateChoice::ChatMl {
            tokenizer.set_template(CHATML);
        }
        let template = match template {
            TemplateChoice::Checkpoint if !tokenizer.has_template() => TemplateChoice::Plain,
            other => other,
        };
        Self { tokenizer, template, train_on_prompt }
    }

    /// Tokens of one line.
    pub(super) fn encode(&self, line: &Line, number: usize) -> Result<Example, String> {
        let failed = |error: CheckpointError| error.to_string();
        let mut example = match line {
            Line::Messages { messages } => self.conversation(messages)?,
            Line::Pair { prompt, completion } if self.template == TemplateChoice::Plain => {
                self.pair(prompt, completion).map_err(failed)?
            }
            Line::Pair { prompt, completion } => {
                let turn = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
                self.conversation(&[turn("user", prompt), turn("assistant", completion)])?
            }
            Line::Text { text } => self.running(text).map_err(failed)?,
        };
        example.line = number;
        if self.train_on_prompt {
            example.trained.fill(true);
        }
        if example.targets() == 0 {
            return Err("nothing to learn: no reply or completion; expected at least one token".into());
        }
        Ok(example)
    }

    /// All of a text, with the end token.
    fn running(&self, text: &str) -> Result<Example, CheckpointError> {
        let ids = self.ended(self.tokenizer.encode(text, true)?);
        Ok(Example { trained: vec![true; ids.len()], ids, line: 0 })
    }

    fn pair(&self, prompt: &str, completion: &str) -> Result<Example, CheckpointError> {
        let before = self.tokenizer.encode(prompt, true)?;
        let ids = self.ended(self.tokenizer.encode(&format!("{prompt}{completion}"), true)?);
        // A token that straddles the border belongs to the completion.
        let shared = common(&before, &ids);
        let trained = (0..ids.len()).map(|at| at >= shared).collect();
        Ok(Example { ids, trained, line: 0 })
    }

    fn conversation(&self, messages: &[Message]) -> Result<Example, String> {
        if self.template == TemplateChoice::Plain {
            return Err("`messages` need a chat template, and there is none; set chat_template: chatml, or \
                        use prompt and completion"
                .into());
        }
        if let Some(message) = messages.iter().find(|message| !ROLES.contains(&message.role.as_str())) {
            let role = &message.role;
            return Err(format!("role {role:?}; expected one of {}", ROLES.join(", ")));
        }
        let ids = |messages: &[Message], reply: bool| -> Result<Vec<u32>, String> {
            let text = self.tokenizer.chat(messages, reply).map_err(|error| error.to_string())?;
            self.tokenizer.encode(&text, false).map_err(|error| error.to_string())
        };
        let whole = ids(messages, false)?;
        let mut trained = vec![false; whole.len()];
        for (at, _) in messages.iter().enumerate().filter(|(_, message)| message.role == "assistant") {
            let before = common(&ids(&messages[..at], true)?, &whole);
            let after = if at + 1 == messages.len() {
                whole.len()
            } else {
                common(&ids(&messages[..=at], false)?, &whole)
            };
            trained[before..after.max(before)].fill(true);
        }
        Ok(Example { ids: whole, trained, line: 0 })
    }

    fn ended(&self, mut ids: Vec<u32>) -> Vec<u32> {
        if let Some(end) = self.tokenizer.end().filter(|end| ids.last() != Some(end)) {
            ids.push(end);
        }
        ids
    }

    /// An example with what counts in brackets, for people.
    pub(crate) fn shown(&self, example: &Example) -> String {
        let mut text = String::new();
        let mut at = 0;
        while at < example.ids.len() {
            let trained = example.trained[at];
            let run = example.trained[at..].iter().take_while(|other| **other == trained).count();
            let part = self.tokenizer.decode(&example.ids[at..at + run]).unwrap_or_default();
            text.push_str(&if trained { format!("[[{part}]]") } else { part });
            at += run;
        }
        text
    }
}

const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// Tokens that two lists begin with alike.
fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}
