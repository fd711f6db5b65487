//! The loop: steps, evaluations, checkpoints, and the ways in which it ends.

use super::TrainError;
use super::config::Config;
use super::data::{Example, Order, Split, batch};
use super::gradients::{Batch, How, Sums, accumulate, evaluate};
use super::identity::Identity;
use super::optimiser::Optimiser;
use super::params::Parameters;
use super::saved::{self, About, Progress};
use crate::decoder::{Decoder, Dropout};
use dhurandhar_core::Model;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::measurement::{Ending, Evaluation, TrainingStep};
use dhurandhar_core::training::{AdamW, AdapterPlan, Schedule};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Where the loss scale starts: a power of two, so that scaling rounds nothing.
const LARGEST_LOSS_SCALE: f32 = 65536.0;

/// What happens during a run: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Event {
    /// A step was made.
    Step(TrainingStep),
    /// An evaluation was made.
    Eval(Evaluation),
    /// A checkpoint was written.
    Saved {
        /// After this step.
        step: u64,
        /// Its folder.
        checkpoint: PathBuf,
    },
}

/// Everything that a run moves or needs.
#[derive(Debug)]
pub(crate) struct Trainer<'a> {
    pub(crate) config: &'a Config,
    pub(crate) decoder: &'a Decoder,
    pub(crate) split: &'a Split,
    pub(crate) parameters: Parameters,
    pub(crate) optimiser: Optimiser,
    pub(crate) progress: Progress,
    pub(crate) schedule: Schedule,
    identity: Identity,
    order: Order,
    root: String,
    /// What the loss is multiplied by before its gradient is taken, so that half precision holds it.
    pub(super) loss_scale: f32,
    /// Steps of the epoch at hand.
    epoch: (u64, Vec<Vec<Vec<usize>>>),
}

impl<'a> Trainer<'a> {
    /// A run at its beginning.
    pub(crate) fn new(
        config: &'a Config,
        decoder: &'a Decoder,
        plan: &AdapterPlan,
        split: &'a Split,
    ) -> Result<Self, TrainError> {
        let training = &config.training;
        let scale = super::peft::scale(config.lora.alpha, config.lora.r, config.lora.use_rslora);
        let mut parameters = Parameters::initial(plan, scale, training.seed);
        parameters.measure(decoder)?;
        let rule = AdamW {
            beta1: training.betas.0,
            beta2: training.betas.1,
            eps: training.eps,
            weight_decay: training.weight_decay,
        };
        let order = Order {
            seed: training.seed,
            batch: training.batch,
            accumulation: training.accumulation,
            packing: training.packing.then_some(training.max_seq_length),
        };
        let steps = training.max_steps.unwrap_or_else(|| order.total(&split.train, training.epochs));
        if steps == 0 {
            return Err(TrainError::Setting("`num_train_epochs` makes no step; expected more than 0".into()));
        }
        let warmup = training.warmup_steps.unwrap_or_else(|| warmup(steps, training.warmup_ratio));
        let schedule = Schedule { kind: training.schedule, peak: training.learning_rate, warmup, steps };
        let architecture = decoder.checkpoint().architecture();
        let run = format!(
            "{} ({} {}adapted matrices of rank {}, alpha {}, seed {})",
            architecture.name,
            plan.shapes.len(),
            if plan.dora { "DoRA-" } else { "" },
            plan.rank,
            config.lora.alpha,
            training.seed
        );
        Ok(Self {
            config,
            decoder,
            split,
            optimiser: Optimiser::new(rule, &parameters),
            parameters,
            progress: Progress { step: 0, best: None, waited: 0, tokens: 0, seconds: 0.0 },
            schedule,
            identity: Identity::new(run, digest(&split.train), config, schedule, decoder),
            order,
            root: decoder.checkpoint().module_root().to_owned(),
            loss_scale: if decoder.backend().half.is_some() { LARGEST_LOSS_SCALE } else { 1.0 },
            epoch: (u64::MAX, Vec::new()),
        })
    }

