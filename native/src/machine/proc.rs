//! Reading `/proc` and `/sys`: every value optional, since phones deny most of them.

use std::fs;
use std::path::Path;

/// Trimmed content of a small file.
pub(crate) fn text(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A file that holds one number.
pub(crate) fn number(path: impl AsRef<Path>) -> Option<u64> {
    text(path)?.parse().ok()
}

/// First number after `name` at the start of a line of `path`.
pub(crate) fn field(path: impl AsRef<Path>, name: &str) -> Option<u64> {
    field_of(&fs::read_to_string(path).ok()?, name)
}

/// First number after `name` at the start of a line.
pub(crate) fn field_of(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A `kB` field of `path`, in bytes.
pub(crate) fn kilobytes(path: impl AsRef<Path>, name: &str) -> Option<u64> {
    field(path, name).map(|value| value * 1024)
}

/// Time this thread was runnable without a CPU, nanoseconds.
#[cfg(unix)]
pub(crate) fn run_delay_ns() -> Option<u64> {
    text("/proc/thread-self/schedstat")?.split_whitespace().nth(1)?.parse().ok()
}

/// Total "some" stall of a pressure file, microseconds.
pub(crate) fn pressure_us(resource: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/pressure/{resource}")).ok()?;
    let line = text.lines().find(|line| line.starts_with("some"))?;
    line.split("total=").nth(1)?.trim().parse().ok()
}

/// The bracketed choice of a `/sys` file such as `none [mq-deadline] kyber`.
pub(crate) fn chosen(path: impl AsRef<Path>) -> Option<String> {
    let text = text(path)?;
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some((choice, _)) => Some(choice.to_owned()),
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{chosen, field_of};

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let io = "rchar: 7\nread_bytes: 4096\ncancelled_write_bytes: 3\n";
        assert_eq!(field_of(io, "read_bytes:"), Some(4096));
        assert_eq!(field_of(io, "write_bytes:"), None);
        assert_eq!(field_of("MemTotal:       24 kB\n", "MemTotal:"), Some(24));
    }

    #[test]
    fn a_bracketed_choice() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "none [mq-deadline] kyber\n").unwrap();
        assert_eq!(chosen(file.path()).as_deref(), Some("mq-deadline"));
        assert_eq!(chosen("/nowhere"), None);
    }
}
