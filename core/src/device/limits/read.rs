//! Reading limits from YAML: the files of `profiles/limits`, and what a device's own file adds.

use super::amount::{self, Amount};
use super::entry::{Class, Confidence, Entry, Setting};
use super::{Beyond, Counts, Limit, MemoryKind, Platform, State, Version, registry};
use crate::device::{Os, Source};
use crate::format::document;
use crate::format::document::{DocumentError, Fields, Value, nearest_names};

const MOST_RAM_MIB: u64 = 16_777_216;

impl Entry {
    /// Parse a limit; `source` names the file in messages.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, DocumentError> {
        let node = document::parse_yaml(source, text)?;
        let fields = Fields::of(source, &node)?;
        let entry = entry(&fields)?;
        fields.finish()?;
        Ok(entry)
    }
}

fn entry(fields: &Fields<'_>) -> Result<Entry, DocumentError> {
    let systems = fields.choices("systems", &Platform::NAMES)?;
    if systems.is_empty() {
        return Err(fields.missing("systems", "the systems that have the limit"));
    }
    let applies = fields.choice("applies", &[("always", false), ("named", true)])?;
    let confidence = fields.choice("confidence", &Confidence::NAMES)?;
    let classes = fields.maps("classes")?.iter().map(class).collect::<Result<Vec<_>, _>>()?;
    if classes.is_empty() {
        return Err(fields.missing("classes", "bytes by class of memory and state"));
    }
    Ok(Entry {
        name: fields.require_text("name")?.to_owned(),
        title: fields.require_text("title")?.to_owned(),
        who: fields.require_text("who")?.to_owned(),
        systems,
        from_version: version(fields, "from_version")?,
        named_only: applies.unwrap_or(false),
        on_request: fields.text("on_request")?.map(str::to_owned),
        counts: kinds(fields)?.ok_or_else(|| fields.missing("counts", "the kinds of memory it counts"))?,
        beyond: beyond(fields)?.ok_or_else(|| fields.missing("beyond", "what happens beyond it"))?,
        since: fields.require_text("since")?.to_owned(),
        source: fields.require_text("source")?.to_owned(),
        confidence: confidence.ok_or_else(|| fields.missing("confidence", "how its bytes are known"))?,
        note: fields.text("note")?.unwrap_or_default().to_owned(),
        classes,
    })
}

fn class(fields: &Fields<'_>) -> Result<Class, DocumentError> {
    let sizes = 0..=MOST_RAM_MIB;
    let (from, below) =
        (fields.integer("ram_from_mib", sizes.clone())?, fields.integer("ram_below_mib", sizes)?);
    if let (Some(from), Some(below)) = (from, below)
        && below <= from
    {
        let expected = format!("more than ram_from_mib, {from}");
        return Err(fields.wrong_value("ram_below_mib", &below.to_string(), &expected));
    }
    let class = Class {
        title: fields.require_text("title")?.to_owned(),
        systems: fields.choices("systems", &Platform::NAMES)?,
        ram_from_mib: from,
        ram_below_mib: below,
        from_version: version(fields, "from_version")?,
        below_version: version(fields, "below_version")?,
        devices: fields.texts("devices")?,
        shown_only: fields.flag("shown_only")?.unwrap_or(false),
        sample: fields.flag("sample")?.unwrap_or(false),
        amounts: amounts(fields)?.ok_or_else(|| no_bytes(fields))?,
        source: fields.text("source")?.map(str::to_owned),
        confidence: fields.choice("confidence", &Confidence::NAMES)?,
        beyond: beyond(fields)?,
        note: fields.text("note")?.unwrap_or_default().to_owned(),
    };
    fields.finish()?;
    Ok(class)
}

fn no_bytes(fields: &Fields<'_>) -> DocumentError {
    fields.missing("foreground", &format!("{} (or `all`, for every state)", amount::EXPECTED))
}

