//! The loop: modes agree, sequences are blind to each other, runs resume to the bit, interruptions lose nothing.

use super::*;
use crate::decoder::BackendChoice;
use crate::train::config::Config;
use crate::train::data::{Example, Split};
use crate::train::params::Pair;
use crate::train::targets::Selector;
use crate::train::trainer::{Event, Trainer};
use crate::train::{TrainError, peft, saved};
use dhurandhar_core::measurement::Ending;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn split(vocab: u32) -> Split {
    let one = |line: usize| {
        let length = 6 + line % 7;
        let word = |at: usize| 3 + u32::try_from(line * 31 + at * 17).unwrap() % (vocab - 3);
        let ids: Vec<u32> = (0..length).map(word).collect();
        Example { trained: (0..length).map(|at| at > 2).collect(), ids, line }
    };
    Split { train: (0..12).map(one).collect(), eval: (20..23).map(one).collect(), notes: Vec::new() }
}

fn config(out: &Path, more: &[&str]) -> Config {
    let text = format!(
        "base_model: tiny\nlora:\n  r: 2\n  alpha: 4\n  dropout: 0.1\ntraining:\n  output_dir: {}\n  max_steps: 6\n  \
         per_device_train_batch_size: 2\n  gradient_accumulation_steps: 2\n  max_seq_length: 32\n  eval_steps: 2\n  \
         save_steps: 3\n  learning_rate: 0.005\n",
        serde_json::json!(out)
    );
    let more: Vec<String> = more.iter().map(ToString::to_string).collect();
    Config::parse("test.yaml", &text, &more).unwrap()
}

/// Move `B` away from zero, and magnitudes away from the base's.
fn grow(pair: &mut Pair) {
    let [a, b, lengths] = &mut pair.factors;
    b.iter_mut().zip(a.iter()).for_each(|(b, a)| *b = a / 2.0);
    lengths.iter_mut().zip(a.iter()).for_each(|(length, a)| *length *= 1.0 + a / 4.0);
}

/// Run to the end, or until so many steps are done; gives the losses.
fn train(
    decoder: &Decoder,
    config: &Config,
    split: &Split,
    until: u64,
    resume: bool,
) -> Result<(Vec<f64>, Ending, Parameters), TrainError> {
    let plan = adapters(decoder, config.lora.r);
    let plan = if config.lora.use_dora { plan.with_magnitudes() } else { plan };
    let mut trainer = Trainer::new(config, decoder, &plan, split)?;
    if resume {
        trainer.resume(&model(decoder))?;
    }
    let stop = AtomicBool::new(false);
    let mut losses = Vec::new();
    let ending = trainer.run(&stop, &mut |event| {
        if let Event::Step(step) = event {
            losses.push(step.loss);
            stop.store(step.step >= until, Ordering::Relaxed);
        }
        Ok(())
    })?;
    trainer.export()?;
    Ok((losses, ending, trainer.parameters))
}

#[test]
fn layer_wise_and_full_tape_agree_on_every_family_and_base() {
    for name in ["llama", "qwen3", "granite", "gemma3", "gemma3n", "gemma4"] {
        for (keep, nf4) in [(Keep::Mapped, None), (Keep::Nf4 { double: true }, Some(true))] {
            let decoder = decoder(name, Backend::cpu(), keep);
            let dense = super::decoder(name, Backend::cpu(), Keep::Dense { nf4 });
            let mut parameters = Parameters::initial(&adapters(&decoder, 3), 2.0, 9);
            for pair in &mut parameters.pairs {
                grow(pair);
            }
            let split = split(128);
            let batch = crate::train::data::batch(&split.train, &[0, 3, 5]);
            let run = |decoder, mode| gradients(decoder, &parameters, std::slice::from_ref(&batch), mode);
            let (left, one) = run(&decoder, Mode::LayerWise);
            for other in [&decoder, &dense] {
                let (right, two) = run(other, Mode::FullTape);
                let apart = distance(&left, &right);
                assert!((one - two).abs() < 1e-5 && apart < 1e-4, "{name} {keep:?}: {one} {two} {apart:e}");
            }
        }
    }
}

