//! Text to token ids and back, from `tokenizer.json` or from GGUF metadata.

mod bpe;
mod chat;
mod lists;
mod pieces;

#[cfg(test)]
mod tests;

pub use chat::Message;

use super::{Checkpoint, CheckpointError, Facts};
use crate::inputs::hints;
use chat::Template;
use lists::Lists;
use pieces::Pieces;
use serde_json::Value;
use std::path::Path;

/// A tokenizer with its special tokens and chat template.
#[derive(Debug)]
pub struct Tokenizer {
    model: Model,
    /// Put before a text.
    bos: Option<u32>,
    /// Ends a generation.
    ends: Vec<u32>,
    template: Option<Template>,
}

#[derive(Debug)]
enum Model {
    /// Anything that the `tokenizers` crate runs; `true` when it adds special tokens itself.
    Fast(Box<tokenizers::Tokenizer>, bool),
    /// SentencePiece pieces with scores.
    Pieces(Pieces),
}

impl Tokenizer {
    /// The tokenizer that comes with a checkpoint.
    pub fn open(checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        match checkpoint.facts() {
            Facts::Gguf(_) => Self::from_gguf(checkpoint),
            Facts::Config(config) => {
                let path = checkpoint.path();
                let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
                Self::from_folder(folder, config)
            }
        }
    }

    /// Ids of a text. `start` puts the begin-of-text token before it where the model wants one.
    ///
    /// Special tokens in the text are recognised.
    pub fn encode(&self, text: &str, start: bool) -> Result<Vec<u32>, CheckpointError> {
        let failed = |error: tokenizers::Error| CheckpointError::Tokenizer(error.to_string());
        let mut ids = Vec::new();
        match &self.model {
            Model::Fast(model, true) => {
                return Ok(model.encode_fast(text, start).map_err(failed)?.get_ids().to_vec());
            }
            Model::Fast(model, false) => {
                ids.extend(model.encode_fast(text, false).map_err(failed)?.get_ids());
            }
            Model::Pieces(pieces) => ids.extend(pieces.encode(text)),
        }
        if let Some(bos) = self.bos.filter(|bos| start && ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// Text of ids, without special tokens.
    pub fn decode(&self, ids: &[u32]) -> Result<String, CheckpointError> {
        match &self.model {
            Model::Fast(model, _) => {
                model.decode(ids, true).map_err(|error| CheckpointError::Tokenizer(error.to_string()))
            }
            Model::Pieces(pieces) => Ok(pieces.decode(ids)),
        }
    }

    /// Whether this id ends a generation.
    pub fn is_end(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// The token that ends a text, if there is one.
    pub fn end(&self) -> Option<u32> {
        self.ends.first().copied()
    }

    /// Whether conversations can be written.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Write conversations by this Jinja source from now on.
    pub fn set_template(&mut self, source: &str) {
        let (bos, eos) = self.template.take().map(Template::tokens).unwrap_or_default();
        self.template = Some(Template::new(source, bos, eos));
    }

    /// A conversation as the model's chat template writes it; `reply` adds the opening of an answer.
    pub fn chat(&self, messages: &[Message], reply: bool) -> Result<String, CheckpointError> {
        match &self.template {
            Some(template) => template.render(messages, reply),
            None => Err(CheckpointError::Tokenizer("this checkpoint has no chat template".to_owned())),
        }
    }

    fn from_gguf(checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        let lists = Lists::read(checkpoint.files[0].bytes())?;
        let bos = lists.id("bos_token_id").filter(|_| lists.flag("add_bos_token", lists.kind() != "gpt2"));
        let ends = ["eos_token_id", "eot_token_id", "eom_token_id"];
        let mut ends: Vec<u32> = ends.iter().filter_map(|key| lists.id(key)).collect();
        // Turn ends that older files do not name.
        let turns =
            ["<|im_end|>", "<end_of_turn>", "<turn|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>"];
        let known = lists.tokens.iter().zip(0u32..).filter(|(token, _)| turns.contains(&token.as_str()));
        ends.extend(known.map(|(_, id)| id));
        let special =
            |key: &str| lists.id(key).and_then(|id| lists.tokens.get(usize::try_from(id).ok()?)).cloned();
        let template = lists.template.as_deref();
        let template =
            template.map(|text| Template::new(text, special("bos_token_id"), special("eos_token_id")));
        let model = match lists.kind() {
            "gpt2" => Model::Fast(Box::new(bpe::build(&lists)?), false),
            "gemma4" => Model::Fast(Box::new(bpe::build_pieces(&lists)?), false),
            "llama" => Model::Pieces(Pieces::new(&lists)?),
            other => {
                let problem = format!(
                    "GGUF tokenizer `{other}` is not read here; expected `gpt2` or `gemma4` (BPE), or `llama` (SPM)"
                );
                return Err(CheckpointError::Tokenizer(problem));
            }
        };
        Ok(Self { model, bos, ends, template })
    }

    fn from_folder(folder: &Path, config: &Value) -> Result<Self, CheckpointError> {
        let path = folder.join("tokenizer.json");
        if !path.exists() {
            return Err(CheckpointError::Tokenizer(format!("{} is not there", path.display())));
        }
        let wrong = |problem: String| CheckpointError::Tokenizer(format!("{}: {problem}", path.display()));
        let bytes = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        if let Some(problem) = hints::pointer(&bytes) {
            return Err(wrong(problem));
        }
        let mut model =
            tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| wrong(error.to_string()))?;
        // What a trainer left set for its batches; transformers takes both back, too.
        model.with_padding(None);
        model.with_truncation(None).map_err(|error| wrong(error.to_string()))?;
        let optional = |name: &str| -> Option<Value> {
            serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok()
        };
        let settings = optional("tokenizer_config.json").unwrap_or_default();
        let generation = optional("generation_config.json").unwrap_or_default();
        let token = |key: &str| {
            let stated = settings.get(key)?;
            stated.as_str().or(stated.get("content").and_then(Value::as_str)).map(str::to_owned)
        };
        let mut ends = [ids(generation.get("eos_token_id")), ids(config.get("eos_token_id"))].concat();
        ends.extend(token("eos_token").and_then(|token| model.token_to_id(&token)));
        let text = std::fs::read_to_string(folder.join("chat_template.jinja")).ok();
        let text = text.or_else(|| settings.get("chat_template")?.as_str().map(str::to_owned));
        let template = text.map(|text| Template::new(&text, token("bos_token"), token("eos_token")));
        Ok(Self { model: Model::Fast(Box::new(model), true), bos: None, ends, template })
    }
}

/// One id or a list of them.
fn ids(value: Option<&Value>) -> Vec<u32> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}
