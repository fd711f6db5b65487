//! Training data from Parquet: columns of text, flat or in a list of messages.
//!
//! Reads what Arrow's writers leave by default: plain and dictionary pages of either version, Snappy or none. Columns
//! that training does not need are passed over. Format: `apache/parquet-format`.

mod column;
mod thrift;

use super::example::Line;
use crate::checkpoint::tokenizer::Message;
use column::{Cell, Levels};
use thrift::Thrift;

const MAGIC: &[u8; 4] = b"PAR1";
const EXPECTED: &str =
    "expected text columns messages (a list of role and content), prompt and completion, or text";
/// Physical type of texts.
const BYTE_ARRAY: i64 = 6;

/// A leaf of the schema that holds text.
#[derive(Debug)]
struct Leaf {
    /// Names from the root on.
    path: Vec<String>,
    levels: Levels,
}

impl Leaf {
    /// A column `name` of the table itself.
    fn is(&self, name: &str) -> bool {
        self.levels.repetition == 0 && self.path == [name]
    }

    /// `name` of the messages.
    fn is_message(&self, name: &str) -> bool {
        let ends = self.path.first().is_some_and(|first| first == "messages")
            && self.path.last().is_some_and(|last| last == name);
        ends && self.levels.repetition == 1
    }
}

/// Every row as a line of data.
pub(super) fn lines(file: &[u8]) -> Result<Vec<Line>, String> {
    let footer = footer(file).ok_or("no Parquet footer; the file is cut short or of another kind")?;
    let (footer, _) = Thrift::parse(footer).ok_or("a footer that cannot be read")?;
    let leaves = leaves(footer.list(2).unwrap_or_default()).ok_or("a schema that cannot be read")?;
    let chosen = |is: &dyn Fn(&Leaf) -> bool| leaves.iter().position(|leaf| leaf.as_ref().is_some_and(is));
    let flat = |name| chosen(&|leaf| leaf.is(name));
    let messages = chosen(&|leaf| leaf.is_message("role")).zip(chosen(&|leaf| leaf.is_message("content")));
    let mut lines = Vec::new();
    for group in footer.list(4).unwrap_or_default() {
        let cells = |index: usize| read(file, group, &leaves, index);
        if let Some((role, content)) = messages {
            lines.extend(conversations(&cells(role)?, &cells(content)?, leaves[role].as_ref())?);
        } else if let Some((prompt, completion)) = flat("prompt").zip(flat("completion")) {
            let pairs = texts(cells(prompt)?).zip(texts(cells(completion)?));
            for (prompt, completion) in pairs {
                lines.push(Line::Pair { prompt: prompt?, completion: completion? });
            }
        } else if let Some(text) = flat("text") {
            for text in texts(cells(text)?) {
                lines.push(Line::Text { text: text? });
            }
        } else {
            let names: Vec<String> = leaves.iter().flatten().map(|leaf| leaf.path.join(".")).collect();
            return Err(format!("none of the known columns among {}; {EXPECTED}", names.join(", ")));
        }
    }
    Ok(lines)
}

fn footer(file: &[u8]) -> Option<&[u8]> {
    let rest = file.strip_prefix(MAGIC)?.strip_suffix(MAGIC)?;
    let (rest, length) = rest.split_last_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    rest.get(rest.len().checked_sub(length)?..)
}

