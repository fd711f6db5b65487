//! Files of `profiles/` that `core/build.rs` embeds: tables of names and texts, in alphabetical order of the names.

/// A table.
type Files = [(&'static str, &'static str)];

/// Names and titles for people, without reading whole files.
pub fn titles(files: &'static Files) -> impl Iterator<Item = (&'static str, &'static str)> {
    files.iter().map(|(name, text)| {
        let title = text.lines().find_map(|line| line.strip_prefix("title: "));
        (*name, title.map_or(*name, |title| title.trim_matches('"')))
    })
}

/// The text of a file.
pub fn text(files: &Files, name: &str) -> Option<&'static str> {
    files.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The end of a message about a name that is not there.
pub fn nearest_note(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |names| format!("; nearest: {names}"))
}
