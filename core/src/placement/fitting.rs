//! How many layers fit a GPU, by the steps of llama.cpp's `--fit` (0.5: `common/fit.cpp`).
//!
//! Everything when it fits. Without experts, as many whole layers as fit, from the last. With experts, first every layer
//! without them; where that fits, the experts of as many layers as fit, from the first, and a part of one more layer.

use super::EachCard;
use super::card_graph::Graphs;
use super::case::Case;
use super::compute::gpu_compute_among;
use super::split::{Fraction, Split, goes_with_output, is_of_experts, is_table_only};
use crate::device::{GpuKind, MAX_CARDS};
use crate::leaf::units::MIB;
use crate::memory::{LayerCache, Offload};
use crate::model::tensor::Role;

/// What `--fit` leaves free on a GPU (`--fit-target`).
pub(crate) const FIT_MARGIN: u64 = 1024 << 20;

impl Split {
    /// Whether every layer goes to the GPUs, or there is none: the split's own answer, without searching for how many do
    /// where one card has no room for all.
    pub(super) fn takes_all(case: &Case<'_>, kv: &[LayerCache]) -> bool {
        let (scenario, machine) = (case.scenario, &case.machine);
        let searches = scenario.offload == Offload::Auto
            && scenario.cpu_moe_layers == 0
            && scenario.tensor_overrides.is_empty()
            && machine.uses_gpu(scenario)
            && machine.card_count() <= 1;
        match machine.gpu_memory_bytes.filter(|_| searches) {
            Some(bytes) => {
                let of = case.model.architecture.layers.len() as u64 + 1;
                let whole = Self { kv_offload: scenario.kv_offload, ..Self::whole(of) };
                Loads::of(case, kv).fits(whole, bytes.saturating_sub(FIT_MARGIN))
            }
            None => Self::of(case, kv).is_none_or(|split| split.has_all_layers()),
        }
    }

    /// The split of a case: as asked, or what fits beside the margin. `None` where no GPU is used, and where one in the
    /// host's memory has everything.
    pub(super) fn of(case: &Case<'_>, kv: &[LayerCache]) -> Option<Self> {
        let (scenario, machine) = (case.scenario, &case.machine);
        if !machine.uses_gpu(scenario) {
            return None;
        }
        let of = case.model.architecture.layers.len() as u64 + 1;
        let (cpu_moe_layers, kv_offload) = (scenario.cpu_moe_layers, scenario.kv_offload);
        let whole = Self { cpu_moe_layers, kv_offload, ..Self::whole(of) };
        let split = match scenario.offload {
            Offload::Off => return None,
            Offload::All => whole,
            Offload::Layers(layers) => Self { gpu_layers: layers.min(of), ..whole },
            // Tensors that are placed by hand are not placed again.
            Offload::Auto if cpu_moe_layers > 0 || !scenario.tensor_overrides.is_empty() => whole,
            Offload::Auto => match machine.gpu_memory_bytes {
                _ if machine.card_count() > 1 => return Some(over_cards(case, kv, whole)),
                Some(bytes) => Loads::of(case, kv).fitting(whole, bytes.saturating_sub(FIT_MARGIN)),
                None => whole,
            },
        };
        if machine.card_count() > 1 {
            return Some(split.shared_out(case));
        }
        let apart = !split.has_everything() || !scenario.tensor_overrides.is_empty();
        (machine.gpu == Some(GpuKind::Discrete) || apart).then_some(split)
    }
}

/// Layers over several cards: by their memory where all fit so, as `--fit` fills them otherwise, and as asked where shares or
/// rows are.
fn over_cards(case: &Case<'_>, kv: &[LayerCache], whole: Split) -> Split {
    let by_memory = whole.shared_out(case);
    let loads = Loads::of(case, kv);
    let rooms = case.machine.cards.map(|mib| (u64::from(mib) * MIB).saturating_sub(FIT_MARGIN));
    let count = case.machine.card_count();
    if (0..count).all(|card| loads.bytes_on(by_memory, card) <= rooms[card])
        || !case.scenario.cards.is_usual()
    {
        return by_memory;
    }
    loads.filling(whole, &rooms[..count])
}

impl Split {
    /// With its layers shared out over the cards: by the shares that were asked for, or by their memory.
    fn shared_out(mut self, case: &Case<'_>) -> Self {
        let asked = &case.scenario.cards;
        let mut shares = case.machine.cards.map(u64::from);
        if !asked.shares.is_empty() {
            shares = [0; MAX_CARDS];
            let there = case.machine.card_count();
            shares.iter_mut().zip(&asked.shares).take(there).for_each(|(share, asked)| *share = *asked);
        }
        let all = shares.iter().sum::<u64>().max(1);
        let (mut sum, mut given) = (0, 0);
        for (layers, share) in self.cards.iter_mut().zip(shares) {
            // Layers at `place / layers < sum / all` (`llama-model.cpp`).
            sum += share;
            let end = (sum * self.gpu_layers).div_ceil(all);
            *layers = short(end - given);
            given = end;
        }
        if asked.by_rows {
            self.rows = shares.map(|share| short(share * 10_000 / all));
        }
        self
    }
}

