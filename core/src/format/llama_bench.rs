//! Results of llama.cpp's `llama-bench`, as it writes them with `-o json` or `-o jsonl`, of any build.
//!
//! Older builds leave fields out (`n_depth`, `devices`) and newer ones add some; what is needed is named when it is missing.

use super::typed_json;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use thiserror::Error;

/// One row: a prompt read, or tokens written, at some depth.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchRow {
    /// Build of llama.cpp, as it names itself; empty where it does not.
    pub build: String,
    /// What computes: the GPU where layers run on one, else the processor.
    pub unit: String,
    /// Layers run on a GPU.
    pub on_gpu: bool,
    /// GPUs that the build may use, as it names them; empty without one.
    pub gpus: String,
    /// Where layers and caches lay.
    pub split: BenchSplit,
    /// Backends of the build (`CPU`, `CUDA`, `Vulkan`), comma-separated.
    pub backends: String,
    /// File of the model.
    pub model_file: String,
    /// llama.cpp's words for the model.
    pub model_type: String,
    /// Bytes of its tensors.
    pub model_bytes: u64,
    /// Parameters of its tensors.
    pub parameters: u64,
    /// Threads of the processor.
    pub threads: u64,
    /// Tokens of a prompt that were computed together; 0 where the build does not say.
    pub ubatch: u64,
    /// Formats of keys and values.
    pub cache: (String, String),
    /// Tokens that were there before.
    pub depth_tokens: u64,
    /// What was timed.
    pub timed: Timed,
    /// Tokens a second, mean over the repetitions.
    pub tokens_per_s: f64,
    /// Their standard deviation.
    pub deviation_tokens_per_s: f64,
    /// Tokens a second of each repetition; empty where the build does not say.
    pub samples_tokens_per_s: Vec<f64>,
}

/// What of a model lay on the GPU.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BenchSplit {
    /// Layers, the output counted as one; all of them where it is negative.
    pub gpu_layers: i64,
    /// Layers whose experts stayed with the processor.
    pub cpu_moe_layers: u64,
    /// Tensors that were placed by hand; empty where none were.
    pub overrides: String,
    /// Keys and values stayed with the processor.
    pub kv_on_host: bool,
    /// Large batches of layers with the processor were not computed on the GPU.
    pub no_op_offload: bool,
}

/// What a row timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// A prompt of so many tokens.
    Prompt(u64),
    /// So many tokens, one after the other.
    Decode(u64),
    /// Both together; says neither.
    Both(u64, u64),
}

/// What a file holds: rows, and how many were left out since nothing was measured in them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BenchFile {
    /// Rows with a speed.
    pub rows: Vec<BenchRow>,
    /// Rows without one: runs that failed.
    pub failed: usize,
}

/// Why a file is none of `llama-bench`.
#[derive(Debug, Error)]
pub enum BenchError {
    /// Another of its forms.
    #[error("looks like its {0}; -o json is needed")]
    Form(&'static str),
    /// Not JSON.
    #[error("not the JSON of llama-bench (-o json or -o jsonl): {0}")]
    Json(#[from] serde_json::Error),
    /// A row lacks a field or has a wrong one.
    #[error("row {row} of llama-bench: {reason}")]
    Row {
        /// Counted from 1.
        row: usize,
        /// What was found.
        reason: String,
    },
    /// No row at all.
    #[error("no rows of llama-bench in the file")]
    Empty,
    /// Rows, none of them measured.
    #[error("all {0} rows of llama-bench failed: none has a speed")]
    AllFailed(usize),
}

/// A row as it is written.
#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "text")]
    build_commit: String,
    #[serde(default, deserialize_with = "text")]
    build_number: String,
    #[serde(default, deserialize_with = "text")]
    cpu_info: String,
    #[serde(default, deserialize_with = "text")]
    gpu_info: String,
    #[serde(default, deserialize_with = "text")]
    backends: String,
    #[serde(default, deserialize_with = "text")]
    model_filename: String,
    #[serde(default, deserialize_with = "text")]
    model_type: String,
    model_size: u64,
    model_n_params: u64,
    #[serde(default)]
    n_threads: u64,
    #[serde(default)]
    n_gpu_layers: i64,
    #[serde(default)]
    n_cpu_moe: u64,
    #[serde(default, deserialize_with = "text")]
    tensor_buft_overrides: String,
    #[serde(default, deserialize_with = "text")]
    no_kv_offload: String,
    #[serde(default, deserialize_with = "text")]
    no_op_offload: String,
    #[serde(default, deserialize_with = "text")]
    devices: String,
    #[serde(default)]
    n_batch: u64,
    #[serde(default)]
    n_ubatch: u64,
    #[serde(default, deserialize_with = "text")]
    type_k: String,
    #[serde(default, deserialize_with = "text")]
    type_v: String,
    n_prompt: u64,
    n_gen: u64,
    #[serde(default)]
    n_depth: u64,
    avg_ts: Option<f64>,
    stddev_ts: Option<f64>,
    #[serde(default)]
    samples_ts: Vec<f64>,
}

/// Builds write numbers or text in the same field.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// The form of its results that is not JSON, if it is one: they are taken for JSON by their names.
fn other_form(text: &str) -> Option<&'static str> {
    let first = text.lines().next()?;
    if first.starts_with("build_commit,") || first.starts_with("\"build_commit\",") {
        Some("CSV")
    } else if first.starts_with('|') {
        Some("Markdown")
    } else {
        first.starts_with("CREATE TABLE").then_some("SQL")
    }
}

