//! Configurations: the first version's file, replacements, refusals.

use crate::train::config::{Config, Targets, TrainingConfig};
use dhurandhar_core::training::{Base, Mode};

const SEED: &str = "base_model: google/gemma-4-E2B-it\ndataset_name: chat.jsonl\ndataset_split_train: train_sft\n\
    dataset_split_eval: test_sft\nchat_template: gemma4\nstrip_audio_encoder: true\nlora:\n  r: 16\n  alpha: 32\n  \
    dropout: 0.05\n  target_modules: [q_proj, v_proj]\n  bias: none\n  task_type: CAUSAL_LM\ntraining:\n  \
    output_dir: ./outputs/x\n  num_train_epochs: 3\n  per_device_train_batch_size: 4\n  \
    per_device_eval_batch_size: 4\n  gradient_accumulation_steps: 4\n  gradient_checkpointing: true\n  \
    learning_rate: 2.0e-4\n  lr_scheduler_type: cosine\n  warmup_ratio: 0.1\n  max_seq_length: 4096\n  bf16: true\n  \
    fp16: false\n  optim: paged_adamw_8bit\n  logging_steps: 10\n  eval_strategy: steps\n  eval_steps: 100\n  \
    save_strategy: steps\n  save_steps: 500\n  save_total_limit: 3\n  report_to: tensorboard\n  seed: 42\n\
    quantization:\n  load_in_4bit: true\n  bnb_4bit_quant_type: nf4\n  bnb_4bit_use_double_quant: true\n  \
    bnb_4bit_compute_dtype: bfloat16\n";

#[test]
fn the_first_versions_file_reads_with_notes() {
    let config = Config::parse("seed.yaml", SEED, &[]).unwrap();
    assert_eq!(config.lora.targets, Targets::Names(vec!["q_proj".into(), "v_proj".into()]));
    assert_eq!((config.training.batch, config.training.accumulation), (4, 4));
    assert_eq!(config.base, Base::Nf4Double);
    assert!(config.half);
    assert_eq!(config.notes.len(), 2, "{:?}", config.notes);
}

#[test]
fn words_of_other_trainers_are_understood() {
    let set = |list: &[&str]| {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        Config::parse("c.yaml", SEED, &list)
    };
    let config = set(&[
        "lora.target_modules=all-linear",
        "lora.layers_to_transform=[1, 3]",
        "lora.inference_mode=false",
        "training.eval_strategy=epoch",
        "training.save_strategy=epoch",
    ])
    .unwrap();
    assert_eq!(config.lora.targets, Config::parse("c.yaml", "base_model: m\n", &[]).unwrap().lora.targets);
    assert_eq!(config.lora.layers, Some(vec![1, 3]));
    assert_eq!((config.training.eval_steps, config.training.eval_epochs), (0, true));
    assert_eq!((config.training.save_steps, config.training.save_epochs), (0, true));
    let error = set(&["lora.fan_in_fan_out=true"]).unwrap_err().to_string();
    assert!(error.contains("`lora.fan_in_fan_out` is true; expected false"), "{error}");
}

#[test]
fn defaults_are_those_of_an_empty_file() {
    let config = Config::parse("c.yaml", "base_model: m\n", &[]).unwrap();
    assert_eq!(config.training, TrainingConfig::default());
    assert_eq!((config.lora.r, config.lora.dropout), (16, 0.05));
    assert_eq!(config.training.mode, Mode::LayerWise);
}

#[test]
fn replacements_win_and_are_checked_alike() {
    let set = |list: &[&str]| {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        Config::parse("c.yaml", SEED, &list)
    };
    let config = set(&["lora.r=8", "training.packing=true", "eval_fraction=0.1"]).unwrap();
    assert_eq!((config.lora.r, config.training.packing), (8, true));
    assert!((config.eval_fraction - 0.1).abs() < 1e-12);
    assert!(set(&["lora.rank=8"]).unwrap_err().to_string().contains("unknown field `lora.rank`"));
    assert!(set(&["lora"]).unwrap_err().to_string().contains("no `=`"));
    assert!(set(&["lora.r.x=8"]).unwrap_err().to_string().contains("expected named fields"));
}

#[test]
fn bad_values_are_named_with_what_was_expected() {
    for (text, wanted) in [
        ("lora:\n  r: 0\n", "c.yaml:3: field `lora.r` is 0; expected a whole number from 1"),
        ("lora:\n  alpha: -1\n", "field `lora.alpha` is -1"),
        ("lora:\n  dropout: 1.0\n", "field `lora.dropout` is 1"),
        ("lora:\n  target_modules: []\n", "at least one module name"),
        ("lora:\n  bias: all\n", "\"none\", the only one offered"),
        ("training:\n  learning_rte: 1\n", "did you mean `learning_rate`?"),
        ("overlong: shorten\n", "one of error, truncate, skip"),
    ] {
        let error = Config::parse("c.yaml", &format!("base_model: m\n{text}"), &[]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    assert!(Config::parse("c.yaml", "", &[]).unwrap_err().to_string().contains("`base_model` is missing"));
}
