//! Tables that scroll inside a narrow page, with alignment by class: the site allows no inline style.

use pulldown_cmark::{Alignment, Event, Tag, TagEnd};

use super::Spanned;

pub(super) fn scrollable(events: &mut [Spanned<'_>]) {
    let mut columns = Vec::new();
    let mut tables = 0;
    let mut column = 0;
    let mut head = false;
    for (event, _) in events {
        let html = match event {
            Event::Start(Tag::Table(alignments)) => {
                columns = std::mem::take(alignments);
                tables += 1;
                // Numbered, because the names of a page's regions have to differ.
                format!(
                    "<div class=\"scroll\" role=\"region\" aria-label=\"Table {tables}\" tabindex=\"0\"><table>\n"
                )
            }
            Event::End(TagEnd::Table) => "</tbody></table></div>\n".to_owned(),
            Event::Start(Tag::TableHead) => {
                (head, column) = (true, 0);
                "<thead><tr>".to_owned()
            }
            Event::End(TagEnd::TableHead) => {
                head = false;
                "</tr></thead><tbody>\n".to_owned()
            }
            Event::Start(Tag::TableRow) => {
                column = 0;
                "<tr>".to_owned()
            }
            Event::End(TagEnd::TableRow) => "</tr>\n".to_owned(),
            Event::Start(Tag::TableCell) => {
                let alignment = columns.get(column).copied().unwrap_or(Alignment::None);
                column += 1;
                cell(head, alignment)
            }
            Event::End(TagEnd::TableCell) => if head { "</th>" } else { "</td>" }.to_owned(),
            _ => continue,
        };
        *event = Event::Html(html.into());
    }
}

fn cell(head: bool, alignment: Alignment) -> String {
    let class = match alignment {
        Alignment::Right => " class=\"num\"",
        Alignment::Center => " class=\"mid\"",
        Alignment::Left | Alignment::None => "",
    };
    if head { format!("<th scope=\"col\"{class}>") } else { format!("<td{class}>") }
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::html_of;

    #[test]
    fn alignment_is_a_class_and_cells_keep_their_markup() {
        let html = html_of("| a | b |\n|---|--:|\n| *x* | 1 |\n| y | 2 |\n");
        assert_eq!(
            html,
            "<div class=\"scroll\" role=\"region\" aria-label=\"Table 1\" tabindex=\"0\"><table>\n\
             <thead><tr><th scope=\"col\">a</th><th scope=\"col\" class=\"num\">b</th></tr></thead><tbody>\n\
             <tr><td><em>x</em></td><td class=\"num\">1</td></tr>\n\
             <tr><td>y</td><td class=\"num\">2</td></tr>\n</tbody></table></div>\n"
        );
    }
}
