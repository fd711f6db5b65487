//! Sentences begin with a capital.

/// Programs whose names begin with a small letter everywhere.
const SMALL: [&str; 4] = ["lmkd", "systemd", "earlyoom", "amdgpu"];

/// With a capital first letter, unless a name stands there that has its own way: iOS, systemd-oomd.
///
/// Only letters of ASCII change: Unicode's table of capitals would be 12 KB of what the page loads first.
pub fn first_up(text: &str) -> String {
    let own = |second: &u8| text.starts_with('i') && second.is_ascii_uppercase();
    let is_name = text.as_bytes().get(1).is_some_and(own) || SMALL.iter().any(|name| text.starts_with(name));
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1).filter(|_| !is_name) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::first_up;

    #[test]
    fn names_keep_their_first_letter() {
        for (text, expected) in [
            ("memory", "Memory"),
            ("iOS's limit", "iOS's limit"),
            ("is it", "Is it"),
            ("systemd-oomd", "systemd-oomd"),
            ("\u{e9}t\u{e9}", "\u{e9}t\u{e9}"),
            ("", ""),
        ] {
            assert_eq!(first_up(text), expected);
        }
    }
}
