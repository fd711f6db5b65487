//! Systems that set limits, their versions, and the states that they know.

use super::State;
use crate::device::Os;
use crate::format::built_in::nearest_note;
use crate::format::document::nearest_names;
use crate::leaf::named;
use crate::leaf::wire::{Wire, wire_enum};
use serde::Serialize;
use std::fmt;

/// A system by the name that limits use: finer than [`Os`], since relatives of one kernel differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Android on phones and tablets.
    Android,
    /// Meta's headsets, whose system is a relative of Android.
    Horizon,
    /// iOS.
    Ios,
    /// iPadOS.
    Ipados,
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
    /// A page in a browser.
    Browser,
    /// Not stated.
    Other,
}

/// A version: major and minor number; text in data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Version {
    /// Before the point.
    pub major: u64,
    /// After it.
    pub minor: u64,
}

/// A system or version that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownSystem {
    /// No system of that name.
    #[error("no system `{name}`{}; expected one of {known}", nearest_note(.nearest.as_deref()))]
    Name {
        /// What was asked for.
        name: String,
        /// Nearest names.
        nearest: Option<String>,
        /// All names.
        known: String,
    },
    /// The system has no such version.
    #[error("no version {version} of {system} is known; nearest: {system}-{nearest} (known: {known})")]
    Version {
        /// System.
        system: &'static str,
        /// What was asked for.
        version: String,
        /// Nearest version.
        nearest: String,
        /// All versions.
        known: String,
    },
    /// The system does not tell processes apart like this.
    #[error("{system} has no state `{state}` for a running app{why}; expected {known}")]
    State {
        /// System.
        system: &'static str,
        /// What was asked for.
        state: &'static str,
        /// Why, in words.
        why: &'static str,
        /// What there is.
        known: String,
    },
}

impl Version {
    /// Stands for the newest minor version of a major one.
    const NEWEST_MINOR: u64 = 99;

    /// Reads `17` or `26.4`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let number = |part: &str| part.parse().ok().filter(|number| *number < 100_000);
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            0 | Self::NEWEST_MINOR => write!(f, "{}", self.major),
            minor => write!(f, "{}.{minor}", self.major),
        }
    }
}

