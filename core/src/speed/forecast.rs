//! A model's speed on a device: the law over the pools that its layers lie in, and what storage adds.

use super::calibration::{Kind, corrected};
use super::ceilings::{Reads, pages_per_row, storage_bytes_per_s};
use super::law::Unit;
use super::sustained::Sustained;
use super::told::{DepthSpeed, Speed, TurnSpeed};
use super::work::{PromptWork, TokenWork};
use super::{Estimate, Standing, USES};
use crate::device::{Device, GpuKind};
use crate::memory::Scenario;
use crate::model::Model;
use crate::placement::{Machine, ReRead, Split};
use crate::weights::WeightPlan;

/// Bytes a second over the slot of a card: PCIe 3 with 8 lanes, PCIe 4 with 16 less what is usual to be lost, PCIe 5; an estimate.
const LINK_BYTES_PER_S: Estimate = Estimate { low: 7e9, expected: 20e9, high: 50e9 };
/// Seconds that a token's way to a card in another machine and back takes; an estimate for cables and for wireless.
const NETWORK_S: Estimate = Estimate { low: 0.2e-3, expected: 1e-3, high: 5e-3 };
/// Depths that a chart shows, beside the end of the context.
const DEPTHS: [u64; 10] = [0, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/// What a model asks for in a scenario, on any device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(super) token: TokenWork,
    prompt: PromptWork,
}

/// One run on one device.
pub(crate) struct Run<'a> {
    pub(crate) model: &'a Model,
    pub(crate) plan: &'a WeightPlan,
    pub(crate) scenario: &'a Scenario,
    pub(crate) device: &'a Device,
    pub(crate) machine: Machine,
    pub(crate) split: Option<Split>,
    pub(crate) reads: Reads,
    pub(crate) asked: Asked,
    /// Tables are on storage, of whose rows this share misses.
    pub(crate) row_misses: f64,
    pub(crate) reread: Option<ReRead>,
}

impl Asked {
    /// Of a model whose token reads `reads`.
    pub(crate) fn of(model: &Model, plan: &WeightPlan, scenario: &Scenario, reads: &Reads) -> Self {
        let turn = scenario.turn.within(scenario.context_tokens);
        Self {
            token: TokenWork::of(model, plan, reads),
            prompt: PromptWork::of(model, plan, scenario, turn.cached_tokens, turn.prompt_tokens),
        }
    }
}

/// Units of a run, each with its share of the work; the host's first where it has any.
struct Units {
    host: Option<Unit>,
    /// Each card with its share of what lies on cards.
    cards: Vec<(Unit, f64)>,
    /// Shares that lie on cards: weights, cache and state, layers.
    on_card: [f64; 3],
    /// Cards of other machines.
    remote: u64,
}

impl Units {
    /// One that does all the work.
    fn alone(host: Option<Unit>, card: Option<Unit>) -> Self {
        let on_card = [if card.is_some() { 1.0 } else { 0.0 }; 3];
        Self { host, cards: card.into_iter().map(|card| (card, 1.0)).collect(), on_card, remote: 0 }
    }

    /// What a token's way through other machines takes.
    fn network(&self) -> Estimate {
        NETWORK_S.times(self.remote as f64)
    }

    /// The time of work that the cards share: one after the other. What cards win by dividing matrices, and lose by waiting
    /// for each other, is not known here.
    fn on_cards(&self, of: impl Fn(Unit, f64) -> Estimate) -> Option<Estimate> {
        self.cards.iter().map(|(card, share)| of(*card, *share)).reduce(|one, other| one + other)
    }
}