#[test]
fn sequences_side_by_side_do_not_see_each_other() {
    for name in ["llama", "gemma4"] {
        let decoder = decoder(name, Backend::cpu(), Keep::Mapped);
        let parameters = Parameters::initial(&adapters(&decoder, 3), 2.0, 9);
        let split = split(128);
        let together = crate::train::data::batch(&split.train, &[1, 2, 8]);
        let apart: Vec<Batch> =
            [1, 2, 8].into_iter().map(|index| crate::train::data::batch(&split.train, &[index])).collect();
        let (left, one) = gradients(&decoder, &parameters, &[together], Mode::LayerWise);
        let (right, two) = gradients(&decoder, &parameters, &apart, Mode::LayerWise);
        let between = distance(&left, &right);
        assert!((one - two).abs() < 1e-5 && between < 1e-4, "{name}: {one} {two} {between:e}");
    }
}

#[test]
fn a_resumed_run_is_the_same_run() {
    let (straight, halved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let decoder = decoder("llama", Backend::cpu(), Keep::Nf4 { double: true });
    let split = split(128);
    let whole = config(straight.path(), &["training.packing=true"]);
    let (wanted, ending, parameters) = train(&decoder, &whole, &split, 99, false).unwrap();
    assert_eq!((wanted.len(), ending), (6, Ending::Complete));
    let parts = config(halved.path(), &["training.packing=true"]);
    let (first, ending, _) = train(&decoder, &parts, &split, 3, false).unwrap();
    assert_eq!((first.len(), ending), (3, Ending::Interrupted));
    // What a killed process leaves does not count.
    std::fs::create_dir(halved.path().join(".partial-checkpoint-000005")).unwrap();
    let (second, _, resumed) = train(&decoder, &parts, &split, 99, true).unwrap();
    assert_eq!([first, second].concat(), wanted);
    assert_eq!(resumed, parameters);
    let bytes = |folder: &Path| std::fs::read(folder.join(peft::TENSORS)).unwrap();
    assert_eq!(bytes(straight.path()), bytes(halved.path()));
    assert_eq!(saved::steps(halved.path()), [3, 6]);
}

/// 12 examples, two rows a pass and two passes a step: three steps an epoch.
#[test]
fn a_strategy_of_epochs_saves_and_evaluates_after_each() {
    let decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let run = |more: &[&str], until: u64| {
        let folder = tempfile::tempdir().unwrap();
        let more = [&["training.max_steps=8"], more].concat();
        let config = config(folder.path(), &more);
        let plan = adapters(&decoder, config.lora.r);
        let mut trainer = Trainer::new(&config, &decoder, &plan, &split).unwrap();
        let (stop, mut evaluated) = (AtomicBool::new(false), Vec::new());
        let mut observe = |event: &Event| {
            match event {
                Event::Eval(evaluation) => evaluated.push(evaluation.step),
                Event::Step(step) => stop.store(step.step >= until, Ordering::Relaxed),
                Event::Saved { .. } => {}
            }
            Ok(())
        };
        trainer.run(&stop, &mut observe).unwrap();
        (saved::steps(folder.path()), evaluated)
    };
    let both = ["training.save_strategy=epoch", "training.eval_strategy=epoch"];
    assert_eq!(run(&both, 99), (vec![3, 6, 8], vec![0, 3, 6, 8]));
    // `save_steps` and `eval_steps` of the file, 3 and 2, mean nothing then; with the other strategy they do.
    assert_eq!(run(&both[..1], 99), (vec![3, 6, 8], vec![0, 2, 4, 6, 8]));
    assert_eq!(run(&["training.save_strategy=no", both[1]], 99), (vec![8], vec![0, 3, 6, 8]));
    // An interruption within an epoch saves there.
    assert_eq!(run(&both, 4), (vec![3, 4], vec![0, 3]));
}

/// `layers_to_transform`, as PEFT has it: the other layers stay without an adapter, on disk and in what is computed.
#[test]
fn only_the_layers_that_are_named_are_adapted() {
    let folder = tempfile::tempdir().unwrap();
    let mut decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let mut config = config(folder.path(), &["lora.layers_to_transform=[1]", "training.max_steps=2"]);
    let selector = Selector::of(&config.lora, decoder.checkpoint().module_root()).unwrap();
    let plan =
        AdapterPlan::new(&model(&decoder), config.lora.r, |layer, target| selector.picks(layer, target))
            .unwrap();
    assert!(!plan.shapes.is_empty() && plan.shapes.iter().all(|shape| shape.layer == 1));
    let split = split(128);
    let mut trainer = Trainer::new(&config, &decoder, &plan, &split).unwrap();
    trainer.run(&AtomicBool::new(false), &mut |_| Ok(())).unwrap();
    trainer.export().unwrap();
    let parameters = trainer.parameters;
    let file = TensorFile::read(&folder.path().join(peft::TENSORS)).unwrap();
    assert_eq!(file.tensors.len(), 2 * plan.shapes.len());
    assert!(file.tensors.keys().all(|name| name.contains(".layers.1.")), "{:?}", file.tensors.keys());
    let text = std::fs::read_to_string(folder.path().join(peft::CONFIG)).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["layers_to_transform"],
        serde_json::json!([1])
    );
    assert_eq!(peft::load(folder.path(), &model(&decoder)).unwrap(), parameters);
    // What is trained moves the model, and layer 1 alone moves it as much.
    let logits = |decoder: &Decoder| {
        let hidden = decoder.forward(&[5, 9, 70, 31, 8], &mut decoder.new_cache(), None).unwrap();
        decoder.next_logits(&hidden).unwrap()
    };
    let plain = logits(&decoder);
    decoder.attach(parameters.on_device(&decoder).plain(None));
    assert_ne!(logits(&decoder), plain);
    // A layer that the model does not have leaves nothing to train.
    config.lora.layers = Some(vec![99]);
    let selector = Selector::of(&config.lora, decoder.checkpoint().module_root()).unwrap();
    let none = AdapterPlan::new(&model(&decoder), 2, |layer, target| selector.picks(layer, target));
    assert!(none.is_err(), "{none:?}");
}

