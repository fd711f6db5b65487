//! How large a configuration is: tokens, blocks and windows, and the most that it reads from storage.

use super::{Planned, Settings};
use crate::profile::spec::Key;
use dhurandhar_core::leaf::cast::to_u64;
use dhurandhar_core::measurement::{Pattern, State};
use dhurandhar_core::storage::{Layout, TableGeometry, readahead_bytes_per_row};

/// Share of the table that the single pages of a cold block may fill.
const COLD_SHARE: f64 = 0.03;
/// Share of the table that a sequential block reads: many readahead windows.
const SEQUENTIAL_SHARE: f64 = 0.1;
/// Share of the table after which a block that reads ahead ends.
pub(crate) const STOP_SHARE: f64 = 0.04;

/// Gives a configuration its size.
pub(super) fn sized(settings: &Settings, key: Key) -> Planned {
    let whole = settings.geometry;
    let file = whole.bytes(Layout::Contiguous);
    // Padded rows in the same file: fewer of them, the cost of one does not depend on their number.
    let geometry = match key.layout {
        Layout::Padded => TableGeometry { rows: (file / whole.stride(Layout::Padded)).max(1), ..whole },
        _ => whole,
    };
    let pages = match key.pattern {
        Pattern::RandomScatter => {
            whole.layers as f64
                * dhurandhar_core::storage::pages_per_extent(
                    whole.layer_bytes,
                    whole.layer_bytes,
                    whole.page_bytes,
                )
        }
        Pattern::SequentialPrefill => geometry.row_bytes() as f64 / geometry.page_bytes as f64,
        _ => geometry.pages_per_token(key.layout),
    };
    let table_pages = (file / whole.page_bytes).max(1) as f64;
    let mut planned = Planned {
        key,
        geometry,
        tokens: settings.num_tokens.div_ceil(settings.mode.blocks()).max(1),
        warm_up: 0,
        blocks: settings.mode.blocks(),
        windows: 1,
        read_bytes: 0,
    };
    match (key.state, key.pattern) {
        (State::Cold, Pattern::PromptPrefill) => {
            planned.tokens = settings.prompt_tokens.min(geometry.rows);
            planned.blocks = (settings.mode.blocks() / 2).max(5);
        }
        (State::Cold, Pattern::SequentialPrefill) => {
            planned.tokens = floor(table_pages * SEQUENTIAL_SHARE / pages).max(1);
        }
        (State::Cold, _) => {
            planned.tokens = planned.tokens.min(floor(table_pages * COLD_SHARE / pages)).max(1);
        }
        (State::Warm, _) => planned.warm_up = settings.warmup_tokens,
        (State::Budget, _) => {
            let budget_pages = key.budget_bytes / whole.page_bytes;
            planned.warm_up = (budget_pages * 8).clamp(2000, 800_000);
            // Short windows: a busy machine spoils few of many.
            planned.windows = settings.mode.blocks() * 4;
            planned.tokens = planned.tokens.clamp(250, 1000);
            planned.blocks = 1;
        }
    }
    if key.pacing_us > 0 {
        planned.tokens = planned.tokens.min(30);
    }
    planned.read_bytes = read_bound(settings, &planned, pages, file);
    planned
}

fn floor(value: f64) -> u64 {
    to_u64(value.floor().clamp(0.0, (1_u64 << 53) as f64))
}

fn read_bound(settings: &Settings, planned: &Planned, pages: f64, file: u64) -> u64 {
    let page = planned.geometry.page_bytes;
    let tokens = (planned.tokens * planned.windows + planned.warm_up) as f64;
    let a_block = match planned.key.state {
        State::Cold if planned.key.engine.reads_ahead() => {
            let each = readahead_bytes_per_row(pages, page, settings.readahead_bytes);
            let bound = match planned.key.pattern {
                Pattern::PromptPrefill => tokens * each,
                Pattern::SequentialPrefill => tokens * pages * page as f64 + 2.0 * each,
                _ => (tokens * each).min(file as f64 * STOP_SHARE + each),
            };
            bound.min(file as f64)
        }
        _ => tokens * pages * page as f64,
    };
    floor(a_block * planned.blocks as f64)
}
