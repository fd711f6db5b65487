//! What a training run is asked to do: a YAML file, with single fields replaced on the command line.
//!
//! Field names are those of the first version's `configs/*.yaml`, which follow PEFT and transformers. Settings that
//! mean nothing here (a paged optimiser) are accepted and answered with a note.

use super::overrides;
use dhurandhar_core::format::document::{DocumentError, Fields, Value, parse_yaml};
use dhurandhar_core::training::{Base, Mode, ScheduleKind};
use std::path::PathBuf;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Checkpoint file or folder; a built-in model's name for `--dry-run`.
    pub(crate) base_model: String,
    /// JSON lines or text, or a folder with one file per split.
    pub(crate) dataset: Option<PathBuf>,
    /// File name, without ending, of the training split in a folder.
    pub(crate) split_train: String,
    /// The same for evaluation.
    pub(crate) split_eval: String,
    /// Share of a single file's examples kept for evaluation.
    pub(crate) eval_fraction: f64,
    /// How conversations are written.
    pub(crate) template: TemplateChoice,
    /// Train on all tokens instead of replies and completions only.
    pub(crate) train_on_prompt: bool,
    /// What happens to examples longer than `max_seq_length`.
    pub(crate) overlong: Overlong,
    /// Leave audio towers out; they are never loaded, so this only decides whether that is reported.
    pub(crate) strip_audio_encoder: bool,
    /// Prompts that are answered without and with the adapter after the run, for its card and report.
    pub(crate) sample_prompts: Vec<String>,
    /// What the report calls the machine.
    pub(crate) device_name: Option<String>,
    /// Adapters.
    pub(crate) lora: LoraConfig,
    /// The loop.
    pub(crate) training: TrainingConfig,
    /// How the base is kept.
    pub(crate) base: Base,
    /// Products in half precision, where a GPU can compute in it (`bf16`, `fp16`, `bnb_4bit_compute_dtype`).
    pub(crate) half: bool,
    /// Settings that were accepted and change nothing, in sentences.
    pub(crate) notes: Vec<String>,
}

/// Adapters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoraConfig {
    /// Rank.
    pub(crate) r: u64,
    /// Numerator of the scale.
    pub(crate) alpha: f64,
    /// Share of inputs dropped in training.
    pub(crate) dropout: f64,
    /// Divide by `sqrt(r)` instead of `r` (Kalajdzievski, arXiv:2312.03732).
    pub(crate) use_rslora: bool,
    /// Learn the lengths of the adapted matrices' rows too (Liu et al., arXiv:2402.09353).
    pub(crate) use_dora: bool,
    /// Names, or one pattern.
    pub(crate) targets: Targets,
    /// Layers that are adapted; all where none are named.
    pub(crate) layers: Option<Vec<u64>>,
}

/// Which modules are adapted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// Module names such as `q_proj`, or ends of paths such as `self_attn.q_proj`.
    Names(Vec<String>),
    /// A regular expression over whole paths such as `model.layers.3.self_attn.q_proj`, as in PEFT.
    Pattern(String),
}

/// The loop.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrainingConfig {
    /// Folder that everything is written to.
    pub(crate) output_dir: PathBuf,
    /// Passes over the data.
    pub(crate) epochs: f64,
    /// Steps, whatever the epochs; `None` lets the epochs decide.
    pub(crate) max_steps: Option<u64>,
    /// Rows of one pass.
    pub(crate) batch: usize,
    /// Passes of one step.
    pub(crate) accumulation: usize,
    /// Longest sequence, in tokens.
    pub(crate) max_seq_length: usize,
    /// Several examples in one row, blind to each other.
    pub(crate) packing: bool,
    /// Gradients.
    pub(crate) mode: Mode,
    /// Peak rate.
    pub(crate) learning_rate: f64,
    /// After the warm-up.
    pub(crate) schedule: ScheduleKind,
    /// Share of steps that warm up.
    pub(crate) warmup_ratio: f64,
    /// Steps that warm up; overrides the share.
    pub(crate) warmup_steps: Option<u64>,
    /// Decoupled weight decay.
    pub(crate) weight_decay: f64,
    /// First and second decay.
    pub(crate) betas: (f64, f64),
    /// Denominator's epsilon.
    pub(crate) eps: f64,
    /// Largest global gradient norm; 0 clips nothing.
    pub(crate) max_grad_norm: f64,
    /// Steps between lines of progress.
    pub(crate) logging_steps: u64,
    /// Steps between evaluations; 0 evaluates at the start and the end only.
    pub(crate) eval_steps: u64,
    /// Steps between checkpoints; 0 writes one at the end only.
    pub(crate) save_steps: u64,
    /// Evaluate after every pass over the data.
    pub(crate) eval_epochs: bool,
    /// Write a checkpoint after every pass over the data.
    pub(crate) save_epochs: bool,
    /// Checkpoints kept beside the best one.
    pub(crate) save_total_limit: usize,
    /// Evaluations without a better loss after which the run ends; 0 never ends it early.
    pub(crate) early_stopping_patience: u64,
    /// Shuffling, splits, initial adapters and dropout follow from it.
    pub(crate) seed: u64,
}