/// What each layer would take of a card.
struct Loads<'a> {
    case: &'a Case<'a>,
    kv: &'a [LayerCache],
    /// Weights of a layer but for experts; the output's come last.
    weights: Vec<u64>,
    experts: Vec<u64>,
    caches: Vec<u64>,
    graphs: Graphs<'a>,
}

impl<'a> Loads<'a> {
    fn of(case: &'a Case<'a>, kv: &'a [LayerCache]) -> Self {
        let layers = case.model.architecture.layers.len();
        let [mut weights, mut experts, mut caches] = [(); 3].map(|()| vec![0_u64; layers + 1]);
        for (tensor, planned) in case.model.tensors.iter().zip(&case.plan.tensors) {
            match (tensor.layer, tensor.role) {
                (_, Role::Vision | Role::Audio | Role::PleTable) => {}
                (_, Role::TokenEmbedding) if is_table_only(tensor) => {}
                (Some(layer), _) if is_of_experts(tensor) => {
                    experts[layer.min(layers)] += planned.bytes;
                }
                (Some(layer), _) => weights[layer.min(layers)] += planned.bytes,
                (None, Role::TokenEmbedding) => weights[layers] += planned.bytes,
                (None, _) if goes_with_output(tensor) => weights[layers] += planned.bytes,
                (None, _) => weights[0] += planned.bytes,
            }
        }
        for layer in kv {
            caches[layer.layer.min(layers)] += layer.bytes;
        }
        for (cache, layer) in caches.iter_mut().zip(&case.model.architecture.layers) {
            *cache += layer.recurrent().map_or(0, |block| block.state_bytes) * case.scenario.slots.max(1);
        }
        let graphs = Graphs::of_a_search();
        Self { case, kv, weights, experts, caches, graphs }
    }

    /// Bytes on the GPU, the driver's own not counted.
    fn bytes(&self, split: Split) -> u64 {
        self.bytes_on(split, 0)
    }

    /// Bytes on one of several cards.
    fn bytes_on(&self, split: Split, card: usize) -> u64 {
        let graph = gpu_compute_among(self.case, &split, self.kv, card, &self.graphs).bytes;
        self.own_bytes(split, card).saturating_add(graph)
    }

    /// The same without the graph, which takes longest to lay out.
    fn own_bytes(&self, split: Split, card: usize) -> u64 {
        let here = |layer: &usize| split.has_layer(*layer) && split.card_of(*layer as u64) == card;
        let layers = (0..self.weights.len()).filter(here);
        layers
            .map(|layer| {
                let kept = match split.fraction {
                    Some(fraction) if layer as u64 == split.first_of_last() => self.kept(layer, fraction),
                    _ if split.keeps_experts(layer as u64) => self.experts[layer],
                    _ => 0,
                };
                let cache = if split.kv_offload { self.caches[layer] } else { 0 };
                (self.weights[layer] + self.experts[layer]).saturating_sub(kept) + cache
            })
            .sum()
    }

    /// Bytes of a layer that stay with the processor where the GPU takes a fraction of it.
    fn kept(&self, layer: usize, fraction: Fraction) -> u64 {
        let tensors = self.case.model.tensors.iter().zip(&self.case.plan.tensors);
        let kept = tensors.filter(|(tensor, _)| tensor.layer == Some(layer) && fraction.keeps(tensor));
        kept.map(|(_, planned)| planned.bytes).sum()
    }

    fn fits(&self, split: Split, room: u64) -> bool {
        self.own_bytes(split, 0) <= room && self.bytes(split) <= room
    }

    /// What `--fit` chooses.
    fn fitting(&self, whole: Split, room: u64) -> Split {
        let fits = |split: &Split| self.fits(*split, room);
        if fits(&whole) {
            return whole;
        }
        let layers = whole.of - 1;
        if self.experts.iter().all(|bytes| *bytes == 0) {
            let of = |gpu_layers| Split { gpu_layers, ..whole };
            return of(most(whole.of, |gpu_layers| fits(&of(gpu_layers))));
        }
        // As it counts parts of layers, the first of those on the GPU has its experts.
        let without = |gpu_layers: u64| {
            let cpu_moe_last_layers = gpu_layers.saturating_sub(2);
            Split { gpu_layers, cpu_moe_last_layers, ..whole }
        };
        let with = |kept: u64| Split { cpu_moe_last_layers: kept, ..whole };
        if self.bytes(with(layers)) >= room || !fits(&without(whole.of)) {
            return without(most(whole.of, |gpu_layers| fits(&without(gpu_layers))));
        }
        let kept = layers - 1 - most(layers, |full| fits(&with(layers - 1 - full)));
        let with_part = |fraction| Split { fraction: Some(fraction), ..with(kept) };
        let [up, gate] = [Fraction::Up, Fraction::Gate].map(with_part);
        let fits_well = |split: &Split| self.bytes(*split) < room;
        match kept {
            0 => with(0),
            _ if fits_well(&gate) => gate,
            _ if fits_well(&up) => up,
            _ => with_part(Fraction::Attention),
        }
    }
}

