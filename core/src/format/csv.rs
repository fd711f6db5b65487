//! Comma-separated values (RFC 4180), written and read.

/// Appends a line of cells.
pub fn push_row<S: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = S>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        push_quoted(text, cell.as_ref());
    }
    text.push_str("\r\n");
}

fn push_quoted(text: &mut String, cell: &str) {
    if cell.contains([',', '"', '\n', '\r']) {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}

/// Fields of each line (RFC 4180); a quoted field may hold commas and line ends.
pub fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut fields));
            }
            other => field.push(other),
        }
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        records.push(fields);
    }
    records.retain(|fields| fields.iter().any(|field| !field.is_empty()));
    records
}

#[cfg(test)]
mod tests {
    use super::{push_row, records};

    #[test]
    fn separators_and_quotes_are_quoted() {
        let mut text = String::new();
        push_row(&mut text, ["a/b", "a,\"b\"", ""]);
        push_row(&mut text, [""; 0]);
        assert_eq!(text, "a/b,\"a,\"\"b\"\"\",\r\n\r\n");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let rows = [vec!["a/b", "a,\"b\"", ""], vec!["1", "two\nlines", "\r"]];
        let mut text = String::new();
        for row in &rows {
            push_row(&mut text, row);
        }
        assert_eq!(records(&text), rows);
        assert_eq!(records("a,b\nc"), [vec!["a", "b"], vec!["c"]]);
        assert!(records("\n\n").is_empty());
    }
}
