//! What the options ask for.

use super::{AnalyzeArgs, Lazy, Load, SplitMode, cards};
use crate::cli::output;
use crate::{bad_input, inputs};
use dhurandhar_core::device::State;
use dhurandhar_core::memory::{
    CardShares, Draft, KvFormat, LazyMode, LoadMode, Offload, Scenario, Speculation, TensorOverride, Turn,
};
use dhurandhar_core::model::Model;
use dhurandhar_core::program::Choices;
use dhurandhar_core::weights::{WeightFormat, WeightPlan};

/// What the options ask for.
#[derive(Debug)]
pub(super) struct Options {
    choices: Choices,
    draft: Option<Draft>,
    audio: bool,
    cpu_moe_layers: u64,
    kv_offload: bool,
    tensor_overrides: Vec<TensorOverride>,
    cards: CardShares,
    state: State,
    target_tokens_per_s: f64,
    turn: Turn,
}

impl Options {
    pub(super) fn apply(&self, scenario: &mut Scenario) {
        self.choices.apply(scenario, u64::MAX);
        scenario.weights = self.choices.weights.unwrap_or(scenario.weights);
        if let Some(text) = scenario.not_offered() {
            // One sentence for all devices.
            static SAID: std::sync::Once = std::sync::Once::new();
            SAID.call_once(|| output::note(&text));
        }
        scenario.audio = self.audio;
        scenario.draft.clone_from(&self.draft);
        (scenario.cpu_moe_layers, scenario.kv_offload) = (self.cpu_moe_layers, self.kv_offload);
        scenario.tensor_overrides.clone_from(&self.tensor_overrides);
        scenario.cards.clone_from(&self.cards);
        (scenario.state, scenario.target_tokens_per_s) = (self.state, self.target_tokens_per_s);
        scenario.turn = self.turn;
    }
}

impl AnalyzeArgs {
    /// What the options ask for; nothing where they are not given.
    pub(super) fn options(&self, model: &Model) -> anyhow::Result<Options> {
        let weights = match (&self.weights, self.weight_bits) {
            (Some(name), _) => Some(WeightFormat::parse(name).map_err(bad_input)?),
            (None, Some(bits)) => Some(WeightFormat::Bits(bits)),
            (None, None) => None,
        };
        let side = |name: &Option<String>| match (name, self.kv_bits) {
            (Some(name), _) => KvFormat::parse(name).map(Some).map_err(bad_input),
            (None, bits) => Ok(bits.map(KvFormat::Bits)),
        };
        let load = match self.load {
            None if self.no_mmap => Some(LoadMode::Copy),
            None => None,
            Some(Load::Mmap) => Some(LoadMode::Mmap),
            Some(Load::Copy) => Some(LoadMode::Copy),
            Some(Load::Mlock) => Some(LoadMode::Mlock),
        };
        let lazy = self.lazy.map(|lazy| match lazy {
            Lazy::Auto => LazyMode::Auto,
            Lazy::On => LazyMode::On,
            Lazy::Off => LazyMode::Off,
        });
        let choices = Choices {
            context_tokens: self.context_tokens,
            weights,
            slots: self.slots,
            unified_kv: self.unified_kv,
            k: side(&self.k_format)?,
            v: side(&self.v_format)?,
            ubatch: self.ubatch,
            flash_attention: (self.flash_attention || self.no_flash_attention)
                .then_some(self.flash_attention),
            repack: self.no_repack.then_some(false),
            load,
            lazy,
            offload: if self.cpu_only { Some(Offload::Off) } else { self.gpu_layers },
            vision: (self.keep_vision || self.strip_vision).then_some(self.keep_vision && !self.strip_vision),
            prompt_cache_mib: self.prompt_cache_mib,
            checkpoints: self.context_checkpoints,
        };
        let draft = self.draft_model.as_ref().map(|name| -> anyhow::Result<Draft> {
            let weights =
                self.draft_weights.as_ref().map(|name| WeightFormat::parse(name).map_err(bad_input));
            let draft = Draft::new(inputs::model::load(name)?, weights.transpose()?).map_err(bad_input)?;
            self.speculating(draft)
        });
        if self.draft_acceptance.is_some() && draft.is_none() && !self.mtp {
            return Err(bad_input(
                "`--draft-acceptance` without a draft; expected --draft-model or --mtp, too",
            ));
        }
        Ok(Options {
            draft: if self.mtp { Some(self.own_draft(model, &choices)?) } else { draft.transpose()? },
            choices,
            audio: self.keep_audio && !self.strip_audio,
            cpu_moe_layers: self.cpu_moe_layers,
            kv_offload: !self.no_kv_offload,
            tensor_overrides: cards::overrides(&self.override_tensor, model)?,
            cards: CardShares {
                shares: self.tensor_split.clone(),
                by_rows: self.split_mode == SplitMode::Row,
            },
            state: self.state.unwrap_or_default(),
            target_tokens_per_s: self.target_tps,
            turn: self.speed.turn(self.context_tokens),
        })
    }

    /// With what is known of its proposals.
    fn speculating(&self, draft: Draft) -> anyhow::Result<Draft> {
        let Some(acceptance) = self.draft_acceptance else { return Ok(draft) };
        let tokens = self.draft_tokens.unwrap_or(Speculation::USUAL_TOKENS);
        Ok(draft.with(Speculation::new(tokens, acceptance).map_err(bad_input)?))
    }

    /// The model's own layers that predict further tokens.
    fn own_draft(&self, model: &Model, choices: &Choices) -> anyhow::Result<Draft> {
        let weights = choices.weights.unwrap_or_else(|| WeightPlan::default_format(model));
        let own = Draft::own_layers(model, weights).map_err(bad_input)?;
        self.speculating(own.ok_or_else(|| {
            let name = &model.architecture.name;
            bad_input(format!("`--mtp`: {name} states no layers for further tokens; expected --draft-model"))
        })?)
    }
}