    /// Go on from the newest whole checkpoint in the output folder; gives it, and what is wrong with newer ones.
    pub(crate) fn resume(&mut self, model: &Model) -> Result<(PathBuf, Vec<TrainError>), TrainError> {
        let out = &self.config.training.output_dir;
        let mut damaged = Vec::new();
        for step in saved::steps(out).into_iter().rev() {
            let folder = saved::folder(out, step);
            let (parameters, optimiser) = (&mut self.parameters, &mut self.optimiser);
            match saved::load(&folder, model, parameters, optimiser, &self.identity) {
                Ok(progress) => {
                    self.progress = progress;
                    return Ok((folder, damaged));
                }
                // One of another run is no damage.
                Err(error @ (TrainError::AdapterFile { .. } | TrainError::Io { .. })) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        let problem = "holds no checkpoint to resume from".to_owned();
        Err(damaged.into_iter().next().unwrap_or(TrainError::Data { path: out.clone(), problem }))
    }

    /// Train to the end. `stop` is looked at between steps.
    pub(crate) fn run(
        &mut self,
        stop: &AtomicBool,
        observe: &mut dyn FnMut(&Event) -> Result<(), TrainError>,
    ) -> Result<Ending, TrainError> {
        let training = &self.config.training;
        if self.progress.step == 0 {
            self.eval(observe)?;
        }
        while self.progress.step < self.schedule.steps {
            if stop.load(Ordering::Relaxed) {
                self.save(observe)?;
                return Ok(Ending::Interrupted);
            }
            let event = self.step()?;
            observe(&event)?;
            let step = self.progress.step;
            let last = step == self.schedule.steps;
            let due = |every: u64| every > 0 && step.is_multiple_of(every);
            let patience = training.early_stopping_patience;
            let epoch_ends = self.order.cursor(&self.split.train, step).step + 1 == self.epoch.1.len();
            let evaluated = last || due(training.eval_steps) || (epoch_ends && training.eval_epochs);
            if evaluated {
                self.eval(observe)?;
            }
            let early = patience > 0 && self.progress.waited >= patience && !last;
            let best = evaluated && self.progress.best.is_some_and(|(at, _)| at == step);
            let due = due(training.save_steps) || (epoch_ends && training.save_epochs);
            if last || early || due || (best && patience > 0) {
                self.save(observe)?;
            }
            if early {
                return Ok(Ending::EarlyStop);
            }
        }
        Ok(Ending::Complete)
    }

    /// A number that changes with any token of any training example.
    pub(crate) fn data_fingerprint(&self) -> u64 {
        self.identity.data
    }

    /// Tokens of the largest pass of the first epoch, and of the longest example.
    pub(crate) fn largest_pass(&self) -> (u64, u64) {
        let length =
            |index: &usize| self.split.train.get(*index).map_or(0, |example| example.ids.len() as u64);
        let passes = self.order.steps(&self.split.train, 0).concat();
        let train = passes.iter().map(|pass| pass.iter().map(length).sum::<u64>()).max().unwrap_or(0);
        (train, self.split.train.iter().map(|example| example.ids.len() as u64).max().unwrap_or(0))
    }

    /// Write the adapter where users look for it.
    pub(crate) fn export(&self) -> Result<(), TrainError> {
        let (out, base) = (&self.config.training.output_dir, &self.config.base_model);
        super::peft::save(out, &self.parameters, &self.config.lora, base, &self.root)
    }

    /// Make the next step.
    fn step(&mut self) -> Result<Event, TrainError> {
        let started = Instant::now();
        let step = self.progress.step + 1;
        let cursor = self.order.cursor(&self.split.train, step);
        if self.epoch.0 != cursor.epoch {
            self.epoch = (cursor.epoch, self.order.steps(&self.split.train, cursor.epoch));
        }
        let batches: Vec<Batch> =
            self.epoch.1[cursor.step].iter().map(|pass| batch(&self.split.train, pass)).collect();
        let trained: usize = batches.iter().map(|batch| batch.targets.len()).sum();
        let tokens: usize = batches.iter().map(|batch| batch.tokens.len()).sum();
        let (sums, nll) = self.gradients(step, &batches, trained)?;
        let loss = nll / trained as f64;
        if !loss.is_finite() {
            return Err(self.not_finite(step, "loss", loss));
        }
        let rate = self.schedule.rate(step);
        let limit = Some(self.config.training.max_grad_norm).filter(|limit| *limit > 0.0);
        let norm = self.optimiser.step(&mut self.parameters, &sums, rate, limit);
        if !norm.is_finite() {
            return Err(self.not_finite(step, "gradient norm", norm));
        }
        let seconds = started.elapsed().as_secs_f64();
        self.progress.step = step;
        self.progress.tokens += tokens as u64;
        self.progress.seconds += seconds;
        let epoch = cursor.epoch as f64 + (cursor.step + 1) as f64 / self.epoch.1.len() as f64;
        Ok(Event::Step(TrainingStep {
            step,
            epoch,
            loss,
            learning_rate: rate,
            grad_norm: norm,
            tokens: tokens as u64,
            trained_tokens: trained as u64,
            seconds,
        }))
    }

    /// Gradients of the mean loss over all passes of a step, and the sum of the losses.
    ///
    /// Where half precision overflows, the loss scale is divided and the step's passes are run again.
    fn gradients(&mut self, step: u64, batches: &[Batch], trained: usize) -> Result<(Sums, f64), TrainError> {
        let parameters = self.parameters.on_device(self.decoder);
        loop {
            let (mut sums, mut nll) = (self.parameters.zeros(), 0.0);
            for (pass, batch) in batches.iter().enumerate() {
                let how = How {
                    mode: self.config.training.mode,
                    dropout: self.dropout(step, pass),
                    weight: f64::from(self.loss_scale) / trained as f64,
                };
                let losses = accumulate(self.decoder, &parameters, batch, how, &mut sums)?;
                nll += losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
            }
            if self.loss_scale <= 1.0 {
                return Ok((sums, nll));
            }
            let mut values = sums.iter_mut().flatten().flatten();
            if !nll.is_finite() || values.all(|value| value.is_finite()) {
                let factor = 1.0 / self.loss_scale;
                sums.iter_mut().flatten().flatten().for_each(|value| *value *= factor);
                return Ok((sums, nll));
            }
            self.loss_scale = (self.loss_scale / 4.0).max(1.0);
        }
    }

    fn dropout(&self, step: u64, pass: usize) -> Option<Dropout> {
        let share = self.config.lora.dropout;
        let key = mix64(self.config.training.seed ^ mix64(step << 20 ^ pass as u64));
        (share > 0.0).then_some(Dropout { share, key })
    }

    /// Loss over the evaluation examples, if there are any.
    fn eval(&mut self, observe: &mut dyn FnMut(&Event) -> Result<(), TrainError>) -> Result<(), TrainError> {
        if self.split.eval.is_empty() {
            return Ok(());
        }
        let parameters = self.parameters.on_device(self.decoder);
        let (mut nll, mut count) = (0.0, 0_usize);
        let all: Vec<usize> = (0..self.split.eval.len()).collect();
        for indices in all.chunks(self.config.training.batch) {
            let losses = evaluate(self.decoder, &parameters, &batch(&self.split.eval, indices))?;
            nll += losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
            count += losses.len();
        }
        let (step, loss) = (self.progress.step, nll / count as f64);
        if !loss.is_finite() {
            return Err(self.not_finite(step, "evaluation loss", loss));
        }
        if self.progress.best.is_none_or(|(_, best)| loss < best) {
            (self.progress.best, self.progress.waited) = (Some((step, loss)), 0);
        } else {
            self.progress.waited += 1;
        }
        observe(&Event::Eval(Evaluation { step, eval_loss: loss, eval_perplexity: loss.exp() }))
    }

    fn save(&self, observe: &mut dyn FnMut(&Event) -> Result<(), TrainError>) -> Result<(), TrainError> {
        let training = &self.config.training;
        let about = About {
            identity: &self.identity,
            settings: &self.config.lora,
            base: &self.config.base_model,
            root: &self.root,
        };
        let checkpoint =
            saved::save(&training.output_dir, &self.progress, &self.parameters, &self.optimiser, about)?;
        let best = self.progress.best.map(|(step, _)| step);
        saved::prune(&training.output_dir, training.save_total_limit, best);
        observe(&Event::Saved { step: self.progress.step, checkpoint })
    }

    fn not_finite(&self, step: u64, what: &'static str, value: f64) -> TrainError {
        let out = &self.config.training.output_dir;
        let last = match saved::steps(out).last() {
            Some(last) => format!("the last good checkpoint is {}", saved::folder(out, *last).display()),
            None => "no checkpoint was written yet".to_owned(),
        };
        TrainError::NotFinite { step, what, value, last }
    }
}

/// Steps of warm-up, rounded up as transformers does.
fn warmup(steps: u64, ratio: f64) -> u64 {
    to_u64((steps as f64 * ratio).ceil())
}

/// A number that changes with any token of any example.
fn digest(examples: &[Example]) -> u64 {
    let tokens = examples.iter().flat_map(|example| {
        let pairs = example.ids.iter().zip(&example.trained);
        pairs.map(|(id, trained)| u64::from(*id) << 1 | u64::from(*trained)).chain([u64::MAX])
    });
    tokens.fold(0, |state, word| mix64(state ^ word))
}
