//! One-sentence text alternatives.

/// How many items a sentence names before it counts the rest.
const NAMED: usize = 5;

/// "Title: a; b; c; and 4 more."
pub(crate) fn sentence(title: &str, items: impl ExactSizeIterator<Item = String>) -> String {
    let count = items.len();
    let mut parts: Vec<String> = items.take(NAMED).map(|item| item.trim().to_owned()).collect();
    if count == 0 {
        parts.push("nothing to show".to_owned());
    }
    if count > NAMED {
        parts.push(["and ", &(count - NAMED).to_string(), " more"].concat());
    }
    let lead = if title.is_empty() { String::new() } else { [title, ": "].concat() };
    [&lead, parts.join("; ").as_str(), "."].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_counted() {
        let items = |n: u32| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().into_iter();
        assert_eq!(sentence("T", items(0)), "T: nothing to show.");
        assert_eq!(sentence("", items(2)), "0; 1.");
        assert_eq!(sentence("T", items(7)), "T: 0; 1; 2; 3; 4; and 2 more.");
    }
}
