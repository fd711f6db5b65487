//! What a device of one's own allows a program, limit by limit: `cargo run -p dhurandhar-core --example limits`.

use dhurandhar_core::device::{Device, State};
use std::error::Error;

const PHONE: &str = "\
name: my-phone
os: android
version: 16
ram_mib: 6144
storage: {class: ufs-3.1}
sources:
  ram_mib: \"spec-sheet: 6 GB\"
";

fn main() -> Result<(), Box<dyn Error>> {
    // The text of a file; its name stands in messages.
    let device = Device::from_yaml("my-phone.yaml", PHONE)?;
    for (name, state) in State::RUNNING {
        println!("in the {name}:");
        for limit in device.limits_in(state) {
            let mib = limit.bytes >> 20;
            println!(
                "  {:<44} {mib:>6} MiB of {} ({})",
                limit.title,
                limit.counts.title(),
                limit.source.text
            );
        }
    }
    Ok(())
}
