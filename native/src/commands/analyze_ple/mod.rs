//! `analyze-ple`: the prediction for one model on some or all devices.

mod cards;
mod first_release;
mod options;
mod speed;
mod text;

use crate::cli::{args, files, output};
use crate::inputs::this_machine;
use crate::{bad_input, inputs};
use clap::{Args, ValueEnum};
use dhurandhar_core::device::{Device, Source, State, registry};
use dhurandhar_core::feasibility::Mode;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::memory::{Offload, Runtime, Scenario};
use dhurandhar_core::model::{Model, Role};
use dhurandhar_core::program::{Program, registry as programs};
use dhurandhar_core::report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `analyze-ple`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// Built-in model (`dhurandhar models` lists them), a YAML profile, config.json, GGUF or safetensors file, or the name of
    /// one elsewhere: owner/name[@revision][:file or quantisation] of the Hugging Face hub, ollama:name[:tag], an https
    /// address
    #[arg(long, default_value = "gemma4-e2b")]
    model: String,
    /// Tokens that one conversation can hold [default: 4096 on phones and boards, 8192 on computers; at most the model's
    /// maximum]
    #[arg(long, allow_negative_numbers = true)]
    context_tokens: Option<u64>,
    /// Conversations decoded at the same time (llama.cpp's --parallel) [default: 1; 4 for llama-server]
    #[arg(long, alias = "parallel", value_name = "N")]
    slots: Option<u64>,
    /// Share one KV cache between all slots instead of one for each [default: shared for llama-server]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    unified_kv: Option<bool>,
    /// How weights come into memory: mmap, copy (llama.cpp's --no-mmap) or mlock [default: mmap]
    #[arg(long, value_enum)]
    load: Option<Load>,
    /// Read the weights into anonymous memory; the same as --load copy
    #[arg(long, conflicts_with = "load")]
    no_mmap: bool,
    /// Read the PLE table (per-layer embeddings) row by row: auto (above 4 GiB), on or off [default: auto]
    #[arg(long, value_enum)]
    lazy: Option<Lazy>,
    /// Keep all layers on the processor where the runtime would use a GPU
    #[arg(long)]
    cpu_only: bool,
    /// Graphics card of the device: a name such as rtx-4060 (`dhurandhar devices --cards` lists them), MiB of its
    /// memory, `integrated` for one in the host's memory, or `none`
    ///
    /// Given again for each of several cards, whose layers llama.cpp shares out by their memory
    #[arg(long, value_name = "CARD", conflicts_with = "cpu_only")]
    gpu: Vec<String>,
    /// A card of another machine whose llama.cpp worker computes its layers (--rpc): a name, or MiB of its memory
    #[arg(long, value_name = "CARD", conflicts_with = "cpu_only")]
    rpc: Vec<String>,
    /// Shares of the layers for several cards, those of other machines first, as in 3,1 [default: by their memory]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = card_share, conflicts_with = "cpu_only")]
    tensor_split: Vec<u64>,
    /// What several cards share: whole layers, or the rows of each matrix
    #[arg(long, value_enum, default_value_t = SplitMode::Layer, conflicts_with = "cpu_only")]
    split_mode: SplitMode,
    /// Where tensors lie whose names match, whatever their layer: PATTERN=CPU or PATTERN=GPU0, several with commas; the first
    /// that matches counts (llama.cpp's --override-tensor)
    #[arg(long, value_name = "PATTERN=WHERE", value_delimiter = ',', conflicts_with = "cpu_only")]
    override_tensor: Vec<String>,
    /// Layers on the GPU, with the output counted as one (llama.cpp's --n-gpu-layers): a number, all, or auto for what fits
    /// [default: auto]
    #[arg(long, alias = "n-gpu-layers", value_name = "N", value_parser = gpu_layers, conflicts_with = "cpu_only")]
    gpu_layers: Option<Offload>,
    /// Number of first layers whose experts stay on the processor (llama.cpp's --n-cpu-moe)
    #[arg(long, alias = "n-cpu-moe", value_name = "N", default_value_t = 0, conflicts_with = "cpu_only")]
    cpu_moe_layers: u64,
    /// Keep the KV cache in the processor's memory
    #[arg(long, conflicts_with = "cpu_only")]
    no_kv_offload: bool,
    /// Memory for the states of earlier prompts, MiB [default: 8192 for llama-server, which fills it over time]
    #[arg(long, value_name = "MIB")]
    prompt_cache_mib: Option<u64>,
    /// Snapshots of sliding windows and recurrent states kept for each slot [default: 32 for llama-server]
    #[arg(long, value_name = "N")]
    context_checkpoints: Option<u64>,
    /// A smaller model that proposes tokens (llama.cpp's --model-draft): built-in name or file; its memory is predicted, and
    /// the speed where --draft-acceptance is given
    #[arg(long, alias = "model-draft", value_name = "MODEL")]
    draft_model: Option<String>,
    /// Propose tokens with the model's own layers for them (multi-token prediction, llama.cpp's --spec-type draft-mtp)
    #[arg(long, conflicts_with = "draft_model")]
    mtp: bool,
    /// Weight format of the draft model [default: as stored in its file, or q4_k_m]
    #[arg(long, value_name = "FORMAT", requires = "draft_model")]
    draft_weights: Option<String>,
    /// Share of the proposed tokens that the model takes, 0 to 1: it depends on the text, and llama.cpp prints it after a run
    #[arg(long, value_name = "SHARE")]
    draft_acceptance: Option<f64>,
    /// Tokens proposed at a time [default: 3, llama.cpp's --spec-draft-n-max]
    #[arg(long, value_name = "N", requires = "draft_acceptance")]
    draft_tokens: Option<u64>,
    /// Memory limit of the control group or container that the program runs in, MiB
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=16_777_216))]
    memory_limit_mib: Option<u64>,
    /// State of the process that runs the model: foreground, service or background [default: foreground]
    #[arg(long, value_parser = args::state)]
    state: Option<State>,
    /// Weight format (q4_k_m, q8_0, int4_block32, published, ...) [default: as stored in the file, mxfp4_moe for gpt-oss,
    /// or q4_k_m]
    #[arg(long, conflicts_with = "weight_bits")]
    weights: Option<String>,
    /// Plain bits per weight without scales, as dhurandhar 0.1.2 counted them
    #[arg(long, alias = "quant-bits", value_parser = clap::value_parser!(u8).range(1..=32))]
    weight_bits: Option<u8>,
    /// Plain bits per number of the KV cache, keys and values alike
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=32))]
    kv_bits: Option<u8>,
    /// Format of cached keys (f16, q8_0, q4_0, turbo4, ..., or a number of bits) [default: f16]
    #[arg(long, alias = "k-bits", conflicts_with = "kv_bits")]
    k_format: Option<String>,
    /// Format of cached values [default: f16]
    #[arg(long, alias = "v-bits", conflicts_with = "kv_bits")]
    v_format: Option<String>,
    /// Leave the audio tower out (the default)
    #[arg(long, conflicts_with = "keep_audio")]
    strip_audio: bool,
    /// Load the audio tower
    #[arg(long)]
    keep_audio: bool,
    /// Leave the vision tower out (the default)
    #[arg(long, conflicts_with = "keep_vision")]
    strip_vision: bool,
    /// Load the vision tower
    #[arg(long)]
    keep_vision: bool,
    /// Runtime whose rules of memory apply [default: llama-cpp]
    #[arg(long, value_parser = Runtime::parse, conflicts_with = "program")]
    runtime: Option<Runtime>,
    /// A program that people run (ollama, pocketpal, ...; `dhurandhar programs` lists them), with all its defaults on the
    /// device; other options change single choices
    #[arg(long, value_name = "PROGRAM")]
    program: Option<String>,
    /// Tokens computed together while the prompt is read [default: 512]
    #[arg(long)]
    ubatch: Option<u64>,
    /// Compute attention with the full score matrix
    #[arg(long)]
    no_flash_attention: bool,
    /// Compute attention without it, under a program that does not by itself
    #[arg(long, conflicts_with = "no_flash_attention")]
    flash_attention: bool,
    /// Keep weights as they are in the file instead of making a copy for the processor
    #[arg(long)]
    no_repack: bool,
    /// Built-in device (`dhurandhar devices` lists them), YAML file, or `this` for this machine; may be repeated [default: this
    /// machine]
    #[arg(long)]
    device: Vec<String>,
    /// A line for this machine and for each built-in device
    #[arg(long, conflicts_with = "device")]
    all_devices: bool,
    /// Decoding speed that a device must reach, tokens per second
    #[arg(long, alias = "target-decode-tps", value_name = "TPS", default_value_t = 15.0)]
    target_tps: f64,
    #[command(flatten)]
    speed: speed::SpeedArgs,
    /// Share of PLE lookups found in memory when the table stays on storage, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    ple_cache_hit: f64,
    /// Formulas to use: the exact ones, or those of dhurandhar 0.1.2 to compare with its numbers
    #[arg(long, value_enum, default_value_t = Method::Exact)]
    method: Method,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Version of the JSON's schema: 2, or 1 for programs written for earlier releases
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    json_version: u8,
    /// Also write the JSON report to this file
    #[arg(long, alias = "json-out", value_name = "PATH")]
    output: Option<PathBuf>,
    /// Print Markdown tables instead
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    markdown: bool,
    /// Print CSV instead
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Exit with code 1 when the model does not run on a named device
    #[arg(long)]
    fail_if_infeasible: bool,
}