#[test]
fn dora_resumes_merges_and_generates_as_trained() {
    let folder = tempfile::tempdir().unwrap();
    let mut decoder = decoder("qwen2", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let run = config(folder.path(), &["lora.use_dora=true", "lora.use_rslora=true"]);
    let (first, ..) = train(&decoder, &run, &split, 3, false).unwrap();
    let (second, _, parameters) = train(&decoder, &run, &split, 99, true).unwrap();
    assert_eq!((first.len(), second.len()), (3, 3));
    assert_eq!(peft::load(folder.path(), &model(&decoder)).unwrap(), parameters);
    let mut at_start = parameters.clone();
    at_start.measure(&decoder).unwrap();
    assert_ne!(at_start.pairs[0].factors[2], parameters.pairs[0].factors[2], "lengths are trained");
    let logits = |decoder: &Decoder| {
        let hidden = decoder.forward(&split.train[0].ids, &mut decoder.new_cache(), None).unwrap();
        decoder.next_logits(&hidden).unwrap()
    };
    let out = tempfile::tempdir().unwrap();
    crate::train::merge::save(&fixtures().join("parity/qwen2"), out.path(), &parameters, "model").unwrap();
    let merged = Arc::new(Checkpoint::open(out.path()).unwrap());
    let merged = logits(&Decoder::load(&merged, Backend::cpu()).unwrap());
    let plain = logits(&decoder);
    decoder.attach(peft::adapters(folder.path(), &model(&decoder), &decoder).unwrap());
    let adapted = logits(&decoder);
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // The base is stored in 16 bits, so merging rounds.
    assert!(apart(&merged, &adapted) < 0.1 * apart(&plain, &adapted), "{}", apart(&merged, &adapted));
}

/// The llama fixture with its last weight changed.
fn changed_base() -> tempfile::TempDir {
    let (copy, base) = (tempfile::tempdir().unwrap(), fixtures().join("parity/llama"));
    std::fs::copy(base.join("config.json"), copy.path().join("config.json")).unwrap();
    let mut bytes = std::fs::read(base.join("model.safetensors")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(copy.path().join("model.safetensors"), bytes).unwrap();
    copy
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let llama = decoder("llama", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let run = config(folder.path(), &[]);
    train(&llama, &run, &split, 1, false).unwrap();
    let refused = |decoder: &Decoder, config: &Config, split: &Split| {
        train(decoder, config, split, 99, true).unwrap_err().to_string()
    };
    let qwen = decoder("qwen3", Backend::cpu(), Keep::Mapped);
    assert!(refused(&qwen, &run, &split).contains("this run is"));
    assert!(refused(&llama, &config(folder.path(), &["lora.r=3"]), &split).contains("of rank 2"));
    for (changed, named) in [
        ("training.per_device_train_batch_size=3", "`training.per_device_train_batch_size` is 3; expected 2"),
        ("training.learning_rate=0.01", "`training.learning_rate` is 0.01; expected 0.005"),
        ("training.max_steps=7", "`training.max_steps` is 7; expected 6"),
        ("lora.dropout=0.2", "`lora.dropout` is 0.2; expected 0.1"),
        ("quantization.load_in_4bit=false", "`quantization` is Checkpoint; expected Nf4Double"),
    ] {
        let error = refused(&llama, &config(folder.path(), &[changed]), &split);
        assert!(error.contains(named), "{error}");
    }
    let other = changed_base();
    let other = Arc::new(Checkpoint::open(other.path()).unwrap());
    let other = Decoder::load_keeping(&other, Backend::cpu(), Keep::Mapped).unwrap();
    assert!(refused(&other, &run, &split).contains("other weights"));
    let mut other = split.clone();
    other.train[0].ids[4] += 1;
    assert!(refused(&llama, &run, &other).contains("data have changed"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(&llama, &config(empty.path(), &[]), &split).contains("no checkpoint"));
}

#[test]
fn training_lowers_the_loss_and_an_adapter_moves_generation() {
    let folder = tempfile::tempdir().unwrap();
    let mut decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let more = ["training.max_steps=30", "training.learning_rate=0.02", "lora.r=4", "lora.dropout=0"];
    let (losses, ..) = train(&decoder, &config(folder.path(), &more), &split, 99, false).unwrap();
    assert!(losses[29] < 0.7 * losses[0], "{losses:?}");
    let logits = |decoder: &Decoder| {
        let hidden = decoder.forward(&split.train[0].ids, &mut decoder.new_cache(), None).unwrap();
        decoder.next_logits(&hidden).unwrap()
    };
    let before = logits(&decoder);
    let found = peft::adapters(folder.path(), &model(&decoder), &decoder);
    decoder.attach(found.unwrap());
    let after = logits(&decoder);
    assert!(before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 0.1));
}

#[test]
fn a_damaged_checkpoint_is_left_aside_for_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let run = config(folder.path(), &["training.save_steps=1"]);
    let (wanted, ..) = train(&decoder, &run, &split, 4, false).unwrap();
    for name in [peft::TENSORS, "training_state.safetensors"] {
        let newest = saved::folder(folder.path(), *saved::steps(folder.path()).last().unwrap()).join(name);
        let whole = std::fs::read(&newest).unwrap();
        std::fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
        let mut trainer = Trainer::new(&run, &decoder, &adapters(&decoder, 2), &split).unwrap();
        let (from, damaged) = trainer.resume(&model(&decoder)).unwrap();
        assert_eq!((from, damaged.len()), (saved::folder(folder.path(), 3), 1), "{damaged:?}");
        std::fs::write(&newest, whole).unwrap();
    }
    // From the third step on the fourth is the same again.
    std::fs::remove_dir_all(saved::folder(folder.path(), 4)).unwrap();
    let (again, ..) = train(&decoder, &run, &split, 4, true).unwrap();
    assert_eq!(again[0].to_bits(), wanted[3].to_bits());
}

#[test]
fn a_loss_that_is_no_number_stops_and_names_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let run = config(folder.path(), &[]);
    let mut trainer = Trainer::new(&run, &decoder, &adapters(&decoder, 2), &split).unwrap();
    let broken = |trainer: &mut Trainer<'_>| {
        trainer.parameters.pairs[0].factors[1][0] = f32::NAN;
        trainer.run(&AtomicBool::new(false), &mut |_| Ok(())).unwrap_err()
    };
    let error = broken(&mut trainer).to_string();
    assert!(error.contains("no checkpoint was written yet"), "{error}");
    train(&decoder, &run, &split, 4, false).unwrap();
    let mut trainer = Trainer::new(&run, &decoder, &adapters(&decoder, 2), &split).unwrap();
    trainer.resume(&model(&decoder)).unwrap();
    let TrainError::NotFinite { step, what, last, .. } = broken(&mut trainer) else {
        panic!("another error")
    };
    assert_eq!((step, what), (5, "loss"));
    let folder = saved::folder(folder.path(), 4);
    assert!(last.ends_with(&folder.display().to_string()), "{last}");
    peft::load(&folder, &model(&decoder)).unwrap();
}