/// Read a file of `llama-bench`: an array, or an object a line.
pub fn read_llama_bench(text: &str) -> Result<BenchFile, BenchError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Some(form) = other_form(text) {
        return Err(BenchError::Form(form));
    }
    let values: Vec<Value> = if text.starts_with('[') {
        serde_json::from_str(text)?
    } else {
        serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>()?
    };
    if values.is_empty() {
        return Err(BenchError::Empty);
    }
    let mut file = BenchFile::default();
    for (index, value) in values.into_iter().enumerate() {
        let wrong = |reason: String| BenchError::Row { row: index + 1, reason };
        if !value.is_object() {
            return Err(wrong(format!("expected an object, found {value}")));
        }
        // Written anew, so that a place in the text would mean nothing.
        let raw: Raw = typed_json::from_str(&value.to_string()).map_err(|misfit| {
            let told = misfit.to_string();
            let told = told.strip_prefix("field .: ").unwrap_or(&told);
            wrong(told.split(" at line ").next().unwrap_or(told).to_owned())
        })?;
        match raw.measured().map_err(wrong)? {
            Some(row) => file.rows.push(row),
            None => file.failed += 1,
        }
    }
    if file.rows.is_empty() { Err(BenchError::AllFailed(file.failed)) } else { Ok(file) }
}

impl Raw {
    /// The row, or nothing where the run failed.
    fn measured(self) -> Result<Option<BenchRow>, String> {
        let timed = match (self.n_prompt, self.n_gen) {
            (0, 0) => return Err("n_prompt and n_gen are both 0".to_owned()),
            (prompt, 0) => Timed::Prompt(prompt),
            (0, tokens) => Timed::Decode(tokens),
            (prompt, tokens) => Timed::Both(prompt, tokens),
        };
        let Some(tokens_per_s) = self.avg_ts.filter(|speed| *speed != 0.0) else { return Ok(None) };
        if !(tokens_per_s.is_finite() && tokens_per_s > 0.0) {
            return Err(format!("avg_ts is {tokens_per_s}, expected a number above 0"));
        }
        // `-dev none` leaves the GPUs of the build alone.
        let gpus = if self.devices == "none" { String::new() } else { self.gpu_info };
        let on_gpu = self.n_gpu_layers != 0 && !gpus.is_empty();
        let stated = |flag: &str| matches!(flag, "true" | "1");
        let overrides = self.tensor_buft_overrides;
        let build = match (self.build_number.as_str(), self.build_commit.as_str()) {
            ("" | "0", commit) => commit.to_owned(),
            (number, commit) => format!("{number} ({commit})"),
        };
        Ok(Some(BenchRow {
            build,
            unit: if on_gpu { gpus.clone() } else { self.cpu_info },
            on_gpu,
            gpus,
            split: BenchSplit {
                gpu_layers: self.n_gpu_layers,
                cpu_moe_layers: self.n_cpu_moe,
                overrides: if overrides == "none" { String::new() } else { overrides },
                kv_on_host: stated(&self.no_kv_offload),
                no_op_offload: stated(&self.no_op_offload),
            },
            backends: self.backends,
            model_file: self.model_filename,
            model_type: self.model_type,
            model_bytes: self.model_size,
            parameters: self.model_n_params,
            threads: self.n_threads,
            ubatch: if self.n_batch == 0 { self.n_ubatch } else { self.n_ubatch.min(self.n_batch) },
            cache: (self.type_k, self.type_v),
            depth_tokens: self.n_depth,
            timed,
            tokens_per_s,
            deviation_tokens_per_s: self.stddev_ts.unwrap_or(0.0),
            samples_tokens_per_s: self.samples_ts,
        }))
    }
}

