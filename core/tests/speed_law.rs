//! The law of speed against published measurements, and against the script that fitted it.

use dhurandhar_core::speed::Class;
use dhurandhar_core::speed::published::{Measured, PublishedRow, Unseen, pairs, read, score};
use std::path::Path;

#[cfg(test)]
fn rows() -> Vec<PublishedRow> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/speed/published.csv");
    read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// `tests/speed/predictions.csv` is written by `fit_speed.py`, another implementation of the same formulas, from the same coefficients.
#[test]
fn every_row_is_predicted_as_the_fitting_script_predicts_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/speed/predictions.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = rows();
    let mut compared = (0, 0);
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let row =
            rows.iter().find(|row| row.id == fields[0]).unwrap_or_else(|| panic!("no row {}", fields[0]));
        assert_eq!(row.unit.class.name(), fields[1], "{}", row.id);
        let same = |ours: f64, theirs: &str, what: &str| {
            let theirs: f64 = theirs.parse().unwrap();
            assert!((ours / theirs - 1.0).abs() < 2e-5, "{} {what}: {ours} here, {theirs} there", row.id);
        };
        let decode = row.decode();
        same(decode.expected, fields[5], "decode");
        same(decode.low, fields[6], "decode, low");
        same(decode.high, fields[7], "decode, high");
        compared.0 += 1;
        match row.prompt() {
            Some(prompt) => {
                same(prompt.expected, fields[8], "prompt");
                same(prompt.low, fields[9], "prompt, low");
                same(prompt.high, fields[10], "prompt, high");
                compared.1 += 1;
            }
            None => assert_eq!(fields[8], "", "{}", row.id),
        }
    }
    assert_eq!((compared.0, rows.len()), (rows.len(), 757));
    assert!(compared.1 >= 650, "{}", compared.1);
}

/// Rows that were fitted and rows that were not, all of chips that the fit has seen; what it reaches on other chips is on the site.
#[test]
fn the_law_stays_as_close_as_it_is() {
    let rows = rows();
    for (measured, held_out, count, median, within) in [
        (Measured::Decode, false, 478, 0.11, 0.80),
        (Measured::Decode, true, 222, 0.14, 0.80),
        (Measured::Prompt, false, 265, 0.20, 0.60),
        (Measured::Prompt, true, 112, 0.24, 0.60),
    ] {
        let wanted = rows.iter().filter(|row| row.held_out == held_out);
        let found = score(&pairs(wanted, measured, |row| measured.predicted(row)));
        assert!(found.rows >= count && found.chips >= 12, "{measured:?} {held_out}: {found:?}");
        assert!(
            found.median_error <= median && found.within_30_percent >= within,
            "{measured:?} {held_out}: {found:?}"
        );
        assert!(found.inside >= 0.9 && found.chips_inside >= 0.85, "{measured:?} {held_out}: {found:?}");
    }
}

/// Every row predicted by a fit without its family of chips: what can be expected of a chip that no row is of.
#[test]
fn unseen_chips_are_as_far_as_the_site_says() {
    let rows = rows();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/speed/unseen.csv");
    let unseen = Unseen::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    let found = |measured: Measured, wanted: &dyn Fn(&PublishedRow) -> bool| {
        score(&pairs(rows.iter().filter(|row| wanted(row)), measured, |row| unseen.predicted(measured, row)))
    };
    let decode = found(Measured::Decode, &|_| true);
    assert!(decode.rows == 700 && decode.median_error < 0.15 && decode.within_30_percent > 0.7, "{decode:?}");
    assert!((0.85..=0.95).contains(&decode.inside) && decode.chips_inside >= 0.85, "{decode:?}");
    let processors = found(Measured::Decode, &|row| row.unit.class.is_processor());
    assert!(processors.median_error <= 0.25, "{processors:?}");
    let prompts = found(Measured::Prompt, &|_| true);
    assert!(prompts.median_error <= 0.35 && prompts.inside >= 0.84, "{prompts:?}");
    let short = found(Measured::Prompt, &|row| row.short_and_dense);
    assert!(short.median_error < 0.21, "{short:?}");
    // Intervals that are made without the row's family, too.
    for measured in [Measured::Decode, Measured::Prompt] {
        let apart = score(&pairs(&rows, measured, |row| unseen.predicted_apart(measured, row)));
        assert!(
            (0.85..=0.95).contains(&apart.inside) && apart.chips_inside >= 0.85,
            "{measured:?}: {apart:?}"
        );
    }
}

/// The count that answers print is the count of the rows.
#[test]
fn every_class_holds_as_many_unseen_rows_as_it_says() {
    let rows = rows();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/speed/unseen.csv");
    let unseen = Unseen::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    for class in Class::all() {
        let (decode, prefill) = (class.decode(), class.prefill());
        for (measured, said, held) in [
            (Measured::Decode, decode.unseen_rows, decode.held),
            (Measured::Prompt, prefill.unseen_rows, prefill.held),
        ] {
            let of = rows.iter().filter(|row| row.unit.class == class);
            let found = score(&pairs(of, measured, |row| unseen.predicted(measured, row)));
            let inside = (found.inside * found.rows as f64).round();
            assert_eq!(found.rows, said as usize, "{} {measured:?}", class.name());
            assert!((inside - f64::from(held)).abs() < 0.5, "{} {measured:?}: {inside}", class.name());
        }
    }
}

#[test]
fn a_wrong_file_is_named_by_column_and_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/speed/published.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let said = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(said("row_id,chip\nr1,x\n"), "column `use` is missing from the first line");
    let (head, first) = (text.lines().next().unwrap(), text.lines().nth(1).unwrap());
    let wrong = first.replacen(",83.2,", ",fast,", 1);
    assert_eq!(
        said(&format!("{head}\n{wrong}\n")),
        "line 2 (r0000): `bw_gbs` is \"fast\"; expected a number of at least 0, or nothing"
    );
    let other = first.replacen(",cpu_x86,CPU,", ",abacus,CPU,", 1);
    let message = said(&format!("{head}\n{other}\n"));
    assert!(message.starts_with("line 2 (r0000): `cls` is \"abacus\"; expected a class"), "{message}");
    assert!(said(&format!("{head}\n{}\n", first.replacen(",ok,", ",suspect,", 1))).starts_with("no row"));
    assert_eq!(read(&format!("\u{feff}{head}\r\n{first}\r\n")).unwrap().len(), 1);
}
