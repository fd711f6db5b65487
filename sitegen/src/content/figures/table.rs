//! A table of computed figures: its lines have heads, and its columns of numbers are set as such.

use maud::{Markup, html};

/// The first column names the line; a column is one of numbers when every cell of it begins with a digit or is a dash.
pub(super) fn table(head: &[&str], lines: impl IntoIterator<Item = Vec<String>>) -> Markup {
    let lines: Vec<Vec<String>> = lines.into_iter().collect();
    let number = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || c == '–');
    let numbers: Vec<bool> = (0..head.len())
        .map(|at| at > 0 && lines.iter().filter_map(|line| line.get(at)).all(|cell| number(cell)))
        .collect();
    html! {
        div.scroll role="region" aria-label=(head.first().copied().unwrap_or_default()) tabindex="0" {
            table {
                thead { tr { @for (name, number) in head.iter().zip(&numbers) { th class=[number.then_some("num")] scope="col" { (name) } } } }
                tbody {
                    @for line in &lines {
                        tr {
                            @for (at, (cell, number)) in line.iter().zip(&numbers).enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td class=[number.then_some("num")] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_of_numbers_only_if_all_of_it_is() {
        let line = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let html = table(&["a", "b", "c"], [line(["x", "1", "2"]), line(["y", "–", "z"])]).into_string();
        assert!(html.contains(r#"<th class="num" scope="col">b</th><th scope="col">c</th>"#), "{html}");
        assert!(html.contains(r#"<th scope="row">y</th><td class="num">–</td><td>z</td>"#), "{html}");
    }
}
