//! A document as a list of blocks, written as Markdown or as HTML.

/// A piece of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// A heading, from 1.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// A command line.
    Code(String),
    /// An address with its words.
    Link {
        /// Words.
        words: String,
        /// Address.
        address: String,
    },
    /// A table; the first cell of a row names it.
    Table {
        /// Column heads.
        head: Vec<String>,
        /// Rows.
        rows: Vec<Row>,
    },
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Its cells.
    pub(super) cells: Vec<String>,
    /// Its cells are not all alike: what a comparison is about.
    pub(super) marked: bool,
}

impl Row {
    /// A row that is not marked.
    pub(super) fn plain(cells: Vec<String>) -> Self {
        Self { cells, marked: false }
    }

    /// A row that is marked where its values are not all alike.
    pub(super) fn compared(name: &str, values: Vec<String>) -> Self {
        let marked = values.windows(2).any(|pair| pair[0] != pair[1]);
        Self { cells: std::iter::once(name.to_owned()).chain(values).collect(), marked }
    }
}

/// As Markdown.
pub(super) fn markdown(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        match block {
            Block::Heading(level, words) => {
                text += &format!("{} {words}\n\n", "#".repeat(usize::from(*level)));
            }
            Block::Text(words) => text += &format!("{words}\n\n"),
            Block::List(items) => {
                for item in items {
                    text += &format!("- {item}\n");
                }
                text.push('\n');
            }
            Block::Code(line) => text += &format!("```sh\n{line}\n```\n\n"),
            Block::Link { words, address } => text += &format!("[{words}]({address})\n\n"),
            Block::Table { head, rows } => {
                let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
                text += &line(&head.iter().map(|cell| cell_text(cell)).collect::<Vec<_>>());
                text += &format!("|{}\n", "---|".repeat(head.len()));
                for row in rows {
                    let cell = |(index, cell): (usize, &String)| {
                        let cell = cell_text(cell);
                        if row.marked && index > 0 { format!("**{cell}**") } else { cell }
                    };
                    text += &line(&row.cells.iter().enumerate().map(cell).collect::<Vec<_>>());
                }
                text.push('\n');
            }
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn cell_text(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// As HTML.
pub(super) fn html(blocks: &[Block]) -> String {
    let mut text = String::new();
    let mut tables = 0;
    for block in blocks {
        match block {
            Block::Heading(level, words) => {
                // Smaller headings are the same in every case.
                let id = if *level == 2 { format!(" id=\"{}\"", anchor(words)) } else { String::new() };
                text += &format!("<h{level}{id}>{}</h{level}>\n", escaped(words));
            }
            Block::Text(words) => text += &format!("<p>{}</p>\n", linked(words)),
            Block::List(items) => {
                text += "<ul>\n";
                for item in items {
                    text += &format!("<li>{}</li>\n", linked(item));
                }
                text += "</ul>\n";
            }
            Block::Code(line) => {
                text += &format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escaped(line));
            }
            Block::Link { words, address } => {
                text += &format!("<p><a href=\"{}\">{}</a></p>\n", escaped(address), escaped(words));
            }
            Block::Table { head, rows } => {
                tables += 1;
                text += &table(tables, head, rows);
            }
        }
    }
    text
}

/// A table; `number` tells it from others for those who hear the page.
fn table(number: usize, head: &[String], rows: &[Row]) -> String {
    let label = head.first().map_or("Table", |name| if name.is_empty() { "Comparison" } else { name });
    let mut text = format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{}, table {number}\" tabindex=\"0\">",
        escaped(label)
    );
    text += "<table>\n<thead><tr>";
    for cell in head {
        // An empty head names nothing: a cell, not a heading.
        text += &match cell.as_str() {
            "" => "<td></td>".to_owned(),
            cell => format!("<th scope=\"col\">{}</th>", escaped(cell)),
        };
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in rows {
        text += if row.marked { "<tr class=\"differs\">" } else { "<tr>" };
        for (index, cell) in row.cells.iter().enumerate() {
            text += &match index {
                0 => format!("<th scope=\"row\">{}</th>", linked(cell)),
                _ => format!("<td>{}</td>", linked(cell)),
            };
        }
        text += "</tr>\n";
    }
    text + "</tbody></table></div>\n"
}

/// Letters and digits of a heading, joined.
pub(super) fn anchor(words: &str) -> String {
    let kept = words.to_lowercase();
    let words: Vec<&str> =
        kept.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Escaped text whose addresses are links.
fn linked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("https://") {
        let (before, address) = rest.split_at(start);
        let end = address.find([' ', ',', ';', ')', '"', '<']).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        // A full stop ends the sentence, not the address.
        let bare = address.trim_end_matches('.');
        out += &escaped(before);
        out += &format!("<a href=\"{0}\">{0}</a>", escaped(bare));
        out += &address[bare.len()..];
        rest = after;
    }
    out + &escaped(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_writers_escape_what_their_notation_means() {
        let blocks = [
            Block::Text("a < b & see https://example.org/x?a=1&b=2.".into()),
            Block::Table {
                head: vec![String::new(), "A|B".into(), "C".into()],
                rows: vec![
                    Row::compared("n", vec!["1".into(), "2".into()]),
                    Row::compared("m", vec!["1".into(), "1".into()]),
                ],
            },
        ];
        let html = html(&blocks);
        assert!(html.contains("a &lt; b &amp; see <a href=\"https://example.org/x?a=1&amp;b=2\">"), "{html}");
        assert!(html.contains("</a>.</p>"), "{html}");
        assert_eq!(html.matches("class=\"differs\"").count(), 1);
        let markdown = markdown(&blocks);
        assert!(markdown.contains("| A\\|B |"), "{markdown}");
        assert!(
            markdown.contains("| n | **1** | **2** |") && markdown.contains("| m | 1 | 1 |"),
            "{markdown}"
        );
    }
}