/// Amounts of the states that are stated; none when none is.
fn amounts(fields: &Fields<'_>) -> Result<Option<[Option<Amount>; 4]>, DocumentError> {
    let mut amounts = [None; 4];
    if let Some(all) = amount(fields, "all")? {
        amounts[..3].fill(Some(all));
    }
    for (state, name) in [
        (State::Foreground, "foreground"),
        (State::Service, "service"),
        (State::Background, "background"),
        (State::Cached, "cached"),
    ] {
        if let Some(amount) = amount(fields, name)? {
            amounts[state as usize] = Some(amount);
        }
    }
    Ok(amounts.iter().any(Option::is_some).then_some(amounts))
}

fn amount(fields: &Fields<'_>, name: &'static str) -> Result<Option<Amount>, DocumentError> {
    let Some(node) = fields.node(name) else { return Ok(None) };
    let found = match &node.value {
        Value::Text(text) => Amount::parse(text),
        _ => None,
    };
    found.map(Some).ok_or_else(|| fields.wrong(name, node, amount::EXPECTED))
}

/// A version, written as a number or as text.
pub(in crate::device) fn version(
    fields: &Fields<'_>,
    name: &'static str,
) -> Result<Option<Version>, DocumentError> {
    let Some(text) = version_text(fields, name)? else { return Ok(None) };
    let expected = "a version such as 17 or \"26.4\"";
    Version::parse(&text).map(Some).ok_or_else(|| fields.wrong_value(name, &format!("{text:?}"), expected))
}

/// The text of a version, a number included.
pub(in crate::device) fn version_text(
    fields: &Fields<'_>,
    name: &'static str,
) -> Result<Option<String>, DocumentError> {
    match fields.node(name).map(|node| &node.value) {
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Integer(number)) => Ok(Some(number.to_string())),
        Some(_) => fields.text(name).map(|text| text.map(str::to_owned)),
        None => Ok(None),
    }
}

fn kinds(fields: &Fields<'_>) -> Result<Option<Vec<MemoryKind>>, DocumentError> {
    const SUMMED: [MemoryKind; 2] = [MemoryKind::Anonymous, MemoryKind::Gpu];
    let kinds = fields.choices("counts", &MemoryKind::NAMES)?;
    if kinds.is_empty() {
        return Ok(None);
    }
    // Of the other kinds alone a prediction has no sum to compare.
    if !kinds.iter().any(|kind| SUMMED.contains(kind)) {
        let found: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        return Err(fields.wrong_value(
            "counts",
            &found.join(", "),
            "kinds with anonymous or gpu among them",
        ));
    }
    Ok(Some(kinds))
}

fn beyond(fields: &Fields<'_>) -> Result<Option<Beyond>, DocumentError> {
    fields.choice("beyond", &Beyond::NAMES)
}

/// The limit of the system that a stated budget takes the place of.
const fn replaced_by_budget(platform: Platform) -> &'static str {
    match platform.os() {
        Os::Android => "lmkd",
        Os::Ios => "jetsam",
        Os::Macos => "metal",
        Os::Linux | Os::Windows | Os::Other => "left-by-system",
    }
}

/// The limits of a device: those of its system, less and more what its own file says.
pub(in crate::device) fn of_device(
    fields: &Fields<'_>,
    setting: &Setting<'_>,
    has_budget: bool,
) -> Result<Vec<Limit>, DocumentError> {
    let replaced = has_budget.then(|| replaced_by_budget(setting.platform));
    let holds = |entry: &&Entry| entry.holds(setting) && replaced != Some(entry.name.as_str());
    let mut limits: Vec<Limit> =
        registry::entries().filter(holds).filter_map(|entry| entry.limit(setting)).collect();
    let mut seen: Vec<&str> = Vec::new();
    for own in fields.maps("limits")? {
        let name = own.require_text("name")?;
        if seen.contains(&name) {
            return Err(own.wrong_value("name", &format!("{name:?}"), "a name that no other entry has"));
        }
        seen.push(name);
        let known = registry::entries().find(|entry| entry.name == name);
        limits.retain(|limit| limit.id != name || own.entries().len() == 1);
        if own.flag("none")? == Some(true) {
            if known.is_none() {
                return Err(unknown(&own, name));
            }
        } else if !limits.iter().any(|limit| limit.id == name) {
            limits.push(own_limit(&own, name, known, setting)?);
        }
        own.finish()?;
    }
    Ok(limits)
}

