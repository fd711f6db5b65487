//! A program as its file states it.

use crate::device::{Confidence, Counts, Device, GpuKind, Platform};
use crate::leaf::named;
use crate::memory::{KvFormat, LazyMode, LoadMode, Offload, Runtime, Scenario, UbatchStep};
use crate::model::Model;
use crate::weights::WeightFormat;
use serde::Serialize;

/// A program with its choices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Program {
    /// Slug.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The version whose choices these are, in words.
    pub version: String,
    /// Whose rules of memory it follows.
    pub runtime: Runtime,
    /// Systems it runs on; nothing where it runs on all.
    pub systems: Vec<Platform>,
    /// What it chooses when nothing is said.
    pub choices: Choices,
    /// What it chooses elsewhere, in the order in which they are applied.
    pub variants: Vec<Variant>,
    /// Permissions that it asks the system for: limits by name that hold then, each with the one that it takes the place of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<(String, String)>,
    /// Where that is written.
    pub source: String,
    /// How it is known.
    pub confidence: Confidence,
    /// Remarks: what is not known, above all.
    pub note: String,
}

/// What a program chooses on some systems or GPUs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// On these systems; nothing where it does not matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<Platform>,
    /// With such a GPU; nothing where it does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpus>,
    /// Where GPUs may use so much memory or more, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_from_mib: Option<u64>,
    /// From so many tokens of context on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_from: Option<u64>,
    /// The choices.
    pub choices: Choices,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// GPUs that a variant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gpus {
    /// None that the runtime uses.
    None,
    /// One that shares the memory.
    Unified,
    /// A card with memory of its own.
    Card,
}

/// Choices; what is not stated stays as the runtime has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(default)]
pub struct Choices {
    /// Tokens of context, or the model's maximum where that is less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// Weights where no file says them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightFormat>,
    /// Conversations side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<u64>,
    /// One cache for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unified_kv: Option<bool>,
    /// Storage of keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<KvFormat>,
    /// Storage of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v: Option<KvFormat>,
    /// Tokens computed at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ubatch: Option<u64>,
    /// Attention without the full score matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash_attention: Option<bool>,
    /// Packed copies for the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repack: Option<bool>,
    /// How weights come into memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadMode>,
    /// Whether a per-layer table is read row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lazy: Option<LazyMode>,
    /// Where the layers run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offload: Option<Offload>,
    /// The vision tower, where the model has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision: Option<bool>,
    /// MiB for the states of earlier prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_mib: Option<u64>,
    /// Snapshots kept for each slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<u64>,
}

impl Gpus {
    fn of(device: &Device) -> Self {
        match device.gpu.as_ref().map(|gpu| gpu.kind) {
            None => Self::None,
            Some(GpuKind::Metal | GpuKind::Integrated) => Self::Unified,
            Some(GpuKind::Discrete) => Self::Card,
        }
    }
}

named!(Gpus { None "none", Unified "unified", Card "card" });

impl Variant {
    fn suits(&self, device: &Device, context_tokens: u64) -> bool {
        (self.systems.is_empty() || self.systems.contains(&device.platform))
            && self.gpu.is_none_or(|gpu| gpu == Gpus::of(device))
            && self.gpu_memory_from_mib.is_none_or(|from| gpu_memory(device) >= from << 20)
            && self.context_from.is_none_or(|from| context_tokens >= from)
    }
}

/// Bytes that GPUs may use: a card's own, or what the driver lends of unified memory, all of it where no limit is known.
fn gpu_memory(device: &Device) -> u64 {
    let lent =
        || device.limits().into_iter().find(|limit| limit.counts == Counts::Gpu).map(|limit| limit.bytes);
    let all = || device.ram_mib.map(|mib| mib << 20);
    device.gpu.as_ref().and_then(|gpu| gpu.memory_bytes().or_else(lent).or_else(all)).unwrap_or(0)
}

impl Choices {
    /// Changes a scenario to them.
    pub fn apply(&self, scenario: &mut Scenario, longest: u64) {
        fn set<T: Copy>(place: &mut T, choice: Option<T>) {
            *place = choice.unwrap_or(*place);
        }
        set(&mut scenario.context_tokens, self.context_tokens.map(|tokens| tokens.min(longest)));
        set(&mut scenario.slots, self.slots);
        set(&mut scenario.unified_kv, self.unified_kv);
        set(&mut scenario.k, self.k);
        set(&mut scenario.v, self.v);
        set(&mut scenario.ubatch, self.ubatch);
        set(&mut scenario.flash_attention, self.flash_attention);
        set(&mut scenario.repack, self.repack);
        set(&mut scenario.load, self.load);
        set(&mut scenario.lazy, self.lazy);
        set(&mut scenario.offload, self.offload);
        set(&mut scenario.vision, self.vision);
        set(&mut scenario.prompt_cache_mib, self.prompt_cache_mib);
        set(&mut scenario.checkpoints, self.checkpoints);
        // A file's own types, and those of a quantised checkpoint, stay.
        if !matches!(scenario.weights, WeightFormat::AsStored | WeightFormat::Uniform(_)) {
            set(&mut scenario.weights, self.weights);
        }
    }
}

impl Program {
    /// Whether it runs on a device's system.
    pub fn runs_on(&self, device: &Device) -> bool {
        self.systems.is_empty() || self.systems.contains(&device.platform)
    }