/// How conversations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemplateChoice {
    /// The checkpoint's own template.
    Checkpoint,
    /// ChatML.
    ChatMl,
    /// None: prompt and completion one after the other.
    Plain,
}

/// What happens to an example longer than `max_seq_length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlong {
    /// The run is refused.
    Error,
    /// Its end is cut off.
    Truncate,
    /// It is left out.
    Skip,
}

impl Config {
    /// Parse a file, with `path=value` replacements applied first.
    ///
    /// # Errors
    /// [`DocumentError`] names the file, line and field, and the nearest known name of one that is unknown.
    pub(crate) fn parse(source: &str, text: &str, replacements: &[String]) -> Result<Self, DocumentError> {
        let mut node = parse_yaml(source, text)?;
        if node.value == Value::Null {
            node.value = Value::Map(Vec::new());
        }
        for replacement in replacements {
            overrides::replace(&mut node, replacement)?;
        }
        let fields = Fields::of(source, &node)?;
        let (mut notes, mut half) = (Vec::new(), false);
        let config = Self {
            base_model: fields.require_text("base_model")?.to_owned(),
            dataset: fields.text("dataset_name")?.map(PathBuf::from),
            split_train: fields.text("dataset_split_train")?.unwrap_or("train").to_owned(),
            split_eval: fields.text("dataset_split_eval")?.unwrap_or("validation").to_owned(),
            eval_fraction: fields.number("eval_fraction", 0.0..=0.9)?.unwrap_or(0.0),
            template: template(&fields)?,
            train_on_prompt: fields.flag("train_on_prompt")?.unwrap_or(false),
            overlong: fields
                .choice(
                    "overlong",
                    &[("error", Overlong::Error), ("truncate", Overlong::Truncate), ("skip", Overlong::Skip)],
                )?
                .unwrap_or(Overlong::Error),
            strip_audio_encoder: fields.flag("strip_audio_encoder")?.unwrap_or(true),
            sample_prompts: fields.texts("sample_prompts")?,
            device_name: fields.text("device_name")?.map(str::to_owned),
            lora: lora(fields.map("lora")?.as_ref())?,
            training: training(fields.map("training")?.as_ref(), &mut notes, &mut half)?,
            base: base(fields.map("quantization")?.as_ref(), &mut half)?,
            half: false,
            notes: Vec::new(),
        };
        if fields.has("hf_token") {
            notes.push("hf_token is not used: nothing is downloaded".into());
        }
        fields.finish()?;
        Ok(Self { half, notes, ..config })
    }
}

fn template(fields: &Fields<'_>) -> Result<TemplateChoice, DocumentError> {
    let choices = [
        ("checkpoint", TemplateChoice::Checkpoint),
        ("gemma4", TemplateChoice::Checkpoint),
        ("chatml", TemplateChoice::ChatMl),
        ("none", TemplateChoice::Plain),
    ];
    Ok(fields.choice("chat_template", &choices)?.unwrap_or(TemplateChoice::Checkpoint))
}