impl Platform {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Android => "Android",
            Self::Horizon => "Meta Horizon OS",
            Self::Ios => "iOS",
            Self::Ipados => "iPadOS",
            Self::Linux => "Linux",
            Self::Macos => "macOS",
            Self::Windows => "Windows",
            Self::Browser => "Browsers",
            Self::Other => "Other systems",
        }
    }

    /// The one that a device of this operating system has when nothing else is said.
    pub const fn of(os: Os) -> Self {
        match os {
            Os::Android => Self::Android,
            Os::Ios => Self::Ios,
            Os::Linux => Self::Linux,
            Os::Macos => Self::Macos,
            Os::Windows => Self::Windows,
            Os::Other => Self::Other,
        }
    }

    /// The operating system that it belongs to.
    pub const fn os(self) -> Os {
        match self {
            Self::Android | Self::Horizon => Os::Android,
            Self::Ios | Self::Ipados => Os::Ios,
            Self::Linux => Os::Linux,
            Self::Macos => Os::Macos,
            Self::Windows => Os::Windows,
            Self::Browser | Self::Other => Os::Other,
        }
    }

    /// Major versions that are known, oldest and newest of each run of them; nothing where versions do not matter.
    pub const fn versions(self) -> &'static [(u64, u64)] {
        match self {
            Self::Android => &[(8, 17)],
            Self::Ios | Self::Ipados => &[(15, 18), (26, 27)],
            Self::Macos => &[(13, 15), (26, 26)],
            Self::Windows => &[(10, 11)],
            Self::Linux => &[(4, 7)],
            Self::Horizon | Self::Browser | Self::Other => &[],
        }
    }

    /// The states that its limits tell apart, for a process that runs.
    pub const fn states(self) -> &'static [State] {
        match self {
            Self::Android => &[State::Foreground, State::Service, State::Background],
            _ => &[State::Foreground],
        }
    }

    /// The newest version that is known: assumed where none is stated.
    pub fn newest(self) -> Option<Version> {
        self.versions().last().map(|(_, newest)| Version { major: *newest, minor: Version::NEWEST_MINOR })
    }

    /// Reads a name, or name and version (`android-17`).
    pub fn parse(text: &str) -> Result<(Self, Option<Version>), UnknownSystem> {
        let (name, version) = text.split_once('-').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        let platform = found.map(|(_, platform)| *platform).ok_or_else(|| UnknownSystem::Name {
            name: name.to_owned(),
            nearest: nearest_names(name, Self::NAMES.map(|(known, _)| known)),
            known: Self::NAMES.map(|(known, _)| known).join(", "),
        })?;
        let version = version.map(|version| platform.version(version)).transpose()?;
        Ok((platform, version))
    }

    /// Reads a version of this system.
    pub fn version(self, text: &str) -> Result<Version, UnknownSystem> {
        let runs = self.versions();
        // A major version alone is its newest minor one, as `newest` is where none is stated.
        let parsed = Version::parse(text).map(|version| {
            let minor = if text.contains('.') { version.minor } else { Version::NEWEST_MINOR };
            Version { minor, ..version }
        });
        let known = |version: &Version| {
            runs.is_empty() || runs.iter().any(|(low, high)| (*low..=*high).contains(&version.major))
        };
        parsed.filter(known).ok_or_else(|| {
            let wanted = parsed.map_or(u64::MAX, |version| version.major);
            let near = runs.iter().map(|(low, high)| wanted.clamp(*low, *high));
            let nearest = near.min_by_key(|major| major.abs_diff(wanted)).unwrap_or(0);
            let listed: Vec<String> = runs.iter().map(|(low, high)| range(*low, *high)).collect();
            UnknownSystem::Version {
                system: self.name(),
                version: text.to_owned(),
                nearest: nearest.to_string(),
                known: listed.join(", "),
            }
        })
    }

    /// Refuses a state that the system does not know for a running process.
    pub fn check_state(self, state: State) -> Result<(), UnknownSystem> {
        if self.states().contains(&state) {
            return Ok(());
        }
        let known: Vec<&str> = self.states().iter().map(|state| state.name()).collect();
        let why = match self {
            Self::Ios | Self::Ipados => ", which it suspends off the screen",
            _ => "",
        };
        Err(UnknownSystem::State { system: self.title(), state: state.name(), why, known: known.join(", ") })
    }
}

named!(Platform { Android "android", Horizon "horizon", Ios "ios", Ipados "ipados", Linux "linux", Macos "macos", Windows "windows", Browser "browser", Other "other" });

fn range(low: u64, high: u64) -> String {
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

wire_enum!(Platform {
    0 Android, 1 Horizon, 2 Ios, 3 Ipados, 4 Linux, 5 Macos, 6 Windows, 7 Browser, 8 Other,
});

impl Wire for Version {
    fn put(&self, out: &mut Vec<u8>) {
        (self.major, self.minor).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (major, minor) = Wire::take(from)?;
        Some(Self { major, minor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_systems_versions_and_states_get_their_neighbours() {
        assert_eq!(Platform::parse("android-17.0").unwrap(), (Platform::Android, Version::parse("17")));
        assert_eq!(Platform::parse("ipados-26.4").unwrap().1, Some(Version { major: 26, minor: 4 }));
        let error = |text: &str| Platform::parse(text).unwrap_err().to_string();
        assert!(error("androd-17").starts_with("no system `androd`; nearest: android; expected one of "));
        assert_eq!(
            error("android-19"),
            "no version 19 of android is known; nearest: android-17 (known: 8 to 17)"
        );
        assert_eq!(
            error("ios-20"),
            "no version 20 of ios is known; nearest: ios-18 (known: 15 to 18, 26 to 27)"
        );
        assert!(error("macos-tahoe").contains("no version tahoe of macos"));
        let state = Platform::Ios.check_state(State::Service).unwrap_err().to_string();
        assert_eq!(
            state,
            "iOS has no state `service` for a running app, which it suspends off the screen; expected foreground"
        );
        // A major version alone is its newest.
        let (_, version) = Platform::parse("ipados-26").unwrap();
        assert!(version > Version::parse("26.4"));
        assert_eq!(version.unwrap().to_string(), "26");
        assert!(Version::parse("26.10") > Version::parse("26.4"));
    }
}