/// Leaves in the order of the columns; `None` for those that hold no text.
fn leaves(schema: &[Thrift<'_>]) -> Option<Vec<Option<Leaf>>> {
    let mut found = Vec::new();
    let mut rest = schema.iter();
    let children = rest.next()?.size(5)?;
    for _ in 0..children {
        node(&mut rest, &[], Levels::default(), &mut found)?;
    }
    Some(found)
}

fn node(
    rest: &mut std::slice::Iter<'_, Thrift<'_>>,
    above: &[String],
    mut levels: Levels,
    found: &mut Vec<Option<Leaf>>,
) -> Option<()> {
    let element = rest.next().filter(|_| above.len() < 32)?;
    let path: Vec<String> = above.iter().cloned().chain([element.field(4)?.text()?.to_owned()]).collect();
    // Required, optional, repeated.
    let kind = element.int(3).unwrap_or(0);
    levels.definition += u32::from(kind > 0);
    if kind == 2 {
        levels.repetition += 1;
        levels.element = levels.definition;
    }
    match element.size(5).unwrap_or(0) {
        0 => found.push((element.int(1) == Some(BYTE_ARRAY)).then_some(Leaf { path, levels })),
        children => {
            for _ in 0..children {
                node(rest, &path, levels, found)?;
            }
        }
    }
    Some(())
}

fn read(file: &[u8], group: &Thrift<'_>, leaves: &[Option<Leaf>], index: usize) -> Result<Vec<Cell>, String> {
    let meta = group.list(1).and_then(|columns| columns.get(index)?.field(3));
    let (meta, leaf) = meta.zip(leaves[index].as_ref()).ok_or("a row group without its columns")?;
    column::read(file, meta, leaf.levels)
        .map_err(|problem| format!("column {}: {problem}", leaf.path.join(".")))
}

fn texts(cells: Vec<Cell>) -> impl Iterator<Item = Result<String, String>> {
    let text =
        |(row, cell): (usize, Cell)| cell.text.ok_or_else(|| format!("row {}: a missing text", row + 1));
    cells.into_iter().enumerate().map(text)
}

/// Rows from the columns of a list: one begins wherever nothing is repeated.
fn conversations(roles: &[Cell], contents: &[Cell], leaf: Option<&Leaf>) -> Result<Vec<Line>, String> {
    let element = leaf.map_or(0, |leaf| leaf.levels.element);
    let mut rows: Vec<Vec<Message>> = Vec::new();
    if roles.len() != contents.len() {
        return Err("as many roles as contents were expected".to_owned());
    }
    for (role, content) in roles.iter().zip(contents) {
        if role.repetition == 0 {
            rows.push(Vec::new());
        }
        // An empty list has a cell too, which stands for no element.
        if role.definition < element {
            continue;
        }
        let number = rows.len();
        let text = |cell: &Cell| {
            cell.text.clone().ok_or_else(|| format!("row {number}: a message without role or content"))
        };
        let message = Message { role: text(role)?, content: text(content)? };
        rows.last_mut().ok_or("a list that begins in no row")?.push(message);
    }
    Ok(rows.into_iter().map(|messages| Line::Messages { messages }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/parquet");
        std::fs::read(format!("{folder}/{name}.parquet")).unwrap()
    }

    /// What each fixture holds, whatever its pages are like (`tests/scripts/parquet_fixtures.py`).
    fn shown(lines: &[Line]) -> Vec<String> {
        let one = |line: &Line| match line {
            Line::Messages { messages } => {
                messages.iter().map(|m| format!("{}: {}", m.role, m.content)).collect::<Vec<_>>().join(" | ")
            }
            Line::Pair { prompt, completion } => format!("{prompt} -> {completion}"),
            Line::Text { text } => text.clone(),
        };
        lines.iter().map(one).collect()
    }

    #[test]
    fn every_layout_gives_the_same_rows() {
        for name in ["pairs", "pairs-plain", "pairs-v2"] {
            let rows = shown(&lines(&fixture(name)).unwrap());
            assert_eq!(rows.len(), 300, "{name}");
            assert_eq!(
                (&*rows[0], &*rows[299]),
                ("question 0 -> answer 0 é", "question 299 -> answer 5 é"),
                "{name}"
            );
        }
        let rows = shown(&lines(&fixture("messages")).unwrap());
        assert_eq!(rows, ["user: one | assistant: two", "", "system: s | user: three | assistant: four"]);
        assert_eq!(shown(&lines(&fixture("text")).unwrap()), ["first", "second"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |bytes: &[u8]| lines(bytes).unwrap_err();
        assert!(error(b"{\"text\": \"a\"}").contains("no Parquet footer"));
        assert!(error(&fixture("zstd")).contains("column text: pages packed by Zstandard"));
        assert!(error(&fixture("other")).contains("none of the known columns among name"));
        assert!(error(&fixture("missing")).contains("row 2: a missing text"));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let whole = fixture("pairs");
        for at in (4..whole.len() - 8).step_by(7) {
            let mut broken = whole.clone();
            broken[at] ^= 0x5a;
            let _ = lines(&broken);
        }
        for cut in (0..whole.len()).step_by(11) {
            assert!(lines(&whole[..cut]).is_err());
        }
    }
}
