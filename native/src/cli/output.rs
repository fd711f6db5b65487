//! Standard output and standard error: text, tables, numbers.

use anyhow::Context;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};
use dhurandhar_core::leaf::number::grouped;
use dhurandhar_core::leaf::units::in_mib;
use std::io::Write;

/// Columns that human output keeps to.
pub(crate) const WIDTH: u16 = 80;

/// Write to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output")
}

/// A line for people on standard error, so that standard output holds the result alone.
pub(crate) fn note(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_fmt(format_args!("{line}\n"));
}

/// A table without frame, `right` columns aligned to the right, at most [`WIDTH`] wide; the first column and
/// those on the right never wrap.
pub(crate) fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH);
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 == header.len() { 0 } else { 2 }));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Lines of cells in columns as wide as their widest cell, the `right` ones aligned to the right; nothing wraps.
pub(crate) fn columns(right: &[usize], rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// `text` broken at spaces to fit [`WIDTH`], each line after `indent`.
pub(crate) fn wrapped(text: &str, indent: &str) -> String {
    let width = usize::from(WIDTH) - indent.len();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().flat_map(|line| [indent, line, "\n"]).collect()
}

/// Bytes in MiB with one decimal below 100 and separators above.
pub(crate) fn mib(bytes: u64) -> String {
    let value = in_mib(bytes);
    if value < 99.95 { format!("{value:.1}") } else { whole_mib(bytes) }
}

fn whole_mib(bytes: u64) -> String {
    grouped((bytes + (1 << 19)) >> 20)
}

/// A count with separators.
pub(crate) fn count(number: u64) -> String {
    grouped(number)
}

/// Signed bytes in whole MiB.
pub(crate) fn signed_mib(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    format!("{sign}{}", whole_mib(bytes.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(4_628_569_344), "4,628,569,344");
        assert_eq!(signed_mib(-1_500 * 1_048_576), "-1,500");
        assert_eq!(mib(1 << 20), "1.0");
    }

    #[test]
    fn wrapping_keeps_to_the_width() {
        let text = wrapped(&"word ".repeat(60), "  ");
        assert!(text.lines().all(|line| line.len() <= usize::from(WIDTH)));
    }
}