impl Run<'_> {
    fn units(&self) -> Option<Units> {
        let (device, runtime) = (self.device, self.scenario.runtime);
        let card = device.gpu.as_ref();
        let whole = |unit: Option<Unit>| unit.map(|card| Units::alone(None, Some(card)));
        let discrete = self.machine.gpu == Some(GpuKind::Discrete);
        if runtime.needs_gpu() || discrete && !runtime.is_llama_cpp() {
            return whole(Unit::of_gpu(device, card, runtime));
        }
        if self.machine.offloads(self.scenario) && self.split.is_none() {
            return whole(Unit::of_gpu(device, card, runtime));
        }
        let Some(split) = self.split.filter(|split| split.gpu_layers > 0) else {
            return Unit::of_processor(device, runtime).map(|host| Units::alone(Some(host), None));
        };
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { (part as f64 / of as f64).min(1.0) };
        // The output is counted among a split's layers.
        let layers = share(split.gpu_layers.saturating_sub(1), split.of.saturating_sub(1));
        let all = self.reads.weight_bytes + self.reads.kv_bytes + self.reads.state_bytes;
        let kept = if split.kv_offload { layers } else { 0.0 };
        let caches = kept * (self.reads.kv_bytes + self.reads.state_bytes) as f64;
        let weights = (self.reads.gpu_bytes as f64 - caches).max(0.0) / self.reads.weight_bytes.max(1) as f64;
        let host = if self.reads.gpu_bytes < all { Some(Unit::of_processor(device, runtime)?) } else { None };
        let on_card = [weights.min(1.0), kept, layers];
        if !split.is_over_cards() {
            let gpu = device.cards().first().copied().or(card);
            let (card, remote) = (Unit::of_gpu(device, gpu, runtime)?, gpu.is_some_and(|gpu| gpu.remote));
            return Some(Units { on_card, remote: remote.into(), ..Units::alone(host, Some(card)) });
        }
        let (mut cards, mut remote) = (Vec::new(), 0);
        let shares = if split.rows[0] > 0 { split.rows } else { split.cards };
        let all = shares.iter().map(|share| u64::from(*share)).sum();
        for (gpu, of) in device.cards().into_iter().zip(shares).filter(|(_, share)| *share > 0) {
            cards.push((Unit::of_gpu(device, Some(gpu), runtime)?, share(u64::from(of), all)));
            remote += u64::from(gpu.remote);
        }
        Some(Units { host, cards, on_card, remote })
    }

    /// The time of one token, and what storage adds to it.
    fn token(&self, units: &Units, token: TokenWork) -> Estimate {
        let [weights, kept, layers] = units.on_card;
        let part = |weights: f64, kept: f64, layers: f64| TokenWork {
            layers: token.layers * layers,
            mixture: token.mixture,
            weight_bytes: token.weight_bytes * weights,
            cache_bytes: token.cache_bytes * kept,
            state_bytes: token.state_bytes * kept,
            multiplied: token.multiplied.map(|multiplied| multiplied * weights),
        };
        let of = |unit: Unit, part: TokenWork| {
            let kind = Kind::of(unit.class, token.mixture, &token.multiplied);
            let measured = &self.device.measured_speeds;
            let timed = corrected(unit.token(&part), measured, false, kind, unit.class.decode_basis());
            // Nothing reads faster than the peak.
            let bytes = part.weight_bytes + part.cache_bytes + part.state_bytes;
            let least = bytes / unit.bytes_per_s;
            let Estimate { low, expected, high } = timed.estimate();
            Estimate { low: low.max(least), expected: expected.max(least), high: high.max(least) }
        };
        let card =
            units.on_cards(|card, share| of(card, part(weights * share, kept * share, layers * share)));
        let host = units.host.map(|host| of(host, part(1.0 - weights, 1.0 - kept, 1.0 - layers)));
        [card, host].into_iter().flatten().fold(self.storage() + units.network(), |sum, part| sum + part)
    }

    /// Seconds that a token waits for storage: rows that miss, and weights that do not stay.
    fn storage(&self) -> Estimate {
        let latency = self.device.storage.random_read_latency_us * 1e-6 * self.row_misses;
        let pages = pages_per_row(self.reads.row_bytes, self.device);
        let rows = if self.reads.row_bytes == 0 || self.row_misses <= 0.0 {
            Estimate::exact(0.0)
        } else {
            Estimate { low: latency, expected: latency * pages, high: latency * pages }
        };
        let sequential = storage_bytes_per_s(self.device);
        let again = self.reread.map_or(Estimate::exact(0.0), |read| Estimate {
            low: read.low as f64 / sequential,
            expected: read.expected as f64 / sequential,
            high: read.high as f64 / sequential,
        });
        rows + again
    }

    /// Bytes a second between the host's memory and the GPU's; in one memory a copy reads and writes, and the shares of its
    /// bandwidth are an estimate that nothing was measured for.
    fn link(&self) -> Estimate {
        let shared = self.device.dram_bytes_per_s().filter(|_| self.machine.gpu != Some(GpuKind::Discrete));
        shared.map_or(LINK_BYTES_PER_S, |bytes_per_s| Estimate {
            low: 0.15 * bytes_per_s,
            expected: 0.3 * bytes_per_s,
            high: 0.5 * bytes_per_s,
        })
    }

    /// The time of a prompt.
    fn prompt(&self, units: &Units, prompt: &PromptWork) -> Estimate {
        // Rows of distinct tokens, one by one; weights that do not stay are read once a batch.
        let storage = self.storage();
        let batches = (prompt.tokens / self.scenario.ubatch.max(1) as f64).ceil();
        let rows = if self.reread.is_some() { batches } else { prompt.tokens };
        let waits = storage.times(rows);
        let of = |unit: Unit| {
            let kind = Kind::of(unit.class, prompt.mixture, &prompt.multiplied);
            let measured = &self.device.measured_speeds;
            corrected(unit.prompt(prompt), measured, true, kind, unit.class.prefill_basis()).estimate()
        };
        let Some(card) = units.on_cards(|card, share| of(card).times(share)) else {
            return units.host.map_or(waits, |host| of(host) + waits);
        };
        // Layers with the processor are computed on the card too, their weights brought over for each batch.
        let moved = prompt.weight_bytes * (1.0 - units.on_card[0]) * batches;
        let Estimate { low, expected, high } = self.link();
        let link = Estimate { low: moved / high, expected: moved / expected, high: moved / low };
        let link = if units.host.is_some() { link } else { Estimate::exact(0.0) };
        card + link + waits + units.network().times(batches)
    }

    /// The time of a token at the end of the context.
    pub(super) fn decode(&self) -> Option<Estimate> {
        self.token_time(self.asked.token)
    }

    /// The time of other work for a token.
    pub(super) fn token_time(&self, token: TokenWork) -> Option<Estimate> {
        self.units().map(|units| self.token(&units, token))
    }

    /// The time of other work for a prompt.
    pub(super) fn prompt_time(&self, prompt: &PromptWork) -> Option<Estimate> {
        self.units().map(|units| self.prompt(&units, prompt))
    }

    /// The speed; none where a bandwidth that counts is unknown.
    pub(crate) fn speed(&self) -> Option<Speed> {
        let units = self.units()?;
        let turn = self.scenario.turn.within(self.scenario.context_tokens);
        let at = |depth| self.asked.token.at(self.model, self.scenario, depth);
        let asked = turn.cached_tokens + turn.prompt_tokens;
        let prompt_s = self.prompt(&units, &self.asked.prompt);
        let answer_s = self.token(&units, at(asked + turn.answer_tokens / 2));
        let first_token_s = prompt_s + self.token(&units, at(asked));
        let cards = units.cards.iter().map(|(card, _)| *card);
        let named: Vec<Unit> = cards.chain(units.host).collect();
        Some(Speed {
            processors: named.iter().map(|unit| unit.class.title()).collect(),
            standings: named.iter().map(|unit| Standing::of(unit.class)).collect(),
            decode_tokens_per_s: self.token(&units, self.asked.token).inverse(),
            turn: TurnSpeed {
                prompt_tokens: turn.prompt_tokens,
                answer_tokens: turn.answer_tokens,
                prompt_tokens_per_s: prompt_s.inverse().times(turn.prompt_tokens as f64),
                first_token_s,
                answer_tokens_per_s: answer_s.inverse(),
                whole_s: first_token_s + answer_s.times(turn.answer_tokens.saturating_sub(1) as f64),
                cold_start_s: self.plan.gguf_data_bytes(self.model) as f64 / storage_bytes_per_s(self.device),
            },
            by_depth: Vec::new(),
            uses: Vec::new(),
            speculative: self.speculative(),
            sustained: None,
            wide_because: self.wide_because(&units),
        })
    }

    /// The same with its course over the depth, and what it is good for.
    pub(crate) fn explained(&self) -> Option<Speed> {
        let (units, mut speed) = (self.units()?, self.speed()?);
        speed.sustained = Sustained::of(self.device, self.scenario.runtime, speed.decode_tokens_per_s);
        let context = self.scenario.context_tokens;
        let depths = DEPTHS.into_iter().filter(|depth| *depth < context).chain([context]);
        speed.by_depth = depths
            .map(|depth_tokens| DepthSpeed {
                depth_tokens,
                tokens_per_s: self
                    .token(&units, self.asked.token.at(self.model, self.scenario, depth_tokens))
                    .inverse(),
            })
            .collect();
        speed.uses = USES
            .into_iter()
            .map(|of| {
                let fits = of.prompt_tokens < context;
                of.judged(fits.then(|| {
                    let work = PromptWork::of(self.model, self.plan, self.scenario, 0, of.prompt_tokens);
                    let token =
                        self.token(&units, self.asked.token.at(self.model, self.scenario, of.prompt_tokens));
                    (self.prompt(&units, &work) + token, token.inverse())
                }))
            })
            .collect();
        Some(speed)
    }

    fn wide_because(&self, units: &Units) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        let processor = |unit: &Unit| unit.class.is_processor() && unit.vector_flops.is_none();
        let graphics =
            |unit: &Unit| !unit.class.is_processor() && unit.vector_flops.or(unit.matrix_flops).is_none();
        if units.host.as_ref().is_some_and(processor) {
            reasons.push("the processor's peak of arithmetic is not stated (cpu_gflops): what is usual for its bandwidth is taken");
        }
        if units.cards.iter().any(|(card, _)| graphics(card)) {
            reasons.push("the GPU's peak of arithmetic is not stated (gpu_vector_tflops): what is usual for its bandwidth is taken");
        }
        if !units.cards.is_empty() && units.host.is_some() {
            reasons.push(
                "layers on two processors: no published runs of that are among those the law is fitted to",
            );
        }
        if units.cards.len() > 1 {
            reasons.push(
                "layers on several cards, one after the other: no published runs of that are among those the law is fitted to",
            );
        }
        if units.remote > 0 {
            reasons.push("a card in another machine: 0.2 to 5 ms a token for the network are an estimate");
        }
        if self.reread.is_some() {
            reasons.push("weights that do not stay in memory are read again");
        }
        reasons
    }

    /// Bandwidth of the host's memory with which `tokens_per_s` is reached at best, bytes a second; none where none does.
    pub(crate) fn dram_bytes_per_s_for(&self, tokens_per_s: f64) -> Option<f64> {
        let reached = |bytes_per_s: f64| {
            let device = Device { dram_bandwidth_gb_per_s: Some(bytes_per_s / 1e9), ..self.device.clone() };
            let run = Run { device: &device, ..*self };
            run.units().is_some_and(|units| 1.0 / run.token(&units, self.asked.token).low >= tokens_per_s)
        };
        let (mut low, mut high) = (1e8, 2e13);
        if !reached(high) || reached(low) {
            return None;
        }
        while high / low > 1.001 {
            let middle = libm::sqrt(low * high);
            if reached(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }
}
