//! `limits`: which limits on memory hold on a device or a system, and one of them whole.

mod text;

use crate::cli::{args, output};
use crate::{bad_input, inputs};
use clap::Args;
use dhurandhar_core::device::limits::{Confidence, Entry, registry};
use dhurandhar_core::device::{Limit, MemoryKind, Platform, State, Version};
use dhurandhar_core::leaf::cast::to_u64;
use serde::Serialize;
use std::process::ExitCode;

/// Options of `limits`.
#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    /// Show this limit in full: every class and state, with sources
    #[arg(conflicts_with_all = ["device", "os", "ram", "list", "state"])]
    name: Option<String>,
    /// Limits of a device: built-in name or YAML file
    #[arg(long, conflicts_with_all = ["os", "ram", "list"])]
    device: Option<String>,
    /// Limits of a system, with a version or the newest (android-17, ios-26, macos-26, windows-11, linux, ...)
    #[arg(long, value_name = "SYSTEM", conflicts_with = "list")]
    os: Option<String>,
    /// Memory as sold, in GB of 2^30 bytes
    #[arg(long, value_name = "GB", requires = "os", allow_negative_numbers = true)]
    ram: Option<f64>,
    /// List every known limit
    #[arg(long)]
    list: bool,
    /// State of the process: foreground, service or background [default: all of them]
    #[arg(long, value_parser = args::state)]
    state: Option<State>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A limit with what is known of it in general.
#[derive(Debug, Serialize)]
pub(crate) struct Known {
    /// On this device.
    #[serde(flatten)]
    pub(crate) limit: Limit,
    /// Kinds of memory that it counts; nothing for one that only the device has.
    pub(crate) kinds: &'static [MemoryKind],
    /// Who sets it; nothing for one that only the device has.
    pub(crate) who: Option<&'static str>,
    /// Since when.
    pub(crate) since: Option<&'static str>,
    /// Where it is written.
    pub(crate) reference: Option<&'static str>,
    /// How its figures are known in general.
    pub(crate) confidence: Option<Confidence>,
}

impl Known {
    fn of(limit: Limit) -> Self {
        let entry = registry::entry(&limit.id).ok();
        Self {
            limit,
            kinds: entry.map_or(&[], |entry| &entry.counts),
            who: entry.map(|entry| &*entry.who),
            since: entry.map(|entry| &*entry.since),
            reference: entry.map(|entry| &*entry.source),
            confidence: entry.map(|entry| entry.confidence),
        }
    }
}

/// What limits are asked for, for a heading.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    /// Device's or system's name for people.
    pub(crate) title: String,
    /// System.
    pub(crate) platform: Platform,
    /// Its version; the newest that is known where none is stated.
    pub(crate) version: Option<Version>,
    /// Memory as sold, MiB.
    pub(crate) ram_mib: Option<u64>,
    /// State, where one was asked for.
    pub(crate) state: Option<State>,
}

impl LimitsArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        output::print(&self.text()?)?;
        Ok(ExitCode::SUCCESS)
    }

    fn text(&self) -> anyhow::Result<String> {
        if let Some(name) = &self.name {
            let entry = registry::entry(name)
                .map_err(|error| bad_input(format!("{error}; `dhurandhar limits --list` lists them")))?;
            return if self.json { json(&text::data(entry)) } else { Ok(text::one(entry)) };
        }
        if self.list {
            if self.state.is_some() {
                return Err(bad_input(
                    "`--state` with `--list`, which shows no bytes; expected --device or --os",
                ));
            }
            let entries: Vec<&Entry> = registry::entries().collect();
            return if self.json {
                json(&entries.iter().map(|entry| text::data(entry)).collect::<Vec<_>>())
            } else {
                Ok(text::list(&entries))
            };
        }
        let (asked, limits) = self.asked()?;
        if let Some(state) = self.state {
            asked.platform.check_state(state).map_err(bad_input)?;
        }
        let state = self.state.unwrap_or_default();
        let limits: Vec<Known> =
            limits.iter().filter_map(|limit| limit.in_state(state)).map(Known::of).collect();
        if self.json {
            return json(&serde_json::json!({ "system": asked, "limits": limits }));
        }
        Ok(text::held(&asked, &limits))
    }

    fn asked(&self) -> anyhow::Result<(Asked, Vec<Limit>)> {
        if let Some(name) = &self.device {
            let device = inputs::device::load(name)?;
            let limits = device.limits();
            let asked = Asked {
                title: device.title,
                platform: device.platform,
                version: device.os_version,
                ram_mib: device.ram_mib,
                state: self.state,
            };
            return Ok((asked, limits));
        }
        let Some(system) = &self.os else {
            return Err(bad_input("nothing to show; expected the name of a limit, --device, --os or --list"));
        };
        let (platform, version) = Platform::parse(system).map_err(bad_input)?;
        let ram_mib = match self.ram {
            Some(gigabytes) => Some(memory(gigabytes)?),
            None if platform == Platform::Browser => None,
            None => {
                let text = format!(
                    "`--os {system}` without memory; expected --ram GB, as the device is sold (--ram 8)"
                );
                return Err(bad_input(text));
            }
        };
        let limits = registry::of_system(platform, version, ram_mib);
        let title = platform.title().to_owned();
        Ok((Asked { title, platform, version, ram_mib, state: self.state }, limits))
    }
}

/// MiB of so many gigabytes.
fn memory(gigabytes: f64) -> anyhow::Result<u64> {
    let mib = gigabytes * 1024.0;
    if (64.0..=16_777_216.0).contains(&mib) {
        return Ok(to_u64(mib.round()));
    }
    Err(bad_input(format!("`--ram {gigabytes}`: expected GB of memory, from 0.0625 to 16384")))
}

fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
