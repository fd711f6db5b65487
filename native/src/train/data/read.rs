//! Data files: JSON lines, a JSON list, Parquet or plain text, split into training and evaluation.

use super::example::{Encoder, Example, Line};
use super::form;
use super::order::shuffled;
use super::parquet;
use crate::train::config::{Config, Overlong};
use crate::train::error::TrainError;
use std::path::{Path, PathBuf};

/// Endings that are read, best first.
const ENDINGS: [&str; 4] = ["jsonl", "json", "parquet", "txt"];

/// Examples for training and for evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) train: Vec<Example>,
    pub(crate) eval: Vec<Example>,
    /// Examples that were left out or cut, for people.
    pub(crate) notes: Vec<String>,
}

/// Read everything that a configuration names.
pub(crate) fn load(config: &Config, encoder: &Encoder<'_>) -> Result<Split, TrainError> {
    let Some(path) = &config.dataset else {
        return Err(TrainError::Setting("`dataset_name` is missing; expected a file or folder".into()));
    };
    let mut notes = Vec::new();
    let mut read = |path: &Path| fitted(path, examples(path, encoder, config)?, config, &mut notes);
    let (train, eval) = if path.is_dir() {
        let train = read(&file(path, &config.split_train).ok_or_else(|| absent(path, &config.split_train))?)?;
        (train, file(path, &config.split_eval).map(|path| read(&path)).transpose()?.unwrap_or_default())
    } else {
        divided(read(path)?, config)
    };
    if train.is_empty() {
        let problem = "no example is left to train on; expected at least one".to_owned();
        return Err(TrainError::Data { path: path.clone(), problem });
    }
    Ok(Split { train, eval, notes })
}

fn file(folder: &Path, split: &str) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| folder.join(format!("{split}.{ending}"))).find(|path| path.is_file())
}

fn absent(folder: &Path, split: &str) -> TrainError {
    let problem = format!("has no {split}.jsonl, {split}.json, {split}.parquet or {split}.txt");
    TrainError::Data { path: folder.to_owned(), problem }
}

/// Keep a share of one file's examples for evaluation: which, follows from the seed.
fn divided(examples: Vec<Example>, config: &Config) -> (Vec<Example>, Vec<Example>) {
    let kept = (examples.len() as f64 * config.eval_fraction).round();
    // A run that asks for an evaluation gets one example at least, and keeps one to train on.
    let least = f64::from(u8::from(config.eval_fraction > 0.0));
    let order = shuffled(examples.len(), config.training.seed ^ 0x5eed);
    let most = examples.len().saturating_sub(1) as f64;
    let is_eval: Vec<bool> = {
        let mut chosen = vec![false; examples.len()];
        order
            .iter()
            .enumerate()
            .filter(|(at, _)| (*at as f64) < kept.max(least).min(most))
            .for_each(|(_, index)| chosen[*index] = true);
        chosen
    };
    let (mut train, mut eval) = (Vec::new(), Vec::new());
    for (example, is_eval) in examples.into_iter().zip(is_eval) {
        if is_eval { eval.push(example) } else { train.push(example) }
    }
    (train, eval)
}

fn examples(path: &Path, encoder: &Encoder<'_>, config: &Config) -> Result<Vec<Example>, TrainError> {
    let wrong = |line: usize, problem: String| TrainError::Line { path: path.to_owned(), line, problem };
    let is = |kind: &str| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(kind));
    if is("parquet") {
        let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
        let rows = parquet::lines(bytes.into());
        let rows = rows.map_err(|problem| TrainError::Data { path: path.to_owned(), problem })?;
        let rows = rows.iter().enumerate().map(|(index, row)| (index + 1, encoder.encode(row, index + 1)));
        return rows.map(|(row, example)| example.map_err(|problem| wrong(row, problem))).collect();
    }
    let text = text(path)?;
    if is("txt") {
        return running(&text, encoder, config.training.max_seq_length).map_err(|problem| wrong(1, problem));
    }
    if text.trim_start().starts_with('[') {
        let items: Vec<serde_json::Value> =
            serde_json::from_str(&text).map_err(|error| wrong(error.line(), format!("not JSON: {error}")))?;
        let item = |(index, value): (usize, &serde_json::Value)| {
            let example = form::line(value).and_then(|line| encoder.encode(&line, index + 1));
            let problem = |problem| format!("item {} of the list: {problem}", index + 1);
            example.map_err(|found| TrainError::Data { path: path.to_owned(), problem: problem(found) })
        };
        return items.iter().enumerate().map(item).collect();
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let value: serde_json::Value = serde_json::from_str(line).map_err(|error| {
                wrong(index + 1, format!("not JSON: {error}; expected one object a line"))
            })?;
            let example = form::line(&value).and_then(|line| encoder.encode(&line, index + 1));
            example.map_err(|problem| wrong(index + 1, problem))
        })
        .collect()
}

