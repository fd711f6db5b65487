//! The page's whole state, and everything that can happen to it.

pub(crate) mod ahead;
pub(crate) mod catalogue;
pub(crate) mod codec_choice;
pub(crate) mod computed;
pub(crate) mod custom_device;
pub(crate) mod device_changes;
pub(crate) mod inputs;
pub(crate) mod mmap_choice;
pub(crate) mod tabs;

use std::rc::Rc;

use dhurandhar_core::device::State as ProcessState;
use dhurandhar_core::feasibility::{Answer, Change};
use dhurandhar_core::measurement::Overlay;
use dhurandhar_core::memory::{KvFormat, LazyMode, LoadMode, Offload, Runtime, Scenario};
use dhurandhar_core::model::Model;
use dhurandhar_core::weights::WeightFormat;

use crate::state::catalogue::Loaded;
use crate::state::codec_choice::CodecChoice;
use crate::state::custom_device::{CustomDevice, Field};
use crate::state::device_changes::DeviceChanges;
use crate::state::mmap_choice::MmapChoice;
use crate::state::tabs::Tab;

pub(crate) use dhurandhar_core::catalogue::{FIRST_DEVICE as DEFAULT_DEVICE, FIRST_MODEL as DEFAULT_MODEL};

/// Cases that stand side by side, at most.
pub(crate) const MOST_CASES: usize = 4;

/// The state; all of it but messages and dropped files is in the link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) tab: Tab,
    pub(crate) model: Loaded,
    /// Models read from files since the page was opened.
    pub(crate) imported: Vec<Loaded>,
    pub(crate) scenario: Scenario,
    pub(crate) ple_cache_hit_share: f64,
    /// Slug of the device whose budget is drawn; empty for none.
    pub(crate) device: String,
    pub(crate) custom: CustomDevice,
    /// What the reader says of the chosen device in place of its own figures.
    pub(crate) changes: DeviceChanges,
    /// Cases that are compared, each as a link.
    pub(crate) cases: Vec<String>,
    /// Name of the model from a file that this browser keeps.
    pub(crate) kept: Option<String>,
    pub(crate) filter: Filter,
    pub(crate) codec: CodecChoice,
    pub(crate) mmap: MmapChoice,
    /// A measurement read from a file, to lay over the prediction.
    pub(crate) measured: Option<Rc<Overlay>>,
    pub(crate) notices: Vec<Notice>,
    /// Grows with every change that deserves an entry in the browser's history.
    pub(crate) entries: u32,
    /// Number of the last message.
    pub(crate) last_notice: u32,
}

/// Which devices are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// The only answer shown; all without one.
    pub(crate) answer: Option<Answer>,
    /// Text that a device's name contains.
    pub(crate) search: String,
}

/// Answers by their names in links.
pub(crate) const ANSWERS: [(&str, Answer); 4] = [
    ("resident", Answer::Yes),
    ("mmap", Answer::FromStorage),
    ("slow", Answer::Slow),
    ("infeasible", Answer::No),
];

/// A message that stays until it is dismissed, or until the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) id: u32,
    pub(crate) is_error: bool,
    pub(crate) text: String,
}

/// One choice of the scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Setting {
    Context(u64),
    Weights(WeightFormat),
    Keys(KvFormat),
    Values(KvFormat),
    Runtime(Runtime),
    Vision(bool),
    Audio(bool),
    Ubatch(u64),
    FlashAttention(bool),
    Repack(bool),
    Slots(u64),
    SharedCache(bool),
    Load(LoadMode),
    Lazy(LazyMode),
    Gpu(Offload),
    PromptCache(u64),
    State(ProcessState),
    Target(f64),
    /// Tokens of the prompt whose wait is told.
    Prompt(u64),
    HitShare(f64),
}

/// Everything that can happen.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Open(Tab),
    /// A model by name, built in or imported.
    Choose(String),
    Import(Box<Model>),
    Set(Setting),
    /// All choices at once.
    Adopt(Box<Scenario>),
    /// Changes that the verdict suggests.
    Make(Vec<Change>),
    /// Draw the budget of this device.
    Device(String),
    /// Draw this device's budget and show the drawing.
    DrawDevice(String),
    Custom(Field, String),
    /// The bandwidth of the reader's own device, measured here.
    Bandwidth(String),
    /// A figure of the chosen device, by its place among those that can be changed.
    Change(usize, String),
    /// The cases that are compared.
    Cases(Vec<String>),
    /// This browser keeps a model from a file, or none any longer.
    Kept(Option<String>),
    ClearCustom,
    Filter(Filter),
    Codec(CodecChoice),
    Mmap(MmapChoice),
    /// A measurement was read; the choices take its table and its time of a miss.
    Measured(Box<Overlay>),
    /// The measurement is no longer wanted.
    Unmeasured,
    /// The part of a link after the question mark, from the browser's history.
    Restore(String),
    Fail(String),
    Dismiss(u32),
}

impl Action {
    /// Does it take more than the first model and device?
    pub(crate) const fn needs_all(&self) -> bool {
        matches!(
            self,
            Self::Choose(_)
                | Self::Device(_)
                | Self::DrawDevice(_)
                | Self::Open(Tab::Devices | Tab::Mmap | Tab::Compare)
                | Self::Restore(_)
        )
    }
}

impl State {
    /// The state at the beginning of a link: a model with its default scenario, nothing else chosen.
    pub(crate) fn start(model: Loaded) -> Self {
        Self {
            tab: Tab::default(),
            scenario: Scenario::for_model(&model),
            model,
            imported: Vec::new(),
            ple_cache_hit_share: 0.0,
            device: DEFAULT_DEVICE.to_owned(),
            custom: CustomDevice::default(),
            changes: DeviceChanges::default(),
            cases: Vec::new(),
            kept: None,
            filter: Filter::default(),
            codec: CodecChoice::default(),
            mmap: MmapChoice::default(),
            measured: None,
            notices: Vec::new(),
            entries: 0,
            last_notice: 0,
        }
    }

    /// Says something in place of what was said before.
    pub(crate) fn notify(&mut self, is_error: bool, text: String) {
        self.notices.clear();
        self.add_notice(is_error, text);
    }

    pub(crate) fn add_notice(&mut self, is_error: bool, text: String) {
        self.last_notice += 1;
        self.notices.push(Notice { id: self.last_notice, is_error, text });
    }
}
