//! The table of codecs by bits that command line, page and content share: one row a codec and width.
//!
//! Vectors go through a [`KvCacheCompressor`], so that a row says what the cache itself does to them. A [`Sweep`] is advanced in chunks of a few hundred vectors, so that a caller can report progress and stop
//! between any two of them.

use core::ops::ControlFlow;
use dhurandhar_leaf::wire::wire_struct;

use serde::{Deserialize, Serialize};

use super::kv_cache::{Coding, KvCacheCompressor, KvCacheConfig, KvCacheError, KvGeometry, KvMemory};
use super::quality::{InnerProductError, InnerProductSums, Quality, QualitySums};
use super::theory::four_to_minus;
use super::{Codec, CodecError, CodecKind, Source};

/// Vectors coded between two chances to stop.
const CHUNK: usize = 256;

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRequest {
    /// Codecs, in table order.
    pub codecs: Vec<CodecKind>,
    /// Widths; a codec skips those it does not take.
    pub bits: Vec<u32>,
    /// Channels of a vector.
    pub dim: usize,
    /// Vectors of a head, where the input holds several heads one after another; each has its own centre, outlier
    /// channels and sinks. `None` for one head.
    pub head_vectors: Option<usize>,
    /// First vectors of a head that are kept in f16 and counted as such (attention sinks); 0 for none.
    pub sinks: usize,
    /// Cosine between query and vector for the inner-product columns.
    pub correlation: f64,
    /// Seed of rotations and queries.
    pub seed: u64,
}

