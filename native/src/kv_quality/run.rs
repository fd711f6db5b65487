//! What codecs do to a real model's keys and values, attention and predictions.

use super::hook::{self, CodecHook, Recorder};
use super::order::KeyOrder;
use super::{DumpChoice, DumpError, KvCacheConfig, dump, layers};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::decoder::{Decoder, word};
use crate::generate::{GenerateError, rows};
use burn::tensor::Tensor;
use dhurandhar_core::codec::kv_cache::KvCacheError;
use dhurandhar_core::codec::logits::{Divergence, DivergenceSums};
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::measurement::{KV_QUALITY_SCHEMA, KvQuality, SettingQuality};

use std::path::PathBuf;

/// Fewest tokens that centres are taken from.
const LEAST_CALIBRATION: usize = 64;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum KvQualityError {
    /// The model or the text.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The coded cache.
    #[error("{setting}: {problem}")]
    Codec {
        /// The setting, as written.
        setting: String,
        /// The cache's word.
        problem: KvCacheError,
    },
    /// Keys and values were not written.
    #[error(transparent)]
    Dump(#[from] DumpError),
}

impl From<crate::decoder::DecoderError> for KvQualityError {
    fn from(error: crate::decoder::DecoderError) -> Self {
        Self::Generate(error.into())
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Request {
    /// Codecs and widths; seeds are those of the request.
    pub settings: Vec<KvCacheConfig>,
    /// Tokens of a window.
    pub window: usize,
    /// Windows to run.
    pub windows: usize,
    /// Tokens at the start of each window that are not scored.
    pub unscored: usize,
    /// Seed of every rotation.
    pub seed: u64,
    /// Seeds from that one on that settings are run with that turn at random.
    pub seeds: u64,
    /// Name of the text's file.
    pub text: String,
    /// Keys, values and queries of the first window go here.
    pub dump: Option<(PathBuf, DumpChoice)>,
}

/// Run every setting over a text that `earlier` does not have yet. `done` gets the report after every setting.
///
/// Centres are taken from text after the last window where there is some, else from the first window.
pub fn measure(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    text: &str,
    request: &Request,
    earlier: Option<KvQuality>,
    mut done: impl FnMut(&KvQuality),
) -> Result<KvQuality, KvQualityError> {
    let ids = tokenizer.encode(text, false).map_err(GenerateError::from)?;
    if request.window < 2 || request.unscored + 1 >= request.window {
        return Err(GenerateError::Window { window: request.window, skipped: request.unscored }.into());
    }
    if ids.len() < request.window {
        return Err(GenerateError::ShortText { found: ids.len(), needed: request.window }.into());
    }
    let whole: Vec<&[u32]> = ids.chunks_exact(request.window).collect();
    let windows = &whole[..request.windows.clamp(1, whole.len())];
    // Text after the last window, if there is enough of it to take a centre from.
    let rest = &ids[windows.len() * request.window..];
    let held_out = (rest.len() >= LEAST_CALIBRATION).then(|| &rest[..rest.len().min(request.window)]);
    let calibration = record(decoder, held_out.unwrap_or(windows[0]))?;
    let first = record(decoder, windows[0])?;
    if let Some((path, choice)) = &request.dump {
        dump::write(path, &first, choice, KeyOrder::of(&decoder.checkpoint().architecture().family))?;
    }
    let mut report = empty(decoder, request, &ids, windows.len());
    report.calibrated_on_other_text = held_out.is_some();
    report.key_to_value_norms = first.norm_ratios();
    if let Some(earlier) = earlier.filter(|earlier| earlier.is_same_run(&report)) {
        report.settings = earlier.settings;
    }
    let exact = windows.iter().map(|ids| decoder.forward(ids, &mut decoder.new_cache(), None));
    let exact: Vec<Tensor<2>> = exact.collect::<Result<_, _>>()?;
    for setting in &request.settings {
        let name = setting.to_string();
        if report.settings.iter().any(|known| known.setting == name) {
            continue;
        }
        let failed = |problem| KvQualityError::Codec { setting: setting.to_string(), problem };
        let seeded = |seed| KvCacheConfig { seed, ..*setting };
        let run = |seed| -> Result<Divergence, KvQualityError> {
            let mut hook = CodecHook::new(seeded(seed), &calibration, decoder).map_err(failed)?;
            let divergence = predictions(decoder, windows, &exact, request.unscored, &mut hook)?;
            hook.finish().map_err(failed)?;
            Ok(divergence)
        };
        let layers = layers::measure(decoder, &first, &calibration, &seeded(request.seed)).map_err(failed)?;
        let bits = hook::bits(*setting, decoder, request.window).map_err(failed)?;
        let mut found = SettingQuality::new(name, bits, layers, run(request.seed)?);
        if setting.turns_at_random() && request.seeds > 1 {
            found.by_seed.push((request.seed, found.divergence.mean));
            for seed in (1..request.seeds).map(|more| request.seed.wrapping_add(more)) {
                found.by_seed.push((seed, run(seed)?.mean));
            }
        }
        report.settings.push(found);
        done(&report);
    }
    Ok(report)
}

/// A report without settings.
fn empty(decoder: &Decoder, request: &Request, ids: &[u32], windows: usize) -> KvQuality {
    let checkpoint = decoder.checkpoint();
    let name = checkpoint.path().file_name().map(|name| name.to_string_lossy().into_owned());
    let fingerprint = ids.iter().fold(mix64(0), |state, id| mix64(state ^ u64::from(*id)));
    KvQuality {
        schema: KV_QUALITY_SCHEMA.to_owned(),
        tool: crate::machine::tool(),
        started: crate::machine::now(),
        model: checkpoint.architecture().name.clone(),
        checkpoint: name.unwrap_or_default(),
        backend: decoder.backend().name.clone(),
        text: request.text.clone(),
        text_fingerprint: format!("{fingerprint:016x}"),
        window: request.window,
        windows,
        unscored: request.unscored,
        calibrated_on_other_text: false,
        seed: request.seed,
        keys_interleaved: KeyOrder::of(&checkpoint.architecture().family) == KeyOrder::Pairs,
        key_to_value_norms: Vec::new(),
        settings: Vec::new(),
        notes: Vec::new(),
    }
}

/// Keys, values and queries of one window, as computed.
fn record(decoder: &Decoder, ids: &[u32]) -> Result<Recorder, KvQualityError> {
    let mut recorder = Recorder::default();
    decoder.forward(ids, &mut decoder.new_cache(), Some(&mut recorder))?;
    Ok(recorder)
}

/// Predictions with a coded cache against those with an exact one.
fn predictions(
    decoder: &Decoder,
    windows: &[&[u32]],
    exact: &[Tensor<2>],
    unscored: usize,
    hook: &mut CodecHook,
) -> Result<Divergence, KvQualityError> {
    let mut sums = DivergenceSums::default();
    for (ids, exact) in windows.iter().zip(exact) {
        let coded = decoder.forward(ids, &mut decoder.new_cache(), Some(hook))?;
        for (at, count) in rows(unscored, ids.len() - 1) {
            let logits = |hidden: &Tensor<2>| {
                decoder.backend().host(decoder.logits(&hidden.clone().narrow(0, at, count)))
            };
            let (exact, coded) = (logits(exact)?, logits(&coded)?);
            let pairs = exact.chunks_exact(decoder.vocab()).zip(coded.chunks_exact(decoder.vocab()));
            for ((exact, coded), target) in pairs.zip(&ids[at + 1..]) {
                sums.add(exact, coded, word(u64::from(*target)));
            }
        }
    }
    let window = windows.first().map_or(0, |ids| ids.len());
    sums.finish().ok_or_else(|| GenerateError::Window { window, skipped: unscored }.into())
}