#[test]
fn a_loss_scale_that_overflows_comes_down_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let split = split(128);
    let run = config(folder.path(), &["training.max_steps=3"]);
    let parameters = |scale: f32| {
        let mut trainer = Trainer::new(&run, &decoder, &adapters(&decoder, 2), &split).unwrap();
        trainer.loss_scale = scale;
        trainer.run(&AtomicBool::new(false), &mut |_| Ok(())).unwrap();
        std::fs::remove_dir_all(saved::folder(folder.path(), 3)).unwrap();
        (trainer.parameters, trainer.loss_scale)
    };
    // Powers of two round nothing.
    let (scaled, left) = parameters(2.0_f32.powi(127));
    assert!(left > 1.0 && left < 2.0_f32.powi(126), "{left:e}");
    assert_eq!(scaled, parameters(1.0).0);
}

#[test]
fn a_run_in_half_precision_learns_as_one_in_f32() {
    // One shape only: a software driver compiles kernels for every other.
    let mut split = split(128);
    split.eval.clear();
    for example in &mut split.train {
        example.ids.truncate(6);
        example.trained.truncate(6);
    }
    let losses = |backend: Backend| {
        let folder = tempfile::tempdir().unwrap();
        let decoder = decoder("llama", backend, Keep::Nf4 { double: true });
        train(&decoder, &config(folder.path(), &["training.max_steps=2"]), &split, 2, false).unwrap().0
    };
    let half = Backend::open(BackendChoice::Wgpu).unwrap().in_half_precision();
    let (exact, rounded) = (losses(Backend::cpu()), losses(half.clone()));
    assert_eq!(exact.len(), rounded.len());
    let apart = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-2 && (half.half.is_none() || apart > 0.0), "{apart:e} on {}", half.name);
}

