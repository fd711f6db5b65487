//! Options of `validate-verdict`.

use crate::inputs::llama_cpp;
use clap::{Args, ValueEnum};
use dhurandhar_core::measurement::VerdictCase;
use std::path::PathBuf;

/// Run llama.cpp under limits of memory and compare what each token reads with the prediction
#[derive(Debug, Args)]
pub(crate) struct ValidateVerdictArgs {
    /// Folder with llama.cpp's shared libraries (libllama, libggml, libggml-base and the CPU back ends)
    #[arg(long, value_name = "DIR", value_parser = llama_cpp::folder)]
    pub(super) llama_cpp: PathBuf,
    /// Built-in models, of which files of full length are made, several with commas
    #[arg(
        long = "model",
        alias = "models",
        value_delimiter = ',',
        value_name = "NAME",
        default_value = "smollm2-135m"
    )]
    pub(super) models: Vec<String>,
    /// Weight formats, several with commas
    #[arg(long, value_delimiter = ',', default_value = "q4_0")]
    pub(super) weights: Vec<String>,
    /// Limits: shares of the predicted need in percent (80), MiB (850MiB), or none; several with commas
    #[arg(long, value_delimiter = ',', value_parser = limit, default_value = "none,50,60,70,80,90,95,99,101,105,120")]
    pub(super) limits: Vec<Limit>,
    /// Tokens of context, several with commas
    #[arg(long, alias = "contexts", value_delimiter = ',', default_value = "2048")]
    context_tokens: Vec<u64>,
    /// Format of cached keys and values
    #[arg(long, alias = "kv", default_value = "f16")]
    kv_format: String,
    /// Tokens of the prompt, computed together
    #[arg(long, default_value_t = 128)]
    ubatch: u64,
    /// Tokens decoded after the prompt
    #[arg(long, alias = "tokens", default_value_t = 12)]
    decode_tokens: u64,
    /// How weights come into memory, several with commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "mmap")]
    load: Vec<Load>,
    /// Make copies of matrices in a layout for the processor, several with commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "on")]
    repack: Vec<Switch>,
    /// Read a PLE table row by row
    #[arg(long)]
    lazy_table: bool,
    /// Sequences for which the context has room
    #[arg(long, default_value_t = 1)]
    slots: u64,
    /// Threads that compute; one gives steady results on a busy machine
    #[arg(long, default_value_t = 1)]
    threads: u64,
    /// Seconds after which a run is ended
    #[arg(long, default_value_t = 180, value_name = "SECONDS")]
    pub(super) timeout: u64,
    /// Folder for files of full length while they are needed, on storage whose reads can be counted [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
    /// Name of this machine in the report
    #[arg(long, value_name = "TEXT")]
    pub(super) device_name: Option<String>,
    /// Write the report's JSON to this file after every run; runs in it are not repeated
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Load {
    Mmap,
    Copy,
    Mlock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// A limit as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    None,
    /// Of the predicted need.
    Percent(u64),
    Mib(u64),
}

fn limit(text: &str) -> Result<Limit, String> {
    let expected = || format!("{text:?}; expected a percentage such as 80, MiB such as 850MiB, or none");
    let number = |digits: &str| match digits.trim().parse::<u64>() {
        Ok(number @ 1..=10_000_000) => Ok(number),
        _ => Err(expected()),
    };
    if text == "none" {
        return Ok(Limit::None);
    }
    match text.strip_suffix("MiB") {
        Some(digits) => number(digits).map(Limit::Mib),
        None => number(text.strip_suffix('%').unwrap_or(text)).map(Limit::Percent),
    }
}

impl ValidateVerdictArgs {
    /// Every combination for one file.
    pub(super) fn cases(&self, model: &str, weights: &str) -> Vec<VerdictCase> {
        let mut cases = Vec::new();
        for context in &self.context_tokens {
            for load in &self.load {
                for repack in &self.repack {
                    cases.push(VerdictCase {
                        model: model.to_owned(),
                        weights: weights.to_owned(),
                        context_tokens: *context,
                        kv: self.kv_format.clone(),
                        ubatch: self.ubatch,
                        prompt_tokens: self.ubatch,
                        decoded_tokens: self.decode_tokens,
                        policy: "llama-cpp".to_owned(),
                        slots: self.slots,
                        load: match load {
                            Load::Mmap => "mmap",
                            Load::Copy => "copy",
                            Load::Mlock => "mlock",
                        }
                        .to_owned(),
                        repack: *repack == Switch::On,
                        lazy_table: self.lazy_table,
                        threads: self.threads,
                        processor: crate::machine::processor().to_owned(),
                    });
                }
            }
        }
        cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_in_three_forms() {
        assert_eq!(limit("none"), Ok(Limit::None));
        assert_eq!((limit("80"), limit("80%")), (Ok(Limit::Percent(80)), Ok(Limit::Percent(80))));
        assert_eq!(limit("850MiB"), Ok(Limit::Mib(850)));
        for wrong in ["", "0", "-3", "1GiB", "x%"] {
            assert!(limit(wrong).is_err_and(|error| error.contains("expected a percentage")), "{wrong}");
        }
    }
}
