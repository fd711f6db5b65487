//! The page's tabs: their names in links and for people.

/// The id of the element that shows the open tab, which is one for all tabs.
pub(crate) const PANEL_ID: &str = "calc-panel";

/// A tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tab {
    /// Memory by component.
    #[default]
    Memory,
    /// Verdicts by device.
    Devices,
    /// Cases side by side, and formats on one device.
    Compare,
    /// The KV codec over its bit widths.
    TurboQuant,
    /// Reading a table from storage.
    Mmap,
    /// Codecs at equal bits.
    Codecs,
}

impl Tab {
    /// In the order shown.
    pub(crate) const ALL: [Self; 6] =
        [Self::Memory, Self::Devices, Self::Compare, Self::TurboQuant, Self::Mmap, Self::Codecs];

    /// Its name in a link.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Devices => "devices",
            Self::Compare => "compare",
            Self::TurboQuant => "turboquant",
            Self::Mmap => "mmap",
            Self::Codecs => "codecs",
        }
    }

    /// Its name for people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Memory => "Memory",
            Self::Devices => "Devices",
            Self::Compare => "Compare",
            Self::TurboQuant => "TurboQuant KV",
            Self::Mmap => "Mmap",
            Self::Codecs => "TurboQuant vs RotorQuant",
        }
    }

    /// A tab by its name in a link.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.name() == name)
    }
}
