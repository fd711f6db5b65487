//! The commands and their options.

mod analyze_ple;
mod bench;
mod benchmark_kv;
mod codecs;
mod compare_codecs;
mod completions;
mod devices;
mod dossier;
#[cfg(feature = "burn")]
mod generate;
mod import;
mod limits;
mod machine;
mod man;
mod models;
#[cfg(feature = "burn")]
mod perplexity;
mod profile_mmap;
mod programs;
mod publish;
#[cfg(feature = "burn")]
mod real_model;
mod recommend;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "burn")]
mod train_lora;
mod validate_memory;
mod validate_sizes;
mod validate_speed;
mod validate_verdict;
mod worker;

use crate::cli::words;
use crate::hub;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Words that help texts use, explained once.
const WORDS: &str = "\
Words:
  PLE       per-layer embeddings: a table with a row for each token and layer; a token needs
            few rows, so the table can stay on storage and be read row by row
  KV cache  keys and values of all tokens so far, which attention reads for every new token
  name      of a model elsewhere, of which only headers are read: owner/name[@revision][:file or
            quantisation] of the Hugging Face hub (HF_ENDPOINT, HF_TOKEN), ollama:name[:tag], or an
            https address of a GGUF or safetensors file, an index or a config.json
  mmap      mapping a file: its pages come from storage when they are touched, and can be
            dropped again
  RSS       resident set size: memory of a process that is in RAM, anonymous and file-backed";

/// Will this language model run on that device? Predict it, then prove it on the device
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_help = WORDS)]
pub struct Cli {
    /// Take models by name from the cache, and ask nobody
    #[arg(long, global = true)]
    offline: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Predict a model's memory by component, the verdict for each device, and what would make it fit
    AnalyzePle(Box<analyze_ple::AnalyzeArgs>),
    /// Put several cases side by side in one document for a decision, with limits, sources and what would flip the answer
    Dossier(dossier::DossierArgs),
    /// List the built-in models, or show one
    Models(models::ModelsArgs),
    /// List the built-in devices, or show one
    Devices(devices::DevicesArgs),
    /// Name built-in models to run on a device, by what fits and is fast enough
    Recommend(recommend::RecommendArgs),
    /// Say what this machine is; measure its memory, processor and storage
    Machine(machine::MachineArgs),
    /// List the limits on memory of a device or a system, by state of the process, each with its source
    Limits(limits::LimitsArgs),
    /// List what programs such as Ollama or PocketPal choose by default, by system and GPU
    Programs(programs::ProgramsArgs),
    /// Read the header of a config.json, GGUF or safetensors file and show the model in it
    Import(import::ImportArgs),
    /// Measure how long a token waits for its rows of a PLE table on this device's storage
    ProfileMmap(Box<profile_mmap::ProfileMmapArgs>),
    /// Run llama.cpp on a model and compare the memory it takes with the prediction
    ValidateMemory(Box<validate_memory::ValidateMemoryArgs>),
    /// Compare predicted sizes with llama.cpp's quantiser and allocator; needs no weights
    ValidateSizes(Box<validate_sizes::ValidateSizesArgs>),
    /// Run llama.cpp under limits of memory and compare what each token reads with the prediction
    ValidateVerdict(Box<validate_verdict::ValidateVerdictArgs>),
    /// Measure how fast llama.cpp reads prompts and decodes here
    Bench(Box<bench::BenchArgs>),
    /// Compare predicted speeds with published measurements
    ValidateSpeed(validate_speed::ValidateSpeedArgs),
    #[cfg(feature = "burn")]
    /// Continue a text with a real model
    Generate(generate::GenerateArgs),
    #[cfg(feature = "burn")]
    /// Measure how well a real model predicts a text (its perplexity; lower is better)
    Perplexity(perplexity::PerplexityArgs),
    #[cfg(feature = "burn")]
    /// Fine-tune a model with low-rank adapters (LoRA); the model itself stays as it is
    TrainLora(Box<train_lora::TrainArgs>),
    /// Check measured results and file them for the report site
    Publish(publish::PublishArgs),
    /// Measure what codecs of the KV cache do to tensors or to a real model, and how small they make the cache
    BenchmarkKv(Box<benchmark_kv::BenchmarkKvArgs>),
    /// Compare codecs of the KV cache: bits in all, error against theory, cost of arithmetic
    CompareCodecs(compare_codecs::CompareArgs),
    #[cfg(feature = "schema")]
    /// Print the JSON Schema of a report
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
    /// What the command line asks for; ends the program where it cannot be read.
    pub fn read() -> Self {
        words::read()
    }