/// A file's text, without the mark that some editors put before it.
fn text(path: &Path) -> Result<String, TrainError> {
    let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let problem = "is compressed by gzip; expected UTF-8 text: unpack it first".to_owned();
        return Err(TrainError::Data { path: path.to_owned(), problem });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let problem = "a byte that is no UTF-8; expected UTF-8 text".to_owned();
        TrainError::Line { path: path.to_owned(), line, problem }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A text in pieces of `length` tokens, all of which count.
fn running(text: &str, encoder: &Encoder<'_>, length: usize) -> Result<Vec<Example>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let whole = encoder.encode(&Line::Text { text: text.to_owned() }, 1)?;
    let pieces = whole.ids.chunks(length).filter(|piece| piece.len() > 1);
    Ok(pieces.map(|ids| Example { ids: ids.to_vec(), trained: vec![true; ids.len()], line: 1 }).collect())
}

/// Apply the rule for examples that are too long.
fn fitted(
    path: &Path,
    mut examples: Vec<Example>,
    config: &Config,
    notes: &mut Vec<String>,
) -> Result<Vec<Example>, TrainError> {
    let limit = config.training.max_seq_length;
    let long = |example: &Example| example.ids.len() > limit;
    let Some(first) = examples.iter().find(|example| long(example)) else { return Ok(examples) };
    let count = examples.iter().filter(|example| long(example)).count();
    match config.overlong {
        Overlong::Error => {
            let problem = format!(
                "{} tokens, the first of {count} example(s) longer than max_seq_length {limit}; raise it, or set \
                 overlong: truncate or skip",
                first.ids.len()
            );
            return Err(TrainError::Line { path: path.to_owned(), line: first.line, problem });
        }
        Overlong::Truncate => {
            for example in &mut examples {
                example.truncate(limit);
            }
            notes.push(format!("{}: {count} example(s) cut to {limit} tokens", path.display()));
        }
        Overlong::Skip => {
            examples.retain(|example| !long(example));
            notes.push(format!("{}: {count} example(s) longer than {limit} tokens left out", path.display()));
        }
    }
    let before = examples.len();
    examples.retain(|example| example.targets() > 0);
    if examples.len() < before {
        notes.push(format!(
            "{}: {} with nothing left to learn left out",
            path.display(),
            before - examples.len()
        ));
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::checkpoint::tokenizer::Tokenizer;
    use crate::train::config::TemplateChoice;
    use serde_json::{Value, json};

    /// A tokenizer whose every word is a token, with ChatML's marks among them.
    fn tokenizer() -> Tokenizer {
        let folder = tempfile::tempdir().unwrap();
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/parity/llama");
        for name in ["config.json", "model.safetensors"] {
            std::fs::copy(base.join(name), folder.path().join(name)).unwrap();
        }
        let words = "<|im_start|> <|im_end|> system user assistant be brief add 1 2 3 what is up all well";
        let vocab: serde_json::Map<String, Value> = std::iter::once("?")
            .chain(words.split(' '))
            .zip(0..)
            .map(|(word, id)| (word.into(), json!(id)))
            .collect();
        let special = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        let whole = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
            "decoder": null, "added_tokens": [special(1, "<|im_start|>"), special(2, "<|im_end|>")],
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "?"},
        });
        std::fs::write(folder.path().join("tokenizer.json"), whole.to_string()).unwrap();
        Tokenizer::open(&Checkpoint::open(folder.path()).unwrap()).unwrap()
    }

    /// What a file of these bytes is read as, or why not.
    fn read(name: &str, bytes: &[u8]) -> Result<Vec<Example>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let text = format!("base_model: tiny\ndataset_name: {}\n", json!(path));
        let config = Config::parse("test.yaml", &text, &[]).unwrap();
        let mut tokenizer = tokenizer();
        let encoder = Encoder::new(&mut tokenizer, TemplateChoice::ChatMl, false);
        load(&config, &encoder).map(|split| split.train).map_err(|error| error.to_string())
    }

    fn bytes(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    #[test]
    fn one_conversation_reads_alike_in_every_form_and_file() {
        let openai = json!({"messages": [
            {"role": "user", "content": "add 1 2"}, {"role": "assistant", "content": "3"}]});
        let forms = [
            openai.clone(),
            json!({"messages": [
                {"role": "user", "content": [{"type": "text", "text": "add "}, {"type": "text", "text": "1 2"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "3"}]}]}),
            json!({"conversations": [{"from": "human", "value": "add 1 2"}, {"from": "gpt", "value": "3"}]}),
            json!({"instruction": "add", "input": "1 2", "output": "3"}),
            json!({"prompt": "add 1 2", "completion": "3"}),
        ];
        let wanted = read("a.jsonl", &bytes(&openai)).unwrap();
        assert_eq!(wanted.len(), 1);
        let trained = wanted[0].trained.iter().filter(|trained| **trained).count();
        assert!((1..wanted[0].ids.len()).contains(&trained), "{wanted:?}");
        let mark = "\u{feff}".as_bytes();
        for form in &forms {
            let (line, list) = (bytes(form), bytes(&json!([form])));
            let pretty = serde_json::to_vec_pretty(&json!([form])).unwrap();
            for (name, content) in [
                ("a.jsonl", line.clone()),
                ("a.jsonl", [mark, &line].concat()),
                ("a.jsonl", [b"\r\n", &line[..], b"\r\n\n"].concat()),
                ("a.json", list.clone()),
                ("a.json", [mark, b"\n ", &list].concat()),
                ("a.jsonl", pretty),
            ] {
                let found = read(name, &content).unwrap();
                let tokens = |examples: &[Example]| {
                    examples.iter().map(|e| (e.ids.clone(), e.trained.clone())).collect::<Vec<_>>()
                };
                assert_eq!(tokens(&found), tokens(&wanted), "{name}: {}", String::from_utf8_lossy(&content));
            }
        }
        let system = json!({"conversations": [
            {"from": "system", "value": "be brief"}, {"from": "human", "value": "add 1 2"}, {"from": "gpt", "value": "3"}]});
        let both = read("a.json", &bytes(&json!([openai, system]))).unwrap();
        assert_eq!((both.len(), both[1].line), (2, 2));
        assert!(both[1].ids.len() > both[0].ids.len());
        assert_eq!(both[0].ids, wanted[0].ids);
    }

    #[test]
    fn a_mark_before_running_text_is_no_word() {
        let plain = read("a.txt", b"what is up all well").unwrap();
        assert_eq!(plain, read("a.txt", "\u{feff}what is up all well".as_bytes()).unwrap());
        assert!(plain[0].trained.iter().all(|trained| *trained));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let good = "{\"prompt\": \"add\", \"completion\": \"3\"}";
        for (name, content, wanted) in [
            (
                "a.json",
                format!("[{good}, 7]").into_bytes(),
                "item 2 of the list: a number; expected an object",
            ),
            ("a.json", format!("[{good},\n{good}\n").into_bytes(), "a.json:3: not JSON"),
            ("a.json", b"[]".to_vec(), "no example is left"),
            (
                "a.jsonl",
                format!("{good}\n{{\"conversations\": 1}}\n").into_bytes(),
                "a.jsonl:2: `conversations` is a number",
            ),
            ("a.jsonl", [good.as_bytes(), b"\n\xff\xfe\n"].concat(), "a.jsonl:2: a byte that is no UTF-8"),
            ("a.jsonl", vec![0x1f, 0x8b, 8, 0], "compressed by gzip"),
        ] {
            let error = read(name, &content).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
