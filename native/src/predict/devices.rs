//! `devices`: what is built in, and devices from YAML.

use super::text;
use crate::{bad_input, output};
use anyhow::Context;
use clap::Args;
use dhurandhar_core::device::{Device, registry};
use std::path::Path;
use std::process::ExitCode;

/// Options of `devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Show one device with the source of every field
    device: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the device's YAML profile, as a start for your own
    #[arg(long, requires = "device", conflicts_with = "json")]
    yaml: bool,
}

impl DevicesArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let text = match &self.device {
            None if self.json => {
                serde_json::to_string_pretty(&registry::devices().collect::<Vec<_>>())? + "\n"
            }
            None => text::devices(registry::devices()),
            Some(name) => {
                let found = load(name)?;
                if self.yaml {
                    let yaml = registry::yaml(name);
                    yaml.map(str::to_owned)
                        .ok_or_else(|| bad_input(format!("{name} is not a built-in device")))?
                } else if self.json {
                    serde_json::to_string_pretty(&found)? + "\n"
                } else {
                    text::device(&found)
                }
            }
        };
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The device that `name` means: a YAML file when one is there, a built-in slug otherwise.
pub(super) fn load(name: &str) -> anyhow::Result<Device> {
    let path = Path::new(name);
    if path.is_file() {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        return Device::from_yaml(name, &text).map_err(bad_input);
    }
    if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        return Err(bad_input(format!("no file at {name}")));
    }
    registry::device(name).map_err(bad_input)
}
