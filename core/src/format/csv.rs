//! Comma-separated values (RFC 4180), written.

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

#[cfg(test)]
mod tests {
    use super::push_row;

    #[test]
    fn separators_and_quotes_are_quoted() {
        let mut text = String::new();
        push_row(&mut text, ["a/b", "a,\"b\"", ""]);
        push_row(&mut text, [""; 0]);
        assert_eq!(text, "a/b,\"a,\"\"b\"\"\",\r\n\r\n");
    }
}