fn unknown(own: &Fields<'_>, name: &str) -> DocumentError {
    let nearest = nearest_names(name, registry::names());
    let near = nearest.map_or_else(String::new, |names| format!("; nearest: {names}"));
    own.wrong_value("name", &format!("{name:?}"), &format!("the name of a built-in limit{near}, or a limit of your own with bytes (all: 2 GiB), counts, beyond and source"))
}

/// A limit that a device's file adds, or whose bytes it replaces.
fn own_limit(
    own: &Fields<'_>,
    name: &str,
    known: Option<&Entry>,
    setting: &Setting<'_>,
) -> Result<Limit, DocumentError> {
    let amounts = amounts(own)?;
    let (title, kinds, beyond) = (own.text("title")?, kinds(own)?, beyond(own)?);
    let source = own.text("source")?;
    let Some(mut amounts) = amounts else {
        // A name alone: the built-in limit as it is, on a device that would not have it by itself.
        let Some(entry) = known else {
            let stated = title.is_some() || kinds.is_some() || beyond.is_some() || source.is_some();
            return Err(if stated { no_bytes(own) } else { unknown(own, name) });
        };
        return entry.limit(setting).ok_or_else(|| {
            let expected = "a size for this device, since the built-in limit states none for it";
            own.missing("foreground", expected)
        });
    };
    let source = source.ok_or_else(|| {
        own.missing("source", "where its bytes are from (published: ..., estimate: ... or your own words)")
    })?;
    let kinds = kinds.or_else(|| known.map(|entry| entry.counts.clone()));
    let kinds = kinds.ok_or_else(|| own.missing("counts", "the kinds of memory it counts"))?;
    let beyond = beyond.or_else(|| known.map(|entry| entry.beyond));
    // A state that is not stated is allowed no more than the one before it.
    for state in [State::Service, State::Background] {
        amounts[state as usize] = amounts[state as usize].or(amounts[state as usize - 1]);
    }
    let class = Class {
        title: String::new(),
        systems: Vec::new(),
        ram_from_mib: None,
        ram_below_mib: None,
        from_version: None,
        below_version: None,
        devices: Vec::new(),
        shown_only: false,
        sample: false,
        amounts,
        source: None,
        confidence: None,
        beyond: None,
        note: String::new(),
    };
    let states = class.bytes(setting.ram_mib);
    let Some(bytes) = states.get(State::Foreground) else {
        let expected = "bytes in the foreground (a share of memory needs `ram_mib`)";
        return Err(own.missing("foreground", expected));
    };
    let mut most = bytes;
    for (state, field) in [(State::Service, "service"), (State::Background, "background")] {
        let Some(allowed) = states.get(state).filter(|allowed| *allowed <= most) else {
            let found = states.get(state).map_or("no limit".to_owned(), |bytes| format!("{bytes} bytes"));
            return Err(own.wrong_value(
                field,
                &found,
                &format!("at most the {most} bytes of the state before it"),
            ));
        };
        most = allowed;
    }
    Ok(Limit {
        id: name.to_owned(),
        title: title.or_else(|| known.map(|entry| entry.title.as_str())).unwrap_or(name).to_owned(),
        counts: Counts::of(&kinds),
        card: None,
        bytes,
        states,
        beyond: beyond.ok_or_else(|| own.missing("beyond", "what happens beyond it"))?,
        source: Source::parse(source),
        on_request: known.is_some_and(|entry| entry.on_request.is_some()),
    })
}
