//! Options of `validate-memory`.

use crate::validate::case::Subject;
use clap::{Args, ValueEnum};
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::leaf::units::GIB;
use dhurandhar_core::measurement::MemoryCase;
use std::path::PathBuf;

/// What llama.cpp takes in memory, measured in a process of its own, beside the prediction
#[derive(Debug, Args)]
pub(crate) struct ValidateMemoryArgs {
    /// Folder with llama.cpp's shared libraries (libllama, libggml, libggml-base and the CPU back ends)
    #[arg(long, value_name = "DIR")]
    pub(super) llama_cpp: PathBuf,
    /// A built-in model, of which a sparse file is made, or a GGUF file; may be repeated
    #[arg(long = "model", value_name = "NAME|FILE", default_value = "smollm2-135m")]
    pub(super) models: Vec<String>,
    /// Format of a built-in model's weights
    #[arg(long, default_value = "q4_k_m")]
    pub(super) weights: String,
    /// Tokens of context; several with commas
    #[arg(long, value_delimiter = ',', default_value = "2048")]
    contexts: Vec<u64>,
    /// Storage of keys and values; several with commas
    #[arg(long, value_delimiter = ',', default_value = "f16")]
    kv: Vec<String>,
    /// Tokens of a micro-batch
    #[arg(long, default_value_t = 512)]
    ubatch: u64,
    /// Tokens of the prompt; a micro-batch when not given, 0 to compute nothing
    #[arg(long, value_name = "TOKENS")]
    prompt: Option<u64>,
    /// Whose cache policy: the command line's, or the C interface's defaults (full caches for window layers)
    #[arg(long, value_enum, default_value = "cli")]
    policy: Policy,
    /// Leave a per-layer table in the file and read it by rows
    #[arg(long)]
    lazy_table: bool,
    /// Leave out what is predicted to take more, GiB
    #[arg(long, default_value_t = 8.0, value_name = "GIB")]
    max_memory: f64,
    /// Where sparse files are put while they are needed
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
    /// Name of this machine in the report
    #[arg(long, value_name = "TEXT")]
    pub(super) device_name: Option<String>,
    /// Write the report's JSON here after every case; cases that are in it already are not run again
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
                prompt_tokens: self.prompt.unwrap_or(ubatch).min(context_tokens.saturating_sub(1)),
                policy: match self.policy {
                    Policy::Cli => "llama-cpp",
                    Policy::Api => "llama-cpp-api",
                }
                .to_owned(),
                lazy_table: self.lazy_table,
            }
        };
        self.contexts.iter().flat_map(|context| self.kv.iter().map(move |kv| case(*context, kv))).collect()
    }

    pub(super) fn max_memory_bytes(&self) -> u64 {
        to_u64(self.max_memory * GIB as f64)
    }
}