#[test]
fn a_loss_that_rises_stops_early_and_the_best_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = decoder("llama", Backend::cpu(), Keep::Mapped);
    let mut split = split(128);
    // What is evaluated contradicts what is learnt.
    for example in &mut split.eval {
        example.ids.iter_mut().for_each(|id| *id = 127 - *id % 100);
    }
    let more = [
        "training.max_steps=200",
        "training.eval_steps=1",
        "training.early_stopping_patience=3",
        "training.learning_rate=0.05",
        "training.save_total_limit=1",
        "training.save_steps=0",
    ];
    let (losses, ending, _) = train(&decoder, &config(folder.path(), &more), &split, 999, false).unwrap();
    assert_eq!(ending, Ending::EarlyStop);
    assert!(losses.len() < 200);
}

#[test]
fn a_merged_checkpoint_is_the_base_with_its_adapter() {
    for name in ["llama", "gemma4"] {
        let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let base = fixtures().join("parity").join(name);
        // In f32, so that nothing is lost to rounding.
        let mut file = TensorFile::read(&base.join("model.safetensors")).unwrap();
        file.metadata.clear();
        std::fs::write(folder.path().join("model.safetensors"), file.bytes().unwrap()).unwrap();
        std::fs::copy(base.join("config.json"), folder.path().join("config.json")).unwrap();
        let open = |path: &Path| {
            let checkpoint = Arc::new(Checkpoint::open(path).unwrap());
            Decoder::load(&checkpoint, Backend::cpu()).unwrap()
        };
        let mut decoder = open(folder.path());
        let mut parameters = Parameters::initial(&adapters(&decoder, 3), 2.0, 9);
        for pair in &mut parameters.pairs {
            grow(pair);
        }
        let root = decoder.checkpoint().module_root().to_owned();
        crate::train::merge::save(folder.path(), out.path(), &parameters, &root).unwrap();
        let logits = |decoder: &Decoder| {
            let hidden = decoder.forward(&[5, 9, 70, 31, 8], &mut decoder.new_cache(), None).unwrap();
            decoder.next_logits(&hidden).unwrap()
        };
        let (plain, merged) = (logits(&decoder), logits(&open(out.path())));
        decoder.attach(parameters.on_device(&decoder).plain(None));
        let adapted = logits(&decoder);
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart(&merged, &adapted) < 1e-4, "{name}: {}", apart(&merged, &adapted));
        assert!(apart(&plain, &adapted) > 1e-2, "{name}");
    }
}
