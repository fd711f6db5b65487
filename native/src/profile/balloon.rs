//! A balloon: memory held by a process of its own, so that the page cache keeps no more than the budget.
//!
//! Filled with incompressible bytes (zeros vanish in compressed swap) and touched again each second.

use crate::cli::child::{self, Job};
use crate::machine::memory::available_bytes;
use crate::profile::table::content;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Memory always left to the rest of the system, bytes.
pub(crate) const FLOOR: u64 = 256 << 20;
const STEP: usize = 16 << 20;

/// A running balloon; deflated on drop.
#[derive(Debug)]
pub(crate) struct Balloon {
    child: Child,
    /// Memory the system called available when it was up, bytes.
    pub(crate) available_bytes: u64,
}

impl Balloon {
    /// Leaves about `budget` bytes available beyond [`FLOOR`].
    pub(crate) fn inflate(budget: u64) -> Result<Self> {
        let available = available_bytes().context("the system does not tell how much memory is available")?;
        let bytes = available.saturating_sub(budget).saturating_sub(FLOOR);
        if bytes == 0 {
            bail!("only {available} bytes are available: no balloon is needed for {budget}");
        }
        let mut command = child::worker(Job::Balloon)?;
        let mut child = command.stderr(Stdio::inherit()).spawn().context("cannot start the balloon")?;
        if let Some(stdin) = &mut child.stdin {
            writeln!(stdin, "{bytes}")?;
        }
        let stdout = child.stdout.take().context("the balloon has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim() != "up" {
            let _ = child.kill();
            let status = child.wait()?;
            bail!("the balloon of {bytes} bytes ended: {status}");
        }
        Ok(Self { child, available_bytes: available_bytes().unwrap_or(0) })
    }
}

impl Drop for Balloon {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The balloon's own process: fill by so many bytes as the first line says, say so, hold until the parent closes its end.
pub(crate) fn serve() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let bytes: u64 = line.trim().parse().context("the size of the balloon is no number of bytes")?;
    // The first to go when memory runs out: the balloon, not its parent.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let mut parts = Vec::new();
    let mut left = bytes;
    while left > 0 {
        if available_bytes().is_some_and(|available| available < FLOOR / 2) {
            break;
        }
        let length = usize::try_from(left.min(STEP as u64))?;
        let mut part = Vec::new();
        part.try_reserve_exact(length).context("the system gives no more memory")?;
        part.resize(length, 0);
        content::fill(left, 0, &mut part);
        parts.push(part);
        left -= length as u64;
    }
    writeln!(std::io::stdout(), "up")?;
    std::io::stdout().flush()?;
    std::thread::spawn(move || {
        loop {
            for part in &mut parts {
                for byte in part.iter_mut().step_by(4096) {
                    *byte = byte.wrapping_add(1);
                }
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
