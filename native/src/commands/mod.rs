//! The commands and their options.

mod analyze_ple;
mod benchmark_kv;
mod codecs;
mod compare_codecs;
mod completions;
mod devices;
#[cfg(feature = "burn")]
mod generate;
mod import;
mod limits;
mod man;
mod models;
#[cfg(feature = "burn")]
mod perplexity;
mod profile_mmap;
mod programs;
mod publish;
#[cfg(feature = "burn")]
mod real_model;
mod schema;
#[cfg(feature = "burn")]
mod train_lora;
mod validate_memory;
mod validate_sizes;
mod validate_speed;
mod validate_verdict;
mod worker;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Will this language model run on that device? Predict it, then prove it on the device.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Memory by component, verdict per device, and what would make it fit
    AnalyzePle(Box<analyze_ple::AnalyzeArgs>),
    /// List the built-in models, or show one
    Models(models::ModelsArgs),
    /// List the built-in devices, or show one
    Devices(devices::DevicesArgs),
    /// Limits on memory: those of a device or a system, by state of the process, each with its source
    Limits(limits::LimitsArgs),
    /// Programs such as Ollama or PocketPal: what each chooses when nothing is said, by system and GPU
    Programs(programs::ProgramsArgs),
    /// Read a config.json, GGUF or safetensors header and say what it holds
    Import(import::ImportArgs),
    /// Measure what reading a lookup table from this device's storage costs a token
    ProfileMmap(Box<profile_mmap::ProfileMmapArgs>),
    /// Run llama.cpp on a model and set the memory it takes beside the prediction
    ValidateMemory(Box<validate_memory::ValidateMemoryArgs>),
    /// Hold the rules for sizes to llama.cpp's quantiser and allocator, without weights
    ValidateSizes(Box<validate_sizes::ValidateSizesArgs>),
    /// Run llama.cpp under limits of memory and set what each token reads beside the prediction
    ValidateVerdict(Box<validate_verdict::ValidateVerdictArgs>),
    /// Hold predicted speeds to published measurements
    ValidateSpeed(validate_speed::ValidateSpeedArgs),
    #[cfg(feature = "burn")]
    /// Continue a text with a real model
    Generate(generate::GenerateArgs),
    #[cfg(feature = "burn")]
    /// How surprised a real model is by a text
    Perplexity(perplexity::PerplexityArgs),
    #[cfg(feature = "burn")]
    /// Fine-tune low-rank adapters on a frozen model
    TrainLora(Box<train_lora::TrainArgs>),
    /// Check a measured result and file it for the report site
    Publish(publish::PublishArgs),
    /// Codec quality on KV tensors or on a real model, and the KV cache of a model under each codec
    BenchmarkKv(Box<benchmark_kv::BenchmarkKvArgs>),
    /// Codecs side by side: true bits, error against theory, arithmetic cost
    CompareCodecs(compare_codecs::CompareArgs),
    /// Print the JSON schema of a report
    Schema(schema::SchemaArgs),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man,
    /// Do a part of another command's work in a process of its own
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
}

impl Cli {
    /// Run the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::AnalyzePle(args) => args.run(),
            Command::Models(args) => args.run(),
            Command::Devices(args) => args.run(),
            Command::Limits(args) => args.run(),
            Command::Programs(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::ProfileMmap(args) => args.run(),
            Command::ValidateMemory(args) => args.run(),
            Command::ValidateSizes(args) => args.run(),
            Command::ValidateVerdict(args) => args.run(),
            Command::ValidateSpeed(args) => args.run(),
            #[cfg(feature = "burn")]
            Command::Generate(args) => args.run(),
            #[cfg(feature = "burn")]
            Command::Perplexity(args) => args.run(),
            #[cfg(feature = "burn")]
            Command::TrainLora(args) => args.run(),
            Command::Publish(args) => args.run(),
            Command::BenchmarkKv(args) => args.run(),
            Command::CompareCodecs(args) => args.run(),
            Command::Schema(args) => args.run(),
            Command::Completions(args) => args.run(Self::command()),
            Command::Man => man::run(Self::command()),
            Command::Worker(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_consistent() {
        Cli::command().debug_assert();
    }
}