fn lora(fields: Option<&Fields<'_>>) -> Result<LoraConfig, DocumentError> {
    let mut config = LoraConfig {
        r: 16,
        alpha: 32.0,
        dropout: 0.05,
        use_rslora: false,
        use_dora: false,
        targets: Targets::Names(
            dhurandhar_core::training::Target::ALL.iter().map(|target| target.module().to_owned()).collect(),
        ),
        layers: None,
    };
    let Some(fields) = fields else { return Ok(config) };
    config.r = fields.integer("r", 1..=1 << 16)?.unwrap_or(config.r);
    config.alpha = fields.number("alpha", 1e-6..=1e6)?.unwrap_or(config.alpha);
    // A share of one would drop everything.
    config.dropout = fields.number("dropout", 0.0..=0.99)?.unwrap_or(config.dropout);
    config.use_rslora = fields.flag("use_rslora")?.unwrap_or(false);
    config.targets = targets(fields)?.unwrap_or(config.targets);
    config.layers = fields.integers("layers_to_transform", 0..=65_535)?.filter(|layers| !layers.is_empty());
    // What PEFT writes into its files and nothing here depends on.
    only(fields, "peft_type", "LORA")?;
    fields.flag("inference_mode")?;
    for (name, sole) in [("fan_in_fan_out", false), ("init_lora_weights", true)] {
        if let Some(stated) = fields.flag(name)?.filter(|stated| *stated != sole) {
            let expected = format!("{sole}, the only one offered");
            return Err(fields.wrong_value(name, &stated.to_string(), &expected));
        }
    }
    only(fields, "bias", "none")?;
    only(fields, "task_type", "CAUSAL_LM")?;
    config.use_dora = fields.flag("use_dora")?.unwrap_or(false);
    if !fields.texts("modules_to_save")?.is_empty() {
        return Err(fields.wrong_value(
            "modules_to_save",
            "a list",
            "an empty list: only adapters are trained",
        ));
    }
    fields.finish()?;
    Ok(config)
}

fn targets(fields: &Fields<'_>) -> Result<Option<Targets>, DocumentError> {
    let Some(node) = fields.node("target_modules") else { return Ok(None) };
    if let Value::Text(pattern) = &node.value {
        // PEFT's word for every projection of the layers, which is what is adapted when nothing is named.
        let all = pattern.eq_ignore_ascii_case("all-linear");
        return Ok((!all).then(|| Targets::Pattern(pattern.clone())));
    }
    let names = fields.texts("target_modules")?;
    if names.is_empty() {
        return Err(fields.wrong("target_modules", node, "at least one module name, or a pattern"));
    }
    Ok(Some(Targets::Names(names)))
}

/// A setting that can have one value only.
fn only(fields: &Fields<'_>, name: &'static str, value: &str) -> Result<(), DocumentError> {
    match fields.text(name)? {
        Some(found) if found != value => {
            Err(fields.wrong_value(name, &format!("{found:?}"), &format!("{value:?}, the only one offered")))
        }
        _ => Ok(()),
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            output_dir: PathBuf::from("outputs/lora"),
            epochs: 3.0,
            max_steps: None,
            batch: 4,
            accumulation: 4,
            max_seq_length: 4096,
            packing: false,
            mode: Mode::LayerWise,
            learning_rate: 2e-4,
            schedule: ScheduleKind::Cosine,
            warmup_ratio: 0.1,
            warmup_steps: None,
            weight_decay: 0.0,
            betas: (0.9, 0.999),
            eps: 1e-8,
            max_grad_norm: 1.0,
            logging_steps: 10,
            eval_steps: 100,
            save_steps: 500,
            eval_epochs: false,
            save_epochs: false,
            save_total_limit: 3,
            early_stopping_patience: 0,
            seed: 42,
        }
    }
}