    /// The device as it is to the program, which has asked for its permissions.
    pub fn permitted(&self, device: &Device) -> Device {
        let mut device = device.clone();
        for (granted, replaced) in &self.permissions {
            let Some(limit) = device.system_limits.iter_mut().find(|limit| limit.id == *granted) else {
                continue;
            };
            limit.on_request = false;
            device.system_limits.retain(|limit| limit.id != *replaced);
        }
        device
    }

    /// What it does with `model` on `device` when nothing, or no more than the context, is said.
    pub fn scenario(&self, model: &Model, device: &Device, context_tokens: Option<u64>) -> Scenario {
        let longest = model.architecture.max_context_tokens;
        let mut scenario = Scenario::for_runtime(model, self.runtime);
        scenario.context_tokens = device.form.usual_context_tokens().min(longest);
        let mut apply = |choices: &Choices| {
            choices.apply(&mut scenario, longest);
            scenario.context_tokens = context_tokens.unwrap_or(scenario.context_tokens);
            scenario.context_tokens
        };
        let mut context = apply(&self.choices);
        for variant in &self.variants {
            if variant.suits(device, context) {
                context = apply(&variant.choices);
            }
        }
        let usual = self.choices.ubatch.unwrap_or(Scenario::for_runtime(model, self.runtime).ubatch);
        scenario.ubatch_steps = self.ubatch_steps(device, usual);
        scenario
    }

    /// What it computes at once by the context, where that differs; `usual` with the shortest.
    fn ubatch_steps(&self, device: &Device, usual: u64) -> Vec<UbatchStep> {
        let grows = |variant: &&Variant| {
            variant.suits(device, u64::MAX)
                && variant.context_from.is_some()
                && variant.choices.ubatch.is_some()
        };
        let later = self.variants.iter().filter(grows).map(|variant| UbatchStep {
            from_tokens: variant.context_from.unwrap_or(1),
            ubatch: variant.choices.ubatch.unwrap_or(usual),
        });
        let mut steps: Vec<UbatchStep> = later.collect();
        if !steps.is_empty() {
            steps.insert(0, UbatchStep { from_tokens: 1, ubatch: usual });
        }
        steps
    }
}

impl Choices {
    /// Each choice in a few words.
    pub fn in_words(&self) -> Vec<String> {
        let flag = |choice: Option<bool>, yes: &str, no: &str| {
            choice.map(|choice| if choice { yes } else { no }.to_owned())
        };
        let load = self.load.map(|load| {
            let words = match load {
                LoadMode::Mmap => "weights mapped",
                LoadMode::Copy => "weights copied into memory",
                LoadMode::Mlock => "weights mapped and locked",
            };
            words.to_owned()
        });
        let offload = self.offload.map(|offload| match offload {
            Offload::Auto => "as many layers on the GPU as fit".to_owned(),
            Offload::Off => "all layers on the processor".to_owned(),
            Offload::All => "all layers on the GPU".to_owned(),
            Offload::Layers(layers) => format!("{layers} layers on the GPU"),
        });
        let lazy = self.lazy.map(|lazy| format!("PLE table read row by row: {}", lazy.name()));
        let cache = match (self.k, self.v) {
            (Some(k), Some(v)) if k == v => Some(format!("{k} cache")),
            (None, None) => None,
            (k, v) => {
                let name =
                    |side: Option<KvFormat>| side.map_or("default".to_owned(), |side| side.to_string());
                Some(format!("{} keys, {} values", name(k), name(v)))
            }
        };
        [
            self.context_tokens.map(|tokens| format!("{tokens} tokens of context")),
            self.weights.map(|weights| format!("{weights} weights")),
            load,
            flag(self.repack, "weights repacked", "weights not repacked"),
            offload,
            cache,
            flag(self.flash_attention, "flash attention", "no flash attention"),
            self.ubatch.map(|tokens| format!("micro-batch of {tokens}")),
            self.slots.map(|slots| if slots == 1 { "1 slot".to_owned() } else { format!("{slots} slots") }),
            flag(self.unified_kv, "one cache for all slots", "a cache for each slot"),
            lazy,
            flag(self.vision, "the vision tower", "no vision tower"),
            self.prompt_cache_mib.map(|mib| match mib {
                0 => "no states of earlier prompts".to_owned(),
                mib => format!("up to {mib} MiB for earlier prompts"),
            }),
            self.checkpoints.map(|count| format!("{count} checkpoints a slot")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Variant {
    /// Where it holds, in words.
    pub fn condition(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.systems.is_empty() {
            let systems: Vec<&str> = self.systems.iter().map(|system| system.title()).collect();
            words.push(format!("on {}", systems.join(" and ")));
        }
        let gpu = self.gpu.map(|gpu| match gpu {
            Gpus::None => "without a GPU",
            Gpus::Unified => "with a GPU that shares the memory",
            Gpus::Card => "with a graphics card",
        });
        words.extend(gpu.map(str::to_owned));
        let gib = |mib: u64| mib as f64 / 1024.0;
        words.extend(self.gpu_memory_from_mib.map(|mib| format!("from {} GiB of GPU memory on", gib(mib))));
        words.extend(self.context_from.map(|tokens| format!("from {tokens} tokens on")));
        words.join(", ")
    }
}
