//! `machine`: what this computer is, and how fast.

mod text;

use crate::cli::{files, interrupt, output};
use crate::inputs::this_machine;
use crate::machine::{Rates, bandwidth, multiply};
use crate::profile::reads::{self, ReadPoint};
use clap::Args;
use dhurandhar_core::device::DeviceFile;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Spread of repetitions beyond which a measurement is of what ran beside it.
const MOST_SPREAD: f64 = 0.6;
/// Repetitions of each measurement.
const REPETITIONS: usize = 7;

/// Options of `machine`.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// Measure memory, processor and storage, half a minute at most; later runs take the result for this machine
    #[arg(long)]
    measure: bool,
    /// Print the device profile that `--device FILE` and the page take
    #[arg(long)]
    yaml: bool,
    /// Folder whose storage is looked at
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    directory: PathBuf,
    /// Also write the device profile to this file
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// What was measured.
struct Measured {
    /// By number of threads.
    bandwidth: Vec<Rates>,
    multiply: Vec<Rates>,
    /// Or why storage was not.
    reads: Result<Vec<ReadPoint>, String>,
}

impl MachineArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if !self.directory.is_dir() {
            let folder = self.directory.display();
            return Err(crate::bad_input(format!(
                "no folder at {folder}; expected the one that models lie in"
            )));
        }
        let mut file = this_machine::file(&self.directory)?;
        let measured = if self.measure { Some(self.measured()?) } else { None };
        if let Some(measured) = &measured {
            measured.state(&mut file);
            match (measured.disturbed(), this_machine::measured_file()) {
                (Some(why), _) => output::note(&format!(
                    "not kept for later runs: {why}; measure again when nothing else runs"
                )),
                (None, Some(path)) => keep(&path, &file.to_yaml()),
                (None, None) => {}
            }
        }
        let wanted = self.yaml || self.output.is_some();
        let yaml = match measured {
            None if wanted => this_machine::current_yaml(&self.directory)?,
            _ => file.to_yaml(),
        };
        if let Some(path) = &self.output {
            files::save(path, &yaml)?;
        }
        if self.yaml {
            output::print(&yaml)?;
        } else {
            output::print(&text::machine(&self.directory, measured.as_ref()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn measured(&self) -> anyhow::Result<Measured> {
        let stop = interrupt::watch(Some("stopping after this measurement"))?;
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let powers = std::iter::successors(Some(1), |count| Some(count * 2));
        let mut threads: Vec<usize> = powers.take_while(|count| *count < all).collect();
        threads.push(all);
        let time = Duration::from_millis(150);
        let bandwidth =
            threads.iter().filter_map(|threads| bandwidth::measure(*threads, REPETITIONS, time)).collect();
        let mut single_and_all = vec![1, all];
        single_and_all.dedup();
        let multiply =
            single_and_all.iter().map(|threads| multiply::measure(*threads, REPETITIONS, time)).collect();
        let reads =
            reads::measure(&self.directory, REPETITIONS, time, &stop).map_err(|error| format!("{error:#}"));
        Ok(Measured { bandwidth, multiply, reads })
    }
}

/// For later runs; that they cannot have it is no failure of this one.
fn keep(path: &std::path::Path, yaml: &str) {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        files::write(path, yaml.as_bytes())
    };
    match write() {
        Ok(()) => output::note(&format!("kept for later runs: {}", path.display())),
        Err(error) => {
            output::note(&format!("not kept for later runs: cannot write {}: {error}", path.display()));
        }
    }
}

impl Measured {
    /// The bandwidth of the number of threads that read fastest.
    fn best_bandwidth(&self) -> Option<&Rates> {
        self.bandwidth.iter().max_by(|a, b| a.best().total_cmp(&b.best()))
    }

    /// Why the speeds are not this machine's own, where something else ran beside.
    fn disturbed(&self) -> Option<String> {
        let best = self.best_bandwidth()?;
        let spread = best.spread();
        if best.best() < bandwidth::LEAST {
            return Some(format!("memory read at {:.1} GB/s, which is nobody's memory", best.best()));
        }
        let text = format!("seven readings of memory's speed differ by {:.0} %", spread * 100.0);
        (spread > MOST_SPREAD).then_some(text)
    }

    fn state(&self, file: &mut DeviceFile) {
        let percent = |rates: &Rates| {
            format!("spread {:.1} % over {} repetitions", rates.spread() * 100.0, rates.each.len())
        };
        if let Some(best) = self.best_bandwidth() {
            let text = format!(
                "measured: best of reads by {} threads, {}; a data sheet states the peak, which is more",
                best.threads,
                percent(best)
            );
            file.set("dram_bandwidth_gb_per_s", rounded(best.best()), &text);
        }
        if let Some(all) = self.multiply.last() {
            let text = format!(
                "measured: best of single-precision multiply-adds of {} threads, {}",
                all.threads,
                percent(all)
            );
            file.set("cpu_gflops", rounded(all.best()), &text);
        }
        let Ok(reads) = &self.reads else { return };
        let find = |depth: u64, sequential: bool| {
            reads.iter().find(|point| point.depth == depth && point.sequential == sequential)
        };
        if let Some(page) = reads.iter().find(|point| point.kib == 4 && point.depth == 1) {
            let text =
                format!("measured: single reads of 4 KiB past the page cache, {}", percent(&page.batch_us));
            file.set("storage.random_read_latency_us", rounded(page.batch_us.median()), &text);
        }
        if let Some(queue) = find(reads::DEPTH, false) {
            let text = format!("measured: 4 KiB, {} in flight, {}", queue.depth, percent(&queue.batch_us));
            file.set("storage.random_read_iops", rounded(queue.per_second()), &text);
            file.set("storage.queue_depth", queue.depth, "measured: as the reads a second");
        }
        if let Some(run) = reads.iter().find(|point| point.sequential) {
            let text = format!(
                "measured: {} reads of {} KiB in flight, one after the other, {}",
                run.depth,
                run.kib,
                percent(&run.batch_us)
            );
            file.set("storage.sequential_read_mb_per_s", rounded(run.mb_per_s()), &text);
            // The class was a guess, and its figures are all replaced.
            if find(reads::DEPTH, false).is_some() {
                file.unset("storage.class");
            }
        }
    }
}

/// Four digits: what is left of the third is noise.
fn rounded(value: f64) -> f64 {
    if value >= 1000.0 { value.round() } else { (value * 10.0).round() / 10.0 }
}
