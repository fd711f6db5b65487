//! Options of `validate-memory`.

use crate::inputs::llama_cpp;
use crate::validate::case::Subject;
use clap::{Args, ValueEnum};
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::leaf::units::GIB;
use dhurandhar_core::measurement::MemoryCase;
use std::path::PathBuf;

/// Run llama.cpp on a model and compare the memory it takes with the prediction
#[derive(Debug, Args)]
pub(crate) struct ValidateMemoryArgs {
    /// Folder with llama.cpp's shared libraries (libllama, libggml, libggml-base and the CPU back ends)
    #[arg(long, value_name = "DIR", value_parser = llama_cpp::folder)]
    pub(super) llama_cpp: PathBuf,
    /// A built-in model, of which a file without weights is made, or a GGUF file; may be repeated
    #[arg(long = "model", value_name = "NAME|FILE", default_value = "smollm2-135m")]
    pub(super) models: Vec<String>,
    /// Weight format of a built-in model
    #[arg(long, default_value = "q4_k_m")]
    pub(super) weights: String,
    /// Tokens of context, several with commas
    #[arg(long, alias = "contexts", value_delimiter = ',', default_value = "2048")]
    context_tokens: Vec<u64>,
    /// Formats of cached keys and values, several with commas
    #[arg(long, alias = "kv", value_delimiter = ',', default_value = "f16")]
    kv_format: Vec<String>,
    /// Tokens computed together while the prompt is read
    #[arg(long, default_value_t = 512)]
    ubatch: u64,
    /// Tokens of the prompt; 0 computes nothing [default: as --ubatch]
    #[arg(long, alias = "prompt", value_name = "TOKENS")]
    prompt_tokens: Option<u64>,
    /// Whose cache for sliding windows: the command line's, or the full cache that the C interface has by default
    #[arg(long, value_enum, default_value = "cli")]
    policy: Policy,
    /// Leave a PLE table in the file and read it row by row
    #[arg(long)]
    lazy_table: bool,
    /// Leave out what is predicted to take more than this, GiB
    #[arg(long, alias = "max-memory", default_value_t = 8.0, value_name = "GIB")]
    max_memory_gib: f64,
    /// Folder for files without weights while they are needed [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
    /// Name of this machine in the report
    #[arg(long, value_name = "TEXT")]
    pub(super) device_name: Option<String>,
    /// Write the report's JSON to this file after every case; cases in it are not run again
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    /// Window layers keep a window and a micro-batch
    Cli,
    /// Window layers keep the whole context
    Api,
}

impl ValidateMemoryArgs {
    /// Every context with every KV format.
    pub(super) fn cases(&self, subject: &Subject) -> Vec<MemoryCase> {
        let case = |context_tokens: u64, kv: &String| {
            let ubatch = self.ubatch.min(context_tokens);
            MemoryCase {
                model: subject.name.clone(),
                source: subject.source().to_owned(),
                weights: subject.weights.to_string(),
                context_tokens,
                kv: kv.clone(),
                ubatch,
                // Room for the token that is decoded after it.
                prompt_tokens: self.prompt_tokens.unwrap_or(ubatch).min(context_tokens.saturating_sub(1)),
                policy: match self.policy {
                    Policy::Cli => "llama-cpp",
                    Policy::Api => "llama-cpp-api",
                }
                .to_owned(),
                lazy_table: self.lazy_table,
            }
        };
        self.context_tokens
            .iter()
            .flat_map(|context| self.kv_format.iter().map(move |kv| case(*context, kv)))
            .collect()
    }

    pub(super) fn max_memory_bytes(&self) -> u64 {
        to_u64(self.max_memory_gib * GIB as f64)
    }
}