fn gpu_layers(text: &str) -> Result<Offload, &'static str> {
    Offload::parse(text).ok_or("expected auto, all, off or a number of layers")
}

/// A card's share, in thousandths.
fn card_share(text: &str) -> Result<u64, &'static str> {
    let share: f64 = text.parse().map_err(|_| "expected numbers with commas between, as in 3,1")?;
    let counts = (0.0..=1e6).contains(&share);
    if counts { Ok(to_u64((share * 1e3).round())) } else { Err("expected shares from 0 to 1000000") }
}

/// How weights come into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Mapped: clean pages, dropped and read again when memory is short
    Mmap,
    /// Read into anonymous memory
    Copy,
    /// Mapped and locked
    Mlock,
}

/// Whether a per-layer table is read row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lazy {
    /// Above 4 GiB
    Auto,
    /// Always
    On,
    /// Never
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Per tensor, per layer, per runtime
    Exact,
    /// The formulas of dhurandhar 0.1.2 over the profile's constants
    #[value(name = "v0.1", alias = "seed")]
    FirstRelease,
}

/// What several cards share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitMode {
    /// Whole layers
    Layer,
    /// The rows of each matrix
    Row,
}

impl AnalyzeArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.method == Method::FirstRelease {
            return self.run_first_release(&inputs::model::load(&self.model)?);
        }
        if self.json_version == 1 && !self.json && self.output.is_none() {
            return Err(bad_input("`--json-version 1` without JSON; expected --json or --output, too"));
        }
        let devices = self.devices()?;
        // Where a name leaves a choice, the message says what of it runs on the devices that are asked for.
        let model = inputs::model::load_for(&self.model, if self.all_devices { &[] } else { &devices })?;
        let of = &model.architecture;
        let towers = [
            (self.keep_vision, "vision", Role::Vision, of.vision.is_some()),
            (self.keep_audio, "audio", Role::Audio, of.audio.is_some()),
        ];
        for (asked, name, role, described) in towers {
            let there = described || model.tensors.iter().any(|tensor| tensor.role == role);
            if asked && !there && of.uncounted.is_empty() {
                output::note(&format!(
                    "{} has no {name} tower that is known here; nothing is added for it",
                    of.name
                ));
            }
        }
        let (devices, remarks) = self.speed.calibrated(devices)?;
        let program = self.program.as_deref().map(programs::program).transpose().map_err(bad_input)?;
        let devices = match program {
            Some(program) => devices.iter().map(|device| program.permitted(device)).collect(),
            None => devices,
        };
        let report = match program {
            Some(program) => self.by_program(&model, program, &devices)?,
            None => self.report(&model, &devices)?,
        };
        // For all built-in devices the tables have no room for it, and data would be several times as long.
        let report =
            if self.all_devices { report } else { report.explained(&model, &devices).map_err(bad_input)? };
        let json = if self.json_version == 1 { report.to_json_v1() } else { report.to_json() };
        if let Some(path) = &self.output {
            files::save(path, &json)?;
        }
        if self.json {
            output::print(&json)?;
        } else if self.markdown {
            output::print(&report.to_markdown())?;
        } else if self.csv {
            output::print(&report.to_csv())?;
        } else {
            output::print(&text::report(&report, &devices, !self.all_devices, &remarks))?;
        }
        let failed = self.fail_if_infeasible && report.devices.iter().any(|d| d.mode == Mode::Infeasible);
        Ok(ExitCode::from(u8::from(failed)))
    }

    /// At the asked context, or at what is usual on each device.
    fn report(&self, model: &Model, devices: &[Device]) -> anyhow::Result<Report> {
        let runtime = self.runtime.unwrap_or(Runtime::LlamaCpp);
        let mut scenario = Scenario::for_runtime(model, runtime);
        self.options(model)?.apply(&mut scenario);
        cards::check_system(runtime, devices)?;
        cards::check(runtime, devices, &scenario)?;
        if self.context_tokens.is_some() {
            return Report::new(model, &scenario, devices, self.ple_cache_hit).map_err(bad_input);
        }
        if let [device] = devices {
            let usual = device.form.usual_context_tokens();
            scenario.context_tokens = usual.min(model.architecture.max_context_tokens);
        }
        Report::at_usual_contexts(model, &scenario, devices, self.ple_cache_hit).map_err(bad_input)
    }

    /// As a program runs it by itself, but for what the options ask for.
    fn by_program(&self, model: &Model, program: &Program, devices: &[Device]) -> anyhow::Result<Report> {
        let there: Vec<Device>;
        let devices = if self.all_devices {
            there = devices.iter().filter(|device| program.runs_on(device)).cloned().collect();
            &there
        } else {
            devices
        };
        let options = self.options(model)?;
        let mut scenario = Scenario::for_runtime(model, program.runtime);
        options.apply(&mut scenario);
        cards::check(program.runtime, devices, &scenario)?;
        let change = |scenario: &mut Scenario| options.apply(scenario);
        Report::by_program(model, program, devices, self.ple_cache_hit, self.context_tokens, change)
            .map_err(bad_input)
    }

    fn devices(&self) -> anyhow::Result<Vec<Device>> {
        let mut devices: Vec<Device> = if self.all_devices
            || self.method == Method::FirstRelease && self.device.is_empty()
        {
            // Where a system does not know the state, there is nothing to say.
            let knows =
                |device: &Device| self.state.is_none_or(|state| device.platform.check_state(state).is_ok());
            // A system that does not say what it is has no line of its own, and the first release knew no machine but those.
            let this = if self.all_devices { this_machine::device().ok() } else { None };
            this.into_iter().chain(registry::devices()).filter(knows).collect()
        } else if self.device.is_empty() {
            vec![this_machine::device()?]
        } else {
            self.device.iter().map(|name| inputs::device::load(name)).collect::<anyhow::Result<_>>()?
        };
        cards::give(&mut devices, &self.gpu, &self.rpc)?;
        let asked = !matches!(self.gpu_layers, None | Some(Offload::Auto | Offload::Off));
        let named = !self.all_devices;
        let has_none = |device: &&Device| device.gpu.is_none() && device.more_gpus.is_empty();
        if let Some(device) = devices.iter().filter(|_| asked && named).find(has_none) {
            let text =
                format!("layers on the GPU of {}, which has none; expected --gpu with a card", device.name);
            return Err(bad_input(text));
        }
        let of_cards = [
            (!self.tensor_split.is_empty(), "--tensor-split"),
            (self.split_mode == SplitMode::Row, "--split-mode row"),
            (self.no_kv_offload, "--no-kv-offload"),
            (!self.override_tensor.is_empty(), "--override-tensor"),
        ];
        let option = of_cards.into_iter().find_map(|(given, option)| given.then_some(option));
        if let Some((option, device)) = option.zip(devices.iter().filter(|_| named).find(has_none)) {
            let name = &device.name;
            return Err(bad_input(format!(
                "`{option}` on {name}, which has no GPU; expected --gpu with a card"
            )));
        }
        if let Some(state) = self.state.filter(|_| !self.all_devices) {
            for device in &devices {
                let known = device.platform.check_state(state);
                known.map_err(|error| bad_input(format!("`--state` on {}: {error}", device.name)))?;
            }
        }
        if let Some(stated) = self.memory_limit_mib {
            // A limit that the machine has already holds where it is the lesser.
            for device in devices.iter_mut().filter(|device| device.cgroup_mib.is_none_or(|own| stated < own))
            {
                device.cgroup_mib = Some(stated);
                device.sources.add("cgroup_mib", Source::parse("as --memory-limit-mib states it"));
            }
        }
        Ok(devices)
    }
}
