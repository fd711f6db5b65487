//! A table of plain cells: the first of each row names it, and a wide one scrolls by itself.

use maud::{Markup, html};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Code,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    kind: Kind,
}

impl Column {
    /// Words, aligned to the left.
    pub(super) fn text(name: &'static str) -> Self {
        Self { name, kind: Kind::Text }
    }

    /// Figures, aligned to the right.
    pub(super) fn number(name: &'static str) -> Self {
        Self { name, kind: Kind::Number }
    }

    /// What is typed as it stands.
    pub(super) fn code(name: &'static str) -> Self {
        Self { name, kind: Kind::Code }
    }

    fn class(self) -> Option<&'static str> {
        (self.kind == Kind::Number).then_some("num")
    }
}

/// The table, called `label` by what reads it aloud.
pub(super) fn table(label: &str, columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr { @for column in columns { th scope="col" class=[column.class()] { (column.name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, (column, text)) in columns.iter().zip(&row).enumerate() {
                                @if index == 0 {
                                    th scope="row" class=[column.class()] { (cell(*column, text)) }
                                } @else {
                                    td class=[column.class()] { (cell(*column, text)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(column: Column, text: &str) -> Markup {
    html! { @if column.kind == Kind::Code { code { (text) } } @else { (text) } }
}

#[cfg(test)]
mod tests {
    use super::{Column, table};

    #[test]
    fn the_first_cell_names_its_row_and_figures_stand_on_the_right() {
        let columns = [Column::code("Setting"), Column::number("Bits"), Column::text("<b>")];
        let shown =
            table("By setting", &columns, [vec!["k=f16".into(), "16".into(), "a & b".into()]]).into_string();
        for part in [
            "aria-label=\"By setting\"",
            "<th scope=\"row\"><code>k=f16</code></th>",
            "<td class=\"num\">16</td>",
            "<td>a &amp; b</td>",
            "<th scope=\"col\">&lt;b&gt;</th>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
