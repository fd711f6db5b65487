//! Solves the codebooks of common widths and writes the table that the crate ships: `cargo run -p dhurandhar-codec
//! --example ship_codebooks`. Only needed when the solver or the list of widths changes; a test says so.

use std::path::Path;

use dhurandhar_codec::scalar::shipped;

fn main() -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scalar/codebooks.bin");
    std::fs::write(&path, shipped::table())?;
    println!("wrote {}", path.display());
    Ok(())
}