    /// Run the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.offline {
            hub::stay_offline();
        }
        let Some(command) = self.command else { return recommend::overview() };
        match command {
            Command::AnalyzePle(args) => args.run(),
            Command::Dossier(args) => args.run(),
            Command::Models(args) => args.run(),
            Command::Devices(args) => args.run(),
            Command::Recommend(args) => args.run(),
            Command::Machine(args) => args.run(),
            Command::Limits(args) => args.run(),
            Command::Programs(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::ProfileMmap(args) => args.run(),
            Command::ValidateMemory(args) => args.run(),
            Command::ValidateSizes(args) => args.run(),
            Command::ValidateVerdict(args) => args.run(),
            Command::Bench(args) => args.run(),
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
            #[cfg(feature = "schema")]
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

    /// Help texts of commands, options and their values, with where they stand.
    fn texts(command: &clap::Command) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let own = command.get_about().map(|text| (command.get_name().to_owned(), text.to_string()));
        all.extend(own);
        for argument in command.get_arguments() {
            let place = format!("{} {}", command.get_name(), argument.get_id());
            all.extend(argument.get_help().map(|text| (place.clone(), text.to_string())));
            let values = argument.get_possible_values();
            let helps = values.iter().filter_map(|value| value.get_help());
            all.extend(helps.map(|text| (place.clone(), text.to_string())));
        }
        all.extend(command.get_subcommands().flat_map(texts));
        all
    }

    #[test]
    fn help_texts_end_alike_and_use_the_projects_words() {
        let all = texts(&Cli::command());
        assert!(all.len() > 100, "{}", all.len());
        for (place, text) in all {
            assert!(!text.ends_with('.') || text.ends_with("..."), "{place}: {text}");
            let words: Vec<&str> = text.split(|sign: char| !sign.is_alphanumeric()).collect();
            for word in ["figure", "figures", "binds", "beside", "apart", "said", "seed's"] {
                assert!(!words.contains(&word), "{place}: {text}");
            }
        }
    }

    #[test]
    fn former_spellings_are_taken() {
        let libraries = tempfile::tempdir().unwrap();
        std::fs::write(libraries.path().join("libllama.so"), "").unwrap();
        let folder = format!("--llama-cpp {}", libraries.path().display());
        for line in [
            "analyze-ple --quant-bits 4 --target-decode-tps 5 --json-out a.json",
            "analyze-ple --k-bits q8_0 --v-bits 4 --method seed",
            "benchmark-kv --seq-len 64 --residual-bits 3 --json-out a.json",
            "compare-codecs --seq-len 64 --residual-bits 2,3",
            "profile-mmap --quant-bits 4 --json-out a.json --resume a.jsonl --test-file t.bin",
            "validate-memory --llama-cpp . --contexts 512 --kv f16 --prompt 1 --max-memory 2",
            "validate-sizes --llama-cpp . --models a b",
            "validate-verdict --llama-cpp . --models a --contexts 512 --kv f16 --tokens 3",
        ] {
            let line = line.replace("--llama-cpp .", &folder);
            let words = std::iter::once("dhurandhar").chain(line.split(' '));
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        #[cfg(feature = "burn")]
        for line in [
            "generate --checkpoint a.gguf --prompt a",
            "perplexity --checkpoint a.gguf --text a.txt",
            "train-lora --checkpoint a.gguf --out a",
            "benchmark-kv --checkpoint a.gguf --text a.txt --output a.json",
        ] {
            let words = std::iter::once("dhurandhar").chain(line.split(' '));
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