impl BenchFile {
    /// The machine that all rows were measured on, or the different ones.
    pub fn unit(&self) -> Result<&str, Vec<&str>> {
        let mut units: Vec<&str> = self.rows.iter().map(|row| row.unit.as_str()).collect();
        units.sort_unstable();
        units.dedup();
        match units.as_slice() {
            [unit] => Ok(unit),
            _ => Err(units),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"build_commit": "b1", "build_number": 9000, "cpu_info": "A CPU", "gpu_info": "", "backends": "CPU",
        "model_filename": "m.gguf", "model_type": "llama 1B Q4_0", "model_size": 700000000, "model_n_params": 1235814400,
        "n_threads": 4, "n_gpu_layers": 99, "type_k": "f16", "type_v": "f16", "n_prompt": 512, "n_gen": 0, "n_depth": 0,
        "avg_ns": 1, "avg_ts": 61.5, "stddev_ts": 0.4, "samples_ts": [61.1, 61.9], "a_new_field": {}}"#;

    #[test]
    fn arrays_and_lines_of_any_build_are_read() {
        let one = read_llama_bench(&format!("[{ROW}]")).unwrap();
        let older = ROW
            .replace("\"n_depth\": 0,", "")
            .replace("9000", "\"9000\"")
            .replace("\"n_prompt\": 512, \"n_gen\": 0", "\"n_prompt\": 0, \"n_gen\": 128");
        let two =
            read_llama_bench(&format!("{}\n{}\n", ROW.replace('\n', " "), older.replace('\n', " "))).unwrap();
        assert_eq!((one.rows.len(), two.rows.len(), two.failed), (1, 2, 0));
        assert_eq!(one.rows[0], two.rows[0]);
        let row = &two.rows[1];
        assert_eq!((row.timed, row.depth_tokens, row.build.as_str()), (Timed::Decode(128), 0, "9000 (b1)"));
        assert_eq!((row.unit.as_str(), row.on_gpu), ("A CPU", false));
        assert_eq!(two.unit(), Ok("A CPU"));
    }

    #[test]
    fn failed_rows_are_counted_and_wrong_ones_named() {
        let failed = ROW.replace("\"avg_ts\": 61.5", "\"avg_ts\": 0.0");
        assert_eq!(read_llama_bench(&format!("[{ROW},{failed}]")).unwrap().failed, 1);
        let said = |text: &str| read_llama_bench(text).unwrap_err().to_string();
        assert_eq!(said(&format!("[{failed}]")), "all 1 rows of llama-bench failed: none has a speed");
        assert_eq!(said("[]"), "no rows of llama-bench in the file");
        let wrong = ROW.replace("\"model_n_params\": 1235814400", "\"model_n_params\": \"many\"");
        let message = said(&format!("[{ROW},{wrong}]"));
        assert!(message.starts_with("row 2 of llama-bench: field model_n_params: invalid type"), "{message}");
        let message = said(&ROW.replace("\"model_size\": 700000000,", ""));
        assert!(message.contains("missing field `model_size`"), "{message}");
        assert!(said(&ROW.replace("61.5", "-1")).contains("avg_ts is -1"));
        assert!(said("<html>").starts_with("not the JSON of llama-bench"));
        assert_eq!(said("null"), "row 1 of llama-bench: expected an object, found null");
        assert_eq!(said("{}"), "row 1 of llama-bench: missing field `model_size`");
    }

    #[test]
    fn its_other_forms_are_named() {
        for (text, form) in [
            ("build_commit,build_number,cpu_info\n\"b1\",\"9000\",\"A CPU\"", "CSV"),
            ("| model | size | params |\n| --- | --- | --- |", "Markdown"),
            ("CREATE TABLE IF NOT EXISTS llama_bench (", "SQL"),
        ] {
            let told = read_llama_bench(text).unwrap_err().to_string();
            assert_eq!(told, format!("looks like its {form}; -o json is needed"));
        }
    }

    #[test]
    fn what_lay_on_the_gpu_is_read() {
        let row = |change: &str| {
            let text = ROW.replace("\"gpu_info\": \"\"", &format!("\"gpu_info\": \"A GPU\", {change}"));
            read_llama_bench(&text).unwrap().rows.remove(0)
        };
        let whole =
            row("\"tensor_buft_overrides\": \"none\", \"no_kv_offload\": false, \"no_op_offload\": 0");
        assert!(whole.on_gpu && whole.unit == "A GPU");
        assert_eq!(whole.split, BenchSplit { gpu_layers: 99, ..BenchSplit::default() });
        let part = row(
            "\"n_cpu_moe\": 4, \"tensor_buft_overrides\": \"exps=CPU\", \"no_kv_offload\": true, \"n_batch\": 64, \"n_ubatch\": 512",
        );
        assert_eq!((part.split.cpu_moe_layers, part.split.kv_on_host, part.ubatch), (4, true, 64));
        assert_eq!(part.split.overrides, "exps=CPU");
        let none = row("\"devices\": \"none\"");
        assert!(!none.on_gpu && none.gpus.is_empty() && none.unit == "A CPU");
    }

    #[test]
    fn mixed_machines_are_listed() {
        let other = ROW.replace("A CPU", "Another");
        let file = read_llama_bench(&format!("[{ROW},{other}]")).unwrap();
        assert_eq!(file.unit(), Err(vec!["A CPU", "Another"]));
    }
}