impl Default for SweepRequest {
    /// The seed project's defaults: d = 256, 2, 3, 4, 6 and 8 bits.
    fn default() -> Self {
        Self {
            codecs: vec![CodecKind::Turboquant, CodecKind::Rotorquant],
            bits: vec![2, 3, 4, 6, 8],
            dim: 256,
            head_vectors: None,
            sinks: 0,
            correlation: 0.5,
            seed: super::turboquant::DEFAULT_SEED,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepRow {
    /// The codec.
    pub codec: CodecKind,
    /// Its full label.
    pub label: String,
    /// The label under which it is published, when that is not what is stored.
    pub published_label: Option<String>,
    /// The width asked for: bits of a code, or residual bits.
    pub bits: u32,
    /// Stored bits per channel, scales, padding and sinks included.
    pub true_bits: f64,
    /// How many times smaller than bf16.
    pub ratio_to_bf16: f64,
    /// Expected normalised MSE on isotropic vectors, where theory has one.
    pub theory_nmse: Option<f64>,
    /// 4^-b, the reference line of rate-distortion theory.
    pub four_to_minus_bits: f64,
    /// Measured errors.
    pub quality: Quality,
    /// Measured errors of inner products with unit queries.
    pub inner_product: InnerProductError,
}

/// What one call of [`Sweep::advance`] achieved.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Work was done, no row finished.
    Chunk,
    /// A row is complete.
    Row(Box<SweepRow>),
    /// There is nothing left.
    Done,
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Vectors coded so far, over all rows.
    pub done: usize,
    /// Vectors to code in total.
    pub total: usize,
}

/// A running sweep over given vectors.
#[derive(Debug)]
pub struct Sweep<'a> {
    request: SweepRequest,
    vectors: &'a [f32],
    cells: Vec<(CodecKind, u32)>,
    next: usize,
    running: Option<Running>,
    done: usize,
}

#[derive(Debug)]
struct Running {
    cache: KvCacheCompressor,
    /// Bytes of the heads that are done.
    memory: KvMemory,
    at: usize,
    quality: QualitySums,
    inner_product: InnerProductSums,
}

impl<'a> Sweep<'a> {
    /// A sweep over `vectors`, one after another; their number of values must be a multiple of `dim`.
    pub fn new(request: SweepRequest, vectors: &'a [f32]) -> Result<Self, CodecError> {
        CodecError::check_dim(request.dim)?;
        let count = vectors.len() / request.dim;
        super::check_length("input", vectors.len(), count.max(1), request.dim)?;
        if !request.correlation.is_finite() || request.correlation.abs() > 1.0 {
            return Err(CodecError::Parameter {
                field: "correlation",
                value: request.correlation.to_string(),
                expected: "-1 to 1".to_owned(),
            });
        }
        if request.head_vectors == Some(0) {
            return Err(CodecError::Parameter {
                field: "vectors of a head",
                value: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        let mut cells = Vec::new();
        for &codec in &request.codecs {
            cells.extend(request.bits.iter().filter(|b| codec.bits_range().contains(b)).map(|&b| (codec, b)));
        }
        Ok(Self { request, vectors, cells, next: 0, running: None, done: 0 })
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress { done: self.done, total: self.cells.len() * self.vectors.len() / self.request.dim }
    }

    /// Codes the next chunk of vectors.
    pub fn advance(&mut self) -> Result<Step, CodecError> {
        let Some(&(kind, bits)) = self.cells.get(self.next) else { return Ok(Step::Done) };
        let dim = self.request.dim;
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start(kind, bits)?,
        };
        let head = self.head_at(running.at);
        if running.at == head.start {
            running.memory = running.memory.plus(running.cache.memory());
            // A centre would spread what is not finite over all vectors.
            finite(&self.vectors[head.clone()], dim).map_err(|error| error.in_chunk(head.start / dim))?;
            open(&mut running.cache, &self.vectors[head.clone()])?;
        }
        let to = (running.at + CHUNK * dim).min(head.end);
        let chunk = &self.vectors[running.at..to];
        let decoded = append(&mut running.cache, chunk, (running.at - head.start) / dim)
            .map_err(|error| error.in_chunk(running.at / dim))?;
        running.quality.add(chunk, &decoded, dim);
        running.inner_product.add(chunk, &decoded);
        running.at = to;
        self.done += chunk.len() / dim;
        if to < self.vectors.len() {
            self.running = Some(running);
            return Ok(Step::Chunk);
        }
        self.next += 1;
        running.memory = running.memory.plus(running.cache.memory());
        Ok(Step::Row(Box::new(self.row(kind, bits, &running)?)))
    }

    /// The values of the head that holds the value at `at`.
    fn head_at(&self, at: usize) -> core::ops::Range<usize> {
        let Some(vectors) = self.request.head_vectors else { return 0..self.vectors.len() };
        let length = vectors.saturating_mul(self.request.dim);
        let start = at / length * length;
        start..start.saturating_add(length).min(self.vectors.len())
    }

    fn start(&self, kind: CodecKind, bits: u32) -> Result<Running, CodecError> {
        let SweepRequest { dim, seed, correlation, sinks, .. } = self.request;
        Ok(Running {
            cache: cache(kind, bits, dim, sinks, seed)?,
            memory: KvMemory::default(),
            at: 0,
            quality: QualitySums::default(),
            inner_product: InnerProductSums::new(dim, correlation, seed),
        })
    }

    fn row(&self, kind: CodecKind, bits: u32, running: &Running) -> Result<SweepRow, CodecError> {
        let true_bits = running.memory.token_bits_per_channel();
        let codec = running.cache.key_codec(0).map_err(of_codec)?;
        Ok(SweepRow {
            codec: kind,
            label: codec.map(Codec::label).unwrap_or_default(),
            published_label: kind.published_label(bits),
            bits,
            true_bits,
            ratio_to_bf16: 16.0 / true_bits,
            theory_nmse: kind.theory_nmse(self.request.dim, bits),
            four_to_minus_bits: four_to_minus(bits),
            quality: running.quality.finish(),
            inner_product: running.inner_product.finish(),
        })
    }
}

/// The first value that no codec takes, where it stands.
fn finite(vectors: &[f32], dim: usize) -> Result<(), CodecError> {
    match vectors.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(CodecError::NotFinite { vector: at / dim, channel: at % dim, value: vectors[at] }),
    }
}

/// A cache of one head's vectors.
fn cache(
    codec: CodecKind,
    bits: u32,
    dim: usize,
    sinks: usize,
    seed: u64,
) -> Result<KvCacheCompressor, CodecError> {
    CodecError::check_dim(dim)?;
    let config =
        KvCacheConfig { sinks, seed, ..KvCacheConfig::coded(Coding::Code { codec, bits }, Coding::F16) };
    KvCacheCompressor::new(&KvGeometry::of_keys(1, dim as u32), config).map_err(of_codec)
}

/// Empties the cache for a head; what its codec takes from vectors it takes from all that are not kept in f16, as from
/// a prompt that comes in one piece.
fn open(cache: &mut KvCacheCompressor, head: &[f32]) -> Result<(), CodecError> {
    let dim = cache.key_codec(0).map_err(of_codec)?.map_or(1, Codec::dim);
    let sinks = cache.config().sinks.saturating_mul(dim).min(head.len());
    cache.clear(0).and_then(|()| cache.calibrate(0, &head[sinks..], &[])).map_err(of_codec)
}

/// What comes back of `vectors`, which follow `held` others.
fn append(cache: &mut KvCacheCompressor, vectors: &[f32], held: usize) -> Result<Vec<f32>, CodecError> {
    cache.append(0, vectors, &[]).and_then(|()| cache.keys_from(0, held)).map_err(of_codec)
}

/// What the codec said; shapes are right here.
fn of_codec(error: KvCacheError) -> CodecError {
    match error {
        KvCacheError::Codec { source, .. } => source,
        other => {
            let expected = "vectors of one head".to_owned();
            CodecError::Parameter { field: "cache", value: other.to_string(), expected }
        }
    }
}

/// What one head comes back as from the cache, its first `sinks` vectors through f16.
pub fn coded_head(
    codec: CodecKind,
    bits: u32,
    dim: usize,
    head: &[f32],
    sinks: usize,
    seed: u64,
) -> Result<Vec<f32>, CodecError> {
    let mut cache = cache(codec, bits, dim, sinks, seed)?;
    open(&mut cache, head)?;
    append(&mut cache, head, 0)
}

/// Runs a sweep to its end, or until `progress` breaks; the rows finished so far are returned either way.
pub fn sweep(
    request: SweepRequest,
    vectors: &[f32],
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Vec<SweepRow>, CodecError> {
    let mut sweep = Sweep::new(request, vectors)?;
    let mut rows = Vec::new();
    loop {
        match sweep.advance()? {
            Step::Row(row) => rows.push(*row),
            Step::Done => return Ok(rows),
            Step::Chunk => {}
        }
        if progress(sweep.progress()).is_break() {
            return Ok(rows);
        }
    }
}

/// A sweep over `vectors` vectors of a synthetic source drawn with `source_seed`.
pub fn sweep_source(
    request: SweepRequest,
    source: Source,
    vectors: usize,
    source_seed: u32,
    progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Vec<SweepRow>, CodecError> {
    CodecError::check_dim(request.dim)?;
    let values = source.generate(vectors, request.dim, source_seed);
    sweep(request, &values, progress)
}

wire_struct!(SweepRequest { codecs, bits, dim, head_vectors, sinks, correlation, seed });
wire_struct!(Progress { done, total });
wire_struct!(SweepRow {
    codec,
    label,
    published_label,
    bits,
    true_bits,
    ratio_to_bf16,
    theory_nmse,
    four_to_minus_bits,
    quality,
    inner_product,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_said_where_it_stands() {
        let mut vectors = vec![1.0; 16 * 8];
        vectors[5 * 16 + 3] = f32::NAN;
        for codecs in [vec![CodecKind::CentredKeys], vec![CodecKind::Turboquant]] {
            for head_vectors in [None, Some(4)] {
                let request = SweepRequest { codecs: codecs.clone(), sinks: 2, head_vectors, ..request(16) };
                let error = sweep(request, &vectors, |_| ControlFlow::Continue(())).unwrap_err();
                assert!(error.to_string().starts_with("vector 5, channel 3 is NaN"), "{error}");
            }
        }
    }

    fn request(dim: usize) -> SweepRequest {
        SweepRequest { dim, bits: vec![2, 4], ..SweepRequest::default() }
    }

    #[test]
    fn rows_come_in_order_with_true_bits_and_progress() {
        let mut last = 0;
        let rows = sweep_source(request(64), Source::Gaussian, 600, 0, |progress| {
            assert!(progress.done > last && progress.total == 4 * 600);
            last = progress.done;
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(last, 4 * 600);
        let cells: Vec<_> = rows.iter().map(|row| (row.codec, row.bits)).collect();
        let (a, b) = (CodecKind::Turboquant, CodecKind::Rotorquant);
        assert_eq!(cells, [(a, 2), (a, 4), (b, 2), (b, 4)]);
        assert!((rows[1].true_bits - 4.25).abs() < 1e-12);
        assert!((rows[1].quality.nmse / rows[1].theory_nmse.unwrap() - 1.0).abs() < 0.05);
        assert!((rows[1].four_to_minus_bits - 1.0 / 256.0).abs() < 1e-12);
    }

    #[test]
    fn it_stops_when_told_and_rows_survive_json() {
        let rows = sweep_source(request(64), Source::Gaussian, 600, 0, |progress| {
            if progress.done >= 600 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!(rows.len(), 1);
        let json = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Vec<SweepRow>>(&json).unwrap(), rows);
    }

    #[test]
    fn sinks_cost_their_bits_and_have_no_error() {
        let request = SweepRequest { sinks: 30, ..request(64) };
        let rows = sweep_source(request, Source::Gaussian, 30, 0, |_| ControlFlow::Continue(())).unwrap();
        assert!(rows.iter().all(|row| (row.true_bits - 16.0).abs() < 1e-12 && row.quality.nmse < 1e-6));
    }

    #[test]
    fn every_head_has_its_own_centre_and_sinks() {
        let noise = Source::Gaussian.generate(700, 64, 5);
        let far: Vec<f32> =
            noise.iter().enumerate().map(|(at, x)| x + if at < 64 * 350 { 9.0 } else { -9.0 }).collect();
        let run = |head_vectors| {
            let codecs = vec![CodecKind::CentredKeys];
            let request = SweepRequest { codecs, head_vectors, sinks: 7, ..request(64) };
            sweep(request, &far, |_| ControlFlow::Continue(())).unwrap()
        };
        let (one, two) = (run(None), run(Some(350)));
        assert!(one[1].quality.mse > 20.0 * two[1].quality.mse);
        assert!((one[1].true_bits - (7.0 * 16.0 + 693.0 * 4.25) / 700.0).abs() < 1e-12);
        assert!((two[1].true_bits - (14.0 * 16.0 + 686.0 * 4.25) / 700.0).abs() < 1e-12);
        let mut sums = QualitySums::default();
        for head in far.chunks(64 * 350) {
            let coded =
                coded_head(CodecKind::CentredKeys, 4, 64, head, 7, SweepRequest::default().seed).unwrap();
            sums.add(head, &coded, 64);
        }
        assert_eq!(sums.finish(), two[1].quality);
        assert_eq!(run(Some(usize::MAX)), one);
    }

    #[test]
    fn a_row_is_what_the_cache_does_to_a_prompt_in_one_piece() {
        let x = Source::ChannelBias.generate(600, 64, 3);
        let (codecs, sinks) = (CodecKind::ALL.to_vec(), 4);
        let rows =
            sweep(SweepRequest { codecs, sinks, ..request(64) }, &x, |_| ControlFlow::Continue(())).unwrap();
        assert!(rows.len() > 30);
        for row in rows {
            let coding = Coding::Code { codec: row.codec, bits: row.bits };
            let config = KvCacheConfig { sinks, ..KvCacheConfig::coded(coding, coding) };
            let mut cache = KvCacheCompressor::new(&KvGeometry::of_keys(1, 64), config).unwrap();
            cache.append(0, &x, &[]).unwrap();
            let mut sums = QualitySums::default();
            sums.add(&x, &cache.keys(0).unwrap(), 64);
            assert_eq!(
                (row.quality, row.true_bits),
                (sums.finish(), cache.memory().token_bits_per_channel())
            );
        }
    }

    #[test]
    fn bad_requests_are_named() {
        let go = |request: SweepRequest, x: &[f32]| sweep(request, x, |_| ControlFlow::Continue(()));
        assert!(go(request(0), &[]).is_err());
        assert!(go(request(64), &[]).is_err());
        assert!(go(request(64), &[0.0; 65]).is_err());
        assert!(go(SweepRequest { head_vectors: Some(0), ..request(64) }, &[0.0; 64]).is_err());
        assert!(go(SweepRequest { correlation: 2.0, ..request(64) }, &[0.0; 64]).is_err());
        let mut x = vec![1.0; 64 * 400];
        x[64 * 300] = f32::INFINITY;
        assert!(matches!(go(request(64), &x), Err(CodecError::NotFinite { vector: 300, channel: 0, .. })));
    }
}