fn training(
    fields: Option<&Fields<'_>>,
    notes: &mut Vec<String>,
    half: &mut bool,
) -> Result<TrainingConfig, DocumentError> {
    let mut config = TrainingConfig::default();
    let Some(fields) = fields else { return Ok(config) };
    let count = |name, range| -> Result<Option<usize>, DocumentError> {
        Ok(fields.integer(name, range)?.and_then(|count| usize::try_from(count).ok()))
    };
    config.output_dir = fields.text("output_dir")?.map_or(config.output_dir, PathBuf::from);
    config.epochs = fields.number("num_train_epochs", 0.0..=1e6)?.unwrap_or(config.epochs);
    config.max_steps = fields.integer("max_steps", 1..=1_000_000_000)?;
    config.batch = count("per_device_train_batch_size", 1..=4096)?.unwrap_or(config.batch);
    config.accumulation = count("gradient_accumulation_steps", 1..=65_536)?.unwrap_or(config.accumulation);
    config.max_seq_length = count("max_seq_length", 2..=1 << 24)?.unwrap_or(config.max_seq_length);
    config.packing = fields.flag("packing")?.unwrap_or(config.packing);
    if fields.flag("gradient_checkpointing")? == Some(false) {
        config.mode = Mode::FullTape;
    }
    let rate = fields.number("learning_rate", 0.0..=10.0)?;
    config.learning_rate = rate.unwrap_or(config.learning_rate);
    let schedules = [
        ("cosine", ScheduleKind::Cosine),
        ("linear", ScheduleKind::Linear),
        ("constant", ScheduleKind::Constant),
        ("constant_with_warmup", ScheduleKind::Constant),
    ];
    config.schedule = fields.choice("lr_scheduler_type", &schedules)?.unwrap_or(config.schedule);
    config.warmup_ratio = fields.number("warmup_ratio", 0.0..=1.0)?.unwrap_or(config.warmup_ratio);
    config.warmup_steps = fields.integer("warmup_steps", 0..=1_000_000_000)?;
    config.weight_decay = fields.number("weight_decay", 0.0..=10.0)?.unwrap_or(config.weight_decay);
    config.betas.0 = fields.number("adam_beta1", 0.0..=0.999_999)?.unwrap_or(config.betas.0);
    config.betas.1 = fields.number("adam_beta2", 0.0..=0.999_999_9)?.unwrap_or(config.betas.1);
    config.eps = fields.number("adam_epsilon", 0.0..=1.0)?.unwrap_or(config.eps);
    config.max_grad_norm = fields.number("max_grad_norm", 0.0..=1e9)?.unwrap_or(config.max_grad_norm);
    config.logging_steps = fields.integer("logging_steps", 1..=1_000_000)?.unwrap_or(config.logging_steps);
    (config.eval_steps, config.eval_epochs) =
        every(fields, "eval_strategy", "eval_steps", config.eval_steps)?;
    (config.save_steps, config.save_epochs) =
        every(fields, "save_strategy", "save_steps", config.save_steps)?;
    config.save_total_limit = count("save_total_limit", 1..=1_000_000)?.unwrap_or(config.save_total_limit);
    config.early_stopping_patience = fields.integer("early_stopping_patience", 0..=1_000_000)?.unwrap_or(0);
    config.seed = fields.integer("seed", 0..=u64::MAX)?.unwrap_or(config.seed);
    accepted(fields, notes, half)?;
    fields.finish()?;
    Ok(config)
}

/// Steps between two events of a kind, 0 where its strategy says `no` or `epoch`; and whether it says `epoch`.
fn every(
    fields: &Fields<'_>,
    strategy: &'static str,
    steps: &'static str,
    unstated: u64,
) -> Result<(u64, bool), DocumentError> {
    let choices = [("steps", (true, false)), ("epoch", (false, true)), ("no", (false, false))];
    let (by_steps, by_epochs) = fields.choice(strategy, &choices)?.unwrap_or((true, false));
    let steps = fields.integer(steps, 0..=1_000_000_000)?.unwrap_or(unstated);
    Ok((if by_steps { steps } else { 0 }, by_epochs))
}

/// Settings of other trainers that change nothing here.
fn accepted(fields: &Fields<'_>, notes: &mut Vec<String>, half: &mut bool) -> Result<(), DocumentError> {
    *half |= [fields.flag("bf16")?, fields.flag("fp16")?].contains(&Some(true));
    let known = [
        "adamw_torch",
        "adamw_torch_fused",
        "adamw_8bit",
        "adamw_bnb_8bit",
        "paged_adamw_8bit",
        "paged_adamw_32bit",
    ];
    let known: Vec<(&str, &str)> = known.iter().map(|name| (*name, *name)).collect();
    if fields.choice("optim", &known)?.is_some_and(|name| name.contains('8') || name.contains("paged")) {
        notes.push(
            "optim: AdamW keeps f32 moments of the adapters only, in main memory; 8 bits would save about 4 % of the plan".into(),
        );
    }
    fields.integer("per_device_eval_batch_size", 1..=4096)?;
    if fields.text("report_to")?.is_some_and(|to| to != "none") {
        notes.push("report_to: metrics go to metrics.jsonl in the output folder".into());
    }
    Ok(())
}

fn base(fields: Option<&Fields<'_>>, half: &mut bool) -> Result<Base, DocumentError> {
    let Some(fields) = fields else { return Ok(Base::Nf4Double) };
    let packed = fields.flag("load_in_4bit")?.unwrap_or(true);
    let double = fields.flag("bnb_4bit_use_double_quant")?.unwrap_or(true);
    only(fields, "bnb_4bit_quant_type", "nf4")?;
    let formats = [("float32", false), ("bfloat16", true), ("float16", true)];
    *half |= fields.choice("bnb_4bit_compute_dtype", &formats)?.unwrap_or(false);
    fields.finish()?;
    Ok(match (packed, double) {
        (false, _) => Base::Checkpoint,
        (true, false) => Base::Nf4,
        (true, true) => Base::Nf4Double,
    })
}
