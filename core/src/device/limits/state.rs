//! What the system takes a process to be doing: many limits depend on it.

use crate::leaf::named;
use crate::leaf::wire::Wire;
use crate::leaf::wire::wire_enum;
use serde::Serialize;

/// The state of the process that runs the model, from the most favoured to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On the screen.
    #[default]
    Foreground,
    /// Off the screen, in a service that the person is told of (Android's foreground service).
    Service,
    /// Off the screen, and nothing else.
    Background,
    /// Kept by the system in case it is wanted again; it does not run.
    Cached,
}

impl State {
    /// States in which a model can run, with their names on the command line and in links.
    pub const RUNNING: [(&'static str, Self); 3] =
        [("foreground", Self::Foreground), ("service", Self::Service), ("background", Self::Background)];

    /// Its name in a sentence: "in ...".
    pub const fn title(self) -> &'static str {
        match self {
            Self::Foreground => "the foreground",
            Self::Service => "a foreground service",
            Self::Background => "the background",
            Self::Cached => "the cache of ended apps",
        }
    }
}

named!(State { Foreground "foreground", Service "service", Background "background", Cached "cached" });

/// Bytes by state, in the order of [`State::ALL`]; 0, which no limit allows, where none is known or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByState([u64; 4]);

/// The same as it stands in data.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "ByState"))]
pub(super) struct Named {
    /// On the screen.
    foreground: Option<u64>,
    /// In a foreground service.
    service: Option<u64>,
    /// In the background.
    background: Option<u64>,
    /// Cached.
    cached: Option<u64>,
}

impl Serialize for ByState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [foreground, service, background, cached] = State::ALL.map(|state| self.get(state));
        Named { foreground, service, background, cached }.serialize(serializer)
    }
}

impl ByState {
    /// The same bytes in every state in which a process runs.
    pub const fn same(bytes: u64) -> Self {
        Self([bytes, bytes, bytes, 0])
    }

    /// Bytes in a state.
    pub const fn get(&self, state: State) -> Option<u64> {
        match self.0[state as usize] {
            0 => None,
            bytes => Some(bytes),
        }
    }

    /// Enters the bytes of a state.
    pub fn set(&mut self, state: State, bytes: Option<u64>) {
        self.0[state as usize] = bytes.unwrap_or(0);
    }

    /// Whether the state of a running process matters.
    pub const fn differs(&self) -> bool {
        self.0[1] != self.0[0] || self.0[2] != self.0[0]
    }
}

impl Wire for ByState {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|bytes| bytes.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut bytes = Self::default();
        for place in &mut bytes.0 {
            *place = Wire::take(from)?;
        }
        Some(bytes)
    }
}

wire_enum!(State { 0 Foreground, 1 Service, 2 Background, 3 Cached });
