//! A device by name.

use super::this_machine;
use crate::bad_input;
use anyhow::Context;
use dhurandhar_core::device::{Device, registry};
use std::path::Path;

/// The device that `name` means: a YAML file when one is there, this machine, or a built-in slug.
pub(crate) fn load(name: &str) -> anyhow::Result<Device> {
    let path = Path::new(name);
    if path.is_file() {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        return Device::from_yaml(name, &text).map_err(bad_input);
    }
    if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        return Err(bad_input(format!("no file at {name}")));
    }
    if name == this_machine::NAME {
        return this_machine::device();
    }
    registry::device(name).map_err(bad_input)
}
