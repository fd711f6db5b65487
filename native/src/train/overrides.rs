//! Single fields of a configuration replaced from the command line.

use dhurandhar_core::format::document::{DocumentError, Node, Place, Value, parse_yaml};

/// Put `value` in place of the field at `path`, both from `path=value`.
pub(super) fn replace(node: &mut Node, replacement: &str) -> Result<(), DocumentError> {
    let source = "--set";
    let wrong = |message: String| DocumentError::Syntax {
        place: Place { source: source.to_owned(), line: 0 },
        message,
    };
    let Some((path, value)) = replacement.split_once('=') else {
        return Err(wrong(format!("`{replacement}` has no `=`; expected field=value, such as lora.r=8")));
    };
    let value = Node { line: 0, ..parse_yaml(source, value)? };
    let mut at = node;
    for name in path.split('.') {
        if at.value == Value::Null {
            at.value = Value::Map(Vec::new());
        }
        let found = at.value.describe();
        let Value::Map(entries) = &mut at.value else {
            return Err(wrong(format!("`{path}` lies within {found}; expected named fields")));
        };
        let index = entries.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            entries.push((name.to_owned(), Node { line: 0, value: Value::Null }));
            entries.len() - 1
        });
        at = &mut entries[index].1;
    }
    *at = value;
    Ok(())
}
