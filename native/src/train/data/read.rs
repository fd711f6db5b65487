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
        let rows = parquet::lines(&bytes);
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
