//! `devices`: what is built in, and devices from YAML.

mod text;

use crate::cli::output;
use crate::{bad_input, inputs};
use clap::Args;
use dhurandhar_core::device::{gpus, registry};
use std::process::ExitCode;

/// Options of `devices`.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Show this device with the source of every field: built-in name or YAML file
    device: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the device's YAML profile, to start your own from
    #[arg(long, requires = "device", conflicts_with = "json")]
    yaml: bool,
    /// List the built-in graphics cards instead
    #[arg(long, conflicts_with_all = ["device", "yaml"])]
    cards: bool,
    /// List the graphics adapters of this machine with their limits instead
    #[cfg(feature = "burn")]
    #[arg(long, conflicts_with_all = ["device", "yaml"])]
    gpu: bool,
}

impl DevicesArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        #[cfg(feature = "burn")]
        if self.gpu {
            output::print(&adapters(self.json)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let text = match &self.device {
            None if self.cards && self.json => {
                serde_json::to_string_pretty(&gpus().collect::<Vec<_>>())? + "\n"
            }
            None if self.cards => text::cards(gpus()),
            None if self.json => {
                serde_json::to_string_pretty(&registry::devices().collect::<Vec<_>>())? + "\n"
            }
            None => text::devices(registry::devices()),
            Some(name) => {
                let found = inputs::device::load(name)?;
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

/// Graphics adapters, as wgpu lists them.
#[cfg(feature = "burn")]
fn adapters(json: bool) -> anyhow::Result<String> {
    let found = crate::machine::adapters::adapters();
    if json {
        return Ok(serde_json::to_string_pretty(&found)? + "\n");
    }
    if found.is_empty() {
        return Ok("no graphics adapter found; models run on the CPU\n".to_owned());
    }
    let row = |adapter: &crate::machine::adapters::Adapter| {
        vec![
            adapter.name.clone(),
            adapter.api.clone(),
            adapter.kind.replace('_', " "),
            output::mib(adapter.max_binding_bytes),
            output::mib(adapter.max_buffer_bytes),
            if adapter.f16 { "yes" } else { "no" }.to_owned(),
        ]
    };
    let header = ["adapter", "API", "kind", "binding MiB", "buffer MiB", "f16"];
    let mut text = output::table(&header, &[3, 4], found.iter().map(row).collect());
    text += "\nbinding: the largest tensor that a kernel can read; kind cpu: a software driver, passed over by --backend auto\n";
    Ok(text)
}