impl Loads<'_> {
    /// Several cards filled as `--fit` does: whole layers from the last card to the first, without experts where there are
    /// any; then layers with their experts from the first card on, as far as they fit.
    fn filling(&self, whole: Split, rooms: &[u64]) -> Split {
        let has_experts = self.experts.iter().any(|bytes| *bytes > 0);
        let kept = |gpu_layers: u64| if has_experts { gpu_layers.saturating_sub(1) } else { 0 };
        let of = |cards: EachCard<u64>, full: u64| {
            let (gpu_layers, cards) = (cards.iter().sum(), cards.map(short));
            Split { gpu_layers, cards, cpu_moe_last_layers: kept(gpu_layers).saturating_sub(full), ..whole }
        };
        let mut cards = [0; MAX_CARDS];
        for card in (0..rooms.len()).rev() {
            let left = whole.of - cards.iter().sum::<u64>();
            let with = |layers: u64| {
                let mut cards = cards;
                cards[card] = layers;
                of(cards, 0)
            };
            cards[card] = most(left + 1, |layers| self.bytes_on(with(layers), card) <= rooms[card]);
        }
        let dense = of(cards, 0);
        let used = (0..rooms.len()).map(|card| self.bytes_on(dense, card)).sum::<u64>();
        if !has_experts || dense.gpu_layers < whole.of || rooms.iter().sum::<u64>() <= used {
            return dense;
        }
        // The output lies on the last card that has layers.
        let (mut full, last) = (0, dense.output_card());
        for card in 0..rooms.len() {
            // Layers that later cards have without their experts; the output stays where it is.
            let later: u64 = cards[card + 1..].iter().sum::<u64>().saturating_sub(u64::from(card < last));
            let own = cards[card].saturating_sub(u64::from(card == last));
            let with = |more: u64| {
                let (mut cards, mut moved) = (cards, more.saturating_sub(own));
                cards[card] += moved;
                for (at, layers) in cards.iter_mut().enumerate().skip(card + 1) {
                    let most = layers.saturating_sub(u64::from(at == last));
                    let taken = moved.min(most);
                    (*layers, moved) = (*layers - taken, moved - taken);
                }
                of(cards, full + more)
            };
            let more = most(own + later + 1, |more| self.bytes_on(with(more), card) <= rooms[card]);
            let (ends, found) = (more < own, with(more));
            (cards, full) = (found.cards.map(u64::from), full + more);
            if ends || full + 1 >= whole.of {
                break;
            }
        }
        let found = of(cards, full);
        let last_full = found.card_of(found.first_of_last().saturating_sub(1));
        let part = |fraction| Split { fraction: Some(fraction), ..found };
        let card = found.card_of(found.first_of_last());
        let fits = |split: &Split| self.bytes_on(*split, card) < rooms[card];
        match found.cpu_moe_last_layers {
            0 => found,
            _ if card != last_full => found,
            _ if fits(&part(Fraction::Gate)) => part(Fraction::Gate),
            _ if fits(&part(Fraction::Up)) => part(Fraction::Up),
            _ => part(Fraction::Attention),
        }
    }
}

/// A number of layers, or a share.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The most below `end` that fits, where less fits too; 0 where nothing does.
fn most(end: u64, fits: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, end);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::FIT_MARGIN;
    use crate::device::GpuKind;
    use crate::leaf::units::MIB;
    use crate::memory::Scenario;
    use crate::model::registry;
    use crate::placement::{Machine, Placement};
    use crate::weights::WeightPlan;

    /// Cards of all sizes in all orders, one of which may have room for nothing.
    #[test]
    fn layers_over_cards_add_up_and_leave_the_margin() {
        for slug in ["llama-3.1-8b", "qwen3-30b-a3b", "gpt-oss-20b", "qwen3.5-9b"] {
            let model = registry::model(slug).unwrap();
            let scenario = Scenario::for_model(&model);
            let plan = WeightPlan::new(&model, scenario.weights).unwrap();
            let sizes = [1_024_u32, 2_048, 4_096, 8_192, 24_576];
            for one in sizes {
                for other in sizes {
                    for third in [0, 2_048, 12_288] {
                        let cards = [one, other, third, 0];
                        let gpu_memory_bytes = Some(u64::from(one) * MIB);
                        let gpu = Some(GpuKind::Discrete);
                        let machine = Machine { gpu, gpu_memory_bytes, cards, ..Machine::X86 };
                        let placement = Placement::of(&model, &plan, &scenario, machine);
                        let split = placement.split.unwrap();
                        let layers: u32 = split.cards.iter().sum();
                        assert_eq!(u64::from(layers), split.gpu_layers, "{slug} {cards:?}");
                        for (card, mib) in cards.into_iter().enumerate().filter(|(_, mib)| *mib > 0) {
                            let driver = 300 * MIB;
                            let taken = placement.needs.on_card(Some(card)).bytes - driver;
                            let room = (u64::from(mib) * MIB).saturating_sub(FIT_MARGIN);
                            assert!(taken <= room || split.cards[card] == 0, "{slug} {cards:?}: {split:?}");
                        }
                    }
                }
            }
        }
    }
}
