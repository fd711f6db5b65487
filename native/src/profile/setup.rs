//! Everything of a run that is settled before the first byte is written.

use super::plan::{Mode, Plan, Settings, plan};
use super::request::Request;
use super::subject::Subject;
use crate::BadInput;
use crate::machine::cgroup::{self, Parent};
use crate::machine::filesystem;
use crate::machine::memory::page_bytes;
use anyhow::{Result, bail};
use dhurandhar_core::leaf::mix64;
use dhurandhar_core::measurement::{Limits, Storage};
use dhurandhar_core::placement::Component;
use dhurandhar_core::storage::{Layout, TableGeometry};
use std::path::Path;

/// Share of the table that the default budgets are.
const BUDGET_SHARES: [u64; 4] = [32, 16, 8, 4];
/// Least memory a child can work in, bytes.
const LEAST_BUDGET: u64 = 24 << 20;
/// Decoder sizes are swept at this share by default.
const CLIFF_SHARE: u64 = 8;

/// Everything settled before the first byte is written.
pub(crate) struct Setup {
    pub(super) request: Request,
    pub(super) subject: Subject,
    pub(super) geometry: TableGeometry,
    pub(super) storage: Storage,
    pub(super) groups: Result<Parent, String>,
    pub(crate) plan: Plan,
    /// Size of the swept decoder, bytes; 0 without.
    pub(crate) decoder_bytes: u64,
}

impl Setup {
    /// Finds the model, looks at the storage and plans; writes nothing.
    pub(crate) fn new(request: Request) -> Result<Self> {
        let subject = Subject::new(&request, page_bytes())?;
        let geometry = subject.geometry.scaled(request.scale);
        let own = subject.tensor.as_ref().map(|_| Path::new(&request.model));
        let directory = match own.or(request.table.as_deref()) {
            Some(table) => {
                table.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
            }
            None => &request.directory,
        };
        if !directory.is_dir() {
            bail!(BadInput(format!("{} is not a directory", directory.display())));
        }
        let storage = filesystem::inspect(directory);
        if let Some(flag) = filesystem::flags(&storage).iter().find(|flag| flag.hard) {
            bail!(BadInput(format!("{}: {}; name a directory on storage", directory.display(), flag.detail)));
        }
        let groups = if request.balloon { Err("a balloon was asked for".to_owned()) } else { cgroup::find() };
        let limited = groups.is_ok() || request.balloon;
        let settings = Settings {
            mode: request.mode,
            geometry,
            num_tokens: request.num_tokens.unwrap_or(request.mode.tokens()),
            warmup_tokens: request.warmup_tokens,
            warm_only: request.warm_only,
            deployed: request.deployed,
            target_tps: request.target_tps,
            budgets: if limited { budgets(&request, geometry) } else { Vec::new() },
            prompt_tokens: request.prompt_tokens,
            trace: !request.trace.is_empty(),
            readahead_bytes: storage.readahead_bytes.unwrap_or(131_072),
            seed: request.seed,
            missing: super::reader::missing,
        };
        let decoder_bytes = decoder_bytes(&request, &subject, groups.is_ok())?;
        Ok(Self { plan: plan(&settings), request, subject, geometry, storage, groups, decoder_bytes })
    }

    /// Bytes of the table that would be written; none where one is there.
    pub(crate) fn written_bytes(&self) -> u64 {
        let reuses = self.subject.tensor.is_some() || self.request.table.as_deref().is_some_and(Path::exists);
        if reuses { 0 } else { self.geometry.bytes(Layout::Contiguous) }
    }

    /// How memory is limited, for the report.
    pub(super) fn limits(&self) -> Limits {
        match &self.groups {
            Ok(parent) => Limits { mechanism: parent.version.name().to_owned(), detail: String::new() },
            Err(reason) if self.request.balloon => {
                Limits { mechanism: "balloon".to_owned(), detail: reason.clone() }
            }
            Err(reason) => Limits { mechanism: "none".to_owned(), detail: reason.clone() },
        }
    }
}

fn budgets(request: &Request, geometry: TableGeometry) -> Vec<u64> {
    if !request.budgets_mib.is_empty() {
        return request.budgets_mib.iter().map(|mib| mib << 20).collect();
    }
    let table = geometry.bytes(Layout::Contiguous);
    let count = if request.mode == Mode::Quick { 1 } else { BUDGET_SHARES.len() };
    let mut sizes: Vec<u64> = BUDGET_SHARES
        .iter()
        .take(count)
        .map(|share| (table / share).next_multiple_of(1 << 20).max(LEAST_BUDGET))
        .collect();
    sizes.dedup();
    sizes
}

fn decoder_bytes(request: &Request, subject: &Subject, limited: bool) -> Result<u64> {
    let default = if request.mode == Mode::Quick || !limited || subject.model.is_none() {
        0
    } else {
        let placement = subject.placement(request.decoder_bits, request.context_tokens)?;
        placement.bytes(Component::Decoder) / CLIFF_SHARE
    };
    Ok(request.with_decoder_mib.map_or(default, |mib| mib << 20))
}

/// Which rows are hot, fixed for a run.
pub(super) fn stream_seed(seed: u64) -> u64 {
    mix64(seed ^ 0x5eed)
}
