//! Command lines in reports, without the folders of a person.

use std::path::Path;

/// Folders whose entries are named after people.
const HOMES: [&str; 2] = ["home", "Users"];

/// The arguments of this program as a report may show them.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args().skip(1).map(without_folders).collect()
}

/// A file's name without the folders above it.
pub(crate) fn last_part(path: &str) -> String {
    let last = path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path);
    last.to_owned()
}

/// An argument with a path that starts at a root, at home or further up cut down to its last part; a home is `PATH`.
fn without_folders(argument: String) -> String {
    let (before, path) =
        argument.split_once('=').map_or(("", argument.as_str()), |(name, value)| (name, value));
    let is_personal = Path::new(path).is_absolute() || path.starts_with(['~', '.', '\\']);
    if !is_personal || !path.contains(['/', '\\']) {
        return argument;
    }
    let last = if is_home(path) { "PATH".to_owned() } else { last_part(path) };
    if before.is_empty() { last } else { format!("{before}={last}") }
}

fn is_home(path: &str) -> bool {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty()).skip(1);
    parts.next().is_some_and(|parent| HOMES.contains(&parent))
}

#[cfg(test)]
mod tests {
    use super::without_folders;

    #[test]
    fn arguments_name_files_and_not_the_folders_of_a_person() {
        for (given, kept) in [
            ("--config", "--config"),
            ("profiles/lora/smollm2-135m.yaml", "profiles/lora/smollm2-135m.yaml"),
            ("/home/anne/models/model.gguf", "model.gguf"),
            ("--directory=/home/anne/", "--directory=PATH"),
            ("--output=../anne/run", "--output=run"),
            ("training.learning_rate=1e-3", "training.learning_rate=1e-3"),
            ("dataset_name=~/data.jsonl", "dataset_name=data.jsonl"),
            (r"\Users\anne\table.bin", "table.bin"),
        ] {
            assert_eq!(without_folders(given.to_owned()), kept);
        }
    }
}
